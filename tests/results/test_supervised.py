import sys

import numpy as np
import pytest
import supervision as sv
from numpy.testing import assert_array_equal

from mrcnn.instances import InstanceBoxes
from mrcnn.results import Objects, to_supervision

BOXES = [[5, 10, 25, 50], [30, 2, 31, 3], [0, 0, 40, 60]]
MASKS = InstanceBoxes(BOXES, (40, 60)).filled()
NAMES = ["BG", "cell", "dividing cell"]


def result(**changed):
    found = {
        "rois": np.array(BOXES, np.int32),
        "class_ids": np.array([1, 2, 9], np.int32),
        "scores": np.array([0.9, 0.8, 0.7], np.float32),
        "masks": MASKS.dense(),
    }
    return {**found, **changed}


@pytest.mark.parametrize("masks", [MASKS, MASKS.dense()])
def test_fields(masks):
    found = to_supervision(result(masks=masks), NAMES)
    assert isinstance(found, sv.Detections)
    assert_array_equal(found.xyxy, [[10, 5, 50, 25], [2, 30, 3, 31], [0, 0, 60, 40]])
    assert (found.xyxy.dtype, found.mask.dtype) == (np.float32, bool)
    assert_array_equal(np.moveaxis(found.mask, 0, -1), MASKS.dense())
    assert_array_equal(found.confidence, np.float32([0.9, 0.8, 0.7]))
    assert found.class_id.tolist() == [1, 2, 9]
    assert found.data["class_name"].tolist() == ["cell", "dividing cell", "class 9"]
    assert found.data["number"].tolist() == [1, 2, 3]


def test_objects_keep_their_numbers():
    objects = Objects([7, 8, 9], [1, 1, 1], [0.9, 0.8, 0.7], BOXES, MASKS)
    found = to_supervision(objects[1:])
    assert found.data["number"].tolist() == [8, 9]
    assert "class_name" not in found.data


def test_it_can_be_filtered():
    found = to_supervision(result(), NAMES)
    some = found[found.confidence > 0.75]
    assert len(some) == 2 and some.data["class_name"].tolist() == ["cell", "dividing cell"]
    assert (some.area == [800, 1]).all()


def test_its_annotators_draw_the_objects():
    image = np.zeros((40, 60, 3), np.uint8)
    found = to_supervision(result(), NAMES)[:1]
    painted = sv.MaskAnnotator(opacity=1).annotate(image.copy(), found)
    assert_array_equal(painted.any(axis=2), MASKS.dense()[..., 0])
    for annotator in (sv.BoxAnnotator(thickness=1), sv.PolygonAnnotator(thickness=1)):
        drawn = annotator.annotate(image.copy(), found).any(axis=2)
        assert drawn[5, 20] and drawn[15, 10] and not drawn[15, 30]
    assert sv.LabelAnnotator().annotate(image.copy(), found).any()


@pytest.mark.parametrize("masks", [MASKS, None])
def test_no_objects(masks):
    objects = Objects([], [], [], [], None if masks is None else masks[:0])
    found = to_supervision(objects, NAMES)
    assert len(found) == 0 and found.xyxy.shape == (0, 4)
    assert (found.mask is None) == (masks is None)
    image = np.zeros((40, 60, 3), np.uint8)
    assert not sv.BoxAnnotator().annotate(image.copy(), found).any()
    assert not sv.MaskAnnotator().annotate(image.copy(), found).any()


def test_boxes_alone():
    found = result()
    del found["masks"]
    assert to_supervision(found).mask is None


def test_supervision_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(ImportError, match="`pip install supervision`"):
        to_supervision(result())
