"""From the heads' output to detections (Mask R-CNN, section 3.1, inference)."""

from typing import Any

import keras
from keras import ops

from ..config import Config
from ..config_rules.detection_rules import min_scores
from ..images.meta import parse_image_meta_graph
from ..ops import (
    apply_box_deltas_graph,
    clip_boxes_graph,
    gather_rows,
    non_max_suppression,
    norm_boxes_graph,
    soft_non_max_suppression,
)
from ..types import Tensor


def refine_detections(
    rois: Tensor, probs: Tensor, deltas: Tensor, windows: Tensor, config: Config
) -> Tensor:
    """Take each RoI's best class, refine its box, and drop weak and duplicate detections.

    Args:
        rois: float tensor [B, R, 4], normalised.
        probs: float tensor [B, R, C].
        deltas: float tensor [B, R, C, 4].
        windows: float tensor [B, 4], the part of the image without padding, normalised.
        config: for DETECTION_*, NMS_ACROSS_CLASSES, SOFT_NMS_SIGMA and BBOX_STD_DEV.

    Returns:
        Float tensor [B, DETECTION_MAX_INSTANCES, 6] of (y1, x1, y2, x2, class id, score),
        normalised, best score first, zero rows at the end. With soft-NMS, scores are the lowered
        ones.
    """
    probs = ops.cast(probs, "float32")
    class_ids = ops.cast(ops.argmax(probs, axis=-1), "int32")  # [B, R]
    scores = ops.max(probs, axis=-1)
    chosen = ops.one_hot(class_ids, probs.shape[-1], dtype="float32")
    deltas = ops.sum(ops.cast(deltas, "float32") * chosen[..., None], axis=2)  # [B, R, 4]
    std_dev = ops.convert_to_tensor(config.BBOX_STD_DEV, "float32")
    boxes = apply_box_deltas_graph(rois, deltas * std_dev)
    boxes = clip_boxes_graph(boxes, windows[:, None])

    # After clipping, a box that lies entirely in the padding has no area.
    has_area = (boxes[..., 2] > boxes[..., 0]) & (boxes[..., 3] > boxes[..., 1])
    valid = (class_ids > 0) & has_area
    by_class = min_scores(config, probs.shape[-1])
    least = ops.take(ops.convert_to_tensor(by_class, "float32"), class_ids)  # [B, R]
    if any(by_class):
        valid = valid & (scores >= least)
    count, threshold = config.DETECTION_MAX_INSTANCES, config.DETECTION_NMS_THRESHOLD
    groups = None if config.NMS_ACROSS_CLASSES else class_ids
    if config.DETECTION_NMS == "hard":
        indices, kept = non_max_suppression(
            boxes, scores, count, threshold, valid=valid, groups=groups
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


class DetectionLayer(keras.layers.Layer):
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
        super().__init__(**{"dtype": "float32", **kwargs})
        self.config: Any = config

    def call(self, inputs: Any) -> Tensor:
        """See the class."""
        rois, probs, deltas, image_meta = inputs
        meta = parse_image_meta_graph(image_meta)
        windows = norm_boxes_graph(meta["window"][:, None], meta["image_shape"][:, None, :2])
        return refine_detections(rois, probs, deltas, windows[:, 0], self.config)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """[B, DETECTION_MAX_INSTANCES, 6]."""
        return (input_shape[0][0], self.config.DETECTION_MAX_INSTANCES, 6)
