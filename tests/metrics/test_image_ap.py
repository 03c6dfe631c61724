import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pycocotools import mask as coco_mask

from mrcnn import evaluation


def filled(boxes, shape=(200, 300)):
    mask = np.zeros((*shape, len(boxes)), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        mask[y1:y2, x1:x2, i] = True
    return mask


def sample(gt, predictions, shape=(20, 20)):
    """Arguments of compute_ap from [(box, class)] and [(box, class, score)]."""
    gt_boxes = np.array([row[0] for row in gt], int).reshape(-1, 4)
    boxes = np.array([row[0] for row in predictions], int).reshape(-1, 4)
    return (
        gt_boxes,
        np.array([row[1] for row in gt], int),
        filled(gt_boxes, shape),
        boxes,
        np.array([row[1] for row in predictions], int),
        np.array([row[2] for row in predictions], float),
        filled(boxes, shape),
    )


@pytest.fixture
def arguments(units):
    gt, pred = units["ap.gt_boxes"], units["ap.pred_boxes"]
    return (
        *(gt, units["ap.gt_class"], filled(gt)),
        *(pred, units["ap.pred_class"], units["ap.pred_scores"], filled(pred)),
    )


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.75])
def test_ap_matches_the_reference(units, arguments, threshold):
    gt_match, pred_match, overlaps = evaluation.compute_matches(*arguments, threshold)
    assert_array_equal(gt_match, units[f"ap.gt_match_{threshold}"])
    assert_array_equal(pred_match, units[f"ap.pred_match_{threshold}"])
    assert_array_equal(overlaps, units["ap.overlaps"])
    ap, precisions, recalls, overlaps = evaluation.compute_ap(*arguments, threshold)
    # matterport's Mask_RCNN (the reference) computed recall in float32.
    assert_allclose(ap, units[f"ap.ap_{threshold}"], atol=1e-7)
    assert_allclose(precisions, units[f"ap.precisions_{threshold}"], rtol=1e-12)
    assert_allclose(recalls, units[f"ap.recalls_{threshold}"], atol=1e-7)
    assert_array_equal(overlaps, units["ap.overlaps"])


def test_ap_range_matches_the_reference(units, arguments, capsys):
    assert_allclose(evaluation.compute_ap_range(*arguments), units["ap.range"], atol=1e-7)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 11
    assert printed[0] == "AP @0.50:\t 0.579" and printed[-1] == "AP @0.50-0.95:\t 0.311"
    for thresholds in (np.array([0.3, 0.75]), [0.3, 0.75]):
        mean = evaluation.compute_ap_range(*arguments, iou_thresholds=thresholds, verbose=0)
        assert_allclose(mean, (units["ap.ap_0.3"] + units["ap.ap_0.75"]) / 2, atol=1e-7)
    assert not capsys.readouterr().out
    with pytest.raises(ValueError, match="iou_thresholds is empty"):
        evaluation.compute_ap_range(*arguments, iou_thresholds=[])


def test_recall_matches_the_reference(units):
    recall, ids = evaluation.compute_recall(units["ap.pred_boxes"], units["ap.gt_boxes"], 0.5)
    assert recall == units["ap.recall"]
    assert_array_equal(ids, units["ap.recall_ids"])


def test_recall_by_hand():
    gt = np.array([[0, 0, 10, 10], [50, 50, 60, 60]])
    pred = np.array([[0, 0, 10, 9], [0, 0, 10, 8], [50, 50, 60, 51]])
    recall, ids = evaluation.compute_recall(pred, gt, 0.8)
    assert recall == 0.5
    assert_array_equal(ids, [0, 1])
    recall, ids = evaluation.compute_recall(np.zeros((0, 4)), gt, 0.5)
    assert recall == 0 and len(ids) == 0
    recall, ids = evaluation.compute_recall(pred, np.zeros((0, 4)), 0.5)
    assert recall == 1 and len(ids) == 0


GT = [((0, 0, 10, 10), 1), ((0, 10, 10, 20), 2)]


