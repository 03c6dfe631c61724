"""Merge several results for the same image into one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..config_rules.values import check_fraction
from ..instances.masks import InstanceMasks, as_instances
from ..instances.overlaps import iou
from ..types import Array, Detections


def merge(
    results: Sequence[Mapping[str, Any]],
    min_votes: float = 0.5,
    min_iou: float = 0.5,
    across_classes: bool = False,
) -> Detections:
    """Merge several results for the same image into one.

    From each of the other results, the best remaining detection gathers the detection of its class
    whose mask overlaps its own most. The masks of such a group are averaged, weighted by score, and
    thresholded at one half.

    Args:
        results: as `MaskRCNN.detect` returns them; masks may be `InstanceMasks`.
        min_votes: fraction of the results that must have a detection, in [0, 1].
        min_iou: minimum IoU of two detections of the same object, in [0, 1]; detections that do not
            overlap are never the same object.
        across_classes: whether detections of different classes may be the same object, as with
            NMS_ACROSS_CLASSES. Its class is then the one with the highest sum of scores, and its
            score the mean of that class's.

    Returns:
        dict of `rois` int32 [N, 4] pixels, `class_ids` int32 [N], `scores` float32 [N], best first,
        and `masks`, an `InstanceMasks`. A score is the mean over all results, with 0 for those that
        do not have the detection. `truncated` is that of the first result with one, else "".
        Fields of heads other than the mask head are left out.

    Raises:
        ValueError: no results, results for images of different sizes, or `min_votes` or `min_iou`
            is out of range.

    Example:
        >>> from mrcnn.inference.merging import merge
        >>> result = {"rois": [[0, 0, 2, 2]], "class_ids": [1], "masks": np.ones((2, 2, 1), bool)}
        >>> merge([{**result, "scores": [0.75]}, {**result, "scores": [0.25]}])["scores"]
        array([0.5], dtype=float32)
    """
    check_fraction("min_votes", min_votes)
    check_fraction("min_iou", min_iou)
    if not results:
        raise ValueError("results is empty: at least one is needed.")
    all_masks = [masks_of(each) for each in results]
    sizes = sorted({(masks.height, masks.width) for masks in all_masks})
    if len(sizes) > 1:
        raise ValueError(f"the results are for images of sizes {sizes}: all must be for one image.")
    crops = [crop for masks in all_masks for crop in masks.crops]
    corners = np.concatenate([masks.boxes[:, :2] for masks in all_masks])
    masks = InstanceMasks(crops, corners, all_masks[0].shape)
    source = np.repeat(np.arange(len(results)), [len(m) for m in all_masks])
    class_ids, scores = (
        np.concatenate([np.asarray(each[name], dtype) for each in results])
        for name, dtype in (("class_ids", np.int32), ("scores", np.float64))
    )
    free = masks.visible
    found: list[tuple[Any, ...]] = []
    for seed in np.argsort(-scores, kind="stable"):
        if not free[seed]:
            continue
        rivals = free & (across_classes | (class_ids == class_ids[seed]))
        group = _group(seed, masks, rivals, source, min_iou)
        free[group] = False
        if len(group) >= min_votes * len(results):
            class_id, total = _best_class(class_ids[group], scores[group])
            average = _average(masks[group], scores[group])
            found.append((total / len(results), class_id, *average))
    found.sort(key=lambda each: -each[0])
    merged = InstanceMasks([f[2] for f in found], [f[3] for f in found], masks.shape)
    return {
        "rois": merged.boxes,
        "class_ids": np.array([f[1] for f in found], np.int32),
        "scores": np.array([f[0] for f in found], np.float32),
        "masks": merged,
        "truncated": np.str_(next(filter(None, (r.get("truncated") for r in results)), "")),
    }


def masks_of(result: Mapping[str, Any]) -> InstanceMasks:
    """The masks of a result to merge, as `InstanceMasks`.

    Args:
        result: as `MaskRCNN.detect` returns it.

    Raises:
        ValueError: the result has no masks.
    """
    if "masks" not in result:
        raise ValueError("a result has no masks: results are merged by mask overlap.")
    return as_instances(result["masks"])


def _group(
    seed: int, masks: InstanceMasks, candidates: Array, source: Array, min_iou: float
) -> Array:
    """Indices of a detection and of its best match in each of the other results."""
    candidates = np.flatnonzero(candidates & (source != source[seed]))
    overlap = iou(masks[[seed]], masks[candidates])[0]
    group, sources = [seed], {source[seed]}
    for i in np.argsort(-overlap, kind="stable"):
        if overlap[i] < min_iou or not overlap[i]:
            break
        if source[candidates[i]] not in sources:
            sources.add(source[candidates[i]])
            group.append(candidates[i])
    return np.array(group)


def _best_class(class_ids: Array, scores: Array) -> tuple[int, float]:
    """The class with the highest sum of scores, of equal ones the first, and that sum."""
    totals = {class_id: scores[class_ids == class_id].sum() for class_id in class_ids}
    best = max(totals, key=lambda class_id: totals[class_id])
    return best, totals[best]


def _average(masks: InstanceMasks, weights: Array) -> tuple[Array, tuple[int, int]]:
    """The pixels covered by at least half of the weight, and their top left (y, x)."""
    top, left = masks.boxes[:, :2].min(axis=0)
    bottom, right = masks.boxes[:, 2:].max(axis=0)
    weights = np.maximum(weights, 1e-9)  # all may be 0
    total = np.zeros((bottom - top, right - left))
    for crop, (y1, x1, y2, x2), weight in zip(masks.crops, masks.boxes, weights, strict=True):
        total[y1 - top : y2 - top, x1 - left : x2 - left] += weight * crop
    return total >= weights.sum() / 2, (top, left)
