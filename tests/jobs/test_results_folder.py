"""Which images are done, where their files belong, and what made them."""

import csv
import json
import os
import time

import pytest

from mrcnn.jobs.records import Record, Stamp
from mrcnn.jobs.results_folder import ResultsFolder, is_results_folder
from mrcnn.results import table

RECIPE = {"model": "a (1)"}


@pytest.fixture
def folder(tmp_path):
    made = ResultsFolder(tmp_path / "results")
    made.start(RECIPE, [])
    return made


def finish(folder, name, kinds=("csv", "labels"), text="", stamp=None):
    """Write an image's files and its record."""
    stem = name.removesuffix(".png")
    for kind in kinds:
        path = folder.file(kind, stem)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text or f"{kind} of {name}\n")
    stamp = stamp or Stamp(f"/data/{name}", 10, 20)
    record = Record(name, stem, stamp, folder.made_by, kinds, 3, "", "", 0.5, time.time_ns())
    folder.add(record)
    return record


def test_where_files_belong(folder):
    assert folder.file("labels", "a/x") == folder.path / "labels" / "a" / "x.tif"
    assert folder.file("csv", "a/x") == folder.path / ".parts" / "csv" / "a" / "x.csv"
    assert folder.joined("csv") == folder.path / "objects.csv"
    assert is_results_folder(folder.path) and not is_results_folder(folder.path.parent)


def test_records_are_read_back(folder):
    record = finish(folder, "a/x.png")
    again = ResultsFolder(folder.path)
    assert again.records == {"a/x.png": record}
    # A damaged one does not count.
    (folder.path / ".done" / "a" / "x.png.json").write_text("{")
    assert ResultsFolder(folder.path).records == {}


def test_what_counts_as_done(folder):
    stamp = finish(folder, "x.png").image
    folder = ResultsFolder(folder.path)
    folder.start(RECIPE, ["x.png"])
    assert folder.is_done("x.png", stamp, ["csv"])
    assert folder.is_done("x.png", Stamp("/moved/x.png", 10, 20), ["csv", "labels"])
    assert not folder.is_done("x.png", Stamp("/data/x.png", 11, 20), ["csv"])
    assert not folder.is_done("x.png", stamp, ["csv", "geojson"])
    assert not folder.is_done("y.png", stamp, ["csv"])
    os.remove(folder.file("labels", "x"))
    assert folder.is_done("x.png", stamp, ["csv"])
    assert not folder.is_done("x.png", stamp, ["labels"])


def test_results_of_another_recipe_are_an_error(folder):
    finish(folder, "x.png")
    with pytest.raises(ValueError, match=r"where min_score is not given, not 0\.5: choose"):
        ResultsFolder(folder.path).start({**RECIPE, "min_score": 0.5}, ["x.png"])
    other = {"model": "b (2)"}
    with pytest.raises(ValueError) as raised:
        ResultsFolder(folder.path).start(other, ["x.png"])
    assert str(raised.value) == (
        f'{folder.path} has results of 1 image, where model is "a (1)", not "b (2)": choose '
        "another --out, or replace them with --again."
    )
    # Unless all of them are replaced.
    with pytest.raises(ValueError, match=r"of 1 other image.*: choose another --out\.$"):
        ResultsFolder(folder.path).start(other, ["y.png"], again=True)
    again = ResultsFolder(folder.path)
    again.start(other, ["x.png", "y.png"], again=True)
    assert again.made_by != folder.made_by
    assert not again.is_done("x.png", Stamp("/data/x.png", 10, 20), ["csv"])


def test_an_empty_folder_takes_any_recipe(folder):
    ResultsFolder(folder.path).start({"model": "b (2)"}, [])
    assert json.loads((folder.path / "run.json").read_text())["recipe"] == {"model": "b (2)"}


def test_joined_files_hold_all_images_in_the_order_of_their_names(folder, monkeypatch):
    gathered = []

    def gather(parts, path):
        gathered.append(([part.read_text() for part in parts], path.name))

    monkeypatch.setattr(table, "gather", gather)
    finish(folder, "b.png")
    finish(folder, "a.png")
    finish(folder, "c.png", kinds=("labels",))
    # Another process writes into the same folder.
    finish(ResultsFolder(folder.path, folder.made_by), "0.png")
    finish(ResultsFolder(folder.path, "another model"), "d.png")
    assert folder.gather(["labels", "csv"]) == [folder.joined("csv")]
    texts = ["csv of 0.png\n", "csv of a.png\n", "csv of b.png\n"]
    assert gathered == [(texts, "objects.csv")]


def test_nothing_done_joins_nothing(folder):
    assert folder.gather(["csv"]) == []
    assert not folder.joined("csv").exists()


def test_files_that_were_changed_by_hand_are_noticed(folder):
    finish(folder, "x.png", kinds=("labels", "csv"))
    assert ResultsFolder(folder.path).changed_by_hand("x.png", ["labels"]) is None
    path = folder.file("labels", "x")
    later = time.time() + 60
    os.utime(path, (later, later))
    assert ResultsFolder(folder.path).changed_by_hand("x.png", ["csv", "labels"]) == path
    assert ResultsFolder(folder.path).changed_by_hand("x.png", ["csv"]) is None
    assert ResultsFolder(folder.path).changed_by_hand("y.png", ["labels"]) is None


def test_failures(folder):
    folder.add_failure("a, b.png", 'it is "damaged"')
    folder.add_failure("c.png", "it is empty")
    with open(folder.path / "failed.csv", newline="") as file:
        assert list(csv.reader(file)) == [
            ["image", "reason"],
            ["a, b.png", 'it is "damaged"'],
            ["c.png", "it is empty"],
        ]
    folder.clear_failures()
    folder.clear_failures()
    assert not (folder.path / "failed.csv").exists()


def test_what_killed_processes_left_of_finished_images_is_removed(folder):
    record = finish(folder, "a/x.png", kinds=("labels",))
    places = folder.path / "labels" / "a", folder.path / ".done" / "a"
    left = [places[0] / ".x.tif.01234567.part", places[1] / ".x.png.json.01234567.part"]
    others = [places[0] / ".y.tif.01234567.part", places[0] / ".x.tif.mine.part"]
    for path in (*left, *others):
        path.touch()
    folder.remove_begun([record])
    assert [path.exists() for path in (*left, *others)] == [False, False, True, True]
    assert folder.file("labels", "a/x").exists()


def test_files_that_a_killed_process_left_are_removed(folder):
    (folder.path / "labels").mkdir()
    old, new = (folder.path / "labels" / f".x.tif.0123456{i}.part" for i in range(2))
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))
    folder.start(RECIPE, [])
    assert not old.exists() and new.exists()
