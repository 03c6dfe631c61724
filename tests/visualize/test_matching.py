"""Boxes match as masks do if the masks fill their boxes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.instances import InstanceBoxes
from mrcnn.visualize.matching import match, tidy

SIDE = st.tuples(st.integers(0, 12), st.integers(2, 6)).map(lambda p: (p[0], sum(p)))
BOX = st.tuples(SIDE, SIDE).map(lambda s: (s[0][0], s[1][0], s[0][1], s[1][1]))
TRUTH = st.lists(st.tuples(BOX, st.sampled_from([1, 1, 2, -1])), max_size=6)
FOUND = st.lists(st.tuples(BOX, st.sampled_from([1, 2]), st.integers(0, 4)), max_size=6)


def side_of(rows, masks):
    boxes = np.array([row[0] for row in rows], float).reshape(-1, 4)
    class_ids = np.array([row[1] for row in rows], int)
    scores = np.array([row[2] / 4 for row in rows if len(row) > 2])
    dense = InstanceBoxes(boxes, (20, 20)).dense() if masks else None
    return boxes, class_ids, dense, scores


@given(TRUTH, FOUND, st.sampled_from([0.3, 0.5, 0.75]))
def test_boxes_match_like_the_masks_that_fill_them(truth, found, threshold):
    matches, overlaps = {}, {}
    for masks in (False, True):
        sides = tidy(*side_of(truth, masks)[:3]), tidy(*side_of(found, masks))
        matches[masks], overlaps[masks] = match(*sides, threshold)
    np.testing.assert_allclose(overlaps[False], overlaps[True], atol=1e-6)
    if not np.isclose(overlaps[True], threshold, atol=1e-5).any():  # mask IoUs are float32
        assert matches[False].tolist() == matches[True].tolist()


def test_a_match_is_the_free_instance_with_the_largest_iou_in_its_class():
    truth = tidy([[0, 0, 10, 10], [0, 2, 10, 12], [30, 30, 40, 40]], [1, 1, 2])
    boxes = [[0, 1, 10, 11], [0, 0, 10, 10], [0, 0, 10, 9], [30, 30, 40, 40]]
    found = tidy(boxes, [1, 1, 1, 1], scores=[0.6, 0.9, 0.5, 0.8])
    assert found.scores.tolist() == [0.9, 0.8, 0.6, 0.5]
    matches, overlaps = match(truth, found)
    # The first takes the instance it coincides with, the third the other; the last finds none free.
    assert matches.tolist() == [0, -1, 1, -1]
    np.testing.assert_allclose(overlaps[2], [9 / 11, 9 / 11, 0])
    assert match(truth, found, 0.9)[0].tolist() == [0, -1, -1, -1]


def test_a_detection_in_a_crowd():
    truth = tidy([[0, 0, 40, 40], [50, 50, 60, 60]], [-1, 1])
    found = tidy(
        [[5, 5, 15, 15], [35, 0, 45, 10], [5, 5, 15, 15]], [1, 1, 2], scores=[0.9, 0.8, 0.7]
    )
    matches, overlaps = match(truth, found)
    assert matches.tolist() == [-2, -2, -1]
    assert overlaps[:, 0].tolist() == [1, 0.5, 1]


def test_masks_on_one_side_only_do_not_count():
    corner = np.zeros((20, 20, 1), bool)
    corner[:2, :2] = True
    boxes, class_ids = [[0, 0, 10, 10]], [1]
    found = tidy(boxes, class_ids, scores=[0.9])
    assert match(tidy(boxes, class_ids, corner), found)[1].tolist() == [[1]]
    found = tidy(boxes, class_ids, np.ones((20, 20, 1), bool), scores=[0.9])
    matches, overlaps = match(tidy(boxes, class_ids, corner), found)
    assert overlaps == pytest.approx(0.01) and matches.tolist() == [-1]


def test_padding_and_weak_detections_are_dropped():
    boxes = [[1, 1, 5, 5], [0, 0, 0, 0], [2, 2, 6, 6], [3, 3, 7, 7]]
    side = tidy(boxes, [1, 0, 2, 3], np.eye(4)[None], [0.4, 0.9, 0.6, 0.8], score_threshold=0.5)
    assert len(side) == 2
    assert side.class_ids.tolist() == [3, 2] and side.scores.tolist() == [0.8, 0.6]
    assert side.boxes.tolist() == [boxes[3], boxes[2]]
    assert side.masks[0].argmax(axis=0).tolist() == [3, 2]
    truth = tidy(boxes, [1, 0, 2, 3])
    assert truth.class_ids.tolist() == [1, 2, 3] and truth.masks is truth.scores is None


def test_without_instances_or_detections():
    nothing = tidy([], []), tidy([], [], scores=[])
    one = tidy([[0, 0, 9, 9]], [1]), tidy([[0, 0, 9, 9]], [1], scores=[1])
    for truth in (nothing[0], one[0]):
        for found in (nothing[1], one[1]):
            matches, overlaps = match(truth, found)
            assert overlaps.shape == (len(found), len(truth))
            assert matches.tolist() == [0 if len(truth) else -1] * len(found)
