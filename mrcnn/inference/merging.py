"""Merge several results for the same image into one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..config_rules.values import check_fraction
from ..geometry.boxes import compute_overlaps, rounded_like
from ..instances.boxes import InstanceBoxes
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
    that overlaps it most. The masks of such a group are averaged, weighted by score, and
    thresholded at one half. Without masks, boxes decide what overlaps, and their sides are
    averaged. Keypoints are those of the group's best detection: an average of different poses would
    not be a pose.

    Args:
        results: as `MaskRCNN.detect` returns them; masks may be `InstanceMasks`.
        min_votes: fraction of the results that must have a detection, in [0, 1].
        min_iou: minimum IoU of two detections of the same object, in [0, 1]; detections that do not
            overlap are never the same object.
        across_classes: whether detections of different classes may be the same object, as with
            NMS_ACROSS_CLASSES. Its class is then the one with the highest sum of scores, and its
            score the mean of that class's.

    Returns:
        dict of `rois` [N, 4] pixels, int32 or, if those given are floats and there are no masks,
        float32; `class_ids` int32 [N], `scores` float32 [N], best first;
        and, if the results have them, `masks`, an `InstanceMasks`, and `keypoints` float32
        [N, K, 3]. A score is the mean over all results, with 0 for those that do not have the
        detection. `truncated` is that of the first result with one, else "". Fields of your own
        heads are left out.

    Raises:
        ValueError: no results, results for images of different sizes, only some with masks or
            keypoints, different numbers of keypoints, or `min_votes` or `min_iou` is out of range.

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
    shapes = _masks(results) if _all_have("masks", results) else _boxes(results)
    keypoints = _keypoints(results) if _all_have("keypoints", results) else None
    source = np.repeat(np.arange(len(results)), [len(each["scores"]) for each in results])
    class_ids, scores = (
        np.concatenate([np.asarray(each[name], dtype) for each in results])
        for name, dtype in (("class_ids", np.int32), ("scores", np.float64))
    )
    free = shapes.visible
    found: list[tuple[Any, ...]] = []
    for seed in np.argsort(-scores, kind="stable"):
        if not free[seed]:
            continue
        rivals = free & (across_classes | (class_ids == class_ids[seed]))
        group = _group(seed, shapes, rivals, source, min_iou)
        free[group] = False
        if len(group) >= min_votes * len(results):
            class_id, total = _best_class(class_ids[group], scores[group])
            average = _average(shapes[group], scores[group])
            found.append((total / len(results), class_id, average, seed))
    found.sort(key=lambda each: -each[0])
    merged = _joined([f[2] for f in found], shapes)
    given = merged.boxes if isinstance(merged, InstanceMasks) else results[0]["rois"]
    result: Any = {
        "rois": rounded_like(merged.boxes, given),
        "class_ids": np.array([f[1] for f in found], np.int32),
        "scores": np.array([f[0] for f in found], np.float32),
    }
    if isinstance(merged, InstanceMasks):
        result["masks"] = merged
    if keypoints is not None:
        result["keypoints"] = keypoints[np.array([f[3] for f in found], int)]
    result["truncated"] = np.str_(next(filter(None, (r.get("truncated") for r in results)), ""))
    merged_result: Detections = result
    return merged_result


def _all_have(name: str, results: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the results have a field; all of them must have it, or none."""
    have = [each.get(name) is not None for each in results]
    if any(have) and not all(have):
        raise ValueError(
            f"result {have.index(False)} has no {name}, but result {have.index(True)} has: all "
            "must have the same fields."
        )
    return have[0]


def _masks(results: Sequence[Mapping[str, Any]]) -> InstanceMasks:
    """The masks of all results, one after the other."""
    all_masks = [as_instances(each["masks"]) for each in results]
    sizes = sorted({(masks.height, masks.width) for masks in all_masks})
    if len(sizes) > 1:
        raise ValueError(f"the results are for images of sizes {sizes}: all must be for one image.")
    crops = [crop for masks in all_masks for crop in masks.crops]
    corners = np.concatenate([masks.boxes[:, :2] for masks in all_masks])
    return InstanceMasks(crops, corners, all_masks[0].shape)


def _boxes(results: Sequence[Mapping[str, Any]]) -> InstanceBoxes:
    """The boxes of all results, one after the other, in an image that holds them."""
    boxes = np.concatenate([np.reshape(each["rois"], (-1, 4)) for each in results])
    return InstanceBoxes(boxes, np.ceil(boxes[:, 2:].max(axis=0, initial=0)))


def _keypoints(results: Sequence[Mapping[str, Any]]) -> Array:
    """The keypoints of all results, float32 [N, K, 3]."""
    counts = sorted({np.shape(each["keypoints"])[1] for each in results})
    if len(counts) > 1:
        raise ValueError(
            f"the results have {' and '.join(map(str, counts))} keypoints for each detection: all "
            "must have the same."
        )
    return np.concatenate([np.asarray(each["keypoints"], np.float32) for each in results])


def _group(
    seed: int,
    shapes: InstanceMasks | InstanceBoxes,
    candidates: Array,
    source: Array,
    min_iou: float,
) -> Array:
    """Indices of a detection and of its best match in each of the other results."""
    candidates = np.flatnonzero(candidates & (source != source[seed]))
    overlap = _iou(shapes[[seed]], shapes[candidates])[0]
    group, sources = [seed], {source[seed]}
    for i in np.argsort(-overlap, kind="stable"):
        if overlap[i] < min_iou or not overlap[i]:
            break
        if source[candidates[i]] not in sources:
            sources.add(source[candidates[i]])
            group.append(candidates[i])
    return np.array(group)


def _best_class(class_ids: Array, scores: Array) -> tuple[int, float]:
    """The class with the highest sum of scores, the first if several tie, and that sum."""
    totals = {class_id: scores[class_ids == class_id].sum() for class_id in class_ids}
    best = max(totals, key=lambda class_id: totals[class_id])
    return best, totals[best]


def _iou(first: Any, second: Any) -> Array:
    if isinstance(first, InstanceMasks):
        return iou(first, second)
    return compute_overlaps(first.boxes, second.boxes)


def _average(shapes: InstanceMasks | InstanceBoxes, weights: Array) -> tuple[Array, Any]:
    """The pixels covered by at least half of the weight, and their top left (y, x).

    For boxes, the weighted mean [4], and None.
    """
    weights = np.maximum(weights, 1e-9)  # all may be 0
    if isinstance(shapes, InstanceBoxes):
        return np.average(shapes.boxes, axis=0, weights=weights), None
    top, left = shapes.boxes[:, :2].min(axis=0)
    bottom, right = shapes.boxes[:, 2:].max(axis=0)
    total = np.zeros((bottom - top, right - left))
    for crop, (y1, x1, y2, x2), weight in zip(shapes.crops, shapes.boxes, weights, strict=True):
        total[y1 - top : y2 - top, x1 - left : x2 - left] += weight * crop
    return total >= weights.sum() / 2, (top, left)


def _joined(
    averages: Sequence[tuple[Array, Any]], like: InstanceMasks | InstanceBoxes
) -> InstanceMasks | InstanceBoxes:
    """What `_average` returned for each object, as masks or boxes of the same image."""
    parts, corners = [each[0] for each in averages], [each[1] for each in averages]
    if isinstance(like, InstanceMasks):
        return InstanceMasks(parts, corners, like.shape)
    return InstanceBoxes(np.reshape(parts, (-1, 4)), like.shape)
