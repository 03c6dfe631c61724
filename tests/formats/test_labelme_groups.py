import json

import numpy as np
import pytest
from PIL import Image

from mrcnn.formats import LabelMeDataset
from mrcnn.formats.labelme_groups import Drawn, instances_of, is_flagged_as_hole, is_left_out
from mrcnn.formats.shapes import Rectangle

SIZE = 64, 64


def square(first, last, label="ring", group=None, **more):
    corners = [[first, first], [last, first], [last, last], [first, last]]
    return {"label": label, "points": corners, "shape_type": "polygon", "group_id": group, **more}


RING = square(10, 50)


@pytest.fixture
def read(tmp_path):
    Image.new("RGB", SIZE).save(tmp_path / "a.png")

    def read(*shapes, size=SIZE, **options):
        height, width = size
        content = {"imagePath": "a.png", "imageHeight": height, "imageWidth": width}
        path = tmp_path / "a.json"
        path.write_text(json.dumps({**content, "shapes": shapes}))
        dataset = LabelMeDataset.read(path, **options)
        masks, class_ids = dataset.load_instances(0)
        names = [dataset.class_names[i] for i in class_ids]
        return dataset.class_names, list(zip(names, masks.areas.tolist(), strict=True))

    return read


@pytest.mark.parametrize("size", [SIZE, (None, None)])
@pytest.mark.parametrize(
    "hole",
    [
        *(square(20, 40, label) for label in ("_background_", " __Background__ ")),
        square(20, 40, flags={"hole": True}),
        square(20, 40, "whatever", flags={"Is_Hole": True, "other": False}),
        square(20, 40, attributes={"hole": "true"}),
        square(20, 40, description="hole"),
    ],
)
def test_a_ring(read, hole, size):
    assert read(RING, hole, size=size) == (["BG", "ring"], [("ring", 1200)])
    assert read(hole, RING, size=size) == (["BG", "ring"], [("ring", 1200)])


def test_no_class(read):
    ignored = square(0, 8, "__ignore__"), square(0, 8, "__IGNORE__ ", shape_type="point")
    assert read(RING, *ignored) == (["BG", "ring"], [("ring", 1600)])
    assert read(RING, *ignored, class_names=["ring"]) == (["BG", "ring"], [("ring", 1600)])
    assert read(RING, square(52, 60, "_background_")) == (["BG", "ring"], [("ring", 1600)])


def test_names_that_are_asked_for(read):
    shapes = RING, square(20, 40, "_background_"), square(0, 8, "__ignore__")
    names, found = read(*shapes, class_names=["ring", "_background_"])
    assert names == ["BG", "ring", "_background_"]
    assert found == [("ring", 1600), ("_background_", 400)]
    names, found = read(*shapes, class_map={"__ignore__": "dirt", "_background_": None})
    assert names == ["BG", "dirt", "ring"] and found == [("ring", 1600), ("dirt", 64)]


def test_holes_of_a_group(read):
    """A hole is cut out of all shapes of its group, and of none in other groups."""
    group = square(10, 50, group=1), square(20, 60, "disc", group=1)
    others = square(10, 50, group=2), square(10, 50, "disc")
    hole = square(30, 40, "_background_", group=1)
    _, found = read(*group, *others, hole)
    assert found == [("ring", 1500), ("disc", 1500), ("ring", 1600), ("disc", 1600)]
    flagged = square(30, 40, group=1, flags={"hole": True})
    assert read(*group, *others, flagged)[1] == found


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_an_island_in_a_hole_of_its_group(read, order):
    shapes = [square(10, 50, group=1), square(20, 40, "hole", 1), square(25, 35, group=1)]
    assert read(*(shapes[i] for i in order)) == (["BG", "ring"], [("ring", 1200 + 100)])
    # Another part, with a hole of its own.
    more = [square(52, 60, group=1), square(54, 58, "_background_", 1)]
    assert read(*shapes, *more) == (["BG", "ring"], [("ring", 1300 + 64 - 16)])


def test_a_hole_in_a_group_of_its_own(read):
    assert read(RING, square(20, 40, "_background_", group=7))[1] == [("ring", 1200)]


@pytest.mark.parametrize("label", ["hole", "Holes", "ring_hole", "Ring Hole"])
def test_labels_of_holes(read, label):
    grouped = square(10, 50, group=1), square(20, 40, label, group=1)
    assert read(*grouped) == (["BG", "ring"], [("ring", 1200)])
    # It may also be the name of a class: a pothole, a hole in a leaf.
    assert dict(read(RING, square(20, 40, label))[1]) == {"ring": 1600, label: 400}
    assert dict(read(*grouped, class_names=["ring", label])[1]) == {"ring": 1600, label: 400}
    alone = read(square(10, 50, label, group=1), square(20, 40, label, group=1))
    assert alone == (["BG", label], [(label, 1600)])


def test_nested_rings(read):
    shapes = [
        square(0, 60),
        square(5, 55, "_background_"),
        square(20, 40),
        square(25, 35, "_background_"),
    ]
    assert read(*shapes)[1] == [("ring", 3600 - 2500), ("ring", 400 - 100)]


def test_a_hole_in_the_object_on_top(read):
    shapes = square(0, 60, "cell"), square(10, 50, "nucleus"), square(20, 40, "_background_")
    assert read(*shapes)[1] == [("cell", 3600), ("nucleus", 1200)]


def test_parts_with_a_hole():
    parts = [Drawn("a", 1, Rectangle(0, 0, 10, 10)), Drawn("a", 1, Rectangle(0, 20, 10, 30))]
    hole = Drawn("a", 1, Rectangle(5, 5, 8, 25), is_hole=True)
    (instance,) = instances_of([*parts, hole], (), (40, 40))
    assert np.count_nonzero(instance.shape.crop(40, 40)[0]) == 200 - 3 * 10


def test_flags():
    assert not is_flagged_as_hole({"flags": {"hole": False}, "description": ""})
    assert not is_flagged_as_hole({"flags": None, "attributes": [], "description": None})
    assert not is_flagged_as_hole({"flags": {"whole": True}, "description": "a hole"})
    assert is_left_out("__ignore__", ()) and not is_left_out("__ignore__", ["__ignore__"])
    assert not is_left_out("ignore", ()) and not is_left_out("_background_", ())
