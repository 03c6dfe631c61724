"""Matching detections with instances, for the colours and captions of figures.

Masks are compared if both sides have them, otherwise boxes.
"""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from ..geometry.boxes import box_areas, compute_overlaps
from ..metrics.image_ap import compute_matches, match_by_overlap
from ..types import Array
from .drawing import check_counts


@dataclasses.dataclass
class Side:
    """The ground truth of an image, or the detections in it.

    Attributes:
        boxes: [N, (y1, x1, y2, x2)] pixels.
        class_ids: int [N], negative for a crowd.
        masks: [H, W, N], or None if there are only boxes.
        scores: [N], or None for the ground truth.
    """

    boxes: Array
    class_ids: Array
    masks: Array | None = None
    scores: Any = None

    def __len__(self) -> int:
        return len(self.boxes)


def tidy(
    boxes: npt.ArrayLike,
    class_ids: npt.ArrayLike,
    masks: npt.ArrayLike | None = None,
    scores: npt.ArrayLike | None = None,
    score_threshold: float = 0.0,
) -> Side:
    """Drop padding and weak detections, and sort by score, best first.

    Args:
        boxes: [N, 4] pixels; all-zero rows are padding.
        class_ids: [N] ints.
        masks: [H, W, N], or None.
        scores: [N], or None for the ground truth.
        score_threshold: minimum score of a detection to keep.

    Returns:
        `Side`.

    Raises:
        ValueError: the counts differ.
    """
    boxes, class_ids = np.reshape(boxes, (-1, 4)), np.asarray(class_ids)
    masks = None if masks is None else np.asarray(masks)
    scores = None if scores is None else np.asarray(scores)
    check_counts(
        boxes=len(boxes),
        class_ids=len(class_ids),
        scores=None if scores is None else len(scores),
        masks=None if masks is None else masks.shape[-1],
    )
    order = np.arange(len(boxes)) if scores is None else np.argsort(-scores, kind="stable")
    kept = order[boxes[order].any(axis=1)]
    if scores is not None:
        kept = kept[scores[kept] >= score_threshold]
        scores = scores[kept]
    return Side(boxes[kept], class_ids[kept], None if masks is None else masks[:, :, kept], scores)


def match(truth: Side, found: Side, iou_threshold: float = 0.5) -> tuple[Array, Array]:
    """Match detections with instances of the same class by IoU, best score first.

    Args:
        truth, found: as `tidy` returns them, with G instances and N detections.
        iou_threshold: minimum IoU of a match.

    Returns:
        matches: int [N], index of the matched instance; -1 for no match, -2 if only a crowd
            matches.
        overlaps: float [N, G], IoU; for a crowd, the fraction of the detection inside it.
    """
    if truth.masks is not None and found.masks is not None:
        _, matches, overlaps = compute_matches(
            truth.boxes,
            truth.class_ids,
            truth.masks,
            found.boxes,
            found.class_ids,
            found.scores,
            found.masks,
            iou_threshold=iou_threshold,
        )
        return matches.astype(int), overlaps
    overlaps = _box_overlaps(truth, found)
    _, matches = match_by_overlap(overlaps, truth.class_ids, found.class_ids, iou_threshold)
    return matches.astype(int), overlaps


def _box_overlaps(truth: Side, found: Side) -> Array:
    overlaps = compute_overlaps(found.boxes, truth.boxes)
    crowds = truth.class_ids < 0
    low = np.maximum(found.boxes[:, None, :2], truth.boxes[None, crowds, :2])  # [N, C, (y, x)]
    high = np.minimum(found.boxes[:, None, 2:], truth.boxes[None, crowds, 2:])
    inside = np.maximum(high - low, 0).prod(axis=2)
    overlaps[:, crowds] = inside / np.maximum(box_areas(found.boxes), 1)[:, None]
    return overlaps
