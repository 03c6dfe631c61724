import logging

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.pixels import as_channels


def test_as_channels_makes_rgb():
    gray = np.arange(12, dtype=np.uint8).reshape(3, 4)
    rgb = gray[..., None].repeat(3, axis=2)
    rgba = np.concatenate([rgb, np.full((3, 4, 1), 255, np.uint8)], axis=2)
    for image in (gray, gray[..., None], rgb, rgba):
        assert_array_equal(as_channels(image, 3), rgb)
    assert_array_equal(as_channels(gray, 1), gray[..., None])
    assert_array_equal(as_channels(rgba, 4), rgba)
    for dtype in (np.int32, np.int64, np.float16, np.float32, np.float64):
        assert as_channels(rgb.astype(dtype), 3).dtype == dtype


@pytest.mark.parametrize(
    ("image", "channels", "error", "message"),
    [
        (np.ones((4, 4), bool), 3, TypeError, r"^photo\.png is boolean.* \* 255"),
        (np.array([[None]]), 3, TypeError, "array of object"),
        (np.ones((4, 4), np.complex64), 3, TypeError, "array of complex64"),
        (np.full((4, 4), 4095, np.uint16), 3, TypeError, "uint16 with values 4095 to 4095.*65535"),
        (np.zeros((4, 4), np.int16), 3, TypeError, "int16"),
        (np.full((4, 4), 256), 3, ValueError, "int64 with values 256 to 256"),
        (np.full((4, 4), -1), 3, ValueError, "int64 with values -1 to -1"),
        (np.full((4, 4), -1, np.int8), 3, ValueError, "int8 with values -1 to -1"),
        (np.array([[9, np.nan, np.inf]]), 3, ValueError, "2 values that are NaN or infinite"),
        (np.zeros((2, 4, 4, 3), np.uint8), 3, ValueError, r"shape \(2, 4, 4, 3\)"),
        (np.zeros((0, 4, 3), np.uint8), 3, ValueError, r"shape \(0, 4, 3\)"),
        (np.zeros(4, np.uint8), 3, ValueError, r"shape \(4,\)"),
        (np.zeros((4, 4, 2), np.uint8), 3, ValueError, "2 channels, .*IMAGE_CHANNEL_COUNT is 3"),
        (np.zeros((4, 4, 3), np.uint8), 1, ValueError, "3 channels, .*IMAGE_CHANNEL_COUNT is 1"),
        (np.zeros((4, 4, 3), np.uint8), 4, ValueError, "3 channels, .*IMAGE_CHANNEL_COUNT is 4"),
    ],
)
def test_as_channels_refuses(image, channels, error, message):
    with pytest.raises(error, match=message):
        as_channels(image, channels, name="photo.png")


def test_as_channels_warns_of_0_to_1(caplog):
    image = np.full((4, 4, 3), 0.5)
    with caplog.at_level(logging.WARNING):
        as_channels(image * 4, 3)
        assert not caplog.records
        assert_array_equal(as_channels(image, 3, name="photo.png"), image)
    assert "photo.png" in caplog.text and "almost black" in caplog.text
