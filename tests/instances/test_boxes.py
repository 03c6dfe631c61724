"""Boxes move as masks of filled rectangles do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from mrcnn.geometry.resampling import scaled_side
from mrcnn.instances import InstanceBoxes, InstanceMasks


@st.composite
def rectangles(draw):
    """(boxes [N, 4], shape): rectangles of whole pixels in a small image."""
    height, width = draw(st.integers(1, 13)), draw(st.integers(1, 13))
    boxes = []
    for _ in range(draw(st.integers(0, 4))):
        y, x = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        boxes.append((y, x, draw(st.integers(y + 1, height)), draw(st.integers(x + 1, width))))
    return np.array(boxes, int).reshape(-1, 4), (height, width)


def both(boxes, shape):
    """The boxes, and the same rectangles as masks."""
    crops = [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in boxes]
    return InstanceBoxes(boxes, shape), InstanceMasks(crops, boxes[:, :2], shape)


def assert_alike(boxes, masks):
    assert isinstance(boxes, InstanceBoxes)
    assert boxes.shape == masks.shape and len(boxes) == len(masks)
    assert_array_equal(boxes.boxes, masks.boxes)
    assert_array_equal(boxes.visible, masks.visible)
    assert_array_equal(boxes.areas, masks.areas)


def test_by_hand():
    boxes = InstanceBoxes([[1, 2, 3, 6], [0.5, 0, 4, 1.25]], (8, 10, 3))
    assert len(boxes) == 2 and boxes.shape == (8, 10, 2)
    assert boxes.boxes.dtype == np.float32
    assert_array_equal(boxes.boxes, [[1, 2, 3, 6], [0.5, 0, 4, 1.25]])
    assert_array_equal(boxes.areas, [8, 3.5 * 1.25])
    assert_array_equal(boxes.flip(0).boxes, [[5, 2, 7, 6], [4, 0, 7.5, 1.25]])
    assert_array_equal(boxes.flip(1).boxes, [[1, 4, 3, 8], [0.5, 8.75, 4, 10]])
    turned = boxes.transpose()
    assert turned.shape == (10, 8, 2)
    assert_array_equal(turned.boxes, [[2, 1, 6, 3], [0, 0.5, 1.25, 4]])
    moved = boxes.resize(2, [(3, 1), (0, 4), (0, 0)])
    assert moved.shape == (20, 24, 2)
    assert_array_equal(moved.boxes, [[5, 4, 9, 12], [4, 0, 11, 2.5]])
    cropped = boxes.resize(2, [(3, 1), (0, 4), (0, 0)], (6, 1, 4, 8))
    assert cropped.shape == (4, 8, 2)
    assert_array_equal(cropped.boxes, [[0, 3, 3, 8], [0, 0, 4, 1.5]])


def test_without_instances():
    boxes = InstanceBoxes([], (8, 10))
    for each in (boxes, boxes.flip(1), boxes.resize(2, [(0, 0), (0, 0)]), boxes[boxes.visible]):
        assert len(each) == 0 and each.boxes.shape == (0, 4) and each.areas.shape == (0,)
    assert boxes.transpose().shape == (10, 8, 0)
    assert boxes.dense().shape == (8, 10, 0) and boxes.labels().shape == (8, 10, 0)


def test_cut_at_the_border():
    outside = [(-3, -2, 4, 5), (6, 7, 90, 80), (-5, 2, 0, 6), (8, 0, 9, 4), (2, 11, 4, 15)]
    boxes = InstanceBoxes(outside, (8, 10))
    assert_array_equal(boxes.boxes, [(0, 0, 4, 5), (6, 7, 8, 10), *[(0, 0, 0, 0)] * 3])
    assert_array_equal(boxes.visible, [True, True, False, False, False])
    assert_array_equal(boxes.areas, [20, 6, 0, 0, 0])


def test_what_has_less_than_a_pixel_left_has_left_the_image():
    rows = [(-2, 0, 0.9, 4), (-2, 0, 1, 4), (0, 9.1, 4, 12), (0, 9, 4, 12), (3, 3, 5, 3.5)]
    boxes = InstanceBoxes(rows, (8, 10))
    assert_array_equal(boxes.visible, [False, True, False, True, False])
    assert_array_equal(boxes.boxes[[0, 2, 4]], 0)


def test_a_pixel_is_not_lost_to_rounding():
    """In float32, 2.6 - 1.6 is slightly less than 1."""
    boxes = InstanceBoxes([(1.6, 0, 2.6, 1)], (8, 10))
    assert boxes.boxes[0, 2] - boxes.boxes[0, 0] < 1
    for each in (boxes, boxes[:], boxes.flip(0), boxes.transpose()):
        assert each.visible.all()


def test_what_cannot_be_seen_stays_out_of_sight():
    boxes = InstanceBoxes([(-4, 0, 0, 4), (1, 1, 3, 3)], (8, 10))
    for moved in (
        boxes.flip(0),
        boxes.flip(1),
        boxes.transpose(),
        boxes.resize(3, [(5, 5), (5, 5), (0, 0)]),
        boxes.resize(1, [(5, 5), (5, 5), (0, 0)], (2, 2, 9, 9)),
    ):
        assert_array_equal(moved.visible, [False, True])
        assert_array_equal(moved.boxes[0], 0)


@given(rectangles(), st.sampled_from([0, 1]))
def test_flips_as_masks_do(given_boxes, axis):
    boxes, masks = both(*given_boxes)
    assert_alike(boxes, masks)
    assert_alike(boxes.flip(axis), masks.flip(axis))


@given(rectangles())
def test_transposes_as_masks_do(given_boxes):
    boxes, masks = both(*given_boxes)
    assert_alike(boxes.transpose(), masks.transpose())


paddings = st.lists(st.integers(0, 4), min_size=4, max_size=4).map(
    lambda sides: [tuple(sides[:2]), tuple(sides[2:]), (0, 0)]
)
crops = st.none() | st.tuples(*[st.integers(0, 3)] * 2, *[st.integers(1, 9)] * 2)


@given(rectangles(), st.sampled_from([1, 2, 3]), paddings, crops)
def test_enlarges_pads_and_crops_as_masks_do(given_boxes, scale, padding, crop):
    boxes, masks = both(*given_boxes)
    assert_alike(boxes.resize(scale, padding, crop), masks.resize(scale, padding, crop))


@given(rectangles(), st.sampled_from([0.3, 0.5, 0.77, 1.5, 3.1]), paddings, crops)
def test_scales_to_within_half_a_pixel_of_masks(given_boxes, scale, padding, crop):
    boxes, masks = (each.resize(scale, padding, crop) for each in both(*given_boxes))
    assert boxes.shape == masks.shape
    assert (masks.visible | ~boxes.visible).all()
    seen = boxes.visible
    assert np.abs(boxes.boxes[seen] - masks.boxes[seen]).max(initial=0) <= 0.5 + 1e-5
    # A mask may keep the one pixel whose centre lies in a narrow box.
    sides = masks.boxes[:, 2:] - masks.boxes[:, :2]
    assert (sides[masks.visible & ~seen].min(axis=1) == 1).all()


@given(rectangles(), st.sampled_from([0.3, 0.77, 1.5, 3.1]))
def test_scales_by_the_sides_of_the_image(given_boxes, scale):
    """A scaled side is a whole number of pixels, so its factor differs slightly from the scale."""
    rows, (height, width) = given_boxes
    rows = np.concatenate([[(0, 0, height, width)], rows])
    scaled = InstanceBoxes(rows, (height, width)).resize(scale, [(0, 0), (0, 0)])
    sides = scaled_side(height, scale), scaled_side(width, scale)
    assert scaled.shape == (*sides, len(rows))
    factors = np.array([sides[0] / height, sides[1] / width] * 2)
    assert_allclose(scaled.boxes[0], [0, 0, *sides], rtol=1e-6)
    assert_allclose(scaled.boxes[scaled.visible], (rows * factors)[scaled.visible], rtol=1e-5)


@pytest.mark.parametrize(
    "chosen",
    [slice(1, 3), np.array([2, 0]), np.array([True, False, True, True]), np.array([], int)],
)
def test_chosen_instances(chosen):
    boxes = np.array([(0, 0, 4, 5), (1.5, 2, 3, 8), (6, 7, 8, 10), (-9, 0, -3, 4)])
    found = InstanceBoxes(boxes, (8, 10))[chosen]
    assert isinstance(found, InstanceBoxes) and found.shape[:2] == (8, 10)
    assert_array_equal(found.boxes, np.concatenate([boxes[:3], np.zeros((1, 4))])[chosen])


@given(rectangles())
def test_filled_rectangles_come_back(given_boxes):
    boxes, masks = both(*given_boxes)
    dense = masks.dense()
    assert isinstance(boxes.filled(), InstanceMasks)
    assert_array_equal(boxes.filled().dense(), dense)
    assert_array_equal(boxes.dense(), dense)
    assert_array_equal(boxes.labels(), masks.labels())
    assert_alike(InstanceBoxes.from_dense(dense), masks)
    assert_alike(InstanceBoxes.from_labels(boxes.labels(), len(boxes)), masks)


def test_filled_to_the_nearest_pixel():
    boxes = InstanceBoxes([(1.4, 1.6, 3.4, 4.6), (-4, 0, 0, 4)], (8, 10))
    assert boxes.filled().boxes.tolist() == [[1, 2, 3, 5], [0, 0, 0, 0]]
    assert boxes.dense().sum(axis=(0, 1)).tolist() == [6, 0]


def test_around_masks_of_any_shape():
    labels = np.zeros((6, 7, 2), np.int32)
    labels[[1, 4], [2, 5], 0] = 1
    labels[3, :, 1] = 3
    boxes = InstanceBoxes.from_labels(labels, 3)
    assert boxes.boxes.tolist() == [[1, 2, 5, 6], [0, 0, 0, 0], [3, 0, 4, 7]]
    assert boxes.shape == (6, 7, 3) and boxes.visible.tolist() == [True, False, True]
    dense = np.stack([labels[..., 0] == 1, labels[..., 1] == 3], axis=2).astype(np.uint8) * 9
    assert InstanceBoxes.from_dense(dense).boxes.tolist() == [[1, 2, 5, 6], [3, 0, 4, 7]]


def test_boxes_behind_something_and_joined():
    boxes = InstanceBoxes([(1, 2, 3, 5), (-4, 0, 0, 4)], (6, 7))
    assert_array_equal(boxes.behind(np.ones((6, 7), bool)).boxes, boxes.boxes)
    joined = boxes.joined(InstanceBoxes([(0, 0, 1.5, 2.5)], (6, 7)))
    assert joined.boxes.tolist() == [[1, 2, 3, 5], [0, 0, 0, 0], [0, 0, 1.5, 2.5]]
