import re
from xml.etree import ElementTree

import numpy as np
import pytest

from mrcnn.instances import InstanceMasks
from mrcnn.instances.overlaps import iou
from mrcnn.results import ImageFacts, cvat
from mrcnn.results.polygons import Outline, mask_of

from .scene import HUGE, NAME, NAMES, SMALL, drawable, in_parts, only_boxes, scene

# From https://docs.cvat.ai/docs/other/xml_format: elements and the attributes that they must have.
SHAPES = {
    "box": {"xtl", "ytl", "xbr", "ybr"},
    "polygon": {"points"},
    "mask": {"rle", "left", "top", "width", "height"},
}
COMMON = {"label", "source", "occluded", "z_order"}


@pytest.fixture
def written(tmp_path):
    def write(*images):
        paths = []
        for image, parts in images:
            paths.append(tmp_path / f"{len(paths)}.part")
            cvat.write(paths[-1], image, parts)
        cvat.gather(paths, tmp_path / "cvat.xml")
        root = ElementTree.parse(tmp_path / "cvat.xml").getroot()
        check(root)
        return root

    return write


def check(root):
    assert root.tag == "annotations" and root.findtext("version") == "1.1"
    labels = [label.findtext("name") for label in root.iter("label")]
    images = root.findall("image")
    assert root.findtext("meta/task/size") == str(len(images))
    assert [image.get("id") for image in images] == [str(i) for i in range(len(images))]
    for image in images:
        for shape in image:
            assert set(shape.attrib) == COMMON | SHAPES[shape.tag]
            assert shape.get("label") in labels
            assert [a.get("name") for a in shape] == ["object", "score"]


def decoded(shape, size):
    """The pixels of an element, as CVAT takes them."""
    if shape.tag == "polygon":
        points = [point.split(",") for point in shape.get("points").split(";")]
        return mask_of([Outline(np.array(points, float))], *size)
    left, top, width, height = (int(shape.get(name)) for name in ("left", "top", "width", "height"))
    runs = [int(run) for run in shape.get("rle").split(",")]
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return inside.reshape(height, width), (top, left)


@pytest.mark.parametrize("size", [SMALL, HUGE])
def test_shapes(written, size):
    image, objects = scene(size)
    root = written((image, in_parts(objects)))
    [entry] = root.findall("image")
    assert (entry.get("name"), entry.get("height"), entry.get("width")) == (
        *(NAME, str(size[0]), str(size[1])),
    )
    shapes, drawn = list(entry), drawable(objects)
    tags = ["mask", "mask", "polygon", "mask", "polygon", "mask", "polygon"]
    assert [shape.tag for shape in shapes] == tags
    found = InstanceMasks(*zip(*(decoded(shape, size) for shape in shapes), strict=True), size)
    overlaps = iou(found, drawn.masks).diagonal()
    assert overlaps.min() >= 0.98
    assert (overlaps[[0, 1, 3, 5]] == 1).all()
    assert [shape.get("label") for shape in shapes][:2] == NAMES[1:]
    assert [a.text for a in shapes[1]] == ["2", "0.9"]


def test_runs_start_outside(written):
    image, objects = scene()
    [entry] = written((image, [objects[3:4]])).findall("image")
    assert entry[0].get("rle") == "0, 2, 1, 2, 3, 1"  # ##. ##. ..#


def test_boxes_and_nothing(written):
    image, objects = scene()
    other = ImageFacts("b.png", SMALL, NAMES)
    first, second = written((image, [only_boxes(objects)]), (other, [])).findall("image")
    sides = {name: first[2].get(name) for name in SHAPES["box"]}
    assert sides == {"xtl": "5.25", "ytl": "40.00", "xbr": "6.25", "ybr": "41.00"}
    assert second.get("name") == "b.png" and len(second) == 0
    assert written().findall("image") == []


def test_names_that_xml_must_escape(written):
    names = ["BG", 'a<b> & "c"\x07']
    image = ImageFacts('x & "y"<\x01.png', SMALL, names)
    _, objects = scene()
    [entry] = written((image, [objects[:1]])).findall("image")
    assert entry.get("name") == 'x & "y"<?.png'
    assert entry[0].get("label") == 'a<b> & "c"?'


def test_colours(written):
    image, objects = scene()
    colours = [label.findtext("color") for label in written((image, [objects])).iter("label")]
    assert len(set(colours)) == 2
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours)
