"""`mrcnn evaluate`."""

import json

import every_format
import pytest
from every_format import drawn

from .colour_model import run

pytestmark = pytest.mark.network


def test_figures(colour_model, pets_here, capsys):
    code, out = run(capsys, "evaluate", "pets", "--model=pets.h5", "--out=figures", "--val=0.5")
    assert code == 0
    assert colour_model.loaded == [("pets.h5", {"DETECTION_MIN_CONFIDENCE": 0.05})]
    lines = out.splitlines()
    assert (
        lines[0] == "2 images with 4 objects: the images of pets that --val 0.5 says are held back."
    )
    assert lines[1].startswith("| | images | instances | DSB |")
    assert lines[3].startswith("| all | 2 | 4 | 1.000 |")
    assert lines[-1] == "Saved to figures"
    result = json.loads((pets_here / "figures" / "evaluation.json").read_text())
    assert (result["images"], result["settings"]["min_score"]) == (2, 0.5)
    table = (pets_here / "figures" / "table.md").read_text()
    assert lines[3] in table
    assert "model: pets.h5" in table
    assert (pets_here / "figures" / "precision_recall.png").exists()


def test_a_score_that_nothing_reaches(colour_model, no_plots, pets_here, capsys):
    words = ["evaluate", "pets", "--model=pets.h5", "--out=figures", "--min-score=0.7"]
    assert "| all | 4 | 8 | 0.000 |" in run(capsys, *words)[1]


def test_boxes(colour_model, no_plots, pets_here, capsys):
    every_format.voc(drawn(2), pets_here / "boxes")
    words = ["evaluate", "boxes", "--model=pets.h5", "--out=figures"]
    assert "| all | 2 | 4 | 1.000 |" in run(capsys, *words)[1]
    result = json.loads((pets_here / "figures" / "evaluation.json").read_text())
    assert [*result["coco"]] == ["bbox"]


@pytest.mark.parametrize("words", [["--tta=2", "--limit=2"], ["--val=0.5", "--min-score=0.1"]])
def test_python_lines_do_the_same(colour_model, no_plots, pets_here, capsys, words):
    words = ["evaluate", "pets", "--model=pets.h5", "--out=figures", *words]
    _, out = run(capsys, *words)
    code, lines = run(capsys, *words, "--print-python")
    assert code == 0
    first = (pets_here / "figures" / "evaluation.json").read_text()
    exec(lines, {})
    assert capsys.readouterr().out.splitlines() == [
        line for line in out.splitlines() if line.startswith("|")
    ]
    again = (pets_here / "figures" / "evaluation.json").read_text()
    names = ("seconds_per_image",)
    assert _without(first, names) == _without(again, names)
    assert colour_model.loaded[0] == colour_model.loaded[1]


def _without(text, names):
    return {name: value for name, value in json.loads(text).items() if name not in names}


def test_a_new_folder(colour_model, no_plots, pets_here, capsys):
    _, out = run(capsys, "evaluate", "pets", "--model=pets.h5", "--limit=1")
    (folder,) = (pets_here / "results").iterdir()
    assert out.splitlines()[-1] == f"Saved to results/{folder.name}"
    assert folder.name.startswith("evaluate_")
