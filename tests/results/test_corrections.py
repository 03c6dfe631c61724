import json
import logging

import numpy as np
import pytest
from PIL import Image

from mrcnn.formats import LabelMeDataset
from mrcnn.results import labelme
from mrcnn.results.corrections import (
    Corrections,
    check_replaceable,
    corrections_in,
    corrections_of,
    record_of,
    total,
)

from .scene import SMALL, scene


@pytest.fixture
def file(tmp_path):
    image, objects = scene()
    labelme.write(tmp_path / "a.json", image, [objects])
    return tmp_path / "a.json"


@pytest.fixture
def edit(file):
    """Function: change the shapes as a person does in LabelMe, and count what was corrected."""

    def edit(change):
        content = json.loads(file.read_text())
        change(content["shapes"])
        # LabelMe keeps all keys.
        file.write_text(json.dumps({**content, "version": "6.3.1"}, indent=2))
        return corrections_of(file)

    return edit


def shapes_of(shapes, number):
    return [shape for shape in shapes if f"object {number}," in shape["description"]]


def square(first, last, label="cell", **more):
    corners = [[first, first], [last, first], [last, last], [first, last]]
    shape = {"label": label, "points": corners, "shape_type": "polygon", "group_id": None}
    return {**shape, "flags": {}, "description": "", "mask": None, **more}


def test_nothing(edit):
    found = edit(lambda shapes: None)
    assert found == Corrections(kept=7) and not found
    assert str(found) == "nothing corrected; 7 kept as written"


def test_order_and_text_do_not_matter(edit):
    def change(shapes):
        shapes.reverse()
        shapes[0]["description"] = "checked"

    assert edit(change) == Corrections(kept=7)


def test_a_dragged_corner(edit):
    def change(shapes):
        shapes_of(shapes, 8)[0]["points"][0][0] += 2

    assert edit(change) == Corrections(kept=6, reshaped=1, corrected=1)


def test_a_hole_removed_or_drawn(edit):
    def remove(shapes):
        shapes.remove(shapes_of(shapes, 1)[1])

    assert edit(remove) == Corrections(kept=6, reshaped=1, corrected=1)

    def draw(shapes):
        points = [[65, 54], [68, 54], [68, 57], [65, 57]]
        shapes.append({**square(0, 1, "_background_"), "points": points})

    assert edit(draw) == Corrections(kept=5, reshaped=2, corrected=2)


def test_another_class(edit):
    def change(shapes):
        for shape in shapes_of(shapes, 3) + shapes_of(shapes, 5):
            shape["label"] = "other"
        shapes_of(shapes, 5)[0]["points"][0][1] -= 3

    found = edit(change)
    assert found == Corrections(kept=5, reshaped=1, reclassed=2, corrected=2)
    assert str(found) == "1 reshaped, 2 of another class; 5 kept as written"


def test_added_and_removed(edit):
    def change(shapes):
        for shape in shapes_of(shapes, 2):
            shapes.remove(shape)
        shapes += [square(30, 36), square(30, 36, "other")]

    found = edit(change)
    assert found == Corrections(kept=6, added=2, removed=1) and found


def test_a_copy_is_added(edit):
    """LabelMe copies all keys with the shape."""

    def change(shapes):
        shape = shapes_of(shapes, 5)[0]
        shapes.append({**shape, "points": [[x - 30, y] for x, y in shape["points"]]})
        shapes.append(dict(shape))

    assert edit(change) == Corrections(kept=7, added=2)


def test_drawn_anew(edit):
    """The old polygon is deleted and another drawn: one object, reshaped."""

    def change(shapes):
        old = shapes_of(shapes, 5)[0]
        shapes.remove(old)
        shapes.append({**square(0, 1), "points": [[x, y + 0.6] for x, y in old["points"]]})

    assert edit(change) == Corrections(kept=6, reshaped=1, corrected=1)


def test_one_drawn_twice(edit):
    def change(shapes):
        old = shapes_of(shapes, 5)[0]
        shapes.remove(old)
        shapes += [{**old, "points": [[x, y + by] for x, y in old["points"]]} for by in (-1, -2)]

    assert edit(change) == Corrections(kept=6, added=1, reshaped=1, corrected=1)


def test_two_merged_into_one(edit):
    def change(shapes):
        old = [shapes_of(shapes, number)[0] for number in (5, 3)]
        for shape in old:
            shapes.remove(shape)
        shapes.append({**old[0], "points": [[54, 50], [80, 50], [80, 60], [54, 60]]})

    assert edit(change) == Corrections(kept=5, removed=1, reshaped=1, corrected=1)


def test_a_folder(edit, file, caplog):
    image, objects = scene()
    inner = file.parent / "plate" / "b.json"
    inner.parent.mkdir()
    labelme.write(inner, image, [objects[:2]])
    edit(lambda shapes: shapes.append(square(30, 36)))
    (file.parent / "coco.json").write_text('{"images": []}')
    (file.parent / "list.json").write_text("[]")
    found = corrections_in(file.parent)
    assert found == {file: Corrections(kept=7, added=1), inner: Corrections(kept=2)}
    assert total(found.values()) == Corrections(kept=9, added=1)
    assert not caplog.records
    drawn = {"imagePath": "c.png", "shapes": [square(1, 5)]}
    (file.parent / "c.json").write_text(json.dumps(drawn))
    with caplog.at_level(logging.WARNING):
        assert corrections_in(file.parent) == found
    assert "1 LabelMe files, which do not say what was written: c.json" in caplog.text


def test_what_may_be_replaced(edit, file):
    check_replaceable(file.parent / "new.json")
    check_replaceable(file)
    edit(lambda shapes: shapes.append(square(30, 36)))
    with pytest.raises(FileExistsError, match=r"corrected by hand \(1 added; 7 kept as written\)"):
        check_replaceable(file)
    for text in ("not JSON", "[]", json.dumps({"shapes": [square(1, 5)]})):
        file.write_text(text)
        with pytest.raises(FileExistsError, match="was not written from results"):
            check_replaceable(file)


def test_a_spoilt_record(file):
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "written": {"size": [60, 80]}}))
    with pytest.raises(ValueError, match=r"a\.json: its key 'written' is not what was written"):
        corrections_of(file)


def test_records_ignore_empty_borders():
    crop = np.pad(np.eye(3, dtype=bool), 2)
    assert record_of("cell", crop, (5, 6)) == record_of("cell", np.eye(3, dtype=bool), (7, 8))
    assert record_of("cell", crop & False, (5, 6))["box"] == [0, 0, 0, 0]


def test_corrected_files_are_training_data(edit, file):
    Image.new("L", SMALL[::-1]).save(file.with_suffix(".png"))
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "imagePath": "a.png"}))
    edit(lambda shapes: shapes.append(square(30, 36, "new")))
    dataset = LabelMeDataset.read(file)
    assert dataset.class_names == ["BG", "cell", "dög & cat", "new"]
    assert len(dataset.load_instances(0)[1]) == 8