def test_ap_by_hand():
    # By score: a hit, a miss (wrong class), a hit. Precision 1, 1/2, 2/3 at recall
    # 1/2, 1/2, 1: area 1/2 * 1 + 1/2 * 2/3.
    found = [((0, 10, 10, 20), 2, 0.3), ((0, 0, 10, 10), 1, 0.9), ((0, 10, 10, 20), 1, 0.5)]
    ap, precisions, recalls, _ = evaluation.compute_ap(*sample(GT, found))
    assert_allclose(ap, 5 / 6)
    assert_allclose(precisions, [1, 1, 2 / 3, 2 / 3, 0])
    assert_allclose(recalls, [0, 0.5, 0.5, 1, 1])


def test_a_taken_instance_leaves_the_next_best():
    gt = [((0, 0, 10, 10), 1), ((0, 2, 10, 12), 1)]
    found = [((0, 0, 10, 10), 1, 0.9), ((0, 0, 10, 11), 1, 0.8), ((0, 0, 10, 10), 1, 0.7)]
    gt_match, pred_match, _ = evaluation.compute_matches(*sample(gt, found))
    assert_array_equal(gt_match, [0, 1])
    assert_array_equal(pred_match, [0, 1, -1])


def test_detections_below_the_score_threshold_match_nothing():
    found = [((0, 0, 10, 10), 1, 0.4), ((0, 10, 10, 16), 2, 0.9)]
    gt_match, pred_match, overlaps = evaluation.compute_matches(
        *sample(GT, found), score_threshold=0.7
    )
    assert_array_equal(gt_match, [-1, 0])  # IoU 0.6, below the score threshold
    assert_array_equal(pred_match, [1, -1])
    assert overlaps.shape == (2, 2)


def test_padding_is_dropped_with_its_ids_masks_and_scores():
    real = sample(GT, [((0, 0, 10, 10), 1, 0.4)])
    padded = sample([((0, 0, 0, 0), 2), *GT], [((0, 0, 0, 0), 2, 0.0), ((0, 0, 10, 10), 1, 0.4)])
    for got, wanted in zip(
        evaluation.compute_matches(*padded), evaluation.compute_matches(*real), strict=True
    ):
        assert_array_equal(got, wanted)


def test_ap_without_ground_truth_or_detections():
    found = [((0, 0, 10, 10), 1, 0.4)]
    assert evaluation.compute_ap(*sample([], []))[0] == 1.0
    assert evaluation.compute_ap(*sample([], found))[0] == 0.0
    assert evaluation.compute_ap(*sample(GT, []))[0] == 0.0
    assert evaluation.compute_ap_range(*sample([], found), verbose=0) == 0.0


CROWD = ((0, 0, 20, 20), -1)


def test_a_crowd_excuses_the_detections_in_it():
    # The best lies in the crowd, the second is correct, the third is half in the crowd, the fourth
    # has another class, the last lies outside.
    gt = [CROWD, ((0, 20, 10, 30), 1)]
    found = [((0, 0, 5, 5), 1, 0.9), ((0, 20, 10, 30), 1, 0.8), ((15, 0, 25, 5), 1, 0.7)]
    found += [((0, 5, 5, 10), 2, 0.6), ((25, 25, 30, 30), 1, 0.5)]
    arguments = sample(gt, found, (30, 30))
    gt_match, pred_match, overlaps = evaluation.compute_matches(*arguments)
    assert_array_equal(gt_match, [-1, 1])
    assert_array_equal(pred_match, [-2, 1, -2, -1, -1])
    assert_array_equal(overlaps, [[1, 0], [0, 1], [0.5, 0], [1, 0], [0, 0]])
    ap, precisions, recalls, _ = evaluation.compute_ap(*arguments)
    assert ap == 1
    assert_allclose(precisions, [1, 1, 1, 1, 1 / 2, 1 / 3, 0])
    assert_allclose(recalls, [0, 0, 1, 1, 1, 1, 1])
    # Half is no longer enough for the third.
    _, pred_match, _ = evaluation.compute_matches(*arguments, iou_threshold=0.6)
    assert_array_equal(pred_match, [-2, 1, -1, -1, -1])
    _, pred_match, _ = evaluation.compute_matches(*arguments, score_threshold=0.75)
    assert_array_equal(pred_match, [-2, 1, -1, -1, -1])


