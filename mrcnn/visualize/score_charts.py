"""Charts of the results of `mrcnn.evaluation.evaluate`."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .captions import instance_label
from .figures import Inches, SaveTo, finish, new_figure, plain_axes

_KINDS = {"bbox": "boxes", "segm": "masks", "keypoints": "keypoints"}
_MAX_CURVES = 10  # with more classes, only the best and the worst get a curve
_ENOUGH = 10  # instances that give a row of a confusion matrix its full colours
_FAINTEST = 0.25  # opacity of a row with few instances
_MAX_CELLS = 30  # rows of a confusion matrix up to which cells show their counts
_DPI = 120


def plot_precision_recall_curves(
    curves: Mapping[str, Mapping[str, Any]],
    *,
    figsize: Inches | None = None,
    dpi: float | None = None,
    save_to: SaveTo | None = None,
) -> Figure | None:
    """Draw COCO's precision-recall curves: averaged over classes above, class by class below.

    Args:
        curves: dict from "bbox", "segm" or "keypoints" to `CocoFigures.curves`, as `evaluate`
            returns it under "curves". Of more than ten classes, the five best and the five worst
            are drawn.
        figsize: inches (width, height); None is 6.4 x 4.6 per panel.
        dpi: dots per inch; None is 120.
        save_to: path of a PNG, or a binary file, to write; the figure is then closed.

    Returns:
        The Figure, or None if it was shown.

    Raises:
        ValueError: there are no curves.
    """
    if not curves:
        raise ValueError("curves is empty: it must have at least one of bbox, segm and keypoints.")
    by_class = any(len(part["per_class"]) > 1 for part in curves.values())
    rows = 2 if by_class else 1
    fig = new_figure(((6.4 * len(curves), 4.6 * rows), _DPI), figsize, dpi, save_to)
    axes = fig.subplots(rows, len(curves), squeeze=False)
    for column, (kind, part) in zip(axes.T, curves.items(), strict=True):
        _curves_by_iou(column[0], part, _KINDS.get(kind, kind))
        if by_class:
            _curves_by_class(column[1], part)
    return finish(fig, created=True, save_to=save_to)


def plot_counts(
    objects: Mapping[str, Any],
    *,
    figsize: Inches | None = None,
    dpi: float | None = None,
    save_to: SaveTo | None = None,
) -> Figure | None:
    """Draw precision, recall, F1, TP / (TP + FP + FN) and the counts against the IoU threshold.

    The mean of TP / (TP + FP + FN) over images and thresholds, in the title, is the score of the
    Data Science Bowl 2018 (`dsb_score`).

    Args:
        objects: dict as `ObjectScores.compute` returns it, or `evaluate` under "objects".
        figsize: inches (width, height); None is (12, 4.6).
        dpi: dots per inch; None is 120.
        save_to: path of a PNG, or a binary file, to write; the figure is then closed.

    Returns:
        The Figure, or None if it was shown.
    """
    fig = new_figure(((12, 4.6), _DPI), figsize, dpi, save_to)
    left, right = fig.subplots(1, 2)
    lines = {
        "precision": ("precision", "tab:blue", "solid"),
        "recall": ("recall", "tab:orange", "solid"),
        "f1": ("F1", "black", "solid"),
        "image_mean_ap": ("TP / (TP + FP + FN), mean over images", "tab:green", "solid"),
        "pooled_ap": ("TP / (TP + FP + FN), pooled", "tab:green", "dashed"),
    }
    for name, (label, color, style) in lines.items():
        left.plot(
            objects["iou"],
            objects[name],
            color=color,
            linestyle=style,
            marker="o" if style == "solid" else None,  # a marker would hide the dashes
            ms=3.5,
            label=label,
        )
    left.set(ylabel="score", ylim=(-0.02, 1.02))
    left.set_title(
        f"TP / (TP + FP + FN), mean over images and thresholds: {objects['dsb_score']:.3f}",
        fontsize=10,
    )

    counts = {
        "tp": ("correct (TP)", "tab:green"),
        "fp": ("wrong (FP)", "tab:red"),
        "fn": ("missed (FN)", "tab:gray"),
    }
    for name, (label, color) in counts.items():
        right.plot(objects["iou"], objects[name], color=color, marker="o", ms=3.5, label=label)
    truth = objects["tp"][0] + objects["fn"][0] if objects["iou"] else 0
    right.axhline(truth, color="black", linewidth=1, linestyle="dotted")
    right.set_title(f"{truth} instances (dotted)", fontsize=10)
    right.set_ylabel("count")
    right.set_ylim(bottom=0)
    right.yaxis.set_major_locator(MaxNLocator(7, integer=True))
    for ax in (left, right):
        ax.set_xlabel("IoU threshold of a match")
        ax.set_xticks(objects["iou"][::2])
        plain_axes(ax)
        # Below the axes: inside, it would hide curves.
        ax.legend(
            fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3, frameon=False,
            handlelength=4,
        )  # fmt: skip
    return finish(fig, created=True, save_to=save_to)


def plot_confusion(
    confusion: Mapping[str, Any],
    *,
    figsize: Inches | None = None,
    dpi: float | None = None,
    save_to: SaveTo | None = None,
) -> Figure | None:
    """Draw the confusion matrix: which classes are detected as which.

    A cell shows a count; its colour shows the fraction of its row. Rows of few instances are pale,
    because a fraction of them says little. Background comes last: its column counts missed
    instances, its row detections without an instance. Classes with neither instances nor
    detections are left out.

    Args:
        confusion: dict with matrix [K, K], classes (K names, background first) and iou, as
            `evaluate` returns it under "confusion".
        figsize: inches (width, height); None is as large as the classes need.
        dpi: dots per inch; None is 120.
        save_to: path of a PNG, or a binary file, to write; the figure is then closed.

    Returns:
        The Figure, or None if it was shown.

    Raises:
        ValueError: the matrix does not match the number of classes.

    Example:
        >>> from mrcnn.visualize import plot_confusion
        >>> matrix = [[0, 0, 2], [1, 7, 0], [0, 1, 4]]
        >>> confusion = {"matrix": matrix, "classes": ["BG", "cat", "dog"], "iou": 0.5}
        >>> figure = plot_confusion(confusion, save_to="confusion.png")
        >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
        ['cat', 'dog', 'background']
    """
    matrix, names = np.array(confusion["matrix"]), list(confusion["classes"])
    if matrix.shape != (len(names), len(names)):
        raise ValueError(
            f"matrix has shape {matrix.shape}: it must be ({len(names)}, {len(names)}), because "
            f"there are {len(names)} classes including the background."
        )
    used = [k for k in range(1, len(names)) if matrix[k].any() or matrix[:, k].any()]
    order = [*used, 0]
    counts = matrix[np.ix_(order, order)]
    labels = [textwrap.shorten(names[k], 24, placeholder="...") for k in used] + ["background"]
    totals = counts.sum(axis=1, keepdims=True)
    share = counts / np.maximum(totals, 1)
    strength = np.broadcast_to(np.clip(totals / _ENOUGH, _FAINTEST, 1), counts.shape)

    side = np.clip(0.62 * len(order), 3, 16)
    fig = new_figure(((side + 2.6, side + 1.6), _DPI), figsize, dpi, save_to)
    ax = fig.subplots()
    picture = ax.imshow(share, cmap="Blues", vmin=0, vmax=1, alpha=strength)
    scale = ScalarMappable(picture.norm, picture.cmap)  # the picture's own has its transparency
    pale = f" (paler below {_ENOUGH})" if (totals[totals > 0] < _ENOUGH).any() else ""
    fig.colorbar(scale, ax=ax, label=f"fraction of the row{pale}", shrink=0.85)
    ax.set_xticks(range(len(order)), labels, rotation=45, ha="right", rotation_mode="anchor")
    rows = [f"{label} ({total})" for label, total in zip(labels, totals[:, 0], strict=True)]
    ax.set_yticks(range(len(order)), rows)
    ax.tick_params(labelsize=9 if len(order) <= _MAX_CELLS else 6, length=0)
    ax.set(xlabel="detected as", ylabel="ground truth (count)")
    ax.set_title(f"Instances and detections at IoU {confusion['iou']:g}", fontsize=11)
    edges = np.arange(len(order) + 1) - 0.5
    ax.vlines(edges, -0.5, len(order) - 0.5, color="white", linewidth=1)
    ax.hlines(edges, -0.5, len(order) - 0.5, color="white", linewidth=1)
    for line in (ax.axvline, ax.axhline):
        line(len(order) - 1.5, color="black", linewidth=1)
    if len(order) <= _MAX_CELLS:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                is_dark = share[row, column] * strength[row, column] > 0.55
                color = "white" if is_dark else "black"
                ax.text(column, row, f"{count}", ha="center", va="center", fontsize=8, color=color)
    ax.spines[:].set_visible(False)
    return finish(fig, created=True, save_to=save_to)


def plot_overlaps(
    gt_class_ids: npt.ArrayLike,
    pred_class_ids: npt.ArrayLike,
    pred_scores: npt.ArrayLike,
    overlaps: npt.ArrayLike,
    class_names: Sequence[str],
    threshold: float = 0.5,
    *,
    figsize: Inches | None = None,
    dpi: float | None = None,
    save_to: SaveTo | None = None,
) -> Axes | None:
    """Draw a table of IoUs between detections (rows) and ground truth (columns).

    A cell above the threshold says "match" if the classes agree and "wrong" if not.

    Args:
        gt_class_ids: [G] ints; zeros are padding.
        pred_class_ids, pred_scores: [P]; class id 0 is padding.
        overlaps: [P, G] IoUs, as `compute_matches` returns them.
        class_names: list of strings.
        threshold: IoU above which a cell is marked.
        figsize: inches (width, height); None is as large as the table needs.
        dpi: dots per inch; None is 120.
        save_to: path of a PNG to write; the figure is then closed.

    Returns:
        The Axes, or None if the figure was shown.

    Raises:
        ValueError: overlaps does not match the number of ids without padding.
    """
    truth, found = np.asarray(gt_class_ids), np.asarray(pred_class_ids)
    scores = np.asarray(pred_scores)[found != 0]
    truth, found = truth[truth != 0], found[found != 0]
    ious = np.asarray(overlaps)
    if ious.shape != (len(found), len(truth)):
        raise ValueError(
            f"overlaps has shape {ious.shape}: it must be ({len(found)}, {len(truth)}), the counts "
            "of nonzero pred_class_ids and gt_class_ids"
        )
    default_size = 3 + 0.6 * len(truth), 2 + 0.45 * len(found)
    ax = new_figure((default_size, _DPI), figsize, dpi, save_to).subplots()
    if ious.size:
        ax.imshow(ious, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    ax.set_yticks(
        range(len(found)),
        [instance_label(class_names, i, s) for i, s in zip(found, scores, strict=True)],
    )
    names = [instance_label(class_names, i) for i in truth]
    ax.set_xticks(range(len(truth)), names, rotation=90)
    ax.set(xlabel="Ground truth", ylabel="Detections")
    for (row, column), iou in np.ndenumerate(ious):
        verdict = ""
        if iou > threshold:
            same = found[row] == truth[column]
            verdict = "\nmatch" if same else "\nwrong"
        color = "white" if iou > 0.5 else "black" if iou > 0 else "lightgray"
        ax.text(
            column, row, f"{iou:.2f}{verdict}", ha="center", va="center", fontsize=7, color=color
        )
    return finish(ax, True, save_to)


def plot_precision_recall(
    AP: float,
    precisions: npt.ArrayLike,
    recalls: npt.ArrayLike,
    *,
    figsize: Inches | None = None,
    dpi: float | None = None,
    save_to: SaveTo | None = None,
) -> Axes | None:
    """Plot precision against recall.

    Args:
        AP: average precision, for the title.
        precisions, recalls: [K] in [0, 1], as `compute_ap` returns them.
        figsize: inches (width, height); None is (6, 5).
        dpi: dots per inch; None is 120.
        save_to: path of a PNG to write; the figure is then closed.

    Returns:
        The Axes, or None if the figure was shown.
    """
    ax = new_figure(((6, 5), _DPI), figsize, dpi, save_to).subplots()
    ax.fill_between(recalls, precisions, step="pre", alpha=0.15)  # the area is the AP
    ax.step(recalls, precisions, where="pre")
    ax.set(
        title=f"Precision-recall curve, AP = {AP:.3f}",
        xlabel="Recall",
        ylabel="Precision",
        xlim=(0, 1.02),
        ylim=(0, 1.05),
    )
    plain_axes(ax)
    return finish(ax, True, save_to)


def _curves_by_iou(ax: Axes, curves: Mapping[str, Any], kind: str) -> None:
    precision = curves["precision"]
    colors = matplotlib.colormaps["viridis"](np.linspace(0, 0.92, len(precision)))
    for (iou, values), color in zip(precision.items(), colors, strict=True):
        ap = np.mean(values)
        ax.plot(curves["recall"], values, color=color, linewidth=1.6, label=f"{iou}: {ap:.3f}")
    _legend_beside(ax, "IoU: AP")
    ap = np.mean(list(precision.values()))
    _recall_axes(ax, f"{kind}, no instances" if np.isnan(ap) else f"{kind}, AP {ap:.3f}")


def _curves_by_class(ax: Axes, curves: Mapping[str, Any]) -> None:
    parts = {name: part["0.50"] for name, part in curves["per_class"].items()}
    ranked = sorted(parts, key=lambda name: -np.mean(parts[name]))
    title = "IoU 0.50 by class"
    if len(ranked) > _MAX_CURVES:
        half = _MAX_CURVES // 2
        title += f": the {half} best and {half} worst of {len(ranked)}"
        ranked = ranked[:half] + ranked[-half:]
    for k, name in enumerate(ranked):
        label = f"{textwrap.shorten(name, 20, placeholder='...')}: {np.mean(parts[name]):.3f}"
        ax.plot(curves["recall"], parts[name], color=f"C{k}", linewidth=1.6, label=label)
    _legend_beside(ax, "class: AP50")
    _recall_axes(ax, title)


def _legend_beside(ax: Axes, title: str) -> None:
    style = {"fontsize": 8, "title_fontsize": 8, "frameon": False}
    ax.legend(title=title, loc="center left", bbox_to_anchor=(1, 0.5), **style)


def _recall_axes(ax: Axes, title: str) -> None:
    ax.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.03))
    ax.set_title(title, fontsize=11)
    plain_axes(ax)
