"""Instances at the border of a part of their image; `test_tiles` compares them with dense masks."""

import numpy as np
import pytest

from mrcnn.datasets.cutting import cut_out, moved
from mrcnn.instances import InstanceBoxes, InstanceKeypoints, InstanceMasks


def test_what_is_seen_of_masks():
    crops = [np.ones((4, 10)), np.ones((4, 4)), np.ones((2, 2))]
    masks = InstanceMasks(crops, [(0, 5), (0, 0), (30, 30)], (40, 40))
    cut = cut_out(masks, np.array([2, 1, 1]), (0, 2, 10, 12), keep=0.7)
    assert cut.indices.tolist() == [0, 1]
    assert cut.class_ids.tolist() == [2, -1] and cut.class_ids.dtype == np.int32
    assert cut.is_whole.tolist() == [False, False]
    assert cut.shapes.boxes.tolist() == [[0, 3, 4, 10], [0, 0, 4, 2]]
    assert cut.shapes.shape == (10, 10, 2)
    # 28 of 40 pixels are exactly 0.7.
    assert cut_out(masks, np.array([2, 1, 1]), (0, 2, 10, 12), keep=0.71).class_ids[0] == -2


def test_a_crowd_stays_one_and_a_touching_box_is_outside():
    boxes = InstanceBoxes([[0, 0, 10, 10], [0, 10, 10, 20]], (20, 30))
    cut = cut_out(boxes, np.array([-1, 1]), (0, 0, 20, 10), keep=0)
    assert cut.class_ids.tolist() == [-1] and cut.is_whole.tolist() == [True]


@pytest.mark.parametrize("y1", [0, 3])
def test_no_instances(y1):
    cut = cut_out(InstanceMasks([], [], (9, 9)), np.zeros(0, int), (y1, 0, 9, 9), keep=0.5)
    assert len(cut.class_ids) == len(cut.shapes) == 0 and cut.shapes.shape[:2] == (9 - y1, 9)


def test_keypoints_of_a_whole_instance_stay_even_if_they_are_wrong():
    boxes = InstanceBoxes([[0, 0, 10, 10], [0, 15, 10, 30]], (40, 40))
    cut = cut_out(boxes, np.array([1, 1]), (0, 0, 40, 20), keep=0)
    points = InstanceKeypoints([[[35, 18, 2]], [[35, 2, 2]]], (40, 40))
    assert cut.seen(moved(points, (0, 0, 40, 20))).points.tolist() == [[[35, 18, 2]], [[0, 0, 0]]]
