from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal

from mrcnn.geometry.resampling import bilinear
from mrcnn.instances import pasting as masks
from mrcnn.legacy.resize import resize


def filled(boxes, shape):
    mask = np.zeros((*shape, len(boxes)), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        mask[y1:y2, x1:x2, i] = True
    return mask


@pytest.fixture
def mask(units, unpack):
    return unpack(units["mask_packed"], units["mask_shape"])


@st.composite
def boxes_in(draw, height, width):
    y1 = draw(st.integers(0, height - 1))
    x1 = draw(st.integers(0, width - 1))
    return y1, x1, draw(st.integers(y1 + 1, height)), draw(st.integers(x1 + 1, width))


def test_extract_bboxes_matches_the_reference(units, mask):
    with_empty = np.concatenate([mask, np.zeros_like(mask[:, :, :1])], axis=2)
    boxes = masks.extract_bboxes(with_empty)
    assert boxes.dtype == np.int32
    assert_array_equal(boxes, units["extract_bboxes"])


def test_extract_bboxes_of_other_types_and_of_none():
    mask = np.zeros((5, 6, 1), np.uint8)
    mask[4, 5] = 255
    assert_array_equal(masks.extract_bboxes(mask), [[4, 5, 5, 6]])
    assert masks.extract_bboxes(np.zeros((5, 6, 0), bool)).shape == (0, 4)


@given(st.lists(boxes_in(20, 30), min_size=1, max_size=5))
def test_extract_bboxes_finds_filled_boxes(boxes):
    assert_array_equal(masks.extract_bboxes(filled(boxes, (20, 30))), boxes)


@pytest.mark.parametrize("side", [28, 56])
def test_mini_masks_match_the_reference(units, unpack, mask, side):
    boxes = units["extract_bboxes"][:4]
    mini = masks.minimize_mask(boxes, mask, (side, side))
    assert mini.dtype == bool
    assert_array_equal(mini, units[f"minimize_mask.{side}"])

    expanded = masks.expand_mask(boxes, mini, mask.shape)
    differs = expanded != unpack(units[f"expand_mask.{side}.packed"], mask.shape)
    # Halfway between inside and outside (exactly 0.5), float noise decides in matterport's
    # Mask_RCNN; here such pixels are outside: 3 and 6 of the fourth mask, a 100x100 ellipse.
    assert differs.sum() == {28: 3, 56: 6}[side]
    y1, x1, y2, x2 = boxes[3]
    soft = resize(mini[:, :, 3], (y2 - y1, x2 - x1))
    assert np.abs(soft[differs[y1:y2, x1:x2, 3]] - 0.5).max() < 1e-12


@given(arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 20))))
def test_crops_are_resized_like_any_image(crop):
    wanted = np.clip(bilinear(crop, (7, 5)), crop.min(), crop.max()) > 0.5
    (mini,) = np.moveaxis(masks.minimize_crops([crop], (7, 5)), -1, 0)
    assert_array_equal(mini, wanted)


def test_minimize_mask_refuses_an_empty_box(mask):
    with pytest.raises(ValueError, match=r"bbox 1 is \(5, 7, 5, 9\) in an image of 200x300"):
        masks.minimize_mask(np.array([[0, 0, 9, 9], [5, 7, 5, 9]]), mask[:, :, :2], (28, 28))


@given(boxes_in(40, 50))
def test_filled_boxes_survive_the_mini_mask(box):
    mask, boxes = filled([box], (40, 50)), np.array([box])
    for dtype in (bool, np.uint8):
        mini = masks.minimize_mask(boxes, mask.astype(dtype), (14, 14))
        assert mini.all()
        assert_array_equal(masks.expand_mask(boxes, mini, (40, 50, 3)), mask)


def test_expand_mask_accepts_255_and_clips_to_the_image():
    mini = np.full((7, 7, 1), 255, np.uint8)
    mask = masks.expand_mask(np.array([[-5, 6, 3, 20]]), mini, (8, 10))
    assert_array_equal(mask, filled([(0, 6, 3, 10)], (8, 10)))


def test_mold_mask(mask, units):
    mini = masks.mold_mask(mask, SimpleNamespace(USE_MINI_MASK=True, MINI_MASK_SHAPE=(28, 28)))
    assert_array_equal(mini, units["minimize_mask.28"])
    full = masks.mold_mask(mask.astype(np.uint8) * 255, SimpleNamespace(USE_MINI_MASK=False))
    assert full.dtype == bool
    assert_array_equal(full, mask)


def test_unmold_mask_matches_the_reference(units, unpack):
    expected = unpack(units["unmold.packed"], (6, 200, 300))
    for soft, box, want in zip(units["unmold.soft"], units["unmold.boxes"], expected, strict=True):
        got = masks.unmold_mask(soft, box, (200, 300, 3))
        assert got.dtype == bool
        assert_array_equal(got, want)
    together = masks.unmold_masks(units["unmold.soft"], units["unmold.boxes"], (200, 300, 3))
    assert_array_equal(together, np.moveaxis(expected, 0, -1))


def test_unmold_mask_thresholds_at_one_half():
    soft = np.float32([[0.5, 0.499], [0.501, 0.0]])
    got = masks.unmold_mask(soft, (1, 1, 3, 3), (4, 4))
    assert_array_equal(got[1:3, 1:3], [[True, False], [True, False]])
    assert got.sum() == 2


@given(
    arrays(np.float32, (28, 28), elements=st.floats(0, 1, width=32)),
    st.tuples(*[st.integers(-30, 60)] * 4),
)
def test_unmold_mask_clips_to_the_image(soft, box):
    y1, x1, y2, x2 = box
    got = masks.unmold_mask(soft, box, (40, 50))
    if y2 <= y1 or x2 <= x1:
        assert not got.any()
        return
    shifted = masks.unmold_mask(soft, (y1 + 30, x1 + 30, y2 + 30, x2 + 30), (90, 90))
    assert_array_equal(got, shifted[30:70, 30:80])
