"""Figures that compare detections with the ground truth."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure, SubFigure

from ..types import Array
from .captions import CAPTION_POINTS
from .drawing import CROWDED, neighbor_colors
from .figures import (
    Inches,
    SaveTo,
    check_native,
    finish,
    inches_of,
    native_axes,
    new_figure,
    panel_rows,
    scale_of,
    wrapped,
)
from .instances import display_instances
from .matching import match, tidy
from .pictures import as_rgb

_PANEL_INCHES = 8
_DPI = 150
_PREDICTION_INCHES = 5
_PREDICTION_DPI = 100


def compare(
    image: npt.ArrayLike,
    truth: Mapping[str, Any],
    result: Mapping[str, Any],
    class_names: Sequence[str],
    save_to: SaveTo | None = None,
    title: str = "",
    *,
    axes: Sequence[Axes] | Array | None = None,
    figsize: Inches | None = None,
    dpi: float | None = None,
    native: bool = False,
) -> Figure | SubFigure | None:
    """Draw the ground truth (left) beside the detections (right).

    An instance and the detection that matches it (same class, IoU of at least 0.5) share a colour;
    anything without a match is white, or black on a bright image. IoU is computed from masks, or
    from boxes if either side has no masks. With one class or many instances, captions shrink to the
    score, and if even the score would cover an instance, only the heading gives scores. With many
    masks, boxes are left out.

    Args:
        image: [H, W] or [H, W, C] of any pixel type, see `pictures.as_rgb`.
        truth: dict with rois [N, (y1, x1, y2, x2)] in pixels, class_ids [N] and, unless there are
            only boxes, masks [H, W, N].
        result: dict as `MaskRCNN.detect` returns it: the same keys and scores [N].
        class_names: list of strings, background first.
        save_to: path of a PNG to write; the figure is then closed.
        title: title of a new figure, above both images.
        axes: two matplotlib Axes to draw on; None creates a figure with title, figsize and dpi.
        figsize: inches (width, height); None is 16 wide, and as high as the image needs.
        dpi: dots per inch; None is 150.
        native: whether each panel has exactly its image's pixels, without margins or titles;
            figsize is then ignored.

    Returns:
        The Figure, or None if it was shown.

    Raises:
        ValueError: the counts within `truth` or `result` differ.

    Example:
        >>> from mrcnn.visualize import compare
        >>> image = np.zeros((60, 80, 3), np.uint8)
        >>> truth = {"rois": [[10, 10, 30, 40], [35, 50, 55, 70]], "class_ids": [1, 1]}
        >>> result = {"rois": [[11, 10, 31, 40]], "class_ids": [1], "scores": [0.9]}
        >>> figure = compare(image, truth, result, ["BG", "cat"], save_to="compare.png")
        >>> [ax.get_title() for ax in figure.axes]
        ['Ground truth: 2 (1 missed, in white)', 'Detections: 1, scores 0.90 to 0.90']
    """
    check_native(native, axes)
    created = axes is None
    if native:
        axes = native_axes([[np.shape(image)] * 2], dpi, save_to)[0]
    elif axes is None:
        height, width = np.shape(image)[:2]
        default_size = 2 * _PANEL_INCHES, _PANEL_INCHES * height / width + (0.8 if title else 0.4)
        axes = new_figure((default_size, _DPI), figsize, dpi, save_to).subplots(1, 2)
        axes[0].figure.suptitle(title)
    assert axes is not None
    _draw_sides(axes, image, truth, result, class_names)
    return finish(axes[0].figure, created, save_to, native)


def display_differences(
    image: npt.ArrayLike,
    gt_box: npt.ArrayLike,
    gt_class_id: npt.ArrayLike,
    gt_mask: npt.ArrayLike | None,
    pred_box: npt.ArrayLike,
    pred_class_id: npt.ArrayLike,
    pred_score: npt.ArrayLike,
    pred_mask: npt.ArrayLike | None,
    class_names: Sequence[str],
    title: str = "",
    ax: Axes | None = None,
    show_mask: bool = True,
    show_box: bool = True,
    iou_threshold: float = 0.5,
    score_threshold: float = 0.5,
    *,
    figsize: Inches | None = None,
    dpi: float | None = None,
    save_to: SaveTo | None = None,
    native: bool = False,
) -> Axes | None:
    """Draw ground truth (green) and detections (red) in the same image.

    A detection's caption is "score / IoU". The IoU is with the matched instance or, without a
    match, with the instance that it overlaps most. Unless both sides have masks, only boxes are
    drawn, and IoU is computed from them.

    Args:
        image: [H, W] or [H, W, C] of any pixel type, see `pictures.as_rgb`.
        gt_box, pred_box: [N, (y1, x1, y2, x2)] in pixels; all-zero rows are padding.
        gt_class_id, pred_class_id: [N] ints.
        gt_mask, pred_mask: [H, W, N], or None.
        pred_score: [N]; detections below score_threshold are left out.
        class_names: list of strings.
        title, ax, show_mask, show_box: as for `display_instances`, where show_box is named
            show_bbox.
        iou_threshold: minimum IoU of a match.
        score_threshold: minimum score of a detection.
        figsize: inches (width, height); None is (16, 16).
        dpi: dots per inch; None is matplotlib's.
        save_to: path of a PNG to write; the figure is then closed.
        native: whether the picture has exactly the image's pixels, without margins or title;
            figsize is then ignored.

    Returns:
        The Axes, or None if the figure was shown.

    Raises:
        ValueError: the counts of the ground truth or of the detections differ.
    """
    truth = tidy(gt_box, gt_class_id, gt_mask)
    found = tidy(pred_box, pred_class_id, pred_mask, pred_score, score_threshold)
    matches, overlaps = match(truth, found, iou_threshold)
    captions = [""] * len(truth)
    for score, matched, ious in zip(found.scores, matches, overlaps, strict=True):
        iou = ious[matched] if matched > -1 else ious.max(initial=0.0)
        captions.append(f"{score:.2f} / {iou:.2f}")
    masks = None
    if truth.masks is not None and found.masks is not None:
        masks = np.concatenate([truth.masks, found.masks], axis=-1)
    return display_instances(
        image,
        np.concatenate([truth.boxes, found.boxes]),
        masks,
        np.concatenate([truth.class_ids, found.class_ids]),
        class_names,
        title=title or "Ground truth (green) and detections (red)\ncaptions: score / IoU",
        ax=ax,
        show_mask=show_mask,
        show_bbox=show_box,
        colors=[(0.1, 0.9, 0.2)] * len(truth) + [(1.0, 0.15, 0.15)] * len(found),
        captions=captions,
        figsize=figsize,
        dpi=dpi,
        save_to=save_to,
        native=native,
    )


def _draw_sides(
    axes: Sequence[Axes] | Array,
    image: npt.ArrayLike,
    truth: Mapping[str, Any],
    result: Mapping[str, Any],
    class_names: Sequence[str],
) -> None:
    gt = tidy(truth["rois"], truth["class_ids"], truth.get("masks"))
    pred = tidy(result["rois"], result["class_ids"], result.get("masks"), result["scores"])
    matches, _ = match(gt, pred)
    picture = as_rgb(image)
    unmatched_name = "white" if picture.mean() < 128 else "black"
    unmatched_color = to_rgb(unmatched_name)
    palette = neighbor_colors(gt.boxes)
    gt_colors = [color if i in matches else unmatched_color for i, color in enumerate(palette)]
    pred_colors = [palette[i] if i > -1 else unmatched_color for i in matches]

    # Crowds need not be detected, and detections in them are not mistakes.
    missed = np.count_nonzero(gt.class_ids > 0) - np.count_nonzero(matches > -1)
    extra = np.count_nonzero(matches == -1)
    gt_title, pred_title = f"Ground truth: {len(gt)}", f"Detections: {len(pred)}"
    gt_title += f" ({missed} missed, in {unmatched_name})" if missed else ""
    pred_title += f" ({extra} without a match, in {unmatched_name})" if extra else ""
    if len(pred):
        pred_title += f", scores {pred.scores.min():.2f} to {pred.scores.max():.2f}"
    crowded = max(len(gt), len(pred)) > CROWDED
    brief = crowded or len(class_names) <= 2
    gt_captions = [""] * len(gt) if brief else None
    captions = None
    if brief:
        captions = _score_captions(axes[1], pred.scores, pred.boxes, picture.shape[1])

    panels = ((gt, gt_title, gt_colors, gt_captions), (pred, pred_title, pred_colors, captions))
    for ax, (side, heading, colors, texts) in zip(axes, panels, strict=True):
        display_instances(
            picture,
            side.boxes,
            side.masks,
            side.class_ids,
            class_names,
            side.scores,
            ax=ax,
            show_bbox=side.masks is None or not crowded,
            colors=colors,
            captions=texts,
        )
        _set_heading(ax, heading)


def _set_heading(ax: Axes, text: str) -> None:
    """Set a title, wrapped to the width of its axes."""
    inches = inches_of(ax)
    size = 12 if inches > 6 else 10 if inches > 4 else 8
    ax.set_title(wrapped(ax, text, size), fontsize=size)


def _score_captions(ax: Axes, scores: Array, boxes: Array, width: int) -> list[str]:
    """Scores as captions, or empty captions if scores would be too small or wider than the boxes.

    Args:
        ax: the Axes to write on.
        scores: [N].
        boxes: [N, 4] pixels.
        width: width of the image in pixels.
    """
    if not len(boxes):
        return []
    points = np.median(boxes[:, 3] - boxes[:, 1]) / width * inches_of(ax) * 72
    type_size = CAPTION_POINTS * scale_of(ax, len(boxes))
    is_legible = type_size > 5 and ax.figure.dpi >= 100 and points > 2 * type_size
    return [f"{score:.2f}" if is_legible else "" for score in scores]


def draw_predictions(
    samples: Sequence[tuple[npt.ArrayLike, Mapping[str, Any], Mapping[str, Any]]],
    class_names: Sequence[str],
    save_to: SaveTo | None = None,
    *,
    title: str = "",
    figsize: Inches | None = None,
    dpi: float | None = None,
    native: bool = False,
) -> Figure | None:
    """Draw the ground truth of a few images beside the predictions; see `compare`.

    Args:
        samples: list of (image [H, W, C], truth, result), each as for `compare`: truth is a dict
            with rois [N, 4] in pixels, class_ids [N] and any masks [H, W, N], and result a dict as
            `MaskRCNN.detect` returns it.
        class_names: list of strings, background first.
        save_to: path of a PNG, or a binary file, to write; the figure is then closed.
        title: title of the figure.
        figsize: inches (width, height); None is 5 wide per panel.
        dpi: dots per inch; None is 100.
        native: whether each panel has exactly its image's pixels, without margins or titles;
            figsize is then ignored.

    Returns:
        The Figure, or None if it was shown.

    Raises:
        ValueError: there are no samples, or the counts within one differ.
    """
    if not samples:
        raise ValueError("samples is empty: it must have at least one image to draw")
    pairs = 1 if len(samples) == 1 else 2  # per row
    shapes = [np.shape(image)[:2] for image, _, _ in samples]
    rows = [shapes[i : i + pairs] for i in range(0, len(shapes), pairs)]
    if native:
        rows[-1] += [(1, 1)] * (pairs - len(rows[-1]))  # panels that stay empty
        axes = native_axes([[s for s in row for _ in "12"] for row in rows], dpi, save_to)
    else:
        panels = [[s for s in row for _ in "12"] for row in rows]
        default = (2 * pairs * _PREDICTION_INCHES, _PREDICTION_DPI)
        axes = panel_rows(panels, 2 * pairs, default, figsize, dpi, save_to, tallest=1.5)
        axes[0][0].figure.suptitle(title, fontsize=11)
    for pair, (image, truth, result) in zip(axes.reshape(-1, 2), samples, strict=False):
        compare(image, truth, result, class_names, axes=pair)
    return finish(axes[0][0].figure, created=True, save_to=save_to, native=native)
