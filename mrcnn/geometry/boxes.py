"""Geometry of boxes (y1, x1, y2, x2) in numpy.

In pixels y2 and x2 are exclusive: a box is y2 - y1 pixels high. Normalised boxes follow
`norm_boxes`.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..types import Array

_CHUNK_ELEMENTS = 1 << 18  # temporaries of compute_overlaps stay at 2 MB, within the cache


def compute_iou(box: Array, boxes: Array, box_area: float, boxes_area: Array) -> Array:
    """Intersection over union of one box with many.

    Args:
        box: [4], pixels or normalised, in the units of `boxes`.
        boxes: [N, 4] in the same units.
        box_area: area of `box`. Passed in, like `boxes_area`, so that callers compute it once.
        boxes_area: [N].

    Returns:
        float [N], 0 where both boxes have no area.
    """
    height = np.minimum(box[2], boxes[:, 2]) - np.maximum(box[0], boxes[:, 0])
    width = np.minimum(box[3], boxes[:, 3]) - np.maximum(box[1], boxes[:, 1])
    intersection = np.maximum(height, 0) * np.maximum(width, 0)  # [N]
    union = box_area + boxes_area - intersection
    return intersection / np.where(union > 0, union, 1)


def compute_overlaps(boxes1: npt.ArrayLike, boxes2: npt.ArrayLike) -> Array:
    """Intersection over union of every pair of boxes.

    Args:
        boxes1: [N1, 4], pixels or normalised. Pass the larger set here: its rows are processed in
            chunks, to bound the memory needed beyond the result.
        boxes2: [N2, 4] in the same units.

    Returns:
        [N1, N2] float64, 0 where both boxes have no area.

    Example:
        >>> from mrcnn.geometry.boxes import compute_overlaps
        >>> compute_overlaps([[0, 0, 10, 10]], [[0, 0, 10, 10], [0, 5, 10, 10], [20, 0, 30, 10]])
        array([[1. , 0.5, 0. ]])
    """
    boxes1 = np.asarray(boxes1, np.float64).reshape(-1, 4)
    boxes2 = np.asarray(boxes2, np.float64).reshape(-1, 4)
    top, left, bottom, right = boxes2.T
    area2 = box_areas(boxes2)  # [N2]
    overlaps = np.empty((len(boxes1), len(boxes2)))
    step = max(1, _CHUNK_ELEMENTS // max(1, len(boxes2)))
    for start in range(0, len(boxes1), step):
        chunk = boxes1[start : start + step]
        y1, x1, y2, x2 = (chunk[:, i, None] for i in range(4))  # [n, 1] each
        height = np.minimum(y2, bottom) - np.maximum(y1, top)  # [n, N2]
        width = np.minimum(x2, right) - np.maximum(x1, left)
        intersection = np.maximum(height, 0) * np.maximum(width, 0)
        union = box_areas(chunk)[:, None] + area2 - intersection
        union[union <= 0] = 1
        overlaps[start : start + step] = intersection / union
    return overlaps


def box_areas(boxes: Array) -> Array:
    """Areas of boxes [N, 4] -> [N], in the squared units of the boxes.

    Example:
        >>> from mrcnn.geometry.boxes import box_areas
        >>> box_areas(np.array([[0, 0, 10, 20]]))
        array([200])
    """
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def non_max_suppression(
    boxes: npt.ArrayLike, scores: npt.ArrayLike, threshold: float
) -> npt.NDArray[np.int32]:
    """Greedy non-maximum suppression: keep the best box, drop those that overlap it, repeat.

    Args:
        boxes: [N, 4], pixels or normalised.
        scores: [N]. Among equal scores, the lower index comes first.
        threshold: boxes whose intersection over union exceeds it are dropped.

    Returns:
        int32 [K], indices of the kept boxes, best score first.

    Example:
        >>> from mrcnn.geometry.boxes import non_max_suppression
        >>> boxes = [[0, 0, 10, 10], [0, 1, 10, 10], [20, 0, 30, 10]]
        >>> non_max_suppression(boxes, [0.8, 0.7, 0.9], threshold=0.5)
        array([2, 0], dtype=int32)
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    areas = box_areas(boxes)
    order = np.argsort(-np.asarray(scores, np.float64), kind="stable")
    keep = []
    while len(order):
        best, rest = order[0], order[1:]
        keep.append(best)
        iou = compute_iou(boxes[best], boxes[rest], areas[best], areas[rest])
        order = rest[iou <= threshold]
    return np.array(keep, dtype=np.int32)


def apply_box_deltas(boxes: npt.ArrayLike, deltas: npt.ArrayLike, limit: float = np.inf) -> Array:
    """Move boxes by the network's deltas; the inverse of `box_refinement`.

    Args:
        boxes: [N, 4], pixels or normalised.
        deltas: [N, (dy, dx, log(dh), log(dw))], dy and dx in units of the box's height and width.
        limit: the largest log(dh) and log(dw).

    Returns:
        [N, 4] float32 in the units of `boxes` (Fast R-CNN, section 2.3, with R-CNN's
        parametrisation).

    Example:
        >>> from mrcnn.geometry.boxes import apply_box_deltas
        >>> apply_box_deltas([[0, 0, 10, 20]], [[0.5, 0, 0, np.log(2)]])
        array([[  5., -10.,  15.,  30.]], dtype=float32)
    """
    boxes = np.asarray(boxes).astype(np.float32)
    deltas = np.asarray(deltas)
    size = boxes[:, 2:] - boxes[:, :2]  # [N, (h, w)]
    centre = boxes[:, :2] + 0.5 * size + deltas[:, :2] * size
    size = size * np.exp(np.minimum(deltas[:, 2:], limit))
    corner = centre - 0.5 * size
    return np.concatenate([corner, corner + size], axis=1).astype(np.float32)


