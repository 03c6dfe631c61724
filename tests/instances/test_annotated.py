import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.instances import InstanceBoxes, InstanceMasks
from mrcnn.instances.annotated import Annotated, countable, true_areas, true_boxes

ROWS = [((10.4, 10.4, 15.6, 15.6), 27.04), (None, 5.0), ((-3, 2, 1, 4.5), None), (None, None)]


def masks(annotated):
    """Four instances; the last but one has no pixels."""
    crops = [np.ones((6, 6)), np.ones((2, 3)), np.zeros((1, 1)), np.ones((1, 4))]
    return InstanceMasks(crops, [(10, 10), (0, 0), (5, 5), (30, 7)], (40, 50), annotated)


def boxes(annotated):
    rows = [(10.4, 10.4, 15.6, 15.6), (0, 0, 2, 3), (0, 2, 0.5, 4.5), (30, 7, 31, 11)]
    return InstanceBoxes(rows, (40, 50), annotated)


def test_the_files_boxes_and_areas_come_first():
    instances = masks(Annotated.of(ROWS))
    assert_array_equal(
        true_boxes(instances),
        [[10.4, 10.4, 15.6, 15.6], [0, 0, 2, 3], [-3, 2, 1, 4.5], [30, 7, 31, 11]],
    )
    assert_array_equal(true_areas(instances), [27.04, 5, 0, 4])
    assert_array_equal(instances.boxes[0], [10, 10, 16, 16])  # for training
    assert_array_equal(true_boxes(boxes(Annotated.of(ROWS)))[0], [10.4, 10.4, 15.6, 15.6])


def test_without_a_file():
    assert Annotated.of([(None, None)] * 4) is None and Annotated.of([]) is None
    instances = masks(None)
    assert true_boxes(instances) is instances.boxes
    assert_array_equal(true_areas(instances), [36, 6, 0, 4])
    assert_array_equal(countable(instances), instances.visible)


@pytest.mark.parametrize("make", [masks, boxes])
def test_a_box_in_the_image_counts_without_a_visible_pixel(make):
    assert make(None).visible.tolist() == [True, True, False, True]
    assert countable(make(Annotated.of(ROWS))).tolist() == [True] * 4
    outside = [*ROWS[:2], ((-3, 2, 0, 4.5), 9), ROWS[3]]
    assert countable(make(Annotated.of(outside))).tolist() == [True, True, False, True]


@pytest.mark.parametrize("make", [masks, boxes])
def test_chosen_with_the_instances_and_dropped_when_they_move(make):
    instances = make(Annotated.of(ROWS))
    assert_array_equal(true_boxes(instances[[2, 0]])[:, 0], [-3, 10.4])
    assert_array_equal(true_areas(instances[np.array([False, True, False, True])]), [5, 4])
    again = pickle.loads(pickle.dumps(instances))
    assert_array_equal(true_boxes(again), true_boxes(instances))
    moved = (
        instances.flip(1),
        instances.transpose(),
        instances.resize(2, [(0, 0), (0, 0)]),
    )
    assert [part.annotated for part in moved] == [None] * 3
