"""Names that keep the results of different images apart."""

from pathlib import Path

from mrcnn.jobs.inputs import Item
from mrcnn.jobs.naming import tasks_of
from mrcnn.jobs.records import Record, Stamp


def item(name, folder="/data", size=1):
    path = f"{folder}/{name}"
    return Item(name, Path(path)), Stamp(path, size, 5)


def record(name, stem, stamp):
    return Record(name, stem, stamp, "made", ("csv",), 0, "", "", 0.0, 0)


def named(items, records=()):
    tasks = tasks_of(items, {each.name: each for each in records})
    return [(task.item.name, task.stem) for task in tasks]


def test_stems_are_names_without_suffix():
    given = [item("x.png"), item("plate/x.png"), item("y.ome.tif")]
    assert named(given) == [("x.png", "x"), ("plate/x.png", "plate/x"), ("y.ome.tif", "y.ome")]


def test_images_that_differ_in_their_suffix_keep_it():
    assert named([item("x.png"), item("X.tif"), item("z.png")]) == [
        ("x.png", "x.png"),
        ("X.tif", "X.tif"),
        ("z.png", "z"),
    ]
    # Even where that is another image's name.
    assert named([item("x.png"), item("x.tif"), item("x.png.png")]) == [
        ("x.png", "x.png"),
        ("x.tif", "x.tif"),
        ("x.png.png", "x.png.png"),
    ]


def test_an_image_keeps_the_stem_that_it_had():
    old, stamp = item("x.png")
    before = [record("x.png", "x", stamp)]
    assert named([(old, stamp), item("x.tif")], before) == [("x.png", "x"), ("x.tif", "x.tif")]
    assert named([item("x.tif")], before) == [("x.tif", "x.tif")]


def test_another_image_of_the_same_name_gets_its_folders_name():
    _, stamp = item("x.png", "/data/a")
    before = [record("x.png", "x", stamp)]
    assert named([item("x.png", "/data/b", size=2)], before) == [("b/x.png", "b/x")]
    before.append(record("b/x.png", "b/x", item("x.png", "/data/b", size=2)[1]))
    assert named([item("x.png", "/data/b", size=2)], before) == [("b/x.png", "b/x")]
    assert named([item("x.png", "/new/b", size=3)], before) == [("new/b/x.png", "new/b/x")]


def test_the_same_image_changed_or_moved_keeps_its_name():
    _, stamp = item("x.png", "/data")
    before = [record("x.png", "x", stamp)]
    assert named([item("x.png", "/data", size=7)], before) == [("x.png", "x")]
    assert named([item("x.png", "/moved")], before) == [("x.png", "x")]
