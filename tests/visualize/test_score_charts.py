"""Charts of an evaluation: titles, curves, counts, cells."""

import numpy as np
import pytest

from mrcnn import visualize
from mrcnn.evaluation import IOU_THRESHOLDS

from .scenes import NAMES, texts


def curves_of(classes):
    ious = [f"{iou:.2f}" for iou in IOU_THRESHOLDS]
    recall = np.linspace(0, 1, 101)
    per_class = {
        f"class {k}": {iou: (recall < k / classes).astype(float).tolist() for iou in ious[::5]}
        for k in range(classes)
    }
    precision = {iou: (recall < 0.5).astype(float).tolist() for iou in ious}
    return {"recall": recall.tolist(), "precision": precision, "per_class": per_class}


def test_precision_recall_curves(tmp_path):
    fig = visualize.plot_precision_recall_curves({"bbox": curves_of(1), "segm": curves_of(1)})
    left, right = fig.axes
    assert left.get_title() == "boxes, AP 0.495" and right.get_title() == "masks, AP 0.495"
    assert [line.get_label() for line in left.lines][::9] == ["0.50: 0.495", "0.95: 0.495"]
    assert left.lines[0].get_ydata().tolist() == [1] * 50 + [0] * 51

    upper, lower = visualize.plot_precision_recall_curves({"segm": curves_of(20)}).axes
    assert len(upper.lines) == len(lower.lines) == 10
    assert lower.get_title() == "IoU 0.50 by class: the 5 best and 5 worst of 20"
    names = [line.get_label().split(":")[0] for line in lower.lines]
    assert names == [f"class {k}" for k in (19, 18, 17, 16, 15, 4, 3, 2, 1, 0)]

    empty = {"recall": [0, 1], "precision": {"0.50": [np.nan] * 2}, "per_class": {}}
    (ax,) = visualize.plot_precision_recall_curves({"bbox": empty}).axes
    assert ax.get_title() == "boxes, no instances"
    path = tmp_path / "curves.png"
    visualize.plot_precision_recall_curves({"bbox": empty}, save_to=path)
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="curves is empty"):
        visualize.plot_precision_recall_curves({})


def test_counts():
    tp = list(range(30, 10, -2))
    lists = {"tp": tp, "fp": [3] * 10, "fn": [32 - n for n in tp], "precision": [0.5] * 10}
    names = ("recall", "f1", "image_mean_ap", "pooled_ap")
    objects = {**lists, **{name: [0.4] * 10 for name in names}}
    fig = visualize.plot_counts({**objects, "iou": list(IOU_THRESHOLDS), "dsb_score": 0.123})
    left, right = fig.axes
    assert left.get_title() == "TP / (TP + FP + FN), mean over images and thresholds: 0.123"
    *_, mean, pooled = left.lines
    assert (mean.get_linestyle(), pooled.get_linestyle()) == ("-", "--")
    assert pooled.get_marker() == "None"  # in the legend it would fill the gap between two dashes
    fig.draw_without_rendering()
    for ax in (left, right):  # the legend is below the curves, not on them
        assert ax.get_legend().get_window_extent().y1 < ax.bbox.y0
    handle = left.get_legend().legend_handles[-1]
    assert handle.get_linestyle() == "--" and left.get_legend().handlelength >= 4
    assert [line.get_ydata()[0] for line in left.lines] == [0.5, 0.4, 0.4, 0.4, 0.4]
    assert right.get_title() == "32 instances (dotted)"
    assert [list(line.get_ydata()) for line in right.lines[:3]] == [tp, [3] * 10, lists["fn"]]


def test_confusion():
    matrix = [[0, 3, 0, 1], [1, 4, 0, 0], [0, 0, 0, 0], [2, 0, 0, 6]]
    names = ["BG", "red", "unused", "blue"]
    fig = visualize.plot_confusion({"matrix": matrix, "classes": names, "iou": 0.5})
    ax = fig.axes[0]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["red", "blue", "background"]
    shares = ax.images[0].get_array()
    np.testing.assert_allclose(shares, [[4 / 5, 0, 1 / 5], [0, 6 / 8, 2 / 8], [3 / 4, 1 / 4, 0]])
    rows = [text.get_text() for text in ax.get_yticklabels()]
    assert rows == ["red (5)", "blue (8)", "background (4)"]
    assert fig.axes[1].get_ylabel() == "fraction of the row (paler below 10)"
    cells = {text.get_position(): text.get_text() for text in ax.texts}
    assert cells == {(0, 0): "4", (2, 0): "1", (1, 1): "6", (2, 1): "2", (0, 2): "3", (1, 2): "1"}
    with pytest.raises(ValueError, match=r"matrix has shape \(4, 4\): it must be \(2, 2\)"):
        visualize.plot_confusion({"matrix": matrix, "classes": ["BG", "red"], "iou": 0.5})


def test_rows_of_few_instances_are_paler_in_a_confusion_matrix():
    confusion = {"matrix": np.diag([0, 35, 1]), "classes": ["BG", "often", "once"], "iou": 0.5}
    fig = visualize.plot_confusion(confusion)
    fig.draw_without_rendering()
    (picture,) = fig.axes[0].images
    assert picture.get_array()[1, 1] == 1
    assert picture.get_alpha()[:, 0].tolist() == [1, 0.25, 0.25]
    assert {text.get_text(): text.get_color() for text in fig.axes[0].texts} == {
        "35": "white",
        "1": "black",
    }
    confusion = {"matrix": np.diag([0, 35, 10]), "classes": ["BG", "often", "enough"], "iou": 0.5}
    fig = visualize.plot_confusion(confusion)
    assert fig.axes[1].get_ylabel() == "fraction of the row"


def test_plot_overlaps():
    overlaps = np.array([[0.9, 0.0], [0.2, 0.7]])
    ax = visualize.plot_overlaps([1, 2, 0], [1, 1, 0], [0.9, 0.8, 0.0], overlaps, NAMES)
    assert texts(ax) == ["0.90\nmatch", "0.00", "0.20", "0.70\nwrong"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["cat 0.90", "cat 0.80"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["cat", "dog"]


def test_plot_overlaps_with_nothing_detected():
    ax = visualize.plot_overlaps([1, 2], [], [], np.zeros((0, 2)), NAMES)
    assert texts(ax) == [] and [t.get_text() for t in ax.get_xticklabels()] == ["cat", "dog"]


def test_plot_overlaps_names_the_shape():
    with pytest.raises(ValueError, match=r"\(2, 3\): it must be \(1, 2\)"):
        visualize.plot_overlaps([1, 2], [1, 0], [0.9, 0.0], np.zeros((2, 3)), NAMES)


def test_plot_precision_recall():
    ax = visualize.plot_precision_recall(0.75, [1.0, 1.0, 0.5], [0.0, 0.5, 1.0])
    assert "AP = 0.750" in ax.get_title()
    assert ax.lines[0].get_xydata().tolist() == [[0.0, 1.0], [0.5, 1.0], [1.0, 0.5]]
