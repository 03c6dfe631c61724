"""Class ids and fields that are moved and selected together."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.instances import InstanceBoxes, InstanceMasks, Instances

# The crowd extends outside the image; the third instance lies entirely outside.
BOXES = np.array([(1, 2, 4, 8), (-2, 5, 3, 9), (-6, 0, -1, 3)])


class Points:
    """A field without boxes: one (y, x) per instance, never out of sight."""

    def __init__(self, points, shape):
        self.points, self.shape = np.asarray(points), (*shape, len(points))

    def __len__(self):
        return len(self.points)

    def __getitem__(self, chosen):
        return Points(self.points[chosen], self.shape[:2])

    def resize(self, scale, padding, crop=None):
        (top, bottom), (left, right) = padding[:2]
        points = self.points * scale + [top, left] - np.array((crop or (0, 0))[:2])
        size = (self.shape[0] * scale + top + bottom, self.shape[1] * scale + left + right)
        return Points(points, crop[2:] if crop else size)

    def flip(self, axis):
        points = self.points.copy()
        points[:, axis] = self.shape[axis] - points[:, axis]
        return Points(points, self.shape[:2])

    def transpose(self):
        return Points(self.points[:, ::-1], self.shape[1::-1])


@pytest.fixture
def instances():
    crops = [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in BOXES]
    fields = {
        "masks": InstanceMasks(crops, BOXES[:, :2], (8, 10)),
        "boxes": InstanceBoxes(BOXES, (8, 10)),
        "points": Points(BOXES[:, :2], (8, 10)),
    }
    return Instances([1, -2, 3], fields)


def test_attributes(instances):
    assert len(instances) == 3 and instances.shape == (8, 10, 3)
    assert (instances.height, instances.width) == (8, 10)
    assert instances.class_ids.dtype == np.int32
    assert_array_equal(instances.class_ids, [1, -2, 3])
    assert list(instances.fields) == ["masks", "boxes", "points"]
    assert_array_equal(instances.boxes, [(1, 2, 4, 8), (0, 5, 3, 9), (0, 0, 0, 0)])
    assert_array_equal(instances.visible, [True, True, False])


def test_boxes_and_visibility_are_those_of_the_first_field():
    masks = InstanceMasks([np.eye(3), np.zeros((3, 3))], [(2, 2)] * 2, (8, 10))
    boxes = InstanceBoxes([(0, 0, 8, 10)] * 2, (8, 10))
    first_masks = Instances([1, 1], {"masks": masks, "boxes": boxes})
    assert_array_equal(first_masks.boxes, [(2, 2, 5, 5), (0, 0, 0, 0)])
    assert_array_equal(first_masks.visible, [True, False])
    first_boxes = Instances([1, 1], {"boxes": boxes, "masks": masks})
    assert_array_equal(first_boxes.boxes, [(0, 0, 8, 10)] * 2)
    assert first_boxes.visible.all()


@pytest.mark.parametrize(
    ("move", "shape", "boxes", "points"),
    [
        (
            lambda each: each.flip(0),
            (8, 10, 3),
            [(4, 2, 7, 8), (5, 5, 8, 9), (0, 0, 0, 0)],
            [(7, 2), (10, 5), (14, 0)],
        ),
        (
            lambda each: each.flip(1),
            (8, 10, 3),
            [(1, 2, 4, 8), (0, 1, 3, 5), (0, 0, 0, 0)],
            [(1, 8), (-2, 5), (-6, 10)],
        ),
        (
            lambda each: each.transpose(),
            (10, 8, 3),
            [(2, 1, 8, 4), (5, 0, 9, 3), (0, 0, 0, 0)],
            [(2, 1), (5, -2), (0, -6)],
        ),
        (
            lambda each: each.resize(2, [(3, 1), (0, 4), (0, 0)]),
            (20, 24, 3),
            [(5, 4, 11, 16), (3, 10, 9, 18), (0, 0, 0, 0)],
            [(5, 4), (-1, 10), (-9, 0)],
        ),
        (
            lambda each: each.resize(2, [(3, 1), (0, 4), (0, 0)], (4, 6, 8, 12)),
            (8, 12, 3),
            [(1, 0, 7, 10), (0, 4, 5, 12), (0, 0, 0, 0)],
            [(1, -2), (-5, 4), (-13, -6)],
        ),
    ],
    ids=["top to bottom", "left to right", "transpose", "resize", "resize and crop"],
)
def test_all_fields_move_together(instances, move, shape, boxes, points):
    moved = move(instances)
    assert isinstance(moved, Instances) and list(moved.fields) == list(instances.fields)
    assert_array_equal(moved.class_ids, [1, -2, 3])
    assert moved.shape == shape
    assert all(values.shape == shape for values in moved.fields.values())
    assert_array_equal(moved.fields["masks"].boxes, boxes)
    assert_array_equal(moved.fields["boxes"].boxes, boxes)
    assert_array_equal(moved.fields["points"].points, points)
    # The original instances are unchanged.
    assert instances.shape == (8, 10, 3)
    assert_array_equal(instances.fields["points"].points, BOXES[:, :2])


@pytest.mark.parametrize(
    ("chosen", "numbers"),
    [
        (slice(1, None), [1, 2]),
        (np.array([2, 0]), [2, 0]),
        (np.array([True, False, True]), [0, 2]),
        (np.array([], int), []),
    ],
)
def test_all_fields_are_chosen_together(instances, chosen, numbers):
    found = instances[chosen]
    assert isinstance(found, Instances) and len(found) == len(numbers)
    assert_array_equal(found.class_ids, instances.class_ids[numbers])
    assert found.shape == (8, 10, len(numbers))
    for name in ("masks", "boxes"):
        assert_array_equal(found.fields[name].boxes, instances.boxes[numbers])
    assert_array_equal(found.fields["points"].points, BOXES[numbers, :2])


def test_only_visible_instances(instances):
    assert_array_equal(instances[instances.visible].class_ids, [1, -2])


def test_the_fields_are_a_copy(instances):
    fields = dict(instances.fields)
    made = Instances([1, 2, 3], fields)
    del fields["masks"]
    assert list(made.fields) == ["masks", "boxes", "points"]


def test_without_a_field():
    with pytest.raises(ValueError) as caught:
        Instances([], {})
    assert str(caught.value) == ("instances have no field: at least boxes or masks are needed.")


@pytest.mark.parametrize("class_ids", [[1, 2], [1, 2, 3, 4], []])
def test_a_different_number_of_class_ids(class_ids):
    with pytest.raises(ValueError) as caught:
        Instances(class_ids, {"boxes": InstanceBoxes(BOXES, (8, 10))})
    assert str(caught.value) == (
        f"there are 3 boxes and {len(class_ids)} class ids: every instance needs one of each."
    )


def test_a_second_field_of_a_different_length(instances):
    fields = {**instances.fields, "boxes": instances.fields["boxes"][:2]}
    with pytest.raises(ValueError, match="there are 2 boxes and 3 class ids"):
        Instances([1, 2, 3], fields)


def test_all_fields_are_hidden_and_joined_together():
    masks = InstanceBoxes([(0, 0, 4, 4), (2, 2, 4, 6)], (6, 8)).filled()
    instances = Instances([1, -2], {"masks": masks, "boxes": InstanceBoxes(masks.boxes, (6, 8))})
    cover = np.zeros((6, 8), bool)
    cover[:, 2:] = True
    behind = instances.behind(cover)
    assert behind.boxes.tolist() == [[0, 0, 4, 2], [0, 0, 0, 0]]
    assert_array_equal(behind.fields["boxes"].boxes, masks.boxes)
    joined = instances[1:].joined(behind)
    assert joined.class_ids.tolist() == [-2, 1, -2]
    assert joined.boxes.tolist() == [[2, 2, 4, 6], [0, 0, 4, 2], [0, 0, 0, 0]]
    assert len(joined.fields["boxes"]) == 3


@pytest.mark.parametrize("method", ["behind", "joined"])
def test_fields_that_cannot_be_pasted_are_named(method):
    boxes = InstanceBoxes(BOXES, (6, 8))
    instances = Instances([1, 1, 1], {"boxes": boxes, "points": Points(BOXES[:, :2], (6, 8))})
    with pytest.raises(TypeError, match=f"the points are Points, which has no method {method}: "):
        getattr(instances, method)(instances)
