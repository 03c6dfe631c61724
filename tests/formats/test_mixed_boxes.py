import json

import pytest
from PIL import Image

from mrcnn.datasets.check import check
from mrcnn.formats import CocoDataset, LabelMeDataset, ViaDataset, YoloDataset

OUTLINE = [[2, 2], [30, 4], [20, 28]]


def yolo(folder, boxes, outlines):
    lines = ["0 .5 .5 .25 .25"] * boxes
    lines += ["0 " + " ".join(f"{n / 40}" for point in OUTLINE for n in point)] * outlines
    for name in "ab":
        (folder / f"{name}.txt").write_text("\n".join(lines) if name == "b" else "")
    return YoloDataset, folder, "lines"


def labelme(folder, boxes, outlines):
    shapes = [{"label": "cat", "points": [[5, 5], [9, 12]], "shape_type": "rectangle"}] * boxes
    shapes += [{"label": "cat", "points": OUTLINE, "shape_type": "polygon"}] * outlines
    (folder / "b.json").write_text(json.dumps({"imagePath": "b.png", "shapes": shapes}))
    return LabelMeDataset, folder / "b.json", "shapes"


def via(folder, boxes, outlines):
    xs, ys = zip(*OUTLINE, strict=True)
    drawn = [{"name": "rect", "x": 5, "y": 5, "width": 4, "height": 7}] * boxes
    drawn += [{"name": "polygon", "all_points_x": xs, "all_points_y": ys}] * outlines
    regions = [{"shape_attributes": d, "region_attributes": {"type": "cat"}} for d in drawn]
    (folder / "v.json").write_text(json.dumps([{"filename": "b.png", "regions": regions}]))
    return ViaDataset, folder / "v.json", "regions"


def coco(folder, boxes, outlines):
    common = {"image_id": 1, "category_id": 1}
    rows = [{**common, "bbox": [5, 5, 4, 7]}] * boxes
    rows += [{**common, "segmentation": [[2, 2, 30, 4, 20, 28]]}] * outlines
    images, categories = [{"id": 1, "file_name": "b.png"}], [{"id": 1, "name": "cat"}]
    content = {"images": images, "categories": categories, "annotations": rows}
    (folder / "c.json").write_text(json.dumps(content))
    return CocoDataset, folder / "c.json", "annotations"


@pytest.fixture
def folder(tmp_path):
    for name in "ab":
        Image.new("RGB", (40, 40)).save(tmp_path / f"{name}.png")
    return tmp_path


@pytest.mark.parametrize("write", [yolo, labelme, via, coco])
def test_boxes_among_outlines(folder, write, caplog):
    kind, path, things = write(folder, 2, 1)
    dataset = kind.read(path)
    said = [m for m in caplog.messages if "their masks are rectangles" in m]
    assert len(said) == 1 and f"2 of 3 {things} " in said[0]
    if write is not coco:
        assert f"2 of 3 {things} are boxes: their masks are rectangles." in said[0]
        assert "The first is in image b" in said[0]
    report = check(dataset)
    (finding,) = report.remarks["boxes among outlines"]
    assert finding.text.startswith("2 of 3 instances are boxes: their masks are rectangles; first")
    assert report.ok


@pytest.mark.parametrize("write", [yolo, labelme, via])
@pytest.mark.parametrize("counts", [(2, 0), (0, 2)])
def test_one_kind_alone(folder, write, counts, caplog):
    kind, path, _ = write(folder, *counts)
    dataset = kind.read(path)
    assert not caplog.messages
    assert "boxes among outlines" not in check(dataset).remarks


def test_classes_that_are_left_out_do_not_count(folder, caplog):
    (folder / "b.txt").write_text("0 .5 .5 .2 .2\n1 .1 .1 .5 .1 .3 .6\n")
    YoloDataset.read(folder, class_names=["0", "1"], class_map={"0": None})
    assert "rectangles" not in caplog.text
