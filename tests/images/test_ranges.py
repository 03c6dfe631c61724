"""Which values become black and white; `test_pixels` has the rules that users see."""

import numpy as np
import pytest

from mrcnn.images import ranges


def test_each_channel_has_a_range():
    image = np.zeros((10, 100, 2), np.uint16)
    image[..., 0] = np.arange(1000).reshape(10, 100)
    image[..., 1] = 7
    found = ranges.find(image, "percentile", "image", None)
    np.testing.assert_allclose(found, [np.percentile(np.arange(1000), (1, 99.8)), (7, 7)])
    scaled = ranges.stretch(image, found)
    assert scaled[0, :11, 0].tolist() == [0] * 11 and scaled[-1, -2:, 0].tolist() == [255, 255]
    assert scaled[5, 0, 0] == round((500 - found[0][0]) / (found[0][1] - found[0][0]) * 255)
    assert not scaled[..., 1].any()


def test_missing_values_set_no_range():
    image = np.array([[[0.0], [1.0], [2.0], [-999.0]]])
    found = ranges.find(image, "percentile", "image", image < 0)
    np.testing.assert_allclose(found, [np.percentile([0, 1, 2], (1, 99.8))])
    # Where nothing is valid, the values stand for themselves.
    np.testing.assert_allclose(
        ranges.find(image, "percentile", "image", np.ones_like(image, bool)),
        [np.percentile(image, (1, 99.8))],
    )


@pytest.mark.parametrize(
    ("dtype", "highest", "scaling", "expected"),
    [
        (np.uint8, 9, "auto", None),
        (np.uint8, 9, (0, 4), None),
        (bool, 1, "auto", [(0, 1)]),
        (np.float32, 0.5, "auto", [(0, 1)]),
        (np.float32, 1.5, "auto", None),
        (np.int32, 255, "auto", None),
        (np.uint16, 9, "full", [(0, 65535)]),
        (np.float64, 0.5, "full", [(0, 1)]),
        (np.uint16, 9, (10, 20), [(10, 20)]),
    ],
)
def test_find(dtype, highest, scaling, expected):
    image = np.array([[[0], [highest]]], dtype)
    assert ranges.find(image, scaling, "image", None) == expected


def test_stretch():
    image = np.array([[[0], [10], [15], [20], [99]]], np.int32)
    assert ranges.stretch(image, [(10, 20)]).ravel().tolist() == [0, 0, 128, 255, 255]
    assert ranges.stretch(image.astype(np.uint16), [(10, 20)]).ravel().tolist()[2:4] == [128, 255]
    assert ranges.stretch(image, None) is image