def test_an_instance_in_a_crowd_comes_first():
    gt = [CROWD, ((0, 0, 10, 10), 1)]
    found = [((0, 0, 10, 8), 1, 0.9), ((0, 0, 10, 10), 1, 0.8)]
    gt_match, pred_match, _ = evaluation.compute_matches(*sample(gt, found))
    assert_array_equal(gt_match, [-1, 0])
    assert_array_equal(pred_match, [1, -2])


def test_crowds_alone_leave_nothing_to_find():
    assert evaluation.compute_ap(*sample([CROWD], []))[0] == 1.0
    assert evaluation.compute_ap(*sample([CROWD], [((0, 0, 5, 5), 1, 0.9)]))[0] == 1.0
    assert evaluation.compute_ap(*sample([CROWD], [((0, 0, 5, 5), 2, 0.9)]))[0] == 0.0
    missed = sample([CROWD, ((0, 0, 5, 5), 2)], [((0, 0, 5, 5), 1, 0.9)])
    assert evaluation.compute_ap(*missed)[0] == 0.0


@given(st.integers(0, 4), st.integers(1, 3), st.integers(0, 8), st.integers(0, 99))
def test_ap_ignores_crowds_and_the_detections_that_they_excuse(
    gt_count, crowd_count, found_count, seed
):
    rng = np.random.default_rng(seed)

    def box():
        y, x = rng.integers(0, 10, 2)
        return y, x, y + rng.integers(1, 10), x + rng.integers(1, 10)

    gt = [(box(), rng.integers(1, 3)) for _ in range(gt_count)]
    crowds = [(box(), -rng.integers(1, 3)) for _ in range(crowd_count)]
    found = [(box(), rng.integers(1, 3), score) for score in np.linspace(1, 0.5, found_count)]
    arguments = sample(gt + crowds, found)
    gt_match, pred_match, overlaps = evaluation.compute_matches(*arguments)
    counted = [row for row, match in zip(found, pred_match, strict=True) if match != -2]
    assert evaluation.compute_ap(*arguments)[0] == evaluation.compute_ap(*sample(gt, counted))[0]
    alone, pred_alone, _ = evaluation.compute_matches(*sample(gt, found))
    assert_array_equal(gt_match, [*alone, *[-1] * crowd_count])
    assert_array_equal(np.maximum(pred_match, -1), pred_alone)
    masks, detections = (np.asfortranarray(arguments[i], np.uint8) for i in (2, 6))
    theirs = coco_mask.iou(
        coco_mask.encode(detections), coco_mask.encode(masks), [c < 0 for c in arguments[1]]
    )
    assert_allclose(overlaps, np.reshape(theirs, overlaps.shape), rtol=1e-6)


@given(st.integers(0, 6), st.integers(0, 8), st.integers(0, 99))
def test_ap_is_bounded_and_falls_with_the_threshold(gt_count, found_count, seed):
    rng = np.random.default_rng(seed)

    def box():
        y, x = rng.integers(0, 10, 2)
        return y, x, y + rng.integers(1, 10), x + rng.integers(1, 10)

    gt = [(box(), rng.integers(1, 3)) for _ in range(gt_count)]
    found = [(box(), rng.integers(1, 3), rng.random()) for _ in range(found_count)]
    arguments = sample(gt, found)
    ap, precisions, recalls, overlaps = evaluation.compute_ap(*arguments, 0.2)
    assert 0 <= ap <= 1
    assert overlaps.shape == (found_count, gt_count)
    assert (np.diff(precisions) <= 0).all() and (np.diff(recalls) >= 0).all()
    gt_match, pred_match, _ = evaluation.compute_matches(*arguments, 0.2)
    assert (gt_match >= 0).sum() == (pred_match >= 0).sum()
    for i, j in enumerate(pred_match):
        if j >= 0:
            assert gt_match[int(j)] == i and overlaps[i, int(j)] >= 0.2
    # Detecting exactly the ground truth is perfect.
    perfect = sample(gt, [(b, c, 0.5) for b, c in gt])
    assert evaluation.compute_ap(*perfect)[0] == 1.0
