"""Names that stand for weights files."""

import json
import os
import re
from pathlib import Path

import pytest

from mrcnn.weights.catalogue import MODELS, find


def test_a_name_stands_for_a_file_of_the_package():
    assert find("nuclei") == MODELS["nuclei"].path
    assert find("nuclei").is_file() and find("nuclei").parent.name == "models"


def test_what_is_said_of_the_nuclei_is_what_was_measured():
    figures = json.loads(MODELS["nuclei"].path.with_suffix(".json").read_text())
    plain = figures["figures_on_val"]["plain"]["all"]
    said = MODELS["nuclei"].measured
    assert f"F1 {plain['F1@0.5']:.2f} at IoU 0.5 and mask AP {plain['mask AP']:.2f}" in said
    assert f"{plain['images']} images with {plain['instances']} nuclei" in said


def test_a_file_of_that_name_is_meant_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nuclei").mkdir()
    assert find("nuclei") == MODELS["nuclei"].path
    (tmp_path / "nuclei").rmdir()
    (tmp_path / "nuclei").write_text("own weights")
    assert find("nuclei") == Path("nuclei")


def test_paths(tmp_path, monkeypatch):
    (tmp_path / "best.h5").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find(tmp_path / "best.h5") == find(str(tmp_path / "best.h5")) == tmp_path / "best.h5"
    assert find("~/best.h5") == tmp_path / "best.h5"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nucleii", "no such weights file: nucleii. Did you mean nuclei? Models that come with "),
        ("bset.h5", "no such weights file: bset.h5. Did you mean best.h5?"),
        ("cells", "no such weights file: cells. Models that come with the package: nuclei."),
        ("logs/last.h5", "no such weights file: logs/last.h5."),
        ("nuclei.h5", "no such weights file: nuclei.h5."),
    ],
)
def test_what_may_have_been_meant(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "best.h5").touch()
    (tmp_path / "picture.png").touch()
    with pytest.raises(FileNotFoundError, match=f"^{re.escape(message)}") as caught:
        find(name)
    assert str(caught.value).startswith(message)
    assert (str(caught.value) == message) is message.endswith((".h5.", "?", "nuclei."))


def test_what_is_no_file(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder: pass a weights file inside it"):
        find(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        find(tmp_path / "pipe")
    with pytest.raises(TypeError, match=r"^filepath is None: it must be the path"):
        find(None)


def test_published_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = []
    monkeypatch.setattr(
        "mrcnn.weights.zoo.published_weights", lambda name: asked.append(name) or tmp_path / "x.pth"
    )
    assert find("detectron2:R-50") == tmp_path / "x.pth"
    assert asked == ["detectron2:R-50"]
