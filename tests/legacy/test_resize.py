import json
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from mrcnn.geometry.resampling import bilinear
from mrcnn.images import resizing
from mrcnn.instances.pasting import extract_bboxes
from mrcnn.legacy.resize import resize, resize_mask

CASES = [
    "none",
    "square_up",
    "square_capped",
    "square_noscale",
    "square_down",
    "square_minscale",
    "square_nomin",
    "pad64",
    "pad64_minscale",
    "crop",
]


@pytest.fixture(params=CASES)
def case(request, units):
    """Name of a case and the result of `resize_image` with its arguments."""
    arguments = dict(json.loads(str(units["resize_cases"])))[request.param]
    random.seed(5)
    return request.param, resizing.resize_image(units["img"], **arguments)


def test_resize_matches_the_reference(units):
    small = units["utils_resize.in"]
    for name in ("utils_resize.up", "utils_resize.down"):
        wanted = units[name]
        # float32 input: 2e-6 is a few units in the last place at values up to 3.
        assert_allclose(resize(small, wanted.shape), wanted, atol=2e-6)
        assert_allclose(bilinear(small, wanted.shape), wanted, atol=2e-6)


def test_resize_takes_booleans():
    resized = resize(np.array([[True, False]]), (1, 4), mode="edge")
    assert_allclose(resized, [[1, 0.75, 0.25, 0]])


def test_resize_mask_matches_the_reference(case, units, unpack):
    name, (image, _, scale, padding, crop) = case
    mask = unpack(units["mask_packed"], units["mask_shape"])
    resized = resize_mask(mask, scale, padding, crop)
    assert resized.dtype == bool and resized.shape[:2] == image.shape[:2]
    wanted = unpack(units[f"resize_mask.{name}.packed"], units[f"resize_mask.{name}.shape"])
    # matterport's Mask_RCNN (the reference) samples at corner-aligned coordinates, so its masks
    # drift from the image by up to (scale - 1) / 2 pixels towards the borders; ours are sampled
    # where the image is. At these scales, that moves an instance's edge by one pixel, 0.3% of a
    # mask's pixels.
    differs = resized != wanted
    assert differs.mean(axis=(0, 1)).max() < 0.003
    for i in range(mask.shape[2]):
        edge = ndimage.binary_dilation(wanted[:, :, i], np.ones((3, 3)))
        edge &= ~ndimage.binary_erosion(wanted[:, :, i], np.ones((3, 3)))
        assert not (differs[:, :, i] & ~edge).any()
    assert np.abs(extract_bboxes(resized) - extract_bboxes(wanted)).max() <= 1


@pytest.mark.parametrize("i", range(3))
def test_resized_masks_have_the_reference_boxes(i, train, unpack):
    mask = unpack(train[f"ds{i}.mask_packed"], train[f"ds{i}.mask_shape"])
    image = np.zeros((*mask.shape[:2], 3), np.uint8)
    _, window, scale, padding, _ = resizing.resize_image(image, 256, 256, 0, "square")
    boxes = extract_bboxes(resize_mask(mask, scale, padding))
    # One pixel, because the reference's masks drift from the image.
    assert np.abs(boxes - train[f"ds{i}.full.bbox"]).max() <= 1
    corner, size = np.array(window[:2]), np.subtract(window[2:], window[:2])
    exact = train[f"ds{i}.boxes"] * np.tile(size / mask.shape[:2], 2) + np.tile(corner, 2)
    assert np.abs(boxes - exact).max() <= 0.5 + 1e-9


@given(st.integers(2, 40), st.integers(1, 8), st.integers(0, 99))
def test_masks_do_not_drift(size, scale, seed):
    # Enlarged by an integer factor, each pixel becomes one block.
    mask = np.random.default_rng(seed).random((size, size + 3, 2)) > 0.5
    resized = resize_mask(mask, scale, [(0, 0)] * 3)
    assert_array_equal(resized, mask.repeat(scale, axis=0).repeat(scale, axis=1))


@given(st.integers(5, 60), st.floats(0.3, 4), st.integers(0, 59))
def test_masks_follow_their_image(size, scale, edge):
    mask = np.zeros((size, 7, 1), np.uint8)
    mask[min(edge, size - 1) :] = 1
    resized = resize_mask(mask, scale, [(0, 0)] * 3)
    image = bilinear(mask.astype(np.float64), resized.shape, edge=True)
    sure = np.abs(image - 0.5) > 1e-9
    assert_array_equal(resized[sure], (image > 0.5)[sure])


def test_resize_mask_with_no_instances_and_with_a_single_mask():
    _, _, scale, padding, _ = resizing.resize_image(np.zeros((50, 80, 3)), 64, 128)
    assert resize_mask(np.zeros((50, 80, 0), bool), scale, padding).shape == (
        128,
        128,
        0,
    )
    assert resize_mask(np.zeros((50, 80)), scale, padding).shape == (128, 128)
