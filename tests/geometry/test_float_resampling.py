import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from shared_data import foreign_values

from mrcnn.geometry.float_resampling import linear_weights, resize_float
from mrcnn.geometry.resampling import bilinear

SIDES = st.integers(1, 40)


def test_by_hand():
    image = np.array([[0, 100, 200, 255]], np.uint8)[..., None]
    assert_array_equal(resize_float(image, (1, 2)).ravel(), [50, 227.5])
    assert_array_equal(resize_float(image, (2, 2))[..., 0], [[50, 227.5]] * 2)
    assert resize_float(image, (1, 2)).dtype == np.float32


def test_positions_are_float32():
    # 1 / 3 of float32, not of float64: (999 + 0.5) / 3 - 0.5.
    first, second, weight = linear_weights(400, 1200)
    position = np.float32(400) / np.float32(1200) * np.float32(999.5) - np.float32(0.5)
    assert (first[999], second[999]) == (332, 333)
    assert weight[999] == position - np.float32(332) and weight.dtype == np.float32


@given(SIDES, SIDES, SIDES, SIDES)
def test_it_is_bilinear_with_repeated_borders(height, width, tall, wide):
    image = np.random.default_rng(0).integers(0, 256, (height, width, 2), np.uint8)
    found = resize_float(image, (tall, wide))
    assert_allclose(found, bilinear(image, (tall, wide), edge=True), atol=1e-3)
    assert found.min() >= image.min() and found.max() <= image.max() + 1e-4


def test_torchvision_resizes_the_same():
    values = foreign_values("torchvision_ops")
    height, width = values["resize.size"]
    mean = np.array([0.485, 0.456, 0.406]) * 255
    std = np.array([0.229, 0.224, 0.225]) * 255
    found = (resize_float(values["resize.image"], (height, width)) - mean) / std
    assert_allclose(found, values["resize.out"][:height, :width], atol=3e-6)
