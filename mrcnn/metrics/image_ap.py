"""Average precision and recall of one image's detections.

`compute_ap` is a quick metric for one image, not COCO's AP. It pools the image's classes instead of
averaging per class over the whole dataset, and integrates the curve at its own recalls (PASCAL VOC
2010) instead of at 101 fixed ones. It uses a single IoU, ignores area ranges, and matches each
detection with the best free ground truth. Its mean over images is yet another metric, in which an
image with one instance weighs as much as one with a hundred. `evaluate` gives COCO's AP, the metric
to compare with papers.

A crowd, an instance with a negative class id, is handled as in COCO: it need not be found, and a
detection of its class that matches no instance but lies in the crowd is neither correct nor wrong.
"""

import numpy as np
import numpy.typing as npt

from ..geometry.boxes import compute_overlaps
from ..instances.overlaps import compute_overlaps_masks
from ..types import Array

# Replaces the index of the matched instance when a detection lies in a crowd.
IN_CROWD = -2


def compute_matches(
    gt_boxes: npt.ArrayLike,
    gt_class_ids: npt.ArrayLike,
    gt_masks: Array,
    pred_boxes: npt.ArrayLike,
    pred_class_ids: npt.ArrayLike,
    pred_scores: npt.ArrayLike,
    pred_masks: Array,
    iou_threshold: float = 0.5,
    score_threshold: float = 0.0,
) -> tuple[Array, Array, Array]:
    """Match detections with ground truth by mask IoU, best score first.

    Each detection takes the free instance of its class that it overlaps most.

    Args:
        gt_boxes: [G, 4] pixels; rows of zeros are padding, dropped with their ids and masks.
        gt_class_ids: [G]; negative for a crowd of the class.
        gt_masks: [H, W, G].
        pred_boxes: [N, 4] pixels; rows of zeros are padding.
        pred_class_ids: [N].
        pred_scores: [N].
        pred_masks: [H, W, N].
        iou_threshold: minimum mask IoU of a match.
        score_threshold: detections with a lower score match nothing but stay in the arrays.

    Returns:
        gt_match: [G] float, index of the matched detection or -1; always -1 for a crowd.
        pred_match: [N] float, index of the matched instance or -1; -2 for an unmatched detection
            with at least a fraction `iou_threshold` of its area in a crowd.
        overlaps: [N, G] float32, mask IoU; for a crowd, the fraction of the detection inside it.
        Detections are numbered by descending score; ties keep their order.

    Example:
        >>> from mrcnn.metrics.image_ap import compute_matches
        >>> boxes, ids = np.array([[0, 0, 2, 4], [2, 0, 4, 4]]), np.array([1, 1])
        >>> masks = np.zeros((4, 4, 2), bool)
        >>> masks[:2, :, 0] = masks[2:, :, 1] = True
        >>> first = boxes[:1], ids[:1], [0.9], masks[..., :1]  # one of the two is found
        >>> gt_match, pred_match, overlaps = compute_matches(boxes, ids, masks, *first)
        >>> gt_match, pred_match
        (array([ 0., -1.]), array([0.]))
    """
    overlaps, gt_class_ids, pred_class_ids, pred_scores = _overlaps(
        gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks
    )
    scored = np.count_nonzero(pred_scores >= score_threshold)
    gt_match, pred_match = match_by_overlap(
        overlaps, gt_class_ids, pred_class_ids[:scored], iou_threshold
    )
    return gt_match, pred_match, overlaps


