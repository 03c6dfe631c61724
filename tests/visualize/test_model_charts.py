"""Charts of several models."""

import pytest
from PIL import Image

from mrcnn.visualize import plot_models

RECALL = [0, 0.5, 1]


def result(ap, f1, kinds=("bbox", "segm")):
    curves = {kind: {"recall": RECALL, "precision": {"0.50": [ap] * 3}} for kind in kinds}
    return {"curves": curves, "objects": {"iou": [0.5, 0.75], "f1": [f1, f1 / 2]}}


def test_curves_of_each_model(tmp_path):
    results = {"old": result(0.25, 0.5), "new": result(0.75, 0.8)}
    figure = plot_models(results, save_to=tmp_path / "curves.png")
    left, right = figure.axes
    assert left.get_title() == "masks at IoU 0.5"
    assert [line.get_ydata().tolist() for line in left.lines] == [[0.25] * 3, [0.75] * 3]
    assert [line.get_ydata().tolist() for line in right.lines] == [[0.5, 0.25], [0.8, 0.4]]
    texts = [[t.get_text() for t in ax.get_legend().get_texts()] for ax in (left, right)]
    assert texts == [
        ["old: AP50 0.250", "new: AP50 0.750"],
        ["old: 0.500 at IoU 0.5", "new: 0.800 at IoU 0.5"],
    ]
    colours = [[line.get_color() for line in ax.lines] for ax in (left, right)]
    assert colours[0] == colours[1]
    with Image.open(tmp_path / "curves.png") as image:
        assert image.width > 1000


def test_boxes_where_a_model_has_no_masks(tmp_path):
    results = {"old": result(0.25, 0.5, ["bbox"]), "new": result(0.75, 0.8)}
    figure = plot_models(results, save_to=tmp_path / "curves.png")
    assert figure.axes[0].get_title() == "boxes at IoU 0.5"


def test_one_panel(tmp_path):
    results = {name: {"objects": result(0, 0.5)["objects"]} for name in ("old", "new")}
    figure = plot_models(results, save_to=tmp_path / "curves.png")
    assert [ax.get_ylabel() for ax in figure.axes] == ["F1"]


@pytest.mark.parametrize("results", [{}, {"old": {}}])
def test_nothing_to_draw(results):
    with pytest.raises(ValueError, match="neither curves nor objects"):
        plot_models(results)
