"""Which limit of the configuration cut the detections of an image."""

import logging
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..anchors.pyramid import anchors_by_level
from ..config import Config
from ..config_rules.coordinates import box_margin
from ..config_rules.detection_rules import min_scores, scores_needed
from ..geometry.boxes import apply_box_deltas, compute_overlaps, norm_boxes
from ..geometry.soft_nms import soft_non_max_suppression
from ..images.meta import parse_image_meta
from ..types import Array

logger = logging.getLogger(__name__)

DETECTIONS = "DETECTION_MAX_INSTANCES"
PROPOSALS = "POST_NMS_ROIS_INFERENCE"
ANCHORS = "PRE_NMS_LIMIT"

# Keys of a result that say something about the image, not about each of its detections.
OF_THE_IMAGE = ("truncated",)

# Proposals come best first. If at least this fraction of the weakest tenth found an object that no
# other proposal found, more proposals would probably have found more objects. Detections with a
# lower score are seldom objects.
WEAKEST, STILL_NEW, MIN_SCORE = 0.1, 0.1, 0.7


def truncated_by(outputs: Mapping[str, Array], image_meta: Array, config: Config) -> np.str_:
    """Name the limit that cut the detections of an image.

    It is DETECTION_MAX_INSTANCES if that left out a further detection. Otherwise it is probably
    POST_NMS_ROIS_INFERENCE, or PRE_NMS_LIMIT before it, if the weakest proposals still found
    objects that no other proposal had found.

    Args:
        outputs: those of the inference graph for one image, without the batch axis, see
            `graph.build_inference`.
        image_meta: [12 + NUM_CLASSES], of the image.
        config: the model's.

    Returns:
        the setting's name; "" if no limit cut anything. (Like the arrays of a result, a NumPy
        string has a dtype, a shape and `tolist`.)
    """
    rows = outputs["mrcnn_detection"]
    found = rows[: np.count_nonzero(np.cumprod(rows[:, 4] != 0))]
    if not {"ROI", "mrcnn_class", "mrcnn_bbox"} <= outputs.keys():  # a custom box head
        return np.str_(DETECTIONS if len(found) == len(rows) else "")
    if len(found) == len(rows):
        return np.str_(DETECTIONS if left_out(outputs, image_meta, config) else "")
    used = np.flatnonzero(outputs["ROI"].any(axis=1))  # the others are padding
    count = used[-1] + 1 if len(used) else 0
    weakest = math.ceil(WEAKEST * count)
    new = _new_from(count - weakest, found, outputs, image_meta, config)
    if not new or new < STILL_NEW * weakest:
        return np.str_("")
    if count == len(outputs["ROI"]):
        return np.str_(PROPOSALS)
    anchors = len(outputs.get("rpn_class", ()))
    if anchors and config.RPN_NMS_BY_LEVEL:
        anchors = _most_on_a_level(image_meta, config)
    return np.str_(ANCHORS if anchors > config.PRE_NMS_LIMIT else "")


def left_out(outputs: Mapping[str, Array], image_meta: Array, config: Config) -> float:
    """Highest score of the detections that DETECTION_MAX_INSTANCES left out; 0 if there are none.

    Args:
        outputs, image_meta, config: see `truncated_by`.
    """
    found = outputs["mrcnn_detection"]
    boxes, class_ids, scores, _ = _candidates(outputs, image_meta, config)
    if config.DETECTION_NMS != "hard":
        return _next_soft(boxes, class_ids, scores, len(found), config)
    # The margin is for rounding: no detection may count as left out because of itself.
    threshold = max(config.DETECTION_NMS_THRESHOLD - 1e-4, 0)
    near = compute_overlaps(boxes, found[:, :4]) > threshold
    suppressed = (near & _compete(class_ids[:, None], found[:, 4], config)).any(axis=1)
    return float(scores[~suppressed].max(initial=0))


def cut_above(result: Mapping[str, Any], min_score: float) -> str:
    """Name the limit that cut detections that score at least `min_score`.

    DETECTION_MAX_INSTANCES leaves out only detections that score less than all others: if some
    score less than `min_score`, it left out none above.

    Args:
        result: see `MaskRCNN.detect`.
        min_score: in [0, 1].

    Returns:
        the setting's name, or "".

    Example:
        >>> from mrcnn.inference.truncation import cut_above
        >>> result = {"scores": np.array([0.9, 0.4]), "truncated": "DETECTION_MAX_INSTANCES"}
        >>> cut_above(result, 0.3), cut_above(result, 0.5)
        ('DETECTION_MAX_INSTANCES', '')
    """
    limit = str(result.get("truncated") or "")
    if limit == DETECTIONS and np.any(np.asarray(result["scores"]) < min_score):
        return ""
    return limit


