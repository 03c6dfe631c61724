import json

import pytest
from PIL import Image

from mrcnn.formats import CocoDataset, IndexPngDataset, YoloDataset
from mrcnn.formats.naming import is_background, is_ignored, without_reserved
from mrcnn.formats.records import Instance, Record
from mrcnn.formats.shapes import Rectangle

BOX = Rectangle(0, 0, 5, 5)


def test_reserved_names():
    for name in ("_background_", "__background__", " _Background_ "):
        assert is_background(name) and not is_ignored(name)
    for name in ("__ignore__", "_ignore_", "__IGNORE__"):
        assert is_ignored(name) and not is_background(name)
    for name in ("background", "ignore", "bg", "_background", "my_background_"):
        assert not is_background(name) and not is_ignored(name)


def test_without_reserved(caplog):
    def records():
        names = ["ring", "__ignore__", "_background_", "__ignore__"]
        return [Record(1, "a.png", [Instance(name, BOX) for name in names])]

    names = ["__ignore__", "_background_", "ring"]
    found = records()
    assert without_reserved(names, found, (), "a.json") == ["ring"]
    assert [i.class_name for i in found[0].instances] == ["ring"]
    assert caplog.messages == [
        "a.json: the 3 instances of __ignore__, _background_ are left out: these names are not "
        "classes unless class_names or class_map lists them."
    ]
    found = records()
    assert without_reserved(names, found, {"__ignore__"}, "a.json") == ["__ignore__", "ring"]
    assert len(found[0].instances) == 3
    caplog.clear()
    assert without_reserved(names, [], (), "a.json") == ["ring"]
    assert not caplog.messages


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    Image.new("RGB", (40, 40)).save(tmp_path / "images" / "a.png")
    return tmp_path


def test_labelmes_categories_in_coco(folder):
    """LabelMe's own converter writes them, mostly without annotations."""
    rows = [{"image_id": 1, "category_id": i, "bbox": [5, 5, 9, 9]} for i in (0, 1)]
    content = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "categories": [{"id": 0, "name": "_background_"}, {"id": 1, "name": "ring"}],
        "annotations": rows,
    }
    (folder / "c.json").write_text(json.dumps(content))
    dataset = CocoDataset.read(folder / "c.json")
    assert dataset.class_names == ["BG", "ring"]
    assert dataset.load_instances(0)[1].tolist() == [1]
    assert dataset.map_source_class_id("coco.1") == 1
    dataset = CocoDataset.read(folder / "c.json", class_names=["_background_", "ring"])
    assert dataset.load_instances(0)[1].tolist() == [1, 2]


def test_labelmes_names_in_yolo(folder):
    (folder / "classes.txt").write_text("__ignore__\n_background_\nring\n")
    (folder / "images" / "a.txt").write_text("2 .5 .5 .2 .2\n0 .1 .1 .1 .1\n")
    dataset = YoloDataset.read(folder)
    assert dataset.class_names == ["BG", "ring"]
    assert dataset.load_instances(0)[1].tolist() == [1]


def test_labelmes_list_as_class_names(folder):
    """In labels.txt, `__ignore__` comes first, for the index -1."""
    for kind in ("JPEGImages", "SegmentationClass"):
        (folder / kind).mkdir()
    Image.new("RGB", (40, 40)).save(folder / "JPEGImages" / "a.png")
    pixels = Image.new("L", (40, 40))
    pixels.paste(1, (5, 5, 15, 15))
    pixels.save(folder / "SegmentationClass" / "a.png")
    dataset = IndexPngDataset.read(folder, class_names=["__ignore__", "_background_", "ring"])
    assert dataset.class_names == ["BG", "ring"]
    assert dataset.load_instances(0)[1].tolist() == [1]
