import hashlib

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from shared_data import foreign_image, foreign_values

from mrcnn.geometry.float_resampling import resize_float
from mrcnn.geometry.resampling import resize_pixels
from mrcnn.images.interpolation import interpolate
from mrcnn.images.short_side import short_side_size

IMAGE = np.random.default_rng(1).integers(0, 256, (23, 31, 5), np.uint8)


def test_the_reference():
    assert_array_equal(interpolate(IMAGE, (40, 20)), resize_pixels(IMAGE, (40, 20)))


def test_torchvision_keeps_fractions():
    found = interpolate(IMAGE, (40, 20), "torchvision")
    assert_array_equal(found, resize_float(IMAGE, (40, 20)))
    assert np.any(found != np.rint(found))


def test_detectron2_smooths_where_it_shrinks():
    row = np.array([[0, 0, 0, 0, 255, 0, 0, 0]], np.uint8)[..., None]
    # A triangle of 8 pixels, cut off at the border: weights of 3/8 and 5/8, divided by 3.5.
    assert interpolate(row, (1, 2), "detectron2").ravel().tolist() == [27, 46]
    # Without smoothing, each is the mean of the two pixels in the middle.
    assert interpolate(row, (1, 2), "torchvision").ravel().tolist() == [0, 0]


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_detectron2_with_any_number_of_channels(channels):
    found = interpolate(IMAGE[..., :channels], (11, 17), "detectron2")
    assert found.shape == (11, 17, channels) and found.dtype == np.uint8
    for channel in range(channels):
        plane = Image.fromarray(IMAGE[..., channel]).resize((17, 11), Image.Resampling.BILINEAR)
        assert_array_equal(found[..., channel], np.asarray(plane))


def test_detectron2_resizes_floats_as_torchvision_does():
    image = IMAGE / np.float32(3)
    assert_array_equal(interpolate(image, (9, 8), "detectron2"), resize_float(image, (9, 8)))


@pytest.mark.parametrize("rule", ["reference", "torchvision", "detectron2"])
def test_a_window_is_part_of_the_whole(rule):
    whole = interpolate(IMAGE, (50, 40), rule)
    assert_array_equal(interpolate(IMAGE, (50, 40), rule, (7, 3, 30, 40)), whole[7:30, 3:40])


@pytest.mark.parametrize("number", range(4))
def test_detectron2_itself(number):
    values = foreign_values("detectron2_ops")
    height, width, seed, short, longest = (int(v) for v in values[f"resize.{number}.args"])
    _, size = short_side_size(height, width, short, longest, "detectron2")
    assert size == tuple(values[f"resize.{number}.size"])
    found = interpolate(foreign_image(height, width, seed), size, "detectron2")
    sha256 = hashlib.sha256(np.ascontiguousarray(found)).hexdigest()
    assert sha256 == str(values[f"resize.{number}.sha256"])
