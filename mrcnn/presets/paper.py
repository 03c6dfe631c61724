"""The training recipes of Mask R-CNN (sections 3.1 and 4) and Faster R-CNN, as `Config` mixins.

    class CocoConfig(PaperFPN, Config):
        NAME = "coco"
        NUM_CLASSES = 1 + 80

    config = CocoConfig()
    model = MaskRCNN("training", config, "logs")
    model.load_weights(model.get_imagenet_weights(), by_name=True)
    model.train(train, val, config.LEARNING_RATE, epochs=EPOCHS, layers="3+")

The papers train with 16 images a step, on 8 GPUs. With fewer, LEARNING_RATE is lower in proportion
and STEPS_PER_EPOCH higher, so that the same number of epochs sees the same images. An epoch is 1000
of the papers' iterations.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..config import Config
from .order import check_order

# 160k iterations, and the 80k of Faster R-CNN.
EPOCHS = 160
FASTER_RCNN_EPOCHS = 80


class ByBatch:
    """A setting that follows from the number of images a step, until it is assigned.

    Args:
        value: function from a configuration, or its class, to the value.
    """

    def __init__(self, value: Callable[[Any], Any]) -> None:
        self.value = value

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, config: Any, owner: type) -> Any:
        if config is None:
            return self.value(owner)
        own = vars(config)
        return own[self.name] if self.name in own else self.value(config)

    def __set__(self, config: Any, value: Any) -> None:
        vars(config)[self.name] = value


def _rate(config: Any) -> float:
    rate, images = config._rate_of_paper
    # Images for one update of the weights.
    return rate * _batch(config) * getattr(config, "GRADIENT_ACCUMULATION", 1) / images


def _steps(config: Any) -> int:
    return math.ceil(1000 * config._rate_of_paper[1] / _batch(config))


def _batch(config: Any) -> int:
    """Images a step; a recipe by itself, without a `Config`, has the paper's."""
    if not hasattr(config, "GPU_COUNT"):
        return config._rate_of_paper[1]
    return config.IMAGES_PER_GPU * config.GPU_COUNT


