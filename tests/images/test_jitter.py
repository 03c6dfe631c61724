import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from mrcnn.geometry.resampling import resize_pixels
from mrcnn.images.jitter import jitter_image
from mrcnn.instances import InstanceBoxes, InstanceKeypoints


class Draws:
    """A random generator with predefined draws, which checks their limits."""

    def __init__(self, *draws):
        self.draws = list(draws)

    def integers(self, low, high, endpoint):
        assert endpoint and low == 0
        limit, draw = self.draws.pop(0)
        assert high == limit
        return draw


def picture(height, width):
    return np.arange(1, height * width + 1, dtype=np.uint16).reshape(height, width, 1)


def test_a_smaller_image_is_padded():
    image = picture(4, 8)
    jittered, window, scale, padding, crop = jitter_image(image, 16, 0.5, Draws((12, 3), (8, 8)))
    assert scale == 1 and jittered.dtype == np.uint16 and jittered.shape == (16, 16, 1)
    assert window == (3, 8, 7, 16)
    assert padding == [(3, 9), (8, 0), (0, 0)] and crop == (0, 0, 16, 16)
    assert_array_equal(jittered[3:7, 8:], image)
    jittered[3:7, 8:] = 0
    assert not jittered.any()


def test_a_larger_image_is_cropped():
    image = picture(8, 8)
    jittered, window, scale, padding, crop = jitter_image(image, 8, 2.0, Draws((8, 5), (8, 0)))
    assert scale == 2 and window == (0, 0, 8, 8)
    assert padding == [(0, 0)] * 3 and crop == (5, 0, 8, 8)
    assert_array_equal(jittered, resize_pixels(image, (16, 16))[5:13, :8])


def test_a_long_image_is_cropped_along_one_side_and_padded_along_the_other():
    image = picture(2, 8)
    jittered, window, scale, padding, crop = jitter_image(image, 8, 2.0, Draws((4, 1), (8, 6)))
    assert scale == 2 and window == (1, 0, 5, 8)
    assert padding == [(1, 3), (0, 0), (0, 0)] and crop == (0, 6, 8, 8)
    assert_array_equal(jittered[1:5], resize_pixels(image, (4, 16))[:, 6:14])
    assert not jittered[0].any() and not jittered[5:].any()


def test_every_position_is_drawn():
    rng = np.random.default_rng(0)
    windows = {jitter_image(picture(2, 4), 6, 4 / 6, rng)[1] for _ in range(300)}
    assert windows == {(y, x, y + 2, x + 4) for y in range(5) for x in range(3)}


@given(
    st.integers(0, 10_000),
    st.sampled_from([(40, 40), (30, 80), (97, 33), (128, 64), (500, 20)]),
    st.floats(0.1, 2.0),
)
def test_instances_move_with_the_image(seed, size, factor):
    """A bright rectangle, its mask, its box and its corners stay together."""
    rng = np.random.default_rng(seed)
    (height, width), side = size, 64
    y, x = rng.integers(0, height - 12), rng.integers(0, width - 12)
    box = np.array([y, x, y + rng.integers(4, 12), x + rng.integers(4, 12)])
    boxes = InstanceBoxes([box], size)
    image = np.where(boxes.dense(), 255.0, 10.0)
    jittered, window, scale, padding, crop = jitter_image(image, side, factor, rng)
    assert jittered.shape == (side, side, 1)
    y1, x1, y2, x2 = window
    assert (jittered[y1:y2, x1:x2] >= 9.99).all()
    assert np.count_nonzero(jittered) == (y2 - y1) * (x2 - x1)
    longest = max(size) * scale
    assert longest == pytest.approx(factor * side)

    masks = boxes.filled().resize(scale, padding, crop)
    inside = masks.dense()[..., 0]
    # In a resized pixel, the nearest pixel of the image, whose mask it takes, weighs at least 1/4.
    white = (jittered[..., 0] - 10) / 245
    assert inside[white > 0.7501].all() and not inside[(white < 0.2499)].any()

    corners = [[[box[0], box[1], 2], [box[2], box[3], 2]]]
    points = InstanceKeypoints(corners, size).resize(scale, padding, crop).points[0, :, :2]
    moved = boxes.resize(scale, padding, crop)
    if moved.visible[0]:
        clipped = np.clip(points, 0, side).reshape(-1)
        np.testing.assert_allclose(moved.boxes[0], clipped, atol=1e-3)
        if masks.visible[0]:
            assert np.abs(moved.boxes[0] - masks.boxes[0]).max() <= 1
