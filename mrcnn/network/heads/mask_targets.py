"""What the mask head should predict: the part of each instance's mask that its RoI covers."""

from typing import Any

import keras
from keras import ops

from ...config import Config
from ...config_rules.coordinates import box_margin
from ...ops import align_masks, boxes_in_pixels_graph, crop_and_resize, gather_rows
from ...types import Tensor
from ..config_layer import ConfigLayer


@keras.saving.register_keras_serializable(package="mrcnn")
class MaskTargets(ConfigLayer):
    """The masks that RoIs should predict.

    Args:
        config: USE_MINI_MASK, MASK_SHAPE, MASK_TARGETS.
        positives: P; only the first P RoIs can be positive.

    Call arguments:
        inputs: [rois [B, T, 4] normalised, class_ids [B, T], instances [B, T], ground-truth
            boxes [B, G, 4] normalised, ground-truth masks [B, h, w, G], cropped to the
            boxes if USE_MINI_MASK].

    Returns:
        Float tensor [B, T, *MASK_SHAPE] of 0 and 1 (with MASK_TARGETS "torchvision", also between
        them); 0 for all but positives.
    """

    def __init__(self, config: Config, positives: int, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.positives = positives

    def get_config(self) -> dict[str, Any]:
        """See `ConfigLayer.get_config`."""
        return {**super().get_config(), "positives": self.positives}

    def call(self, inputs: Any) -> Tensor:
        """See the class."""
        rois, class_ids, instances, gt_boxes, gt_masks = inputs
        rest = rois.shape[1] - self.positives
        rois, class_ids, instances = (x[:, : self.positives] for x in (rois, class_ids, instances))
        config, (height, width) = self.config, self.config.MASK_SHAPE
        masks, which = _of_instances(gt_masks, instances)  # [B * G, h, w], [B * P]
        if config.MASK_TARGETS == "reference":
            if config.USE_MINI_MASK:
                rois = _within(rois, gather_rows(gt_boxes, instances))
            boxes, size = ops.reshape(rois, (-1, 4)), (height, width)
            masks = crop_and_resize(masks[..., None], boxes, which, size, training=True)
            masks = ops.round(masks)
        else:
            aligned = config.MASK_TARGETS == "detectron2"
            pixels = boxes_in_pixels_graph(rois, ops.shape(masks)[1:3], box_margin(config))
            boxes, size = ops.reshape(pixels, (-1, 4)), (height, width)
            masks = align_masks(masks, boxes, which, size, aligned)
            masks = ops.cast(masks >= 0.5, "float32") if aligned else masks
        masks = ops.reshape(masks, (-1, self.positives, height, width))
        masks = ops.where((class_ids > 0)[..., None, None], masks, 0.0)
        return ops.pad(masks, [[0, 0], [0, rest], [0, 0], [0, 0]])

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """[B, T, *MASK_SHAPE]."""
        return (*input_shape[0][:2], *self.config.MASK_SHAPE)


def _of_instances(gt_masks: Tensor, instances: Tensor) -> tuple[Tensor, Tensor]:
    """All masks one after the other [B * G, h, w], and the index of each RoI's mask [B * P]."""
    shape = ops.shape(gt_masks)
    batch, height, width, count = shape[0], shape[1], shape[2], shape[3]
    masks = ops.reshape(ops.transpose(gt_masks, (0, 3, 1, 2)), (-1, height, width))
    first = ops.arange(batch, dtype="int32")[:, None] * count
    return masks, ops.reshape(ops.cast(instances, "int32") + first, (-1,))


def _within(rois: Tensor, boxes: Tensor) -> Tensor:
    """RoIs in box coordinates: 0 is the box's first edge, 1 its second."""
    height = boxes[..., 2] - boxes[..., 0]
    width = boxes[..., 3] - boxes[..., 1]
    height, width = (ops.where(side > 0, side, 1.0) for side in (height, width))
    origin = ops.concatenate([boxes[..., :2], boxes[..., :2]], axis=-1)
    return (rois - origin) / ops.stack([height, width, height, width], axis=-1)
