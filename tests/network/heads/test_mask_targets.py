"""What the mask head should predict."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from tiny import TinyConfig

from mrcnn.network.heads.mask_targets import MaskTargets

# A box's corners are the centres of the mask's corner pixels: a crop of 8 pixels takes every
# second one of 15.
RNG = np.random.default_rng(0)
MINI = RNG.random((2, 15, 15, 3)) > 0.5
BOXES = np.array([(0.1, 0.05, 0.6, 0.45), (0.2, 0.3, 0.7, 0.9), (0, 0, 1, 1)], np.float32)


def targets_of(rois, class_ids, instances, masks, boxes=None, positives=None, mini=True):
    """Targets of RoIs [B, T, 4]."""
    config = type("Changed", (TinyConfig,), {"USE_MINI_MASK": mini})()
    rois, class_ids, instances = (
        np.asarray(rois, np.float32),
        *map(np.array, (class_ids, instances)),
    )
    boxes = np.stack([BOXES] * len(rois)) if boxes is None else np.asarray(boxes, np.float32)
    layer = MaskTargets(config, rois.shape[1] if positives is None else positives)
    return np.array(layer([rois, class_ids, instances, boxes, masks]))


def test_rois_on_their_boxes_see_the_whole_mini_mask():
    instances = np.array([[1, 0, 2, 1], [2, 2, 0, 1]])
    targets = targets_of(BOXES[instances], np.ones((2, 4), int), instances, MINI)
    assert targets.shape == (2, 4, 8, 8) and targets.dtype == np.float32
    for image in range(2):
        for roi, instance in enumerate(instances[image]):
            assert_array_equal(targets[image, roi], MINI[image, ::2, ::2, instance])


def test_the_part_of_the_mini_mask_that_a_roi_sees():
    y1, x1, y2, x2 = BOXES[0]
    half = (y1, x1, (y1 + y2) / 2, x2)
    [[target]] = targets_of([[half]], [[1]], [[0]], MINI[:1])
    assert_array_equal(target, MINI[0, :8, ::2, 0])
    right = (y1, (x1 + x2) / 2, y2, x2)
    [[target]] = targets_of([[right]], [[1]], [[0]], MINI[:1])
    assert_array_equal(target, MINI[0, ::2, 7:, 0])
    # A RoI of twice the height extends above the box: it sees the mask's rows -14, -10, ..., 14.
    above = (2 * y1 - y2, x1, y2, x2)
    [[target]] = targets_of([[above]], [[1]], [[0]], MINI[:1])
    assert not target[:4].any()
    assert_array_equal(target[4:], MINI[0, 2::4, ::2, 0])


def test_whole_masks_are_seen_through_the_roi_itself():
    masks = RNG.random((2, 57, 57, 3)) > 0.5  # normalised, a pixel is 1 / 56
    rois = np.array([(0, 0, 7, 7), (14, 21, 28, 28), (49, 42, 56, 56)]) / 56
    instances = np.array([[0, 2, 1], [1, 1, 0]])
    targets = targets_of([rois, rois], np.ones((2, 3), int), instances, masks, mini=False)
    for image in range(2):
        first, second, third = (masks[image, ..., i] for i in instances[image])
        assert_array_equal(targets[image, 0], first[:8, :8])
        assert_array_equal(targets[image, 1], second[14:29:2, 21:29])
        assert_array_equal(targets[image, 2], third[49:57, 42:57:2])


def test_as_other_projects_take_them():
    masks = np.zeros((1, 32, 32, 2), bool)
    masks[0, :, 16:, 1] = True
    rois = np.array([[(0, 15 / 32, 0.5, 23 / 32)]], np.float32)  # of 8 columns, 7 inside
    settings = {"USE_MINI_MASK": False, "BOX_COORDINATES": "continuous"}
    found = {}
    for name in ("torchvision", "detectron2"):
        config = type("Changed", (TinyConfig,), {**settings, "MASK_TARGETS": name})()
        given = [rois, np.array([[1]]), np.array([[1]]), BOXES[None, :2], masks]
        found[name] = np.array(MaskTargets(config, 1)(given))[0, 0]
    assert_allclose(found["detectron2"][3], [0, 1, 1, 1, 1, 1, 1, 1])
    # Not aligned, it samples half a pixel further right.
    assert_allclose(found["torchvision"][3], [0.5, 1, 1, 1, 1, 1, 1, 1], atol=1e-6)


def test_they_are_zero_or_one():
    rois = np.sort(RNG.random((2, 9, 2, 2)), axis=2).reshape(2, 9, 4)
    for mini in (True, False):
        targets = targets_of(
            rois, np.ones((2, 9), int), RNG.integers(0, 3, (2, 9)), MINI, mini=mini
        )
        assert set(np.unique(targets)) == {0, 1}


def test_negatives_have_no_masks():
    full = np.ones((1, 15, 15, 3), bool)
    rois = [[*BOXES, (0, 0, 0, 0)]]
    targets = targets_of(rois, [[2, 0, 1, 0]], [[0, 1, 2, 0]], full)[0]
    assert targets[[0, 2]].all() and not targets[[1, 3]].any()
    assert not targets_of(rois, [[0] * 4], [[0] * 4], full, np.zeros((1, 3, 4))).any()


def test_only_the_first_rois_can_be_positive():
    full = np.ones((1, 15, 15, 3), bool)
    targets = targets_of([BOXES[[0, 1, 2, 2]]], [[1, 2, 0, 0]], [[0, 1, 0, 0]], full, positives=2)
    assert targets.shape == (1, 4, 8, 8)
    assert targets[0, :2].all() and not targets[0, 2:].any()
