import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from mrcnn.geometry.resampling import (
    bilinear,
    half_pixel_centres,
    nearest_pixels,
    resize_pixels,
    scaled_side,
)
from mrcnn.legacy.resize import resize

sides = st.tuples(*[st.integers(1, 30)] * 4)


@given(sides, st.booleans(), st.integers(0, 99))
def test_bilinear_equals_skimage(sizes, edge, seed):
    height, width, *shape = sizes
    image = np.random.default_rng(seed).random((height, width, 2))
    wanted = resize(image, shape, mode="edge" if edge else "constant", clip=False)
    assert_allclose(bilinear(image, shape, edge), wanted, atol=1e-12)


@given(sides, st.sampled_from([np.uint8, np.uint16, np.float32]), st.integers(0, 99))
def test_whole_images_are_interpolated_alike(sizes, dtype, seed):
    height, width, *shape = sizes
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(dtype)
    resized = resize_pixels(image, shape)
    assert resized.dtype == dtype
    wanted = bilinear(image, shape, edge=True)
    if dtype == np.float32:
        assert_allclose(resized, wanted, rtol=1e-5, atol=1e-4)
    else:
        assert_array_equal(resized, np.floor(wanted + 1e-6))


@given(sides, st.sampled_from([np.uint8, np.float32]), st.data())
def test_a_window_of_the_result(sizes, dtype, data):
    height, width, *shape = sizes
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(dtype)
    (y1, y2), (x1, x2) = (
        sorted(data.draw(st.tuples(*[st.integers(0, side)] * 2), label="ends")) for side in shape
    )
    window = resize_pixels(image, shape, (y1, x1, y2, x2))
    assert_array_equal(window, resize_pixels(image, shape)[y1:y2, x1:x2])
    assert window.dtype == dtype


def test_exact_values_are_not_truncated():
    ramp = np.arange(0, 250, 10, dtype=np.uint8)[None, :, None]
    assert resize_pixels(ramp, (1, 125))[0, 2::5, 0].tolist() == ramp[0, :, 0].tolist()
    assert (resize_pixels(np.full((7, 5, 3), 120, np.uint8), (23, 31)) == 120).all()


@pytest.mark.parametrize(
    ("size", "count", "below", "weight"),
    [(2, 4, [-1, 0, 0, 1], [0.75, 0.25, 0.75, 0.25]), (4, 2, [0, 2], [0.5, 0.5])],
)
def test_half_pixel_centres(size, count, below, weight):
    found = half_pixel_centres(size, count)
    assert [part.tolist() for part in found] == [below, weight]


def test_nearest_pixels_and_scaled_sides():
    assert nearest_pixels(3, 2).tolist() == [0, 0, 1, 1, 2, 2]
    assert nearest_pixels(6, 0.5).tolist() == [1, 3, 5]
    assert scaled_side(3, 0.01) == 1 and scaled_side(5, 1.5) == 8
