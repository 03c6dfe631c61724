"""Detectron2's R-CNN models as `Config` mixins, under its model zoo's names.

    class CellConfig(detectron2_mask_rcnn_R_50_FPN, Config):
        NAME = "cells"
        NUM_CLASSES = 2

NUM_CLASSES is that of the published weights: COCO's 80 and the background. Names that end in `_1x`
or `_3x` are the same networks with that training schedule; without an ending, it is `_3x`.
`MaskRCNN.from_pretrained` makes such a configuration from a file.
"""

from collections.abc import Sequence
from typing import Any

from .foreign import ForeignModel

# Iterations in thousands, that is epochs, after which the rate falls.
_STEPS_1X = (60, 80)


class detectron2_faster_rcnn_R_50_FPN(ForeignModel):
    """Faster R-CNN with ResNet-50 and a feature pyramid."""

    HEADS: Sequence[Any] = ("box",)
    NUM_CLASSES: int = 81
    IMAGE_RESAMPLING: str = "detectron2"
    PIXEL_STD: Any = 1.0
    TRAIN_MIN_DIMS: Sequence[int] | None = (640, 672, 704, 736, 768, 800)
    RESNET_STRIDE_IN: str = "1x1"
    RPN_MIN_SIZE: float | None = 0.0
    POST_NMS_ROIS_TRAINING: int = 1000
    SAMPLING_RATIO: int = 0
    ROI_ALIGN_ALIGNED: bool = True
    ROI_LEVEL_RULE: str = "detectron2"
    BOX_LOSS_BETA: float = 0.0
    MASK_TARGETS: str = "detectron2"
    MASK_PASTING: str = "detectron2"
    KEYPOINT_SCORES: str = "detectron2"
    LR_STEPS: Sequence[int] = (210, 250)


class detectron2_faster_rcnn_R_101_FPN(detectron2_faster_rcnn_R_50_FPN):
    """Faster R-CNN with ResNet-101 and a feature pyramid."""

    BACKBONE: Any = "resnet101"


class detectron2_mask_rcnn_R_50_FPN(detectron2_faster_rcnn_R_50_FPN):
    """Mask R-CNN with ResNet-50 and a feature pyramid."""

    HEADS: Sequence[Any] = ("box", "mask")


class detectron2_mask_rcnn_R_101_FPN(detectron2_mask_rcnn_R_50_FPN):
    """Mask R-CNN with ResNet-101 and a feature pyramid."""

    BACKBONE: Any = "resnet101"


class detectron2_mask_rcnn_X_101_32x8d_FPN(detectron2_mask_rcnn_R_50_FPN):
    """Mask R-CNN with ResNeXt-101-32x8d and a feature pyramid."""

    BACKBONE: Any = "resnext101_32x8d"
    RESNET_STRIDE_IN: str = "3x3"
    PIXEL_STD: Any = (58.395, 57.12, 57.375)


class detectron2_keypoint_rcnn_R_50_FPN(detectron2_faster_rcnn_R_50_FPN):
    """Keypoint R-CNN with ResNet-50 and a feature pyramid: people and their 17 keypoints."""

    HEADS: Sequence[Any] = ("box", "keypoint")
    NUM_CLASSES: int = 2
    NUM_KEYPOINTS: int = 17
    POST_NMS_ROIS_TRAINING: int = 1500


class detectron2_mask_rcnn_R_50_C4(detectron2_mask_rcnn_R_50_FPN):
    """Mask R-CNN with ResNet-50, whose stage 5 is the body of the heads."""

    NECK: str = "c4"
    C4_HEAD_STRIDE: int = 2
    POOL_SIZE: int = 14
    ROI_LEVEL_RULE: str = "round"
    RPN_CHANNELS: int = 1024
    IMAGE_SIDE_MULTIPLE: int = 1
    PRE_NMS_LIMIT: int = 6000
    PRE_NMS_LIMIT_TRAINING: int | None = 12000
    POST_NMS_ROIS_TRAINING: int = 2000


