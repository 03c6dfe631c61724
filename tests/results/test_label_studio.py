import json
from urllib.parse import unquote
from xml.etree import ElementTree

import jsonschema
import numpy as np
import pytest

from mrcnn.instances import InstanceMasks
from mrcnn.instances.overlaps import iou
from mrcnn.results import ImageFacts, label_studio
from mrcnn.results.polygons import Outline, mask_of

from .scene import HUGE, NAME, NAMES, SMALL, drawable, in_parts, only_boxes, scene

# From https://labelstud.io/guide/predictions and the tags' pages.
PERCENT = {"type": "number", "minimum": 0, "maximum": 100}
POINT = {"type": "array", "items": PERCENT, "minItems": 2, "maxItems": 2}
LABELS = {"type": "array", "items": {"type": "string"}, "minItems": 1}
REGION = {
    "type": "object",
    "required": ["id", "type", "from_name", "to_name", "original_width", "value", "score"],
    "properties": {
        "id": {"type": "string"},
        "type": {"enum": ["polygonlabels", "rectanglelabels"]},
        "to_name": {"const": "image"},
        "original_width": {"type": "integer"},
        "original_height": {"type": "integer"},
        "image_rotation": {"const": 0},
        "score": {"type": "number", "minimum": 0, "maximum": 1},
        "value": {
            "oneOf": [
                {
                    "required": ["points", "polygonlabels"],
                    "properties": {
                        "points": {"type": "array", "items": POINT, "minItems": 3},
                        "polygonlabels": LABELS,
                    },
                },
                {
                    "required": ["x", "y", "width", "height", "rotation", "rectanglelabels"],
                    "properties": {
                        **dict.fromkeys(("x", "y", "width", "height"), PERCENT),
                        "rectanglelabels": LABELS,
                    },
                },
            ]
        },
    },
}
PREDICTION = {
    "type": "object",
    "required": ["model_version", "result"],
    "properties": {"result": {"type": "array", "items": REGION}},
}
TASKS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["data", "predictions"],
        "properties": {
            "data": {"required": ["image"]},
            "predictions": {"type": "array", "items": PREDICTION, "minItems": 1},
        },
    },
}


@pytest.fixture
def written(tmp_path):
    def write(*images):
        paths = []
        for image, parts in images:
            paths.append(tmp_path / f"{len(paths)}.part")
            label_studio.write(paths[-1], image, parts)
        label_studio.gather(paths, tmp_path / "labelstudio.json")
        tasks = json.loads((tmp_path / "labelstudio.json").read_text())
        jsonschema.validate(tasks, TASKS)
        return tasks

    return write


@pytest.mark.parametrize("size", [SMALL, HUGE])
def test_polygons(written, size):
    image, objects = scene(size)
    [task] = written((image, in_parts(objects)))
    [prediction] = task["predictions"]
    regions, drawn = prediction["result"], drawable(objects)
    assert [region["id"] for region in regions] == ["1", "2", "3", "4", "5", "7", "8"]
    height, width = size
    crops = []
    for region in regions:
        assert region["from_name"] == "polygonlabels" and region["image_rotation"] == 0
        assert (region["original_width"], region["original_height"]) == (width, height)
        ring = np.array(region["value"]["points"]) * [width / 100, height / 100]
        crops.append(mask_of([Outline(ring)], *size))
    found = InstanceMasks(*zip(*crops, strict=True), size)
    assert iou(found, drawn.masks).diagonal().min() >= 0.98
    assert regions[1]["score"] == 0.9
    assert regions[1]["value"]["polygonlabels"] == [NAMES[2]]
    assert regions[1]["meta"] == {"text": ["object 2"]}


def test_images_and_boxes(written):
    image, objects = scene()
    other = ImageFacts("b.png", SMALL, NAMES)
    tasks = written((image, [only_boxes(objects)]), (other, []))
    prefix = "/data/local-files/?d="
    assert [unquote(task["data"]["image"]) for task in tasks] == [prefix + NAME, prefix + "b.png"]
    assert " " not in tasks[0]["data"]["image"]
    region = tasks[0]["predictions"][0]["result"][2]
    assert region["value"] == {
        **{"x": 6.5625, "y": 66.666667, "width": 1.25, "height": 1.666667},
        **{"rotation": 0, "rectanglelabels": ["cell"]},
    }
    assert tasks[1]["predictions"][0]["result"] == []


def test_the_interface_has_all_labels_and_names(written, tmp_path):
    image, objects = scene()
    tasks = written((image, [objects]), (image, [only_boxes(objects)]))
    view = ElementTree.parse(tmp_path / "labelstudio.xml").getroot()
    tags = {tag.get("name"): tag for tag in view}
    assert tags["image"].get("value") == "$image"
    for task in tasks:
        for region in task["predictions"][0]["result"]:
            tag = tags[region["from_name"]]
            assert tag.tag.lower() == region["type"]
            assert tag.get("toName") == region["to_name"]
            labels = [label.get("value") for label in tag]
            assert labels == NAMES[1:]
            assert set(region["value"][region["type"]]) <= set(labels)


def test_no_images(written, tmp_path):
    assert written() == []
    assert ElementTree.parse(tmp_path / "labelstudio.xml").getroot().tag == "View"
