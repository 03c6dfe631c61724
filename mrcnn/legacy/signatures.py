"""Functions of matterport's Mask_RCNN (the reference) whose work is done by classes here."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ..config import Config
from ..network.blocks import Norm
from ..network.config_layer import ConfigLayer
from ..network.detections import refine_detections
from ..network.heads.box import BoxTargets
from ..network.heads.box_layers import BoxLayers, box_head
from ..network.heads.mask_layers import mask_head
from ..network.heads.mask_targets import MaskTargets
from ..network.poolers.align import PyramidROIAlign
from ..network.sampling import RoiSampler, max_positives
from ..types import Tensor


def fpn_classifier_graph(
    rois: Tensor,
    feature_maps: Sequence[Tensor],
    image_meta: Tensor,
    pool_size: int,
    num_classes: int,
    train_bn: bool | None = True,
    fc_layers_size: int = 1024,
) -> tuple[Tensor, Tensor, Tensor]:
    """Class scores and box deltas of each RoI.

    Args:
        rois: [B, R, 4], normalised.
        feature_maps: [P2, P3, P4, P5], each [B, H / stride, W / stride, C].
        image_meta: [B, 12 + classes].
        pool_size: side of the RoI's feature crop.
        num_classes: number of classes, including the background.
        train_bn: `training` argument of the BatchNorm layers.
        fc_layers_size: width of the two fully connected layers.

    Returns:
        logits: [B, R, num_classes].
        probs: softmax of the logits, of the same shape.
        bbox: [B, R, num_classes, 4] of (dy, dx, log dh, log dw), divided by BBOX_STD_DEV.
    """
    align = PyramidROIAlign([pool_size, pool_size], name="roi_align_classifier")
    return box_head(
        lambda rois: align([rois, image_meta, *feature_maps]),
        pool_size,
        num_classes,
        BoxLayers(fc_layers_size),
        Norm(train_bn),
    )(rois)


def build_fpn_mask_graph(
    rois: Tensor,
    feature_maps: Sequence[Tensor],
    image_meta: Tensor,
    pool_size: int,
    num_classes: int,
    train_bn: bool | None = True,
    channels: int = 256,
) -> Tensor:
    """One mask per class for each RoI, each an independent sigmoid (Mask R-CNN, section 3).

    Args:
        rois: [B, R, 4], normalised.
        feature_maps: [P2, P3, P4, P5], each [B, H / stride, W / stride, C].
        image_meta: [B, 12 + classes].
        pool_size: side of the RoI's feature crop; masks are twice that size.
        num_classes: number of classes, including the background.
        train_bn: `training` argument of the BatchNorm layers.
        channels: number of channels of the convolutions.

    Returns:
        [B, R, 2 * pool_size, 2 * pool_size, num_classes], in 0..1.
    """
    align = PyramidROIAlign([pool_size, pool_size], name="roi_align_mask")
    return mask_head(
        lambda rois: align([rois, image_meta, *feature_maps]), num_classes, Norm(train_bn), channels
    )(rois)


@keras.saving.register_keras_serializable(package="mrcnn")
class DetectionTargetLayer(ConfigLayer):
    """Training RoIs and the targets of both heads, from one layer as in the reference.

    Args:
        config: a `Config`.
        shuffle, seed: see `RoiSampler`.

    Call arguments:
        inputs: [proposals [B, N, 4], gt_class_ids [B, G], gt_boxes [B, G, 4],
            gt_masks [B, h, w, G]]; boxes are normalised, zero rows are padding, crowds have a
            negative class id. With USE_MINI_MASK, masks are cropped to their boxes.

    Returns:
        rois, class_ids: see `RoiSampler`.
        deltas: float tensor [B, T, 4], see `BoxTargets`.
        masks: float tensor [B, T, *MASK_SHAPE], see `MaskTargets`.
    """

    def __init__(
        self, config: Config, shuffle: bool = True, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(config, **kwargs)
        self.shuffle = shuffle
        self.seed = seed
        positives = max_positives(config)
        self.sampler = RoiSampler(config, shuffle, seed)
        self.box_targets = BoxTargets(config, positives)
        self.mask_targets = MaskTargets(config, positives)

    def get_config(self) -> dict[str, Any]:
        """See `ConfigLayer.get_config`."""
        return {**super().get_config(), "shuffle": self.shuffle, "seed": self.seed}

    def call(self, inputs: Any) -> tuple[Tensor, ...]:
        """See the class."""
        proposals, gt_class_ids, gt_boxes, gt_masks = inputs
        matched = self.sampler([proposals, gt_class_ids, gt_boxes])  # rois, class_ids, instances
        deltas = self.box_targets([*matched, gt_boxes])
        masks = self.mask_targets([*matched, gt_boxes, gt_masks])
        return *matched[:2], deltas, masks


def detection_targets_graph(
    proposals: Tensor, gt_class_ids: Tensor, gt_boxes: Tensor, gt_masks: Tensor, config: Config
) -> tuple[Tensor, ...]:
    """`DetectionTargetLayer` for one image, without the batch axis.

    Args:
        proposals: float tensor [N, 4], normalised.
        gt_class_ids: int tensor [G].
        gt_boxes: float tensor [G, 4], normalised.
        gt_masks: tensor [h, w, G].
        config: a `Config`.

    Returns:
        rois [T, 4] normalised, class_ids [T], deltas [T, 4], masks [T, *MASK_SHAPE].
    """
    layer = DetectionTargetLayer(config)
    outputs = layer([x[None] for x in (proposals, gt_class_ids, gt_boxes, gt_masks)])
    return tuple(output[0] for output in outputs)


def refine_detections_graph(
    rois: Tensor, probs: Tensor, deltas: Tensor, window: Tensor, config: Config
) -> Tensor:
    """`refine_detections` for one image, without the batch axis.

    Args:
        rois: float tensor [R, 4], normalised.
        probs: float tensor [R, C].
        deltas: float tensor [R, C, 4].
        window: float tensor [4], normalised.
        config: a `Config`.

    Returns:
        Float tensor [DETECTION_MAX_INSTANCES, 6], see `refine_detections`.
    """
    rois, probs, deltas, window = (
        ops.cast(x, "float32")[None] for x in (rois, probs, deltas, window)
    )
    return refine_detections(rois, probs, deltas, window, config)[0]
