"""RoIs and head targets in numpy, for debugging or for training the heads without the RPN."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..config import Config
from ..geometry.boxes import box_refinement, compute_overlaps
from ..instances.pasting import expand_mask
from ..types import Array
from .resize import resize


def generate_random_rois(
    image_shape: Sequence[int] | Array,
    count: int,
    gt_class_ids: npt.ArrayLike,
    gt_boxes: Array,
    rng: Any = None,
) -> Array:
    """Random RoIs, 90% of them around the instances, as a stand-in for the RPN's proposals.

    The corners of an instance's RoIs lie up to one box size outside its box; those of the other
    RoIs lie anywhere in the image.

    Args:
        image_shape: (height, width); further entries are ignored.
        count: number of RoIs.
        gt_class_ids: not used; an argument in matterport's Mask_RCNN (the reference).
        gt_boxes: [G, 4] pixels; G may be 0.
        rng: a `numpy.random.RandomState`; None is the global `np.random`. Numbers are drawn in the
            reference's order.

    Returns:
        [count, 4] int32 pixels, each at least one pixel high and wide.

    Raises:
        ValueError: the image, or the area around an instance, is less than two pixels high or wide.
    """
    rng = np.random if rng is None else rng
    height, width = image_shape[:2]
    per_box = int(0.9 * count / max(1, len(gt_boxes)))
    rois = []
    for y1, x1, y2, x2 in gt_boxes:
        y_range = max(y1 - (y2 - y1), 0), min(y2 + (y2 - y1), height)
        x_range = max(x1 - (x2 - x1), 0), min(x2 + (x2 - x1), width)
        rois.append(_random_boxes(rng, y_range, x_range, per_box))
    rest = count - per_box * len(gt_boxes)
    rois.append(_random_boxes(rng, (0, height), (0, width), rest))
    return np.concatenate(rois).astype(np.int32)


def _random_boxes(rng, y_range, x_range, count):
    """[count, 4] boxes with corners in half-open ranges of at least two pixels."""
    for name, (low, high) in (("height", y_range), ("width", x_range)):
        if high - low < 2:
            raise ValueError(
                f"RoIs cannot be drawn from a {name} range of {low} to {high}: the image, and the "
                "part of it around each box, must be at least two pixels high and wide."
            )
    while True:
        # Twice as many as needed, because boxes without area are dropped.
        y = _distinct(rng.randint(*y_range, (2 * count, 2)))[:count]
        x = _distinct(rng.randint(*x_range, (2 * count, 2)))[:count]
        if len(y) == len(x) == count:
            y, x = np.sort(y, axis=1), np.sort(x, axis=1)
            return np.stack([y[:, 0], x[:, 0], y[:, 1], x[:, 1]], axis=1)


def _distinct(pairs):
    return pairs[pairs[:, 0] != pairs[:, 1]]


def build_detection_targets(
    rpn_rois: Array,
    gt_class_ids: npt.ArrayLike,
    gt_boxes: npt.ArrayLike,
    gt_masks: npt.ArrayLike,
    config: Config,
    rng: Any = None,
) -> tuple[Array, Array, Array, Array]:
    """Head targets for given RoIs, in numpy, for debugging; the network computes its own.

    RoIs with IoU > 0.5 are positive, but at most ROI_POSITIVE_RATIO of TRAIN_ROIS_PER_IMAGE are
    taken. The rest are negatives, repeated if there are too few.

    Args:
        rpn_rois: [R, 4] pixels, R > 0.
        gt_class_ids: [G]; at least one above 0. Crowds and padding (<= 0) are ignored.
        gt_boxes: [G, 4] pixels.
        gt_masks: [H, W, G], or mini masks [h, w, G] with USE_MINI_MASK; nonzero inside.
        config: TRAIN_ROIS_PER_IMAGE, ROI_POSITIVE_RATIO, NUM_CLASSES, BBOX_STD_DEV, MASK_SHAPE,
            USE_MINI_MASK and IMAGE_SHAPE.
        rng: random generator for the sampling, with numpy's `choice`; None is the global
            `np.random`. Numbers are drawn in the reference's order.

    Returns:
        rois: [TRAIN_ROIS_PER_IMAGE, 4] pixels, positives first.
        class_ids: [TRAIN_ROIS_PER_IMAGE] int32, 0 for negatives.
        bboxes: [TRAIN_ROIS_PER_IMAGE, NUM_CLASSES, (dy, dx, log(dh), log(dw))] float32, divided
            by BBOX_STD_DEV, at the index of the RoI's class.
        masks: [TRAIN_ROIS_PER_IMAGE, *MASK_SHAPE, NUM_CLASSES] float32 in 0..1, not rounded.

    Raises:
        ValueError: there are no RoIs or no instances, or too few positives and no negatives.
    """
    rng = np.random if rng is None else rng
    instances = np.flatnonzero(np.asarray(gt_class_ids) > 0)
    if not len(rpn_rois) or not len(instances):
        raise ValueError(
            f"there are {len(rpn_rois)} RoIs and {len(instances)} instances with a class id "
            "above 0: at least one of each is needed."
        )
    gt_class_ids, gt_boxes = np.asarray(gt_class_ids)[instances], np.asarray(gt_boxes)[instances]
    gt_masks = np.asarray(gt_masks)[:, :, instances]

    overlaps = compute_overlaps(rpn_rois, gt_boxes)  # [R, G]
    positive, negative = _sample_rois(rng, overlaps.max(axis=1), config)
    assigned = overlaps[positive].argmax(axis=1)  # [positives]
    rois = np.asarray(rpn_rois)[np.concatenate([positive, negative])]

    total = config.TRAIN_ROIS_PER_IMAGE
    class_ids = np.zeros(total, np.int32)
    bboxes = np.zeros((total, config.NUM_CLASSES, 4), np.float32)
    masks = np.zeros((total, *config.MASK_SHAPE, config.NUM_CLASSES), np.float32)
    rows = np.arange(len(positive))
    class_ids[rows] = gt_class_ids[assigned]
    deltas = box_refinement(rois[rows], gt_boxes[assigned]) / config.BBOX_STD_DEV
    bboxes[rows, class_ids[rows]] = deltas
    for i, gt in enumerate(assigned):
        mask = gt_masks[:, :, gt] != 0
        if config.USE_MINI_MASK:
            mask = expand_mask(gt_boxes[gt, None], mask[:, :, None], config.IMAGE_SHAPE)[:, :, 0]
        y1, x1, y2, x2 = rois[i].astype(np.int32)
        masks[i, :, :, class_ids[i]] = resize(mask[y1:y2, x1:x2], config.MASK_SHAPE)
    return rois, class_ids, bboxes, masks


def _sample_rois(rng, best_iou, config):
    """Indices of the positive and the negative RoIs, TRAIN_ROIS_PER_IMAGE in total."""
    total = config.TRAIN_ROIS_PER_IMAGE
    positive = _choose(rng, np.flatnonzero(best_iou > 0.5), int(total * config.ROI_POSITIVE_RATIO))
    wanted = total - len(positive)
    candidates = np.flatnonzero(best_iou < 0.5)
    if wanted and not len(candidates):
        raise ValueError(
            f"{len(positive)} RoIs are positive and none has an IoU below 0.5, but "
            f"TRAIN_ROIS_PER_IMAGE is {total}: also pass RoIs away from the instances."
        )
    negative = _choose(rng, candidates, wanted)
    if len(negative) < wanted:
        extra = rng.choice(negative, wanted - len(negative), replace=True)
        negative = np.concatenate([negative, extra])
    return positive, negative


def _choose(rng, ids, limit):
    return rng.choice(ids, limit, replace=False) if len(ids) > limit else ids
