"""Overlaps, matches and labels of one image, against dense masks and pycocotools."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pycocotools import mask as coco_mask

from mrcnn.instances import InstanceBoxes, InstanceMasks
from mrcnn.instances.overlaps import intersections
from mrcnn.instances.pasting import extract_bboxes
from mrcnn.metrics.comparison import Comparison, assign
from mrcnn.metrics.hausdorff import HausdorffDistance

from .compared import SIZE, compare, dense


def random_masks(rng, count):
    return rng.random((*SIZE, count)) * dense(
        [(y, x, y + h, x + w) for y, x, h, w in rng.integers(0, 14, (count, 4))]
    ) > 0.3  # fmt: skip


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 99))
def test_overlaps_are_those_of_pycocotools(count, other, seed):
    rng = np.random.default_rng(seed)
    first, second = random_masks(rng, count), random_masks(rng, other)
    got = intersections(InstanceMasks.from_dense(first), InstanceMasks.from_dense(second))
    assert_array_equal(got, np.einsum("hwn,hwm->nm", first.astype(int), second.astype(int)))
    result = {"rois": extract_bboxes(first), "class_ids": [1] * count, "scores": [1] * count}
    truth_ids = rng.choice([1, -1], other)
    seen = second.any(axis=(0, 1))
    comparison = Comparison(second, truth_ids, {**result, "masks": first})
    codes = [coco_mask.encode(np.asfortranarray(m, np.uint8)) for m in (first, second)]
    iou = np.reshape(coco_mask.iou(*codes, (truth_ids < 0).tolist()), (count, other))
    assert_allclose(comparison.iou, iou[:, seen & (truth_ids > 0)])
    crowds = iou[:, seen & (truth_ids < 0)]
    assert_allclose(comparison.crowd_share, crowds.max(axis=1, initial=0))


def test_order_score_and_empty_instances():
    truth = [((0, 0, 4, 4), 2), ((5, 5, 5, 5), 1), ((0, 0, 9, 9), -2), ((8, 8, 9, 9), 1)]
    found = [((1, 1, 2, 2), 1, 0.3), ((2, 2, 4, 4), 2, 0.9), ((0, 0, 4, 4), 1, 0.5)]
    comparison = compare(truth, found, min_score=0.5)
    assert comparison.scores.tolist() == [0.9, 0.5]
    assert comparison.class_ids.tolist() == [2, 1]
    assert comparison.rois.tolist() == [[2, 2, 4, 4], [0, 0, 4, 4]]
    assert comparison.truth_class_ids.tolist() == [2, 1]
    assert comparison.crowd_class_ids.tolist() == [2]
    assert_allclose(comparison.iou, [[4 / 16, 0], [1, 0]])
    assert_allclose(comparison.crowd_share, [1, 0])  # the crowd is of class 2
    assert comparison.excused(0.5).tolist() == [True, False]
    with pytest.raises(ValueError, match=r"the image has class ids \[2\], but class_ids is \[1\]"):
        comparison.check_classes([1])


def test_a_score_for_each_class():
    truth = [((0, 0, 4, 4), 2)]
    found = [((1, 1, 2, 2), 1, 0.6), ((2, 2, 4, 4), 2, 0.5), ((0, 0, 4, 4), 1, 0.7)]
    assert compare(truth, found, min_score=[0, 0.7, 0.5]).scores.tolist() == [0.7, 0.5]
    assert compare(truth, found, min_score=[0, 0.5, 0.7]).scores.tolist() == [0.7, 0.6]


def test_boxes_in_place_of_masks():
    truth = [((0, 0, 10, 10), 1), ((0, 10, 20, 20), -1)]
    comparison = compare(truth, [], overlap="bbox")
    assert comparison.iou.shape == (0, 1)
    result = {"rois": np.array([[0, 0, 10, 8], [0, 8, 10, 18]]), "class_ids": [1, 1]}
    comparison = Comparison(
        dense([box for box, _ in truth]), [1, -1], {**result, "scores": [0.5, 0.6]}, overlap="bbox"
    )
    assert_allclose(comparison.iou, [[2 / 18], [0.8]], rtol=1e-6)
    assert_allclose(comparison.crowd_share, [0.8, 0])
    # Masks, if present, make no difference.
    masked = {**result, "scores": [0.5, 0.6], "masks": np.zeros((*SIZE, 2), bool)}
    again = Comparison(dense([box for box, _ in truth]), [1, -1], masked, overlap="bbox")
    assert_allclose(again.iou, comparison.iou)
    assert_allclose(again.crowd_share, comparison.crowd_share)


def test_a_ground_truth_of_boxes(monkeypatch):
    monkeypatch.setattr(InstanceMasks, "__init__", None)  # no mask may be created
    truth = InstanceBoxes([[0, 0, 10, 9.5], [0, 10, 20, 20.5], [5, 5, 5, 5]], SIZE)
    result = {
        "rois": np.array([[0, 0, 10, 8], [0, 8, 10, 18], [20, 25, 30, 40]]),
        "class_ids": [1, 1, 1],
        "scores": [0.5, 0.6, 0.7],
        "masks": "not looked at",
    }
    with pytest.raises(ValueError, match="the ground truth has boxes but no masks: only boxes can"):
        Comparison(truth, [1, -1, 1], result)
    del result["masks"]
    comparison = Comparison(truth, [1, -1, 1], result, overlap="bbox")
    assert comparison.truth_class_ids.tolist() == comparison.crowd_class_ids.tolist() == [1]
    assert comparison.truth.boxes.tolist() == [[0, 0, 10, 9.5]]
    assert_allclose(comparison.iou, [[0], [15 / 180], [8 / 9.5]])
    assert_allclose(comparison.crowd_share, [0, 0.8, 0])
    assert comparison.excused(0.5).tolist() == [False, True, False]
    assert [part.tolist() for part in comparison.matches(0.8)] == [[2], [0]]
    # Of the first, only the part inside the image: 4 of 10 rows, 5 of 15 columns.
    assert comparison.found.boxes[0].tolist() == [20, 25, 24, 30]
    assert len(comparison.found) == 3
    for use in (lambda c: c.found_labels, lambda c: c.crowd_map(), lambda c: c.label_overlaps):
        with pytest.raises(ValueError, match="boxes but no masks: this metric needs masks"):
            use(comparison)
    with pytest.raises(ValueError, match="this metric needs masks"):
        HausdorffDistance([1]).add(comparison)


@given(st.integers(0, 5), st.integers(0, 4), st.integers(0, 99))
def test_shares_of_boxes_are_those_of_filled_masks(count, crowds, seed):
    rng = np.random.default_rng(seed)
    rois, boxes = (
        np.concatenate([start, start + rng.integers(1, 15, (n, 2))], axis=1)
        for n, start in ((n, rng.integers(-4, 20, (n, 2))) for n in (count, crowds))
    )
    ids, crowd_ids = rng.integers(1, 3, count), -rng.integers(1, 3, crowds)
    result = {"rois": rois, "class_ids": ids, "scores": np.ones(count)}
    got = Comparison(InstanceBoxes(boxes, SIZE), crowd_ids, result, overlap="bbox").crowd_share
    found, filled = (InstanceBoxes(part, SIZE).filled() for part in (rois, boxes))
    both = intersections(found, filled) * (ids[:, None] == -crowd_ids)
    assert_allclose(got, both.max(axis=1, initial=0) / np.maximum(found.areas, 1))
    # The same with masks in place of boxes.
    masks = Comparison(filled, crowd_ids, result, overlap="bbox")
    assert_allclose(got, masks.crowd_share)


def test_masks_of_another_size():
    result = {"rois": np.zeros((0, 4)), "class_ids": [], "scores": []}
    wrong = {**result, "masks": np.zeros((30, 24, 0), bool)}
    with pytest.raises(ValueError) as caught:
        Comparison(dense([(0, 0, 2, 2)]), [1], wrong)
    assert str(caught.value) == (
        "the masks of the detections are 30x24 pixels (height x width), those of the ground truth "
        "24x30: they must have the same size."
    )
    # Without instances the size may be unknown.
    empty = InstanceMasks([], [], (0, 0))
    assert Comparison(empty, [], wrong).truth_labels.shape == (30, 24)


def test_assign_makes_as_many_pairs_as_possible():
    # The best pair alone has the larger sum, but would leave the second row without a partner.
    rows, columns = assign(np.array([[0.9, 0.4], [0.4, 0]]), 0.3)
    assert sorted(zip(rows, columns, strict=True)) == [(0, 1), (1, 0)]
    assert len(assign(np.zeros((0, 3)), 0.5)[0]) == 0
    rows, columns = assign(np.array([[0.5]]), 0.5)
    assert (rows.tolist(), columns.tolist()) == ([0], [0])


@given(st.integers(1, 4), st.integers(1, 4), st.sampled_from([0.3, 0.5, 0.8]), st.integers(0, 99))
def test_assignment_against_brute_force(rows, columns, threshold, seed):
    iou = np.random.default_rng(seed).random((rows, columns))
    if rows > columns:
        iou = iou.T
    best = max(
        (sum(iou[i, j] >= threshold for i, j in enumerate(choice)),
         sum(iou[i, j] for i, j in enumerate(choice) if iou[i, j] >= threshold))
        for choice in itertools.permutations(range(iou.shape[1]), len(iou))
    )  # fmt: skip
    i, j = assign(iou, threshold)
    assert (len(i), pytest.approx(iou[i, j].sum())) == best
    assert len(set(i)) == len(set(j)) == len(i)


def test_pairs_across_classes_come_last():
    truth = [((0, 0, 10, 10), 1), ((0, 10, 10, 20), 2)]
    found = [((0, 0, 10, 10), 2, 0.9), ((0, 0, 10, 8), 1, 0.2), ((0, 10, 10, 20), 1, 0.8)]
    comparison = compare(truth, found)  # by score: 0.9, 0.8, 0.2
    assert [part.tolist() for part in comparison.matches(0.5)] == [[2], [0]]
    assert [part.tolist() for part in comparison.matches(0.5, any_class=True)] == [[2, 1], [0, 1]]
    assert [part.tolist() for part in comparison.matches(0.85)] == [[], []]


def test_labels():
    truth = [((0, 0, 10, 10), 1), ((2, 2, 4, 4), 1)]  # the smaller one lies on top
    found = [((0, 0, 4, 4), 1, 0.4), ((2, 2, 6, 6), 1, 0.8)]
    comparison = compare(truth, found)
    assert np.bincount(comparison.truth_labels.ravel())[1:].tolist() == [96, 4]
    assert np.bincount(comparison.found_labels.ravel())[1:].tolist() == [16, 12]
    assert comparison.found_labels[3, 3] == 1  # the one with the higher score
    assert_array_equal(comparison.label_overlaps, [[24 * 30 - 100, 72, 0], [0, 12, 4], [0, 12, 0]])
    assert comparison.label_overlaps.sum() == 24 * 30
    # Exactly half of the first is in the crowd, and all that the first leaves of the second.
    crowd = [((0, 0, 24, 4), -1)]
    inside = compare(crowd, [*found[1:], ((0, 0, 4, 4), 1, 0.4)]).labels_in_crowds
    assert inside.tolist() == [False, True]
    of_another_class = [((0, 0, 24, 4), -2)]
    assert not compare(of_another_class, found).labels_in_crowds.any()
