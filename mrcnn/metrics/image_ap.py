"""Average precision and recall of one image's detections.

`compute_ap` is a quick figure for one image, not COCO's AP: it pools the classes of one image
instead of averaging per class over the whole data set, integrates the curve at its own recalls
(PASCAL VOC 2010) instead of at 101 fixed ones, is of one IoU, knows no areas, and matches each
detection with the best free ground truth. Its mean over images is a third figure again, in which an
image of one instance has the weight of one of a hundred. `evaluate` gives COCO's AP, the figure to
compare with papers.

A crowd, an instance with a negative class id, is handled as COCO does: it need not be found, and a
detection of its class that matches no instance but lies in it is neither right nor wrong.
"""

import numpy as np

from ..geometry.boxes import compute_overlaps
from ..instances.overlaps import compute_overlaps_masks

# In the place of the instance that a detection matches, if it lies in a crowd.
IN_CROWD = -2


def compute_matches(
    gt_boxes,
    gt_class_ids,
    gt_masks,
    pred_boxes,
    pred_class_ids,
    pred_scores,
    pred_masks,
    iou_threshold=0.5,
    score_threshold=0.0,
):
    """Match detections with ground truth by mask IoU, best score first.

    A detection takes the instance of its class that overlaps it most and is still free.

    Args:
        gt_boxes: [G, 4] pixels; rows of zeros are padding and dropped with their ids and masks.
        gt_class_ids: [G]; negative for a crowd of the class.
        gt_masks: [H, W, G].
        pred_boxes: [N, 4] pixels; rows of zeros are padding.
        pred_class_ids: [N].
        pred_scores: [N].
        pred_masks: [H, W, N].
        iou_threshold: least mask IoU of a match.
        score_threshold: detections with a lower score match nothing; they stay in the arrays.

    Returns:
        gt_match: [G] float, index of the matched detection or -1; -1 for a crowd.
        pred_match: [N] float, index of the matched instance or -1; -2 for a detection without a
            match of which a share of at least `iou_threshold` lies in a crowd.
        overlaps: [N, G] float32, mask IoU; for a crowd the share of the detection inside it.
        Detections are numbered by descending score, equal ones in their order.
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
    gt_boxes,
    gt_class_ids,
    gt_masks,
    pred_boxes,
    pred_class_ids,
    pred_scores,
    pred_masks,
    iou_threshold=0.5,
):
    """Average precision of one image, all classes pooled; not COCO's AP (see the module).

    Args:
        iou_threshold: least mask IoU of a match; the rest as in `compute_matches`.

    Returns:
        mAP: area under the precision-recall curve, made non-increasing. With no ground truth
            but crowds it is 1.0 when nothing was detected outside them, else 0.0.
        precisions, recalls: [N + 2], the points of the curve; a detection in a crowd repeats the
            point before it. With no ground truth recall is 0 up to its last point.
        overlaps: [N, G] float32, as in `compute_matches`.
    """
    overlaps, gt_class_ids, pred_class_ids, _ = _overlaps(
        gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks
    )
    return *_average_precision(overlaps, gt_class_ids, pred_class_ids, iou_threshold), overlaps


def compute_ap_range(
    gt_box,
    gt_class_id,
    gt_mask,
    pred_box,
    pred_class_id,
    pred_score,
    pred_mask,
    iou_thresholds=None,
    verbose=1,
):
    """Mean of `compute_ap` over IoU thresholds.

    Args:
        gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score, pred_mask: as in
            `compute_matches`, where their names are in the plural.
        iou_thresholds: list or array [T]; None is 0.5, 0.55, ..., 0.95.
        verbose: print the AP of each threshold.

    Returns:
        float.

    Raises:
        ValueError: no thresholds.
    """
    thresholds = np.arange(0.5, 1.0, 0.05) if iou_thresholds is None else np.ravel(iou_thresholds)
    if not len(thresholds):
        raise ValueError("iou_thresholds is empty: None or at least one threshold is accepted.")
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


def compute_recall(pred_boxes, gt_boxes, iou):
    """Share of ground truth boxes that some box hits, whatever the class.

    Args:
        pred_boxes: [N, 4] pixels. Each counts for the ground truth that it overlaps most.
        gt_boxes: [G, 4] pixels.
        iou: least box IoU of a hit.

    Returns:
        recall: float; 1.0 when there is no ground truth.
        positive_ids: int [P], indices of the boxes that hit.
    """
    overlaps = compute_overlaps(pred_boxes, gt_boxes)  # [N, G]
    count = overlaps.shape[1]
    if not count:
        return 1.0, np.zeros(0, np.int64)
    positive_ids = np.flatnonzero(overlaps.max(axis=1) >= iou)
    found = np.unique(overlaps[positive_ids].argmax(axis=1))
    return len(found) / count, positive_ids


def _overlaps(
    gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks
):
    """Overlaps [N, G] without padding, detections by score; and the ids and scores beside them."""
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


def match_by_overlap(overlaps, gt_class_ids, pred_class_ids, iou_threshold):
    """Greedy matches of detections with free instances of their class.

    A detection that finds none is in a crowd if it overlaps one, however many others do.

    Args:
        overlaps: [N, G], of detections, best score first, with instances; of a crowd the share of
            the detection inside it.
        gt_class_ids: int [G], negative for a crowd.
        pred_class_ids: int [N] or fewer: detections beyond them match nothing.
        iou_threshold: least overlap of a match.

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


def _average_precision(overlaps, gt_class_ids, pred_class_ids, iou_threshold):
    _, pred_match = match_by_overlap(overlaps, gt_class_ids, pred_class_ids, iou_threshold)
    objects = np.count_nonzero(gt_class_ids >= 0)
    hits, counted = np.cumsum(pred_match >= 0), np.cumsum(pred_match != IN_CROWD)  # [N] each
    precisions = np.concatenate([[0], hits / np.maximum(counted, 1), [0]])
    # From the right, so that precision never grows with recall.
    precisions = np.maximum.accumulate(precisions[::-1])[::-1]
    recalls = np.concatenate([[0], hits / max(1, objects), [1]])
    if not objects:
        return 0.0 if counted[-1:].any() else 1.0, precisions, recalls
    return float(np.sum(np.diff(recalls) * precisions[1:])), precisions, recalls
