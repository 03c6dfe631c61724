import json
import logging

import jsonschema
import numpy as np
import pytest
from PIL import Image

from mrcnn.formats import LabelMeDataset
from mrcnn.instances.overlaps import iou
from mrcnn.results import ImageFacts, labelme

from .scene import HUGE, NAMES, SMALL, drawable, in_parts, only_boxes, same_masks, scene

# What LabelMe 5 and 6 need to open a file, and what they keep when they save it.
POINT = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
SHAPE = {
    "required": ["label", "points", "group_id", "description", "shape_type", "flags", "mask"],
    "properties": {
        "label": {"type": "string"},
        "points": {"type": "array", "items": POINT, "minItems": 2},
        "group_id": {"type": ["integer", "null"]},
        "description": {"type": "string"},
        "shape_type": {"enum": ["polygon", "rectangle"]},
        "flags": {"type": "object", "additionalProperties": {"type": "boolean"}},
        "mask": {"type": "null"},
    },
}
SCHEMA = {
    "required": [
        *("version", "flags", "shapes", "imagePath", "imageData", "imageHeight", "imageWidth")
    ],
    "properties": {
        "version": {"type": "string"},
        "flags": {"type": "object"},
        "shapes": {"type": "array", "items": SHAPE},
        "imagePath": {"type": "string"},
        "imageData": {"type": "null"},
        "imageHeight": {"type": "integer"},
        "imageWidth": {"type": "integer"},
    },
}


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "images" / "plate 1" / "a ü.png"
    path.parent.mkdir(parents=True)
    Image.new("L", SMALL[::-1]).save(path)
    return path


@pytest.fixture
def file(tmp_path):
    (tmp_path / "results" / "plate 1").mkdir(parents=True)
    return tmp_path / "results" / "plate 1" / "a ü.json"


def content(file):
    found = json.loads(file.read_text())
    jsonschema.validate(found, SCHEMA)
    return found


@pytest.mark.parametrize("size", [SMALL, HUGE])
def test_read_by_our_dataset(file, picture, size, caplog):
    image, objects = scene(size, picture)
    labelme.write(file, image, in_parts(objects))
    dataset = LabelMeDataset.read(file.parent)
    assert dataset.class_names == NAMES
    assert dataset.image_info[0]["path"] == str(file.parent / "../../images/plate 1/a ü.png")
    masks, class_ids = dataset.load_instances(0)
    wanted = drawable(objects)
    assert class_ids.tolist() == wanted.class_ids.tolist()
    assert iou(masks, wanted.masks).diagonal().min() >= 0.98
    # Those with few corners anyway.
    assert same_masks(masks[[2, 3, 4, 5]], wanted.masks[[2, 3, 4, 5]])
    if size == SMALL:
        assert dataset.load_image(0).shape[:2] == SMALL
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_the_shapes(file):
    image, objects = scene()
    labelme.write(file, image, [objects])
    found = content(file)
    assert (found["imageHeight"], found["imageWidth"]) == SMALL
    shapes = found["shapes"]
    of_second = [shape for shape in shapes if shape["group_id"] == 2]
    assert [shape["label"] for shape in of_second] == [NAMES[2]] * 3 + ["_background_"]
    assert [shape["flags"] for shape in of_second] == [{}] * 3 + [{"hole": True}]
    assert {shape["description"] for shape in of_second} == {"object 2, score 0.90"}
    assert {shape["score"] for shape in of_second} == {0.9}
    # An object of one shape has no group: LabelMe copies it with the shape.
    assert [s["group_id"] for s in shapes if "object 3" in s["description"]] == [None]
    [dot] = [shape for shape in shapes if "object 3," in shape["description"]]
    assert dot["points"] == [[5, 40], [6, 40], [6, 41], [5, 41]]


def test_boxes(file, picture):
    image, objects = scene(path=picture)
    labelme.write(file, image, [only_boxes(objects)])
    assert {shape["shape_type"] for shape in content(file)["shapes"]} == {"rectangle"}
    boxes, class_ids = LabelMeDataset.read(file.parent).load_boxes(0)
    wanted = drawable(only_boxes(objects))
    wanted.boxes[4, 3] = 80  # within the image
    assert class_ids.tolist() == wanted.class_ids.tolist()
    np.testing.assert_array_equal(boxes.boxes, wanted.boxes)


def test_nothing_found(file, picture):
    image, objects = scene(path=picture)
    labelme.write(file, image, [])
    assert content(file)["shapes"] == []
    dataset = LabelMeDataset.read(file.parent, class_names=NAMES[1:])
    assert len(dataset.load_instances(0)[1]) == 0
    labelme.write(file, image, [objects[5:6]])
    assert content(file)["shapes"] == []


def test_where_the_image_is(file, picture, tmp_path):
    image, objects = scene()
    labelme.write(file, image, [])
    assert content(file)["imagePath"] == image.name
    beside = file.with_suffix(".png")
    labelme.write(file, ImageFacts("a.png", SMALL, NAMES, beside), [])
    assert content(file)["imagePath"] == "a ü.png"
    # The results are in a folder that is a link.
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "results" / "link"
    link.symlink_to(tmp_path / "elsewhere")
    labelme.write(link / "a.json", ImageFacts("a.png", SMALL, NAMES, picture), [objects])
    assert (link / content(link / "a.json")["imagePath"]).is_file()


def test_corrections_are_not_lost(file):
    image, objects = scene()
    labelme.write(file, image, [objects])
    labelme.write(file, image, [objects[:3]])  # nobody has touched it
    found = content(file)
    del found["shapes"][0]
    file.write_text(json.dumps(found))
    with pytest.raises(FileExistsError, match=r"a ü\.json was corrected by hand \(1 removed"):
        labelme.write(file, image, [objects])
    assert content(file) == found
