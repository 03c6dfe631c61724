"""torchvision's R-CNN models as `Config` mixins, under torchvision's names.

    class CellConfig(torchvision_maskrcnn_resnet50_fpn_v2, Config):
        NAME = "cells"
        NUM_CLASSES = 2

NUM_CLASSES is that of the published weights: COCO's ids up to 90, with gaps, and the background.
`MaskRCNN.from_pretrained` makes such a configuration from a file.
"""

from collections.abc import Sequence
from typing import Any

from .foreign import ForeignModel


class torchvision_fasterrcnn_resnet50_fpn(ForeignModel):
    """Faster R-CNN (Ren et al. 2015) with a feature pyramid.

    BATCH_NORM_EPSILON is 1e-5, with which torchvision builds the model. The published COCO weights
    ("COCO_V1") of version 1, this model's and those of its mask and keypoint variants, need 0:
    torchvision sets it after loading them, and a file does not tell. `from_pretrained` uses 0 for
    the names "torchvision:fasterrcnn_resnet50_fpn", "torchvision:maskrcnn_resnet50_fpn" and
    "torchvision:keypointrcnn_resnet50_fpn"; for a file with another name than
    the published one, pass BATCH_NORM_EPSILON=0.
    """

    HEADS: Sequence[Any] = ("box",)
    NUM_CLASSES: int = 91
    IMAGE_RESAMPLING: str = "torchvision"
    PIXEL_STD: Any = (58.395, 57.12, 57.375)
    RESNET_STRIDE_IN: str = "3x3"
    RPN_ANCHOR_ROUNDING: bool = True
    RPN_ANCHOR_GRID: str = "image"
    RPN_MIN_SIZE: float | None = 1e-3
    POST_NMS_ROIS_TRAINING: int = 2000
    SAMPLING_RATIO: int = 2
    ROI_ALIGN_ALIGNED: bool = False
    ROI_LEVEL_RULE: str = "torchvision"
    DETECTION_MIN_SIZE: float | None = 1e-2
    BOX_LOSS_BETA: float = 1 / 9
    MASK_TARGETS: str = "torchvision"
    MASK_PASTING: str = "torchvision"
    KEYPOINT_SCORES: str = "torchvision"
    # 26 epochs of COCO with 16 images a step, and a lower rate after 16 and 22.
    LR_STEPS: Sequence[int] = (117, 161)


class torchvision_maskrcnn_resnet50_fpn(torchvision_fasterrcnn_resnet50_fpn):
    """Mask R-CNN (He et al. 2017) with a feature pyramid."""

    HEADS: Sequence[Any] = ("box", "mask")


class torchvision_keypointrcnn_resnet50_fpn(torchvision_fasterrcnn_resnet50_fpn):
    """Keypoint R-CNN (He et al. 2017, section 5): people and their 17 keypoints."""

    HEADS: Sequence[Any] = ("box", "keypoint")
    NUM_CLASSES: int = 2
    NUM_KEYPOINTS: int = 17


class _Version2:
    """The layers of version 2 (Li et al. 2021), whose norms train.

    torchvision trains them with the statistics of the batch, over many images on several GPUs. With
    a few images a step those are noisy, so here TRAIN_BN is False: statistics stay those of the
    file, and only scale and shift train. Set it to True for training as there.
    """

    FREEZE_NORMS: bool = False

    FPN_NORM: bool = True
    RPN_CONVOLUTIONS: int = 2
    BOX_HEAD_CONVOLUTIONS: int = 4
    BOX_HEAD_LAYERS: int = 1
    BOX_HEAD_NORM: str | None = "convolutions"
    MASK_HEAD_NORM: bool = True


class torchvision_fasterrcnn_resnet50_fpn_v2(_Version2, torchvision_fasterrcnn_resnet50_fpn):
    """Faster R-CNN, version 2: norms in pyramid and box head, and more convolutions."""


class torchvision_maskrcnn_resnet50_fpn_v2(_Version2, torchvision_maskrcnn_resnet50_fpn):
    """Mask R-CNN, version 2: norms in pyramid and heads, and more convolutions."""
