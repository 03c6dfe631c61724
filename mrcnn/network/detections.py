"""From the heads' output to detections (Mask R-CNN, section 3.1, inference)."""

from typing import Any

import keras
from keras import ops

from ..config import Config
from ..config_rules.detection_rules import min_scores
from ..ops import (
    apply_box_deltas_graph,
    clip_boxes_graph,
    first_argmax,
    gather_rows,
    non_max_suppression,
    non_max_suppression_by_group,
    soft_non_max_suppression,
)
from ..types import Tensor
from .config_layer import ConfigLayer
from .image_frame import sides_exceed, windows_of


def refine_detections(
    rois: Tensor,
    probs: Tensor,
    deltas: Tensor,
    windows: Tensor,
    config: Config,
    image_meta: Tensor | None = None,
) -> Tensor:
    """Refine the box of each RoI and class, and drop weak and duplicate detections.

    With DETECTION_ALL_CLASSES, a RoI is detected as each class that scores more than
    DETECTION_MIN_CONFIDENCE; otherwise only as its best class, if that scores as much.

    Args:
        rois: float tensor [B, R, 4], normalised.
        probs: float tensor [B, R, C].
        deltas: float tensor [B, R, C, 4].
        windows: float tensor [B, 4], the part of the image without padding, normalised.
        config: for DETECTION_*, NMS_ACROSS_CLASSES, SOFT_NMS_SIGMA, BBOX_STD_DEV and
            BOX_DELTA_LIMIT.
        image_meta: float tensor [B, 12 + C]; needed for DETECTION_MIN_SIZE only.

    Returns:
        Float tensor [B, DETECTION_MAX_INSTANCES, 6] of (y1, x1, y2, x2, class id, score),
        normalised, best score first, zero rows at the end. With soft-NMS, scores are the lowered
        ones.

    Raises:
        ValueError: DETECTION_MIN_SIZE without `image_meta`.
    """
    probs, deltas = ops.cast(probs, "float32"), ops.cast(deltas, "float32")
    candidates = _every_class if config.DETECTION_ALL_CLASSES else _best_class
    boxes, class_ids, scores = candidates(rois, probs, deltas, config)  # [B, N, 4], [B, N] twice
    boxes = clip_boxes_graph(boxes, windows[:, None])

    # After clipping, a box that lies entirely in the padding has no area.
    has_area = (boxes[..., 2] > boxes[..., 0]) & (boxes[..., 3] > boxes[..., 1])
    valid = (class_ids > 0) & has_area
    by_class = min_scores(config, probs.shape[-1])
    least = ops.take(ops.convert_to_tensor(by_class, "float32"), class_ids)  # [B, N]
    if config.DETECTION_ALL_CLASSES:
        valid = valid & (scores > least)
    elif any(by_class):
        valid = valid & (scores >= least)
    if config.DETECTION_MIN_SIZE is not None:
        if image_meta is None:
            raise ValueError(
                f"DETECTION_MIN_SIZE is {config.DETECTION_MIN_SIZE}, in pixels: refine_detections "
                "needs image_meta, which has the size of the network's input."
            )
        valid = valid & sides_exceed(boxes, image_meta, config.DETECTION_MIN_SIZE, config)
    count, threshold = config.DETECTION_MAX_INSTANCES, config.DETECTION_NMS_THRESHOLD
    groups = None if config.NMS_ACROSS_CLASSES else class_ids
    if config.DETECTION_NMS == "hard" and config.DETECTION_ALL_CLASSES and groups is not None:
        apart = (-1, probs.shape[-1] - 1, ops.shape(rois)[1])
        indices, kept = non_max_suppression_by_group(
            ops.reshape(boxes, (*apart, 4)),
            ops.reshape(scores, apart),
            count,
            threshold,
            ops.reshape(valid, apart),
        )
        found_scores = gather_rows(scores, indices)
    elif config.DETECTION_NMS == "hard":
        indices, kept = non_max_suppression(
            boxes, scores, count, threshold, valid, groups, probs.shape[-1]
        )
        found_scores = gather_rows(scores, indices)
    else:
        method, sigma = config.DETECTION_NMS, config.SOFT_NMS_SIGMA
        indices, kept, found_scores = soft_non_max_suppression(
            boxes, scores, count, method, threshold, sigma, valid, groups, least
        )
    found_ids = ops.cast(gather_rows(class_ids, indices), "float32")
    rows = ops.concatenate(
        [gather_rows(boxes, indices), found_ids[..., None], found_scores[..., None]], axis=-1
    )
    is_kept = ops.arange(count, dtype="int32")[None] < kept[:, None]
    return ops.where(is_kept[..., None], rows, 0.0)


def _best_class(rois, probs, deltas, config):
    """Boxes [B, R, 4], class ids and scores [B, R] of the RoIs as their best classes."""
    class_ids = first_argmax(probs, axis=-1)  # [B, R]
    scores = ops.max(probs, axis=-1)
    chosen = ops.one_hot(class_ids, probs.shape[-1], dtype="float32")
    deltas = ops.sum(deltas * chosen[..., None], axis=2)  # [B, R, 4]
    return _moved(rois, deltas, config), class_ids, scores


def _every_class(rois, probs, deltas, config):
    """The same of the RoIs as every class: class by class [B, classes * R], no background."""
    classes = probs.shape[-1] - 1
    deltas = ops.transpose(deltas[:, :, 1:], (0, 2, 1, 3))  # [B, classes, R, 4]
    boxes = _moved(ops.expand_dims(rois, 1), deltas, config)
    scores = ops.transpose(probs[:, :, 1:], (0, 2, 1))  # [B, classes, R]
    class_ids = ops.arange(1, classes + 1, dtype="int32")[:, None] * ops.ones_like(scores, "int32")
    flat = (ops.shape(rois)[0], classes * ops.shape(rois)[1])
    return tuple(ops.reshape(x, (*flat, *x.shape[3:])) for x in (boxes, class_ids, scores))


def _moved(rois, deltas, config):
    std_dev = ops.convert_to_tensor(config.BBOX_STD_DEV, "float32")
    return apply_box_deltas_graph(rois, deltas * std_dev, config.BOX_DELTA_LIMIT)


@keras.saving.register_keras_serializable(package="mrcnn")
class DetectionLayer(ConfigLayer):
    """`refine_detections`, with the windows taken from the image meta.

    Args:
        config: see `refine_detections`.

    Call arguments:
        inputs: [rois [B, R, 4] normalised, mrcnn_class [B, R, C], mrcnn_bbox [B, R, C, 4]
            (deltas), image_meta [B, 12 + C]].

    Returns:
        Float tensor [B, DETECTION_MAX_INSTANCES, 6], see `refine_detections`.
    """

    def __init__(self, config: Config | None = None, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)

    def call(self, inputs: Any) -> Tensor:
        """See the class."""
        rois, probs, deltas, image_meta = inputs
        windows = windows_of(image_meta, self.config)[:, 0]
        return refine_detections(rois, probs, deltas, windows, self.config, image_meta)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """[B, DETECTION_MAX_INSTANCES, 6]."""
        return (input_shape[0][0], self.config.DETECTION_MAX_INSTANCES, 6)
