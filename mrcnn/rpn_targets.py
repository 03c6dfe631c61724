"""What the region proposal network should answer for an image."""

import numpy as np

from .boxes import box_areas, box_deltas, compute_iou

_POSITIVE_IOU = 0.7
_NEGATIVE_IOU = 0.3
_CROWD_IOU = 0.001


def build_rpn_targets(image_shape, anchors, gt_class_ids, gt_boxes, config, rng=None):
    """Choose the anchors that train the RPN and the deltas that they should predict.

    An anchor is positive when it overlaps an instance with IoU >= 0.7 or has, among all anchors,
    the best IoU above 0 with one; negative when its best IoU is < 0.3 and it does not touch a
    crowd (Faster R-CNN, section 3.1.2). RPN_TRAIN_ANCHORS_PER_IMAGE of them stay, at most half of
    them positive. A positive anchor regresses to the instance that it overlaps most.

    Args:
        image_shape: not used; the reference has it.
        anchors: [A, 4] pixels.
        gt_class_ids: [G], negative for crowds.
        gt_boxes: [G, 4] pixels; G may be 0.
        config: RPN_TRAIN_ANCHORS_PER_IMAGE, RPN_BBOX_STD_DEV.
        rng: source of the subsampling, with numpy's `choice`. None is the global `np.random`.

    Returns:
        rpn_match: [A] int32, 1 positive, -1 negative, 0 neutral.
        rpn_bbox: [RPN_TRAIN_ANCHORS_PER_IMAGE, (dy, dx, log(dh), log(dw))] float64, divided by
            RPN_BBOX_STD_DEV, for the positive anchors in their order, then zeros.
    """
    rng = np.random if rng is None else rng
    total = config.RPN_TRAIN_ANCHORS_PER_IMAGE
    gt_class_ids = np.asarray(gt_class_ids)
    gt_boxes = np.asarray(gt_boxes, np.float64).reshape(-1, 4)
    crowd_boxes, gt_boxes = gt_boxes[gt_class_ids < 0], gt_boxes[gt_class_ids >= 0]

    crowd_iou, _, _ = _match(anchors, crowd_boxes)
    best_iou, best_gt, forced = _match(anchors, gt_boxes)
    rpn_match = np.zeros(len(anchors), np.int32)
    rpn_match[(best_iou < _NEGATIVE_IOU) & (crowd_iou < _CROWD_IOU)] = -1
    rpn_match[forced] = 1
    rpn_match[best_iou >= _POSITIVE_IOU] = 1

    _drop_surplus(rpn_match, 1, total // 2, rng)
    _drop_surplus(rpn_match, -1, total - np.count_nonzero(rpn_match == 1), rng)

    positive = np.flatnonzero(rpn_match == 1)
    rpn_bbox = np.zeros((total, 4))
    deltas = box_deltas(anchors[positive], gt_boxes[best_gt[positive]])
    rpn_bbox[: len(positive)] = deltas / config.RPN_BBOX_STD_DEV
    return rpn_match, rpn_bbox


def _match(anchors, boxes):
    """Best IoU of each anchor [A], the box it is with [A], and the anchors best for some box.

    Box by box over the anchors that touch it: the full matrix of 261,888 anchors and 100 boxes
    would take 200 MB and is nearly all zeros.
    """
    y1, x1, y2, x2 = np.ascontiguousarray(anchors.T)
    areas = box_areas(anchors)
    best_iou, best_box = np.zeros(len(anchors)), np.zeros(len(anchors), np.int64)
    forced = []
    for k, box in enumerate(boxes):
        near = np.flatnonzero((y1 < box[2]) & (y2 > box[0]) & (x1 < box[3]) & (x2 > box[1]))
        area = (box[2] - box[0]) * (box[3] - box[1])
        iou = compute_iou(box, anchors[near], area, areas[near])
        if not iou.any():
            continue
        forced.append(near[iou == iou.max()])
        better = iou > best_iou[near]
        best_iou[near[better]] = iou[better]
        best_box[near[better]] = k
    return best_iou, best_box, np.concatenate(forced) if forced else np.zeros(0, np.int64)


def _drop_surplus(rpn_match, label, limit, rng):
    """Make a random choice of the anchors with this label neutral, so that `limit` stay."""
    ids = np.flatnonzero(rpn_match == label)
    if len(ids) > limit:
        rpn_match[rng.choice(ids, len(ids) - limit, replace=False)] = 0
