"""`mrcnn compare`."""

import json

import pytest

from .colour_model import run

pytestmark = pytest.mark.network


def test_side_by_side(colour_model, pets_here, capsys):
    words = ["compare", "pets", "--model=worse.h5", "--model=pets.h5", "--out=out"]
    code, out = run(capsys, *words)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith(
        "4 images with 8 objects: all images of pets. If the model was trained on some"
    )
    assert lines[1:3] == ["worse: worse.h5", "pets: pets.h5"]
    assert [line[:27] for line in lines[5:7]] == [
        "| worse | 4 | 8 | 0.500 | 0",
        "| pets | 4 | 8 | **1.000** ",
    ]
    assert lines[8].startswith("pets against worse: DSB +0.500 on average over 4 images")
    assert lines[-1] == "Saved to out"
    folder = pets_here / "out"
    content = json.loads((folder / "comparison.json").read_text())
    assert content["differences"]["pets"]["mean"] == 0.5
    assert (folder / "curves.png").exists()
    assert json.loads((folder / "pets" / "evaluation.json").read_text())["images"] == 4
    assert "model: worse.h5\nmodel: pets.h5" in (folder / "table.md").read_text()


def test_python_lines_do_the_same(colour_model, no_plots, pets_here, capsys):
    words = ["compare", "pets", "--model=worse.h5", "--model=pets.h5", "--out=out", "--tta=2"]
    _, out = run(capsys, *words)
    first = (pets_here / "out" / "comparison.json").read_text()
    (pets_here / "out" / "comparison.json").unlink()
    code, lines = run(capsys, *words, "--print-python")
    assert code == 0
    assert lines.count("LabelMeDataset.read") == 1
    exec(lines, {})
    printed = capsys.readouterr().out.splitlines()
    assert printed == [each for each in out.splitlines() if each.startswith(("|", "pets against"))]
    assert (pets_here / "out" / "comparison.json").read_text() == first


def test_a_single_model(colour_model, pets_here, capsys):
    code, _ = run(capsys, "compare", "pets", "--model=pets.h5")
    assert code == "--model is given once: give it for each of the models to compare."
