"""Figures of how well detections fit the ground truth."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb

from ..evaluation import compute_matches
from .drawing import CROWDED, as_rgb, check_counts, finish, instance_label, neighbor_colors
from .instances import display_instances

_PANEL_INCHES = 8
_DPI = 150


def compare(image, truth, result, class_names, save_to=None, title="", *, figsize=None, dpi=_DPI):
    """Draw the ground truth (left) beside the detections (right).

    An instance and the detection that matches it (same class, mask IoU of 0.5 or more) share a
    colour; what has no match is white, or black on a bright image. With one class, or where
    instances crowd, captions shrink to the score; where instances crowd boxes are left out, and
    where even the score would cover an instance only the heading speaks of scores.

    Args:
        image: [H, W, 3].
        truth: dict with rois [N, (y1, x1, y2, x2)] in pixels, class_ids [N] and masks [H, W, N].
        result: dict as `MaskRCNN.detect` returns it: the same and scores [N].
        class_names: list of strings, background first.
        save_to: path of a PNG to write; the figure is then closed.
        title: above both.
        figsize: inches (width, height); None is 16 wide, and as high as the image wants.
        dpi: dots per inch.

    Returns:
        The Figure, or None where it was shown.

    Raises:
        ValueError: the counts within `truth` or `result` differ.
    """
    height, width = np.shape(image)[:2]
    if figsize is None:
        figsize = (2 * _PANEL_INCHES, _PANEL_INCHES * height / width + (0.8 if title else 0.4))
    fig, axes = plt.subplots(1, 2, figsize=figsize, dpi=dpi, layout="constrained")
    fig.suptitle(title)
    compare_on(axes, image, truth, result, class_names, figsize[0] / 2)
    return finish(fig, own=True, save_to=save_to)


def compare_on(axes, image, truth, result, class_names, inches):
    """Draw what `compare` does on axes that there are.

    Args:
        axes: two matplotlib Axes.
        image, truth, result, class_names: as for `compare`.
        inches: width of one of the axes.
    """
    gt = _tidy(truth["rois"], truth["class_ids"], truth["masks"])
    pred = _tidy(result["rois"], result["class_ids"], result["masks"], result["scores"])
    (gt_boxes, gt_class_ids, gt_masks, _), (boxes, class_ids, masks, scores) = gt, pred
    _, matches, _ = compute_matches(
        gt_boxes, gt_class_ids, gt_masks, boxes, class_ids, scores, masks
    )
    picture = as_rgb(image)
    alone_name = "white" if picture.mean() < 128 else "black"
    alone = to_rgb(alone_name)
    palette = neighbor_colors(gt_boxes)
    gt_colors = [color if i in matches else alone for i, color in enumerate(palette)]
    pred_colors = [palette[int(match)] if match > -1 else alone for match in matches]

    # Crowds need not be found, and what is detected in them is no mistake.
    missed = np.count_nonzero(gt_class_ids > 0) - np.count_nonzero(matches > -1)
    extra = np.count_nonzero(matches == -1)
    gt_title, pred_title = f"Ground truth: {len(gt_boxes)}", f"Detections: {len(boxes)}"
    gt_title += f" ({missed} missed, in {alone_name})" if missed else ""
    pred_title += f" ({extra} without a match, in {alone_name})" if extra else ""
    if len(boxes):
        pred_title += f", scores {scores.min():.2f} to {scores.max():.2f}"
    crowded = max(len(gt_boxes), len(boxes)) > CROWDED
    brief = crowded or len(class_names) <= 2
    gt_captions = [""] * len(gt_boxes) if brief else None
    captions = None
    if brief:
        pixel_inches = inches / picture.shape[1]
        captions = _score_captions(scores, boxes, pixel_inches, axes[0].figure.dpi)

    sides = (
        (*gt, gt_title, gt_colors, gt_captions),
        (*pred, pred_title, pred_colors, captions),
    )
    for ax, (rois, ids, side_masks, side_scores, heading, colors, texts) in zip(
        axes, sides, strict=True
    ):
        display_instances(
            picture,
            rois,
            side_masks,
            ids,
            class_names,
            side_scores,
            title=heading,
            ax=ax,
            show_bbox=not crowded,
            colors=colors,
            captions=texts,
        )


def display_differences(
    image,
    gt_box,
    gt_class_id,
    gt_mask,
    pred_box,
    pred_class_id,
    pred_score,
    pred_mask,
    class_names,
    title="",
    ax=None,
    show_mask=True,
    show_box=True,
    iou_threshold=0.5,
    score_threshold=0.5,
    *,
    save_to=None,
):
    """Draw ground truth (green) and detections (red) over one another.

    A detection's caption is "score / IoU" with the instance that it matches or, if it matches
    none, with the one that it overlaps most.

    Args:
        image: [H, W, 3].
        gt_box, pred_box: [N, (y1, x1, y2, x2)] in pixels; all-zero rows are padding.
        gt_class_id, pred_class_id: [N] ints.
        gt_mask, pred_mask: [H, W, N].
        pred_score: [N]; detections below score_threshold are left out.
        class_names: list of strings.
        title, ax, show_mask, show_box: as for `display_instances`, where the last is show_bbox.
        iou_threshold: least mask IoU of a match.
        score_threshold: least score of a detection.
        save_to: path of a PNG to write; the figure is then closed.

    Returns:
        The Axes, or None where the figure was shown.

    Raises:
        ValueError: the counts of the ground truth or of the detections differ.
    """
    gt_box, gt_class_id, gt_mask, _ = _tidy(gt_box, gt_class_id, gt_mask)
    pred_box, pred_class_id, pred_mask, pred_score = _tidy(
        pred_box, pred_class_id, pred_mask, pred_score, score_threshold
    )
    _, matches, overlaps = compute_matches(
        gt_box,
        gt_class_id,
        gt_mask,
        pred_box,
        pred_class_id,
        pred_score,
        pred_mask,
        iou_threshold=iou_threshold,
    )
    captions = [""] * len(gt_box)
    for score, match, ious in zip(pred_score, matches, overlaps, strict=True):
        iou = ious[int(match)] if match > -1 else ious.max(initial=0.0)
        captions.append(f"{score:.2f} / {iou:.2f}")
    return display_instances(
        image,
        np.concatenate([gt_box, pred_box]),
        np.concatenate([gt_mask, pred_mask], axis=-1),
        np.concatenate([gt_class_id, pred_class_id]),
        class_names,
        title=title or "Ground truth (green) and detections (red)\ncaptions: score / IoU",
        ax=ax,
        show_mask=show_mask,
        show_bbox=show_box,
        colors=[(0.1, 0.9, 0.2)] * len(gt_box) + [(1.0, 0.15, 0.15)] * len(pred_box),
        captions=captions,
        save_to=save_to,
    )


def plot_overlaps(
    gt_class_ids,
    pred_class_ids,
    pred_scores,
    overlaps,
    class_names,
    threshold=0.5,
    *,
    save_to=None,
):
    """Draw the table of IoUs of detections (rows) and ground truth (columns).

    A cell above the threshold says "match" if the classes agree and "wrong" if not.

    Args:
        gt_class_ids: [G] ints; zeros are padding.
        pred_class_ids, pred_scores: [P]; class id 0 is padding.
        overlaps: [P, G] IoUs, as `compute_matches` returns them.
        class_names: list of strings.
        threshold: IoU.
        save_to: path of a PNG to write; the figure is then closed.

    Returns:
        The Axes, or None where the figure was shown.

    Raises:
        ValueError: overlaps is not of the size that the ids, padding left out, give.
    """
    pred_scores = np.asarray(pred_scores)[np.asarray(pred_class_ids) != 0]
    gt_class_ids, pred_class_ids = (
        np.asarray(ids)[np.asarray(ids) != 0] for ids in (gt_class_ids, pred_class_ids)
    )
    overlaps = np.asarray(overlaps)
    if overlaps.shape != (len(pred_class_ids), len(gt_class_ids)):
        raise ValueError(
            f"overlaps has shape {overlaps.shape}: it must be ({len(pred_class_ids)}, "
            f"{len(gt_class_ids)}), the counts of nonzero pred_class_ids and gt_class_ids"
        )
    figsize = (3 + 0.6 * len(gt_class_ids), 2 + 0.45 * len(pred_class_ids))
    ax = plt.subplots(figsize=figsize, layout="constrained")[1]
    if overlaps.size:
        ax.imshow(overlaps, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    ax.set_yticks(
        range(len(pred_class_ids)),
        [
            instance_label(class_names, i, s)
            for i, s in zip(pred_class_ids, pred_scores, strict=True)
        ],
    )
    names = [instance_label(class_names, i) for i in gt_class_ids]
    ax.set_xticks(range(len(gt_class_ids)), names, rotation=90)
    ax.set(xlabel="Ground truth", ylabel="Detections")
    for (row, column), iou in np.ndenumerate(overlaps):
        verdict = ""
        if iou > threshold:
            same = pred_class_ids[row] == gt_class_ids[column]
            verdict = "\nmatch" if same else "\nwrong"
        color = "white" if iou > 0.5 else "black" if iou > 0 else "lightgray"
        ax.text(
            column, row, f"{iou:.2f}{verdict}", ha="center", va="center", fontsize=7, color=color
        )
    return finish(ax, True, save_to)


def plot_precision_recall(AP, precisions, recalls, *, save_to=None):
    """Plot precision over recall.

    Args:
        AP: average precision, for the title.
        precisions, recalls: [K] in [0, 1], as `compute_ap` returns them.
        save_to: path of a PNG to write; the figure is then closed.

    Returns:
        The Axes, or None where the figure was shown.
    """
    ax = plt.subplots(figsize=(6, 5), layout="constrained")[1]
    ax.fill_between(recalls, precisions, step="pre", alpha=0.15)  # the area is the AP
    ax.step(recalls, precisions, where="pre")
    ax.set(
        title=f"Precision-recall curve, AP = {AP:.3f}",
        xlabel="Recall",
        ylabel="Precision",
        xlim=(0, 1.02),
        ylim=(0, 1.05),
    )
    ax.grid(alpha=0.3)
    return finish(ax, True, save_to)


def _score_captions(scores, boxes, pixel_inches, dpi):
    """Scores as captions, or empty ones: for boxes too narrow, or at a resolution too coarse."""
    if not len(boxes):
        return []
    points = np.median(boxes[:, 3] - boxes[:, 1]) * pixel_inches * 72
    # Of a score in the smallest type the width, and the dots per inch that make it legible.
    has_room = points > 10 and dpi >= 100
    return [f"{score:.2f}" if has_room else "" for score in scores]


def _tidy(boxes, class_ids, masks, scores=None, score_threshold=0.0):
    """Drop padding and weak detections, and put the best score first.

    `compute_matches` numbers detections in this order, so that its rows are those returned.

    Returns:
        Boxes, class_ids, masks, scores (None without scores).
    """
    boxes, class_ids, masks = np.reshape(boxes, (-1, 4)), np.asarray(class_ids), np.asarray(masks)
    if scores is None:
        check_counts(boxes=len(boxes), class_ids=len(class_ids), masks=masks.shape[-1])
        kept = np.flatnonzero(boxes.any(axis=1))
        return boxes[kept], class_ids[kept], masks[:, :, kept], None
    scores = np.asarray(scores)
    check_counts(
        boxes=len(boxes), class_ids=len(class_ids), scores=len(scores), masks=masks.shape[-1]
    )
    order = np.argsort(-scores, kind="stable")
    kept = order[boxes[order].any(axis=1) & (scores[order] >= score_threshold)]
    return boxes[kept], class_ids[kept], masks[:, :, kept], scores[kept]
