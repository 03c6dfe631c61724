"""What the presets of torchvision's and Detectron2's models share."""

import math
from collections.abc import Sequence
from typing import Any

from .paper import Recipe


class ForeignModel(Recipe):
    """The settings in which torchvision's and Detectron2's models agree: a mixin before `Config`.

    Both train with 16 images a step at a rate of 0.02, which follows the number of images. One
    image at a time, as in detection; set IMAGES_PER_GPU to 2 for training as there. Freeze the
    first stages as they do with `layers="3+"`; norms are frozen in all stages.
    """

    IMAGES_PER_GPU: int = 1

    IMAGE_RESIZE_MODE: str = "short_side"
    IMAGE_MIN_DIM: int = 800
    IMAGE_MAX_DIM: int = 1333
    IMAGE_SIDE_MULTIPLE: int = 32
    MEAN_PIXEL: Sequence[float] = (123.675, 116.28, 103.53)

    BACKBONE: Any = "resnet50"
    RESNET_POOL_PADDING: str | None = "both"
    BATCH_NORM_EPSILON: float = 1e-5
    NORM_REPLACES_BIAS: bool = True
    BOX_HEAD_NORM: str | None = None
    MASK_HEAD_NORM: bool = False
    RPN_CHANNELS: int = 256
    RPN_LOGITS: int = 1

    RPN_ANCHOR_SCALES: Sequence[Any] = (32, 64, 128, 256, 512)
    # Width / height; theirs are height / width, in the order 0.5, 1, 2.
    RPN_ANCHOR_RATIOS: Sequence[float] = (2, 1, 0.5)
    RPN_BBOX_STD_DEV: Sequence[float] = (1.0, 1.0, 1.0, 1.0)
    BBOX_STD_DEV: Sequence[float] = (0.1, 0.1, 0.2, 0.2)
    BOX_DELTA_LIMIT: float | None = math.log(1000 / 16)
    BOX_COORDINATES: str = "continuous"
    RPN_NMS_BY_LEVEL: bool = True
    RPN_NMS_THRESHOLD: float = 0.7
    RPN_CLIP_TO_IMAGE: bool = True
    PRE_NMS_LIMIT: int = 1000
    PRE_NMS_LIMIT_TRAINING: int | None = 2000
    POST_NMS_ROIS_INFERENCE: int = 1000

    ROI_POOLER: str = "roi_align"
    DETECTION_ALL_CLASSES: bool = True
    DETECTION_MIN_CONFIDENCE: Any = 0.05
    DETECTION_NMS_THRESHOLD: float = 0.5
    DETECTION_MAX_INSTANCES: int = 100

    TRAIN_ROIS_PER_IMAGE: int = 512
    ROI_POSITIVE_RATIO: float = 0.25
    ROI_SAMPLING: str = "torchvision"
    RPN_LOSS: str = "sampled"
    BOX_LOSS: str = "sampled"
    USE_MINI_MASK: bool = False
    FREEZE_NORMS: bool = True
    LR_WARMUP_STEPS: int = 1000