def box_refinement(box: npt.ArrayLike, gt_box: npt.ArrayLike) -> Array:
    """Deltas that move `box` onto `gt_box`.

    Args:
        box: [N, 4], pixels or normalised, with positive height and width.
        gt_box: [N, 4] in the same units, with positive height and width.

    Returns:
        [N, (dy, dx, log(dh), log(dw))] float32, not divided by any standard deviation.

    Example:
        >>> from mrcnn.geometry.boxes import box_refinement
        >>> box_refinement([[0, 0, 10, 20]], [[5, 0, 15, 20]])
        array([[0.5, 0. , 0. , 0. ]], dtype=float32)
    """
    return box_deltas(np.asarray(box).astype(np.float32), np.asarray(gt_box).astype(np.float32))


def box_deltas(box: Array, gt_box: Array) -> Array:
    """Same as `box_refinement`, but in the dtype of the boxes [N, 4]."""
    size = box[:, 2:] - box[:, :2]  # [N, (h, w)]
    gt_size = gt_box[:, 2:] - gt_box[:, :2]
    centre = box[:, :2] + 0.5 * size
    gt_centre = gt_box[:, :2] + 0.5 * gt_size
    return np.concatenate([(gt_centre - centre) / size, np.log(gt_size / size)], axis=1)


def norm_boxes(boxes: npt.ArrayLike, shape: Sequence[int] | Array, margin: int = 1) -> Array:
    """Convert pixel boxes to normalised boxes, (box - [0, 0, margin, margin]) / (size - margin).

    With a margin of 1 the lower right corner becomes inclusive, so 0 and 1 are the centres of the
    first and the last pixel: the coordinates that `crop_and_resize` and the reference's weights
    expect.

    Args:
        boxes: [N, 4] pixels.
        shape: (height, width) of the image, at least 2 pixels each; further entries are ignored.
        margin: 1 or 0, see `config_rules.coordinates`.

    Returns:
        [N, 4] float32, normalised.

    Example:
        >>> from mrcnn.geometry.boxes import norm_boxes
        >>> norm_boxes([[0, 0, 101, 101]], (101, 201))
        array([[0. , 0. , 1. , 0.5]], dtype=float32)
    """
    height, width = shape[:2]
    scale = np.array([height, width, height, width]) - margin
    return ((np.asarray(boxes) - [0, 0, margin, margin]) / scale).astype(np.float32)


def denorm_boxes(boxes: npt.ArrayLike, shape: Sequence[int] | Array) -> npt.NDArray[np.int32]:
    """Convert normalised boxes back to pixels, rounded; the inverse of `norm_boxes`.

    Args:
        boxes: [N, 4] normalised.
        shape: (height, width) of the image; further entries are ignored.

    Returns:
        [N, 4] int32 pixels.

    Example:
        >>> from mrcnn.geometry.boxes import denorm_boxes
        >>> denorm_boxes([[0, 0, 1, 0.5]], (101, 201))
        array([[  0,   0, 101, 101]], dtype=int32)
    """
    height, width = shape[:2]
    scale = np.array([height - 1, width - 1, height - 1, width - 1])
    return np.around(np.asarray(boxes) * scale + [0, 0, 1, 1]).astype(np.int32)


def boxes_in_pixels(
    boxes: npt.ArrayLike, shape: Sequence[int] | Array, margin: int = 1
) -> npt.NDArray[np.float32]:
    """Convert normalised boxes back to pixels, not rounded; the inverse of `norm_boxes`.

    Args:
        boxes: [N, 4] normalised.
        shape: (height, width) of the image; further entries are ignored.
        margin: see `norm_boxes`.

    Returns:
        [N, 4] float32 pixels.

    Example:
        >>> from mrcnn.geometry.boxes import boxes_in_pixels
        >>> boxes_in_pixels([[0, 0, 1, 0.25]], (50, 100), margin=0)
        array([[ 0.,  0., 50., 25.]], dtype=float32)
    """
    height, width = (side - margin for side in shape[:2])
    pixels = np.asarray(boxes, np.float32) * np.array([height, width] * 2, np.float32)
    return pixels + np.array([0, 0, margin, margin], np.float32)


def rounded_like(boxes: npt.ArrayLike, given: npt.ArrayLike) -> Array:
    """Boxes of a result that were made from those of other results.

    Args:
        boxes: [N, 4] pixels.
        given: those that they were made from.

    Returns:
        [N, 4] pixels: float32 if the given ones are, as with BOX_COORDINATES "continuous"; else
        int32, rounded.

    Example:
        >>> from mrcnn.geometry.boxes import rounded_like
        >>> rounded_like([[0, 0, 9.7, 5]], given=[[0, 0, 9, 5]])
        array([[ 0,  0, 10,  5]], dtype=int32)
    """
    boxes = np.asarray(boxes)
    if np.asarray(given).dtype == np.float32:
        return boxes.astype(np.float32)
    return np.rint(boxes).astype(np.int32)


def trim_zeros(x: npt.ArrayLike) -> Array:
    """Rows of `x` [N, M] that are not all zero, in order, to remove padding."""
    x = np.asarray(x)
    return x[np.any(x != 0, axis=1)]