class Recipe:
    """What the recipes share: a mixin, to be listed before `Config`."""

    # The learning rate, and the number of images a step for which it is meant. For other numbers,
    # LEARNING_RATE is scaled linearly (Goyal et al. 2017).
    _rate_of_paper: tuple[float, int] = (0.02, 16)

    LEARNING_RATE: Any = ByBatch(_rate)
    STEPS_PER_EPOCH: Any = ByBatch(_steps)
    NEW_LAYERS_INIT: str = "gaussian"
    # Of the papers' iterations, the last quarter has a tenth of the rate.
    LR_SCHEDULE: str = "step"
    LR_STEPS: Sequence[int] = (EPOCHS * 3 // 4,)
    LR_FACTOR: float = 0.1
    LEARNING_MOMENTUM: float = 0.9
    WEIGHT_DECAY: float = 0.0001
    WEIGHT_DECAY_ON: str = "sum"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a subclass that lists `Config` first, as its settings would hide these.

        Raises:
            TypeError: `class CocoConfig(Config, PaperFPN)`.
        """
        super().__init_subclass__(**kwargs)
        recipes = [kind for kind in cls.__mro__ if issubclass(kind, Recipe)]
        check_order(cls, next(kind for kind in recipes if not issubclass(kind, Config)))


class PaperFPN(Recipe):
    """Mask R-CNN with a feature pyramid: 512 RoIs an image at 1:3, 1000 proposals at test.

    The shorter side has 800 pixels and the longer one at most 1344, where Detectron has 1333: the
    input is a square whose side must be a multiple of 64. Larger images are only reduced to fit
    the square. In detection, IMAGE_RESIZE_MODE "pad64" saves the square's padding.

    Two things that the paper does not mention make its rate safe: it rises over the first 500
    batches, as in Detectron, and gradients are clipped (GRADIENT_CLIP_NORM).
    """

    IMAGE_RESIZE_MODE: str = "square"
    IMAGE_MIN_DIM: int = 800
    IMAGE_MAX_DIM: int = 1344
    RPN_ANCHOR_SCALES: Sequence[Any] = (32, 64, 128, 256, 512)
    RPN_ANCHOR_RATIOS: Sequence[float] = (0.5, 1, 2)
    RPN_NMS_THRESHOLD: float = 0.7
    ROI_POOLER: str = "roi_align"
    SAMPLING_RATIO: int = 2
    ROI_LEVEL_RULE: str = "detectron2"
    TRAIN_ROIS_PER_IMAGE: int = 512
    ROI_POSITIVE_RATIO: float = 0.25
    POST_NMS_ROIS_TRAINING: int = 2000
    POST_NMS_ROIS_INFERENCE: int = 1000
    # The mask branch runs on the best 100 detections.
    DETECTION_MAX_INSTANCES: int = 100
    DETECTION_MIN_CONFIDENCE: Any = 0.05
    DETECTION_NMS_THRESHOLD: float = 0.5
    LR_WARMUP_STEPS: int = 500


class PaperC4(PaperFPN):
    """Mask R-CNN on C4: 64 RoIs an image at 1:3, 300 proposals at test."""

    NECK: str = "c4"
    ROI_LEVEL_RULE: str = "round"
    TRAIN_ROIS_PER_IMAGE: int = 64
    POST_NMS_ROIS_INFERENCE: int = 300


class PaperResNeXt(PaperFPN):
    """Mask R-CNN with ResNeXt-101-FPN: one image a device, and a rate of 0.01 for eight of them."""

    _rate_of_paper = (0.01, 8)

    BACKBONE: Any = "resnext101_64x4d"
    IMAGES_PER_GPU: int = 1


class FasterRCNN(Recipe):
    """Faster R-CNN with VGG-16 (section 3): boxes only, a 9-anchor RPN on conv5_3, RoIPool.

    One image a step, a rate of 0.001 that falls after 60k of 80k iterations, and the RPN's loss of
    section 3.1.2. The shorter side has 600 pixels, the longer one at most 1024 (1000 in the paper),
    a multiple of 64. The paper trains "3+": conv3_1 and up. `train_alternately` trains by the
    paper's four steps.
    """

    _rate_of_paper = (0.001, 1)

    HEADS: Sequence[Any] = ("box",)
    BACKBONE: Any = "vgg16"
    NECK: str = "c4"
    ROI_POOLER: str = "roi_pool"
    FPN_CLASSIF_FC_LAYERS_SIZE: int = 4096
    IMAGES_PER_GPU: int = 1
    IMAGE_RESIZE_MODE: str = "square"
    IMAGE_MIN_DIM: int = 600
    IMAGE_MAX_DIM: int = 1024
    RPN_CHANNELS: int = 512
    RPN_ANCHOR_SCALES: Sequence[Any] = (128, 256, 512)
    RPN_ANCHOR_RATIOS: Sequence[float] = (0.5, 1, 2)
    RPN_BBOX_STD_DEV: Sequence[float] = (1.0, 1.0, 1.0, 1.0)
    RPN_NMS_THRESHOLD: float = 0.7
    RPN_LOSS: str = "faster_rcnn"
    TRAIN_ROIS_PER_IMAGE: int = 128
    ROI_POSITIVE_RATIO: float = 0.25
    POST_NMS_ROIS_TRAINING: int = 2000
    POST_NMS_ROIS_INFERENCE: int = 300
    DETECTION_MAX_INSTANCES: int = 100
    DETECTION_MIN_CONFIDENCE: Any = 0.05
    LR_STEPS: Sequence[int] = (FASTER_RCNN_EPOCHS * 3 // 4,)
    WEIGHT_DECAY: float = 0.0005
