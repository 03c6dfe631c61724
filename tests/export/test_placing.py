"""Exported files in place of older ones."""

import os

import pytest

from mrcnn.export.placing import check_folder, check_place, place
from mrcnn.runtime.sidecar import sidecar_of

NAMES = ("cells.xml", "cells.bin", "cells.xml.json")


def made(folder, name, **files):
    """A folder with a model that is a folder, of some files and a sidecar."""
    model = folder / name
    model.mkdir(parents=True)
    for file, text in files.items():
        (model / file).write_text(text)
    sidecar_of(model).write_text("{}")
    return folder


def files(folder, text):
    folder.mkdir(exist_ok=True)
    for name in NAMES:
        (folder / name).write_text(f"{text} {name}")
    return folder


def test_a_folder_replaces_the_older_one(tmp_path):
    place(made(tmp_path / "first", "model", graph="1", old="of the first"), tmp_path / "model")
    check_folder(tmp_path / "model")
    place(made(tmp_path / "second", "model", graph="2"), tmp_path / "model")
    assert (tmp_path / "model" / "graph").read_text() == "2"
    assert not (tmp_path / "model" / "old").exists()


def test_files_replace_older_ones_with_all_that_belong_to_them(tmp_path):
    files(tmp_path, "old")
    place(files(tmp_path / "made", "new"), tmp_path / "cells.xml")
    assert [(tmp_path / name).read_text() for name in NAMES] == [f"new {name}" for name in NAMES]


@pytest.mark.parametrize("call", range(6))
def test_an_error_leaves_all_older_files(tmp_path, monkeypatch, call):
    files(tmp_path, "old")
    files(tmp_path / "made", "new")
    calls, replace = [], os.replace

    def fail_once(source, target):
        calls.append(source)
        if len(calls) == call + 1:
            raise OSError(5, "Input/output error")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_once)
    with pytest.raises(OSError, match="Input/output error"):
        place(tmp_path / "made", tmp_path / "cells.xml")
    assert [(tmp_path / name).read_text() for name in NAMES] == [f"old {name}" for name in NAMES]


def test_what_is_in_the_way_is_refused(tmp_path):
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("mine")
    with pytest.raises(FileExistsError, match="is a folder with other content"):
        check_folder(tmp_path)
    with pytest.raises(FileExistsError, match="is a file: choose another path for the folder"):
        check_folder(thesis)
    with pytest.raises(FileExistsError, match="is a folder: choose another path"):
        check_place(tmp_path)
    weights = tmp_path / "cells.bin"
    weights.write_text("of something else")
    with pytest.raises(FileExistsError, match=r"cells\.bin exists, and does not belong"):
        check_place(tmp_path / "cells.xml", [weights])
    (tmp_path / "cells.xml.json").write_text("{}")
    check_place(tmp_path / "cells.xml", [weights])
    (tmp_path / "empty").mkdir()
    check_folder(tmp_path / "empty")
    check_folder(tmp_path / "new")
