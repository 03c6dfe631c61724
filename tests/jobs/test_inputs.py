"""From paths to images with unique names."""

import io
import os

import pytest

from mrcnn.jobs.inputs import find_inputs


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(inputs):
    return [item.name for item in inputs.images]


def test_a_folder(tmp_path):
    make(tmp_path, "b.tif", "a.png", ".hidden.png", "notes.txt", "Thumbs.db", "sub/c.png", "d.JPG")
    found = find_inputs([tmp_path])
    assert names(found) == ["a.png", "b.tif", "d.JPG"]
    assert found.images[0].path == tmp_path / "a.png"
    assert (found.ignored, found.refused, found.videos) == (2, [], [])


def test_subfolders_without_results_and_hidden_ones(tmp_path):
    make(tmp_path, "a.png", "sub/deep/c.png", "sub/a.png", ".git/x.png", "results/overlay/a.png")
    make(tmp_path, "older/.done/a.png.json", "older/run.json", "older/overlay/a.png")
    found = find_inputs([tmp_path], recursive=True, exclude=tmp_path / "results")
    assert names(found) == ["a.png", "sub/a.png", "sub/deep/c.png"]


def test_names_are_relative_to_the_folder_that_all_paths_share(tmp_path):
    make(tmp_path, "a/x.png", "a/y.png", "b/x.png")
    a, b = tmp_path / "a", tmp_path / "b"
    assert names(find_inputs([a / "x.png"])) == ["x.png"]
    assert names(find_inputs([a / "x.png", a / "y.png"])) == ["x.png", "y.png"]
    assert names(find_inputs([a / "x.png", b / "x.png"])) == ["a/x.png", "b/x.png"]
    assert names(find_inputs([b, a])) == ["b/x.png", "a/x.png", "a/y.png"]
    # A file that is named twice, on its own and by its folder.
    assert names(find_inputs([a, a / "x.png"])) == ["a/x.png", "a/y.png"]


def test_globs_as_the_shell_would_expand_them(tmp_path, monkeypatch):
    make(tmp_path, "plate1/a.tif", "plate2/a.tif", "plate2/deep/b.tif", "x.csv")
    monkeypatch.chdir(tmp_path)
    expanded = ["plate1/a.tif", "plate2/a.tif"]
    assert names(find_inputs(["plate*/*.tif"])) == names(find_inputs(expanded)) == expanded
    assert names(find_inputs(["**/*.tif"])) == [*expanded, "plate2/deep/b.tif"]


def test_a_file_whose_name_looks_like_a_glob(tmp_path):
    make(tmp_path, "a[1].png")
    assert names(find_inputs([tmp_path / "a[1].png"])) == ["a[1].png"]


@pytest.mark.parametrize("separator", ["\n", "\0"])
def test_a_list_on_stdin(tmp_path, separator):
    make(tmp_path, "a.png", "b c.png")
    text = separator.join([str(tmp_path / "b c.png"), "", str(tmp_path / "a.png"), ""])
    assert names(find_inputs(["-"], stdin=io.StringIO(text))) == ["b c.png", "a.png"]


def test_a_folder_that_is_one_image(tmp_path):
    make(tmp_path, "cells.zarr/zarr.json", "cells.zarr/thumbnail.png", "a.png")
    found = find_inputs([tmp_path], recursive=True)
    assert names(found) == ["a.png", "cells.zarr"]
    assert names(find_inputs([tmp_path / "cells.zarr"])) == ["cells.zarr"]


def test_videos_are_told_apart(tmp_path):
    make(tmp_path, "film.MP4", "a.png")
    found = find_inputs([tmp_path])
    assert names(found) == ["a.png"]
    assert [item.name for item in found.videos] == ["film.MP4"]


def test_what_cannot_be_read_is_refused_with_a_reason(tmp_path):
    make(tmp_path, "a.png", "b.czi", "c.svg", "d.heic")
    found = find_inputs([tmp_path, tmp_path / "gone.png", tmp_path / "no*.tif"])
    assert names(found) == ["a.png"]
    assert [name for name, _ in found.refused] == [
        *("b.czi", "c.svg", "d.heic", str(tmp_path / "gone.png"), str(tmp_path / "no*.tif"))
    ]
    reasons = [reason for _, reason in found.refused]
    assert reasons[0].startswith(".czi is not read: convert it to .png, ")
    assert reasons[3:] == ["no such file or folder", "nothing matches it"]
    # A file that is named is not judged by its suffix.
    assert names(find_inputs([tmp_path / "b.czi"])) == ["b.czi"]


@pytest.mark.parametrize(
    ("paths", "error", "message"),
    [
        ([], ValueError, "no paths were given: name images, folders of images, or globs."),
        (["gone"], FileNotFoundError, "gone: no such file or folder."),
        (["gone", "lost"], FileNotFoundError, "gone: no such file or folder (and 1 more)."),
        (["*.png"], ValueError, "*.png: nothing matches it."),
        (["empty"], ValueError, "empty has no images (.png, .jpg, "),
        (["other"], ValueError, "a.czi: .czi is not read: convert it to "),
    ],
)
def test_nothing_to_detect_in(tmp_path, monkeypatch, paths, error, message):
    monkeypatch.chdir(tmp_path)
    os.mkdir("empty")
    make(tmp_path, "other/a.czi")
    with pytest.raises(error) as raised:
        find_inputs(paths, stdin=io.StringIO())
    assert str(raised.value).startswith(message)


def test_an_empty_folder_points_to_its_subfolders(tmp_path):
    make(tmp_path, "sub/a.png")
    with pytest.raises(ValueError, match="--recursive looks into subfolders"):
        find_inputs([tmp_path])