def _new_from(
    first: int, found: Array, outputs: Mapping[str, Array], image_meta: Array, config: Config
) -> int:
    """Number of objects that no proposal before number `first` would have found."""
    found = found[found[:, 5] >= MIN_SCORE]
    boxes, class_ids, _, roi = _candidates(outputs, image_meta, config)
    boxes, class_ids = boxes[roi < first], class_ids[roi < first]
    near = compute_overlaps(found[:, :4], boxes) > config.DETECTION_NMS_THRESHOLD
    rivals = near & _compete(found[:, 4, None], class_ids, config)
    return int(np.count_nonzero(~rivals.any(axis=1)))


def _compete(class_ids: Array, other_ids: Array, config: Config) -> Array:
    """Whether detections of these classes suppress each other."""
    return config.NMS_ACROSS_CLASSES | (class_ids == other_ids)


def _next_soft(boxes: Array, class_ids: Array, scores: Array, found: int, config: Config) -> float:
    """Score of the detection that soft-NMS would select next, after `found` of them; 0 if none."""
    least = scores_needed(config, class_ids)
    _, lowered = soft_non_max_suppression(
        boxes,
        scores,
        config.DETECTION_NMS,
        config.DETECTION_NMS_THRESHOLD,
        config.SOFT_NMS_SIGMA,
        None if config.NMS_ACROSS_CLASSES else class_ids,
        least,
        found + 1,
    )
    return float(lowered[found]) if len(lowered) > found else 0.0


def _candidates(
    outputs: Mapping[str, Array], image_meta: Array, config: Config
) -> tuple[Array, Array, Array, Array]:
    """Boxes [N, 4], class ids, scores and RoIs [N] that NMS chooses from in `refine_detections`."""
    probs = np.asarray(outputs["mrcnn_class"], np.float32)
    if config.DETECTION_ALL_CLASSES:
        least = np.array(min_scores(config, probs.shape[1]), np.float32)
        roi, class_ids = np.nonzero(probs > least)
    else:
        roi, class_ids = np.arange(len(probs)), probs.argmax(axis=1)
        enough = probs[roi, class_ids] >= scores_needed(config, class_ids).astype(np.float32)
        roi, class_ids = roi[enough], class_ids[enough]
    deltas = outputs["mrcnn_bbox"][roi, class_ids] * np.asarray(config.BBOX_STD_DEV, np.float32)
    # Without a limit, 20, because an untrained network may give any number.
    limit = 20 if config.BOX_DELTA_LIMIT is None else config.BOX_DELTA_LIMIT
    boxes = apply_box_deltas(outputs["ROI"][roi], deltas, limit)
    meta, margin = parse_image_meta(np.asarray(image_meta)[None]), box_margin(config)
    window = norm_boxes(meta["window"], meta["image_shape"][0], margin)[0]
    boxes = np.clip(boxes, np.tile(window[:2], 2), np.tile(window[2:], 2))
    sides = boxes[:, 2:] - boxes[:, :2]
    valid = (class_ids > 0) & (sides > 0).all(axis=1)
    if config.DETECTION_MIN_SIZE is not None:
        pixels = sides * (meta["image_shape"][0, :2] - margin) + margin
        valid &= (pixels > config.DETECTION_MIN_SIZE).all(axis=1)
    return boxes[valid], class_ids[valid], probs[roi, class_ids][valid], roi[valid]


def _most_on_a_level(image_meta: Array, config: Config) -> int:
    """Number of anchors on the level that has most of them."""
    shape = parse_image_meta(np.asarray(image_meta)[None])["image_shape"][0]
    return int(anchors_by_level(config, shape).max())


def was_logged(model: Any, limit: str) -> bool:
    """Whether `log_once` has logged a `limit` for a `model`."""
    return limit in vars(model).get("_truncation_said", ())


def log_once(model: Any, limit: str, best: float, config: Config) -> None:
    """Log that a limit cut detections, the first time that it does so for a model.

    Args:
        model: the `keras.Model`, which remembers what was logged.
        limit: from `truncated_by`.
        best: see `left_out`.
        config: the model's.
    """
    if was_logged(model, limit):
        return
    vars(model).setdefault("_truncation_said", set()).add(limit)
    value = getattr(config, limit)
    if limit == DETECTIONS:
        logger.warning(
            "%s is %d: an image has more detections, and those that score %.2f or less were left "
            "out. Raise it to keep them; `truncated` in a result marks such images.",
            *(limit, value, best),
        )
    else:
        logger.warning(
            "%s is %d: in an image, even the weakest proposals found new objects, so others were "
            "probably missed. Raise it; `truncated` in a result marks such images.",
            *(limit, value),
        )