def compute_ap(
    gt_boxes: npt.ArrayLike,
    gt_class_ids: npt.ArrayLike,
    gt_masks: Array,
    pred_boxes: npt.ArrayLike,
    pred_class_ids: npt.ArrayLike,
    pred_scores: npt.ArrayLike,
    pred_masks: Array,
    iou_threshold: float = 0.5,
) -> tuple[float, Array, Array, Array]:
    """Average precision of one image, all classes pooled; not COCO's AP (see the module docstring).

    Args:
        iou_threshold: minimum mask IoU of a match; the rest as in `compute_matches`.

    Returns:
        mAP: area under the precision-recall curve, made non-increasing. If the ground truth is
            empty or only crowds, it is 1.0 when nothing was detected outside them, else 0.0.
        precisions, recalls: [N + 2], the points of the curve; a detection in a crowd repeats the
            previous point. Without ground truth, recall is 0 up to its last point.
        overlaps: [N, G] float32, as in `compute_matches`.

    Example:
        >>> from mrcnn.metrics.image_ap import compute_ap
        >>> boxes, ids = np.array([[0, 0, 2, 4], [2, 0, 4, 4]]), np.array([1, 1])
        >>> masks = np.zeros((4, 4, 2), bool)
        >>> masks[:2, :, 0] = masks[2:, :, 1] = True
        >>> first = boxes[:1], ids[:1], [0.9], masks[..., :1]  # one of the two is found
        >>> compute_ap(boxes, ids, masks, *first)[0]
        0.5
    """
    overlaps, gt_class_ids, pred_class_ids, _ = _overlaps(
        gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks
    )
    return *_average_precision(overlaps, gt_class_ids, pred_class_ids, iou_threshold), overlaps


def compute_ap_range(
    gt_box: npt.ArrayLike,
    gt_class_id: npt.ArrayLike,
    gt_mask: Array,
    pred_box: npt.ArrayLike,
    pred_class_id: npt.ArrayLike,
    pred_score: npt.ArrayLike,
    pred_mask: Array,
    iou_thresholds: npt.ArrayLike | None = None,
    verbose: bool | int = 1,
) -> float:
    """Mean of `compute_ap` over IoU thresholds.

    Args:
        gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score, pred_mask: as in
            `compute_matches`, where the names are plural.
        iou_thresholds: list or array [T]; None is 0.5, 0.55, ..., 0.95.
        verbose: print the AP of each threshold.

    Returns:
        the mean.

    Raises:
        ValueError: `iou_thresholds` is empty.

    Example:
        >>> from mrcnn.metrics.image_ap import compute_ap_range
        >>> boxes, ids = np.array([[0, 0, 2, 4], [2, 0, 4, 4]]), np.array([1, 1])
        >>> masks = np.zeros((4, 4, 2), bool)
        >>> masks[:2, :, 0] = masks[2:, :, 1] = True
        >>> first = boxes[:1], ids[:1], [0.9], masks[..., :1]  # one of the two is found
        >>> compute_ap_range(boxes, ids, masks, *first, iou_thresholds=[0.5, 0.75])
        AP @0.50:    0.500
        AP @0.75:    0.500
        AP @0.50-0.75:       0.500
        0.5
    """
    thresholds = np.arange(0.5, 1.0, 0.05) if iou_thresholds is None else np.ravel(iou_thresholds)
    if not len(thresholds):
        raise ValueError("iou_thresholds is empty: it must be None or have at least one value.")
    overlaps, gt_class_id, pred_class_id, _ = _overlaps(
        gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score, pred_mask
    )
    aps = []
    for threshold in thresholds:
        ap, _, _ = _average_precision(overlaps, gt_class_id, pred_class_id, threshold)
        aps.append(ap)
        if verbose:
            print(f"AP @{threshold:.2f}:\t {ap:.3f}")
    mean = float(np.mean(aps))
    if verbose:
        print(f"AP @{thresholds[0]:.2f}-{thresholds[-1]:.2f}:\t {mean:.3f}")
    return mean


def compute_recall(
    pred_boxes: npt.ArrayLike, gt_boxes: npt.ArrayLike, iou: float
) -> tuple[float, Array]:
    """Fraction of ground truth boxes hit by any box, regardless of class.

    Args:
        pred_boxes: [N, 4] pixels. Each counts for the ground truth box that it overlaps most.
        gt_boxes: [G, 4] pixels.
        iou: minimum box IoU of a hit.

    Returns:
        recall: 1.0 when there is no ground truth.
        positive_ids: int [P], indices of the boxes that hit.

    Example:
        >>> from mrcnn.metrics.image_ap import compute_recall
        >>> compute_recall([[0, 0, 10, 10]], [[0, 0, 10, 8], [20, 0, 30, 10]], iou=0.5)
        (0.5, array([0]))
    """
    overlaps = compute_overlaps(pred_boxes, gt_boxes)  # [N, G]
    count = overlaps.shape[1]
    if not count:
        return 1.0, np.zeros(0, np.int64)
    positive_ids = np.flatnonzero(overlaps.max(axis=1) >= iou)
    found = np.unique(overlaps[positive_ids].argmax(axis=1))
    return len(found) / count, positive_ids


