"""What the region proposal network (RPN) should predict for an image."""

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from ..config import Config
from ..geometry.boxes import box_deltas, compute_overlaps
from ..types import Array
from .lattice import AnchorLattice, overlapping_pairs

_POSITIVE_IOU = 0.7
_NEGATIVE_IOU = 0.3
_CROWD_IOU = 0.001


def build_rpn_targets(
    image_shape: Any,
    anchors: npt.ArrayLike | AnchorLattice,
    gt_class_ids: npt.ArrayLike,
    gt_boxes: npt.ArrayLike,
    config: Config,
    rng: np.random.Generator | np.random.RandomState | None = None,
) -> tuple[Array, Array]:
    """Choose the anchors that train the RPN and the deltas that they should predict.

    An anchor is positive if its IoU with an instance is at least 0.7, or above 0 and the
    highest of all anchors. It is negative if its best IoU is below 0.3 and it does not touch a
    crowd (Faster R-CNN, section 3.1.2). RPN_TRAIN_ANCHORS_PER_IMAGE anchors are kept, at most half
    of them positive. A positive anchor regresses to the instance that it overlaps most.

    Args:
        image_shape: not used; an argument in matterport's Mask_RCNN (the reference).
        anchors: [A, 4] pixels, or their `AnchorLattice`: same targets, many times faster.
        gt_class_ids: [G], negative for crowds.
        gt_boxes: [G, 4] pixels; G may be 0.
        config: RPN_TRAIN_ANCHORS_PER_IMAGE, RPN_BBOX_STD_DEV.
        rng: for the subsampling. None: the global `np.random`.

    Returns:
        rpn_match: [A] int32, 1 positive, -1 negative, 0 neutral.
        rpn_bbox: [RPN_TRAIN_ANCHORS_PER_IMAGE, (dy, dx, log(dh), log(dw))] float64, divided by
            RPN_BBOX_STD_DEV, for the positive anchors in order, then zeros.

    Example:
        >>> from mrcnn.anchors import build_rpn_targets
        >>> from mrcnn.config import Config
        >>> anchors = [[0, 0, 20, 20], [100, 100, 120, 120], [22, 0, 42, 20]]
        >>> match, deltas = build_rpn_targets(None, anchors, [1], [[0, 0, 20, 20]], Config())
        >>> match.tolist(), deltas.shape
        ([1, -1, -1], (256, 4))
    """
    draw: Any = np.random if rng is None else rng
    total = config.RPN_TRAIN_ANCHORS_PER_IMAGE
    class_ids = np.asarray(gt_class_ids)
    all_boxes = np.asarray(gt_boxes, np.float64).reshape(-1, 4)
    crowds, boxes = all_boxes[class_ids < 0], all_boxes[class_ids >= 0]
    if isinstance(anchors, AnchorLattice):
        anchor_boxes, pairs = anchors.anchors, anchors.pairs
    else:
        anchor_boxes = np.asarray(anchors, np.float64)
        pairs = functools.partial(overlapping_pairs, anchor_boxes)

    rpn_match = np.full(len(anchor_boxes), -1, np.int32)
    for _, anchor, iou in pairs(crowds, _CROWD_IOU):
        rpn_match[anchor[iou >= _CROWD_IOU]] = 0
    positive = []
    for box, anchor, iou in pairs(boxes, _NEGATIVE_IOU):
        rpn_match[anchor[iou >= _NEGATIVE_IOU]] = 0
        best = np.zeros(len(boxes))
        np.maximum.at(best, box, iou)
        forced = (iou > 0) & (iou == best[box])
        positive.append(anchor[forced | (iou >= _POSITIVE_IOU)])
    for anchor in positive:
        rpn_match[anchor] = 1

    _drop_surplus(rpn_match, 1, total // 2, draw)
    _drop_surplus(rpn_match, -1, total - np.count_nonzero(rpn_match == 1), draw)

    rpn_bbox = np.zeros((total, 4))
    kept = anchor_boxes[rpn_match == 1]
    if len(kept):
        matched = boxes[compute_overlaps(kept, boxes).argmax(axis=1)]
        rpn_bbox[: len(kept)] = box_deltas(kept, matched) / config.RPN_BBOX_STD_DEV
    return rpn_match, rpn_bbox


def _drop_surplus(rpn_match, label, limit, rng):
    """Make randomly chosen anchors with this label neutral, so that `limit` remain."""
    ids = np.flatnonzero(rpn_match == label)
    if len(ids) <= limit:
        return
    if isinstance(rng, np.random.Generator):
        # Few of many remain: drawing them is fast, but permuting all of them takes milliseconds.
        kept = rng.choice(ids, limit, replace=False, shuffle=False)
        rpn_match[ids] = 0
        rpn_match[kept] = label
    else:
        # As in the reference.
        rpn_match[rng.choice(ids, len(ids) - limit, replace=False)] = 0