class detectron2_mask_rcnn_R_50_DC5(detectron2_mask_rcnn_R_50_FPN):
    """Mask R-CNN with ResNet-50, whose stage 5 is dilated to stride 16."""

    NECK: str = "dc5"
    ROI_LEVEL_RULE: str = "round"
    RPN_CHANNELS: int = 2048
    IMAGE_SIDE_MULTIPLE: int = 1
    PRE_NMS_LIMIT: int = 6000
    PRE_NMS_LIMIT_TRAINING: int | None = 12000
    POST_NMS_ROIS_TRAINING: int = 2000


class detectron2_mask_rcnn_R_50_FPN_1x(detectron2_mask_rcnn_R_50_FPN):
    """`detectron2_mask_rcnn_R_50_FPN`, trained for 90k iterations."""

    LR_STEPS: Sequence[int] = _STEPS_1X


class detectron2_mask_rcnn_R_101_FPN_1x(detectron2_mask_rcnn_R_101_FPN):
    """`detectron2_mask_rcnn_R_101_FPN`, trained for 90k iterations."""

    LR_STEPS: Sequence[int] = _STEPS_1X


class detectron2_mask_rcnn_X_101_32x8d_FPN_1x(detectron2_mask_rcnn_X_101_32x8d_FPN):
    """`detectron2_mask_rcnn_X_101_32x8d_FPN`, trained for 90k iterations."""

    LR_STEPS: Sequence[int] = _STEPS_1X


class detectron2_mask_rcnn_R_50_C4_1x(detectron2_mask_rcnn_R_50_C4):
    """`detectron2_mask_rcnn_R_50_C4`, trained for 90k iterations."""

    LR_STEPS: Sequence[int] = _STEPS_1X


class detectron2_mask_rcnn_R_50_DC5_1x(detectron2_mask_rcnn_R_50_DC5):
    """`detectron2_mask_rcnn_R_50_DC5`, trained for 90k iterations."""

    LR_STEPS: Sequence[int] = _STEPS_1X


class detectron2_faster_rcnn_R_50_FPN_1x(detectron2_faster_rcnn_R_50_FPN):
    """`detectron2_faster_rcnn_R_50_FPN`, trained for 90k iterations."""

    LR_STEPS: Sequence[int] = _STEPS_1X


class detectron2_faster_rcnn_R_101_FPN_1x(detectron2_faster_rcnn_R_101_FPN):
    """`detectron2_faster_rcnn_R_101_FPN`, trained for 90k iterations."""

    LR_STEPS: Sequence[int] = _STEPS_1X


class detectron2_keypoint_rcnn_R_50_FPN_1x(detectron2_keypoint_rcnn_R_50_FPN):
    """`detectron2_keypoint_rcnn_R_50_FPN`, trained for 90k iterations."""

    LR_STEPS: Sequence[int] = _STEPS_1X


detectron2_mask_rcnn_R_50_FPN_3x = detectron2_mask_rcnn_R_50_FPN
detectron2_mask_rcnn_R_101_FPN_3x = detectron2_mask_rcnn_R_101_FPN
detectron2_mask_rcnn_X_101_32x8d_FPN_3x = detectron2_mask_rcnn_X_101_32x8d_FPN
detectron2_mask_rcnn_R_50_C4_3x = detectron2_mask_rcnn_R_50_C4
detectron2_mask_rcnn_R_50_DC5_3x = detectron2_mask_rcnn_R_50_DC5
detectron2_faster_rcnn_R_50_FPN_3x = detectron2_faster_rcnn_R_50_FPN
detectron2_faster_rcnn_R_101_FPN_3x = detectron2_faster_rcnn_R_101_FPN
detectron2_keypoint_rcnn_R_50_FPN_3x = detectron2_keypoint_rcnn_R_50_FPN