def _overlaps(
    gt_boxes: npt.ArrayLike,
    gt_class_ids: npt.ArrayLike,
    gt_masks: Array,
    pred_boxes: npt.ArrayLike,
    pred_class_ids: npt.ArrayLike,
    pred_scores: npt.ArrayLike,
    pred_masks: Array,
) -> tuple[Array, Array, Array, Array]:
    """Overlaps [N, G] without padding, detections by score, with their ids and scores."""
    gt = np.flatnonzero(np.any(np.reshape(gt_boxes, (-1, 4)), axis=1))
    real = np.flatnonzero(np.any(np.reshape(pred_boxes, (-1, 4)), axis=1))
    scores = np.asarray(pred_scores)
    order = real[np.argsort(-scores[real], kind="stable")]
    gt_class_ids, pred_class_ids = np.asarray(gt_class_ids)[gt], np.asarray(pred_class_ids)[order]
    gt_masks, pred_masks = gt_masks[..., gt], pred_masks[..., order]
    overlaps = compute_overlaps_masks(pred_masks, gt_masks)
    if (gt_class_ids < 0).any():
        inside = pred_masks > 0.5  # [H, W, N]
        areas = np.maximum(np.count_nonzero(inside, axis=(0, 1)), 1)
        for i in np.flatnonzero(gt_class_ids < 0):
            overlaps[:, i] = np.count_nonzero(inside[gt_masks[..., i] > 0.5], axis=0) / areas
    return overlaps, gt_class_ids, pred_class_ids, scores[order]


def match_by_overlap(
    overlaps: Array, gt_class_ids: Array, pred_class_ids: Array, iou_threshold: float
) -> tuple[Array, Array]:
    """Match detections greedily with free instances of their class.

    An unmatched detection is in a crowd if it overlaps one; a crowd takes any number of them.

    Args:
        overlaps: [N, G], of detections, best score first, with instances; for a crowd, the fraction
            of the detection inside it.
        gt_class_ids: int [G], negative for a crowd.
        pred_class_ids: int [N], or fewer: the remaining detections match nothing.
        iou_threshold: minimum overlap of a match.

    Returns:
        gt_match, pred_match: see `compute_matches`.
    """
    pred_match = np.full(overlaps.shape[0], -1.0)
    gt_match = np.full(overlaps.shape[1], -1.0)
    for i, class_id in enumerate(pred_class_ids):
        near = overlaps[i] >= iou_threshold
        free = near & (gt_match < 0) & (gt_class_ids == class_id)
        if free.any():
            best = np.argmax(np.where(free, overlaps[i], -1))
            gt_match[best], pred_match[i] = i, best
        elif (near & (gt_class_ids < 0) & (np.abs(gt_class_ids) == class_id)).any():
            pred_match[i] = IN_CROWD
    return gt_match, pred_match


def _average_precision(
    overlaps: Array, gt_class_ids: Array, pred_class_ids: Array, iou_threshold: float
) -> tuple[float, Array, Array]:
    _, pred_match = match_by_overlap(overlaps, gt_class_ids, pred_class_ids, iou_threshold)
    objects = int(np.count_nonzero(gt_class_ids >= 0))
    hits, counted = np.cumsum(pred_match >= 0), np.cumsum(pred_match != IN_CROWD)  # [N] each
    precisions = np.concatenate([[0], hits / np.maximum(counted, 1), [0]])
    # Taken from the right, so that precision never increases with recall.
    precisions = np.maximum.accumulate(precisions[::-1])[::-1]
    recalls = np.concatenate([[0], hits / max(1, objects), [1]])
    if not objects:
        return 0.0 if counted[-1:].any() else 1.0, precisions, recalls
    return float(np.sum(np.diff(recalls) * precisions[1:])), precisions, recalls
