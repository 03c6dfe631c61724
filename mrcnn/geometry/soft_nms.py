"""Soft-NMS (Bodla et al., 2017) in numpy; `mrcnn.ops.soft_nms` has it for tensors."""

import numpy as np
import numpy.typing as npt

from ..types import Array
from .boxes import box_areas, compute_iou


def soft_non_max_suppression(
    boxes: npt.ArrayLike,
    scores: npt.ArrayLike,
    method: str,
    threshold: float = 0.3,
    sigma: float = 0.5,
    groups: npt.ArrayLike | None = None,
    least: float | Array = 0.0,
    count: int | None = None,
) -> tuple[npt.NDArray[np.int32], Array]:
    """Select boxes best first, each of which lowers the scores of those that it overlaps.

    Args:
        boxes: [N, 4], pixels or normalised.
        scores: [N]. Among equal scores, the lower index comes first.
        method: "soft_linear" multiplies a score by 1 - IoU if the IoU exceeds `threshold`;
            "soft_gaussian" multiplies it by exp(-IoU² / sigma).
        threshold: IoU, for "soft_linear".
        sigma: for "soft_gaussian".
        groups: [N]; boxes of different groups (classes) leave each other's scores unchanged. None:
            all belong together.
        least: a number or [N]: a box whose score falls below it, or to 0, is dropped.
        count: the maximum number of boxes selected; None: all that reach `least`.

    Returns:
        int32 [K], indices of the selected boxes, and float64 [K], their lowered scores, in
        descending order.

    Example:
        >>> from mrcnn.geometry.soft_nms import soft_non_max_suppression
        >>> boxes = [[0, 0, 10, 10], [0, 0, 10, 5], [20, 0, 30, 10]]
        >>> soft_non_max_suppression(boxes, [0.9, 0.8, 0.7], "soft_linear")
        (array([0, 2, 1], dtype=int32), array([0.9, 0.7, 0.4]))
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    left = np.array(scores, np.float64)
    groups = np.zeros(len(boxes)) if groups is None else np.asarray(groups)
    areas = box_areas(boxes)
    most = len(boxes) if count is None else min(count, len(boxes))
    chosen: list[int] = []
    lowered: list[float] = []
    while len(chosen) < most:
        left[left < least] = 0
        best = int(left.argmax())
        if left[best] <= 0:
            break
        chosen.append(best)
        lowered.append(float(left[best]))
        iou = compute_iou(boxes[best], boxes, areas[best], areas)
        iou = np.where(groups == groups[best], iou, 0)
        if method == "soft_gaussian":
            left *= np.exp(-(iou**2) / sigma)
        else:
            left *= np.where(iou > threshold, 1 - iou, 1)
        left[best] = 0
    return np.array(chosen, np.int32), np.array(lowered)
