"""The boxes of COCO annotations."""

import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from pycocotools import mask as coco_mask

from mrcnn.formats import CocoDataset

SIZE = (40, 50)
TRIANGLE = [[5.3, 4.1, 20.7, 6.2, 13.9, 30.4]]


def read(folder, *annotations):
    """A dataset of one image with these annotations."""
    image = {"id": 7, "file_name": "a.png", "height": SIZE[0], "width": SIZE[1]}
    numbered = [
        {"id": i, "image_id": 7, "category_id": 1, **entry} for i, entry in enumerate(annotations)
    ]
    content = {
        "images": [image],
        "categories": [{"id": 1, "name": "person"}, {"id": 5, "name": "cat"}],
        "annotations": numbered,
    }
    path = folder / "annotations.json"
    path.write_text(json.dumps(content))
    return CocoDataset.read(path, images=folder)


@pytest.mark.parametrize(
    ("bbox", "box"),
    [
        ([10.4, 10.4, 5.2, 5.2], [10.4, 10.4, 15.6, 15.6]),
        ([-3, 38, 8, 9], [38, 0, 40, 5]),
        (None, [4.1, 5.3, 30.4, 20.7]),
        ([10, 10, 0, 5], [4.1, 5.3, 30.4, 20.7]),
        ([10, 10, float("nan"), 5], [4.1, 5.3, 30.4, 20.7]),
        ("10, 10, 5, 5", [4.1, 5.3, 30.4, 20.7]),
        ([1, 2, 3], [4.1, 5.3, 30.4, 20.7]),
    ],
)
def test_a_bbox_is_the_box_and_changes_no_mask(tmp_path, bbox, box):
    data = read(tmp_path, {"segmentation": TRIANGLE, "bbox": bbox, "iscrowd": 1})
    boxes, class_ids = data.load_boxes(0)
    assert_array_equal(boxes.boxes, np.array([box], np.float32))
    assert boxes.shape == (*SIZE, 1) and class_ids.tolist() == [-1]
    without = read(tmp_path, {"segmentation": TRIANGLE})
    assert_array_equal(data.load_mask(0)[0], without.load_mask(0)[0])
    assert data.has("masks", 0)


def test_boxes_of_annotations_without_a_bbox(tmp_path):
    """A triangle, a run-length code, and a bbox alone, which also serves as the mask."""
    mask = np.zeros(SIZE, bool)
    mask[3:9, 12], mask[8, 12:17] = True, True
    encoded = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    code = {"size": list(SIZE), "counts": encoded["counts"].decode()}
    only = {"bbox": [1.5, 2.25, 4, 3.5], "category_id": 5}
    data = read(tmp_path, {"segmentation": TRIANGLE}, {"segmentation": code}, only)
    boxes, class_ids = data.load_boxes(0)
    wanted = [[4.1, 5.3, 30.4, 20.7], [3, 12, 9, 17], [2.25, 1.5, 5.75, 5.5]]
    assert_array_equal(boxes.boxes, np.array(wanted, np.float32))
    assert class_ids.tolist() == [1, 1, 2]
    assert data.has("masks", 0)
