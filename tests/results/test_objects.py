import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.instances import InstanceBoxes
from mrcnn.results import ImageFacts, Objects

MASKS = InstanceBoxes([[1, 2, 4, 6], [0, 0, 2, 2], [5, 5, 6, 6]], (10, 12)).filled()


def objects(masks=MASKS, **changed):
    given = {
        "numbers": [7, 8, 9],
        "class_ids": [1, 2, 1],
        "scores": [0.9, 0.8, 0.7],
        "boxes": MASKS.boxes,
        "masks": masks,
        "keypoints": np.arange(18).reshape(3, 2, 3),
    }
    return Objects(**{**given, **changed})


def test_class_names():
    image = ImageFacts("a.tif", (10, 12), ["BG", "cell"])
    assert [image.class_name(i) for i in (0, 1, 2, -1)] == ["BG", "cell", "class 2", "class -1"]


@pytest.mark.parametrize(
    ("name", "values"),
    [("scores", [0.5]), ("masks", MASKS[:2]), ("keypoints", np.zeros((4, 2, 3)))],
)
def test_fields_of_different_lengths(name, values):
    with pytest.raises(ValueError, match=rf"^there are {len(values)} {name} and 3 numbers: every"):
        objects(**{name: values})


@pytest.mark.parametrize("chosen", [slice(1, 3), [1, 2], np.array([False, True, True])])
def test_choosing(chosen):
    some = objects()[chosen]
    assert len(some) == 2
    assert some.numbers.tolist() == [8, 9] and some.class_ids.tolist() == [2, 1]
    assert_array_equal(some.boxes, MASKS.boxes[1:])
    assert_array_equal(some.masks.boxes, MASKS.boxes[1:])
    assert_array_equal(some.keypoints, np.arange(18).reshape(3, 2, 3)[1:])
    boxes = objects(masks=None, keypoints=None)[chosen]
    assert boxes.masks is None and boxes.keypoints is None


@pytest.mark.parametrize("masks", [MASKS, MASKS.dense(), None])
def test_of_a_result(masks):
    result = {"rois": MASKS.boxes, "class_ids": [1, 2, 1], "scores": [0.9, 0.8, 0.7]}
    found = Objects.of_result(result if masks is None else {**result, "masks": masks}, first=5)
    assert found.numbers.tolist() == [5, 6, 7]
    assert (found.numbers.dtype, found.class_ids.dtype) == (np.int64, np.int32)
    assert_array_equal(found.boxes, MASKS.boxes)
    assert found.keypoints is None
    if masks is None:
        assert found.masks is None
    else:
        assert_array_equal(found.masks.dense(), MASKS.dense())


def test_no_objects():
    none = Objects([], [], [], [], MASKS[:0])
    assert len(none) == 0 and none.boxes.shape == (0, 4) and len(none[:5]) == 0
