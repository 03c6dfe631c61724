from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from mrcnn.geometry.boxes import compute_overlaps
from mrcnn.instances.pasting import minimize_mask
from mrcnn.legacy.debug_targets import build_detection_targets, generate_random_rois

SHAPE = (200, 300, 3)


def make_config(**changes):
    settings = {
        "TRAIN_ROIS_PER_IMAGE": 32,
        "ROI_POSITIVE_RATIO": 0.33,
        "NUM_CLASSES": 5,
        "BBOX_STD_DEV": np.array([0.1, 0.1, 0.2, 0.2]),
        "MASK_SHAPE": [28, 28],
        "USE_MINI_MASK": False,
        "IMAGE_SHAPE": np.array(SHAPE),
    }
    return SimpleNamespace(**settings | changes)


@pytest.fixture
def gt(units):
    boxes = units["ap.gt_boxes"]
    masks = np.zeros((*SHAPE[:2], len(boxes)), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, i] = True
    return units["ap.gt_class"], boxes, masks


def test_random_rois_match_the_reference(units, gt):
    np.random.seed(11)  # noqa: NPY002 (what matterport's Mask_RCNN draws from)
    rois = generate_random_rois(SHAPE, 50, gt[0], gt[1])
    assert rois.dtype == np.int32
    assert_array_equal(rois, units["random_rois_seed11"])


@given(st.integers(1, 60), st.integers(0, 5), st.integers(0, 99))
def test_random_rois_have_area_and_lie_in_the_image(count, gt_count, seed):
    rng = np.random.RandomState(seed)
    corner, size = rng.randint(0, 190, (gt_count, 2)), rng.randint(1, 10, (gt_count, 2))
    boxes = np.concatenate([corner, corner + size], axis=1)
    rois = generate_random_rois(SHAPE, count, None, boxes, rng)
    assert rois.shape == (count, 4)
    assert (rois[:, :2] >= 0).all() and (rois[:, 2:] <= SHAPE[:2]).all()
    assert (rois[:, 2:] > rois[:, :2]).all()
    per_box = int(0.9 * count / gt_count) if gt_count else 0
    around = rois[: per_box * gt_count].reshape(gt_count, per_box, 4)
    assert (around[..., :2] >= (corner - size)[:, None]).all()
    assert (around[..., 2:] <= (corner + 2 * size)[:, None]).all()


def test_random_rois_refuse_a_box_without_area():
    with pytest.raises(ValueError, match="height range of 0 to 0"):
        generate_random_rois(SHAPE, 50, [1], np.zeros((1, 4), int))


@pytest.mark.parametrize("mini", [False, True])
def test_detection_targets_match_the_reference(units, gt, mini):
    class_ids, boxes, masks = gt
    if mini:
        masks = minimize_mask(boxes, masks, (28, 28))  # lossless for filled boxes
    np.random.seed(12)  # noqa: NPY002 (what matterport's Mask_RCNN draws from)
    rois, class_ids, bboxes, masks = build_detection_targets(
        units["random_rois_seed11"], class_ids, boxes, masks, make_config(USE_MINI_MASK=mini)
    )
    assert_array_equal(rois, units["bdt.rois"])
    assert class_ids.dtype == np.int32
    assert_array_equal(class_ids, units["bdt.class_ids"])
    assert bboxes.dtype == masks.dtype == np.float32
    assert_allclose(bboxes, units["bdt.bboxes"], atol=1e-7)
    assert masks.shape == (32, 28, 28, 5)
    rows = np.arange(32)
    assert_allclose(masks[rows, :, :, class_ids], units["bdt.masks_top"], atol=1e-6)
    masks[rows, :, :, class_ids] = 0
    assert not masks.any()


@given(st.integers(0, 99), st.sampled_from([0.1, 0.33, 1.0]))
def test_detection_targets_keep_the_ratio(seed, ratio):
    rng = np.random.RandomState(seed)
    boxes = np.array([[10, 10, 50, 60], [20, 100, 90, 180], [100, 0, 180, 50]])
    class_ids = np.array([3, -1, 1])
    masks = np.ones((*SHAPE[:2], 3), np.uint8) * 255
    rois = np.concatenate([generate_random_rois(SHAPE, 40, None, boxes, rng), boxes[:1]])
    config = make_config(ROI_POSITIVE_RATIO=ratio)
    rois, chosen, bboxes, masks = build_detection_targets(
        rois, class_ids, boxes, masks, config, rng
    )
    assert len(rois) == len(chosen) == len(bboxes) == 32
    positive = chosen > 0
    assert 0 < positive.sum() <= int(32 * ratio)
    assert not positive[positive.sum() :].any()
    best = compute_overlaps(rois, boxes[[0, 2]])  # without the crowd
    assert_array_equal(best.max(axis=1) > 0.5, positive)
    assert_array_equal(chosen[positive], np.array([3, 1])[best[positive].argmax(axis=1)])
    assert not bboxes[~positive].any() and not masks[~positive].any()
    assert (masks[positive].max(axis=-1) == 1).all()


def test_detection_targets_refuse_what_cannot_be_sampled(gt):
    class_ids, boxes, masks = gt
    with pytest.raises(ValueError, match="there are 0 RoIs"):
        build_detection_targets(boxes[:0], class_ids, boxes, masks, make_config())
    with pytest.raises(ValueError, match="0 instances with a class id above 0"):
        build_detection_targets(boxes, -class_ids, boxes, masks, make_config())
    with pytest.raises(ValueError, match=r"none has an IoU below 0\.5"):
        build_detection_targets(boxes, class_ids, boxes, masks, make_config())
