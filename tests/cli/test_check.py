"""`mrcnn check`."""

import json

import every_format
import pytest
from every_format import WRITERS, drawn

from mrcnn.cli.main import main

from .weights_files import save_card


def run(capsys, *words):
    """Exit code and output."""
    with pytest.raises(SystemExit) as end:
        main(["check", *map(str, words)])
    return end.value.code, capsys.readouterr().out


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_a_good_dataset(tmp_path, capsys, write):
    write(drawn(3), tmp_path)
    code, out = run(capsys, tmp_path)
    assert code == 0
    assert out.startswith(f"{tmp_path}: {WRITERS[write]} (")
    assert "3 images with 6 instances" in out
    assert "Errors: none." in out


def test_errors_are_the_exit_code(tmp_path, capsys):
    every_format.labelme(drawn(3), tmp_path)
    (tmp_path / "image1.png").unlink()
    code, out = run(capsys, tmp_path)
    assert code == 1
    assert "image files that are missing: 1" in out


def test_parts(tmp_path, capsys):
    for part, count in (("train", 3), ("val", 2)):
        every_format.coco(drawn(count), tmp_path / part)
    path = tmp_path / "val" / "image1.png"
    path.write_bytes(path.read_bytes()[:80])
    code, out = run(capsys, tmp_path)
    assert code == 1
    train, val = out.split("\nval:\n")
    assert "train:\n3 images" in train
    assert val.startswith("2 images")
    # The damage is in the pixels, not in the header.
    assert run(capsys, tmp_path, "--quick")[0] == 0
    assert run(capsys, tmp_path, "--limit=1")[1].count("1 images with") == 2


def test_the_limits_of_a_model(tmp_path, capsys):
    every_format.labelme(drawn(3), tmp_path / "cells")
    path = save_card(tmp_path / "pets.h5", RPN_TRAIN_ANCHORS_PER_IMAGE=2)
    kind = "images with more objects than RPN_TRAIN_ANCHORS_PER_IMAGE / 2 allows"
    assert kind not in run(capsys, tmp_path / "cells")[1]
    assert kind in run(capsys, tmp_path / "cells", "--from", path)[1]
    code, out = run(
        capsys, tmp_path / "cells", "--from", path, "--set=RPN_TRAIN_ANCHORS_PER_IMAGE=8"
    )
    assert (code, kind in out) == (0, False)
    assert kind in run(capsys, tmp_path / "cells", "--set=RPN_TRAIN_ANCHORS_PER_IMAGE=2")[1]


def test_settings_that_cannot_work(tmp_path, capsys):
    every_format.labelme(drawn(3), tmp_path / "cells")
    code, out = run(capsys, tmp_path / "cells", "--set=IMAGE_MAX_DIM=100")
    assert code == 1
    assert "IMAGE_MAX_DIM is 100: it must be a multiple of 64" in out


@pytest.mark.parametrize(
    "words",
    [[], ["--quick"], ["--from=pets.h5"], ["--from=imagenet", "--limit=2"], ["--set=POOL_SIZE=5"]],
)
def test_python_lines_do_the_same(tmp_path, capsys, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    every_format.labelme(drawn(3), tmp_path / "cells")
    save_card(tmp_path / "pets.h5", RPN_TRAIN_ANCHORS_PER_IMAGE=2)
    _, expected = run(capsys, "cells", *words)
    code, lines = run(capsys, "cells", "--print-python", *words)
    assert code == 0
    exec(lines, {})
    assert capsys.readouterr().out == expected.split("\n", 1)[1]


def test_an_unknown_format(tmp_path, capsys):
    (tmp_path / "a.json").write_text(json.dumps({"a": 1}))
    code, out = run(capsys, tmp_path)
    assert out == ""
    assert "the format of this dataset is not recognised" in code


def test_help_lists_the_formats(capsys):
    code, out = run(capsys, "--help")
    assert code == 0
    assert "  instance-pngs   <id>/images/ and <id>/masks/, with a .png for each object" in out
