"""Exported files in place of older ones."""

import pytest

from mrcnn.export.placing import check_place, place
from mrcnn.runtime.sidecar import sidecar_of


def made(folder, name, **files):
    """A folder with a model that is a folder, of some files and a sidecar."""
    model = folder / name
    model.mkdir(parents=True)
    for file, text in files.items():
        (model / file).write_text(text)
    sidecar_of(model).write_text("{}")
    return folder


def test_a_folder_replaces_the_older_one(tmp_path):
    place(made(tmp_path / "first", "model", graph="1", old="of the first"), tmp_path / "model")
    check_place(tmp_path / "model")
    place(made(tmp_path / "second", "model", graph="2"), tmp_path / "model")
    assert (tmp_path / "model" / "graph").read_text() == "2"
    assert not (tmp_path / "model" / "old").exists()


def test_files_replace_older_ones_with_all_that_belong_to_them(tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    names = ("cells.xml", "cells.bin", "cells.xml.json")
    for name in names:
        (folder / name).write_text(f"new {name}")
        (tmp_path / name).write_text("old")
    place(folder, tmp_path / "cells.xml")
    assert [(tmp_path / name).read_text() for name in names] == [f"new {name}" for name in names]
    assert not any(folder.iterdir())


def test_other_folders_are_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="is a folder with other content"):
        check_place(tmp_path)
    (tmp_path / "empty").mkdir()
    check_place(tmp_path / "empty")
