"""What the mask head should predict: the part of each instance's mask that its RoI covers."""

from typing import Any

from keras import layers, ops

from ...config import Config
from ...config_rules.coordinates import box_margin
from ...ops import align_masks, crop_and_resize, gather_rows
from ...types import Tensor


class MaskTargets(layers.Layer):
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
        super().__init__(**{"dtype": "float32", **kwargs})
        self.config = config
        self.positives = positives

    def call(self, inputs: Any) -> Tensor:
        """See the class."""
        rois, class_ids, instances, gt_boxes, gt_masks = inputs
        rest = rois.shape[1] - self.positives
        rois, class_ids, instances = (x[:, : self.positives] for x in (rois, class_ids, instances))
        height, width = self.config.MASK_SHAPE
        if self.config.MASK_TARGETS == "reference":
            if self.config.USE_MINI_MASK:
                rois = _within(rois, gather_rows(gt_boxes, instances))
            masks = _crops(gt_masks, rois, instances, (height, width))
        else:
            masks = _aligned(gt_masks, rois, instances, (height, width), self.config)
        masks = ops.where((class_ids > 0)[..., None, None], masks, 0.0)
        return ops.pad(masks, [[0, 0], [0, rest], [0, 0], [0, 0]])

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """[B, T, *MASK_SHAPE]."""
        return (*input_shape[0][:2], *self.config.MASK_SHAPE)


def _crops(gt_masks: Tensor, rois: Tensor, instances: Tensor, size: tuple[int, int]) -> Tensor:
    """The part of its instance's mask that each RoI covers, [B, P, *size] of 0 and 1."""
    shape = ops.shape(gt_masks)
    batch, height, width, count = shape[0], shape[1], shape[2], shape[3]
    masks = ops.transpose(gt_masks, (0, 3, 1, 2))  # [B, G, h, w]
    masks = ops.reshape(masks, (-1, height, width, 1))
    first = ops.arange(batch, dtype="int32")[:, None] * count
    which = ops.reshape(ops.cast(instances, "int32") + first, (-1,))
    crops = crop_and_resize(masks, ops.reshape(rois, (-1, 4)), which, size, training=True)
    return ops.round(ops.reshape(crops, (batch, rois.shape[1], *size)))


def _aligned(gt_masks, rois, instances, size, config):
    """The same by RoIAlign, as torchvision and Detectron2 do."""
    aligned, margin = config.MASK_TARGETS == "detectron2", box_margin(config)
    sides = ops.cast(ops.stack([*ops.shape(gt_masks)[1:3]] * 2), "float32") - margin
    pixels = rois * sides + ops.convert_to_tensor([0.0, 0.0, margin, margin], "float32")
    masks = align_masks(gt_masks, pixels, instances, size, aligned)
    return ops.cast(masks >= 0.5, "float32") if aligned else masks


def _within(rois: Tensor, boxes: Tensor) -> Tensor:
    """RoIs in box coordinates: 0 is the box's first edge, 1 its second."""
    height = boxes[..., 2] - boxes[..., 0]
    width = boxes[..., 3] - boxes[..., 1]
    height, width = (ops.where(side > 0, side, 1.0) for side in (height, width))
    origin = ops.concatenate([boxes[..., :2], boxes[..., :2]], axis=-1)
    return (rois - origin) / ops.stack([height, width, height, width], axis=-1)
