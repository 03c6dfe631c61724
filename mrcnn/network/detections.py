"""From the heads' output to detections (Mask R-CNN, section 3.1, inference)."""

from typing import Any

import keras
from keras import ops

from ..config import Config
from ..images.meta import parse_image_meta_graph
from ..ops import (
    apply_box_deltas_graph,
    clip_boxes_graph,
    gather_rows,
    non_max_suppression,
    norm_boxes_graph,
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
        config: for DETECTION_* and BBOX_STD_DEV.

    Returns:
        Float tensor [B, DETECTION_MAX_INSTANCES, 6] of (y1, x1, y2, x2, class id, score),
        normalised, best score first, zero rows at the end.
    """
    probs = ops.cast(probs, "float32")
    class_ids = ops.cast(ops.argmax(probs, axis=-1), "int32")  # [B, R]
    scores = ops.max(probs, axis=-1)
    chosen = ops.one_hot(class_ids, probs.shape[-1], dtype="float32")
    deltas = ops.sum(ops.cast(deltas, "float32") * chosen[..., None], axis=2)  # [B, R, 4]
    std_dev = ops.convert_to_tensor(config.BBOX_STD_DEV, "float32")
    boxes = apply_box_deltas_graph(rois, deltas * std_dev)
    boxes = clip_boxes_graph(boxes, windows[:, None])

    # Clipping leaves no area of a box that lies entirely in the padding.
    has_area = (boxes[..., 2] > boxes[..., 0]) & (boxes[..., 3] > boxes[..., 1])
    valid = (class_ids > 0) & has_area
    if config.DETECTION_MIN_CONFIDENCE:
        valid = valid & (scores >= config.DETECTION_MIN_CONFIDENCE)
    count = config.DETECTION_MAX_INSTANCES
    indices, kept = non_max_suppression(
        boxes, scores, count, config.DETECTION_NMS_THRESHOLD, valid=valid, groups=class_ids
    )
    rows = ops.concatenate(
        [boxes, ops.cast(class_ids, "float32")[..., None], scores[..., None]], axis=-1
    )
    is_kept = ops.arange(count, dtype="int32")[None] < kept[:, None]
    return ops.where(is_kept[..., None], gather_rows(rows, indices), 0.0)


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
