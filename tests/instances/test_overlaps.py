"""Mask overlaps."""

import numpy as np
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

from mrcnn.instances import overlaps
from mrcnn.instances.masks import InstanceMasks
from mrcnn.instances.overlaps import compute_overlaps_masks, intersections, iou

SIZE = (5, 6)


def masks_of(count):
    return hnp.arrays(bool, (*SIZE, count))


def filled(boxes, shape):
    mask = np.zeros((*shape, len(boxes)), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        mask[y1:y2, x1:x2, i] = True
    return mask


@settings(deadline=None)
@given(first=masks_of(3), second=masks_of(2))
def test_overlaps_match_those_of_dense_masks(first, second):
    sparse = InstanceMasks.from_dense(first), InstanceMasks.from_dense(second)
    both = np.einsum("yxn,yxm->nm", first.astype(int), second.astype(int))
    either = np.array([[(a | b).sum() for b in second.T] for a in first.T])
    np.testing.assert_array_equal(intersections(*sparse), both)
    np.testing.assert_allclose(iou(*sparse), both / np.maximum(either, 1))


def test_compute_overlaps_masks_matches_the_reference(units):
    shape = (200, 300)
    pred, gt = filled(units["ap.pred_boxes"], shape), filled(units["ap.gt_boxes"], shape)
    overlaps = compute_overlaps_masks(pred, gt)
    assert overlaps.dtype == np.float32
    assert_array_equal(overlaps, units["compute_overlaps_masks"])


def test_compute_overlaps_masks_by_hand(monkeypatch):
    monkeypatch.setattr(overlaps, "_CHUNK_PIXELS", 7)
    one = filled([(0, 0, 4, 4), (0, 0, 0, 0)], (8, 8)).astype(np.uint8) * 255
    two = filled([(2, 2, 6, 6), (0, 0, 4, 2), (0, 0, 0, 0)], (8, 8))
    expected = np.float32([[4 / 28, 8 / 16, 0], [0, 0, 0]])
    assert_array_equal(compute_overlaps_masks(one, two), expected)
    assert compute_overlaps_masks(one, two[:, :, :0]).shape == (2, 0)
