"""The settings of a network, its training and its data.

A project subclasses `Config`, overrides what differs and passes an instance to `MaskRCNN`::

    class BalloonConfig(Config):
        NAME = "balloon"
        NUM_CLASSES = 1 + 1  # background and balloon

Names and defaults are those of matterport's Mask_RCNN, so that subclasses written for it keep
working.
"""

import difflib
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from .config_rules import necks
from .config_rules.derived import (
    DERIVED,
    SOURCES,
    assign,
    complete,
    derive,
    follow_shape,
    whole,
)
from .config_rules.network_rules import problems, remarks
from .types import Array

logger = logging.getLogger(__name__)


class Config:
    """Base settings. Subclass it, set NAME and NUM_CLASSES, and override what your data needs.

    Derived on construction, and again whenever a setting they depend on is assigned:

    - `BATCH_SIZE`: images per step, `IMAGES_PER_GPU * GPU_COUNT`.
    - `IMAGE_SHAPE`: int array `[height, width, channels]`, the network's input in pixels. If you
      set it instead, IMAGE_CHANNEL_COUNT and the setting for its side are changed to match.
    - `IMAGE_META_SIZE`: length of an image-meta vector, `12 + NUM_CLASSES`.

    Example:
        >>> from mrcnn.config import Config
        >>> class BalloonConfig(Config):
        ...     NAME = "balloon"
        ...     NUM_CLASSES = 1 + 1  # background and balloon
        ...     IMAGE_MAX_DIM = 512
        >>> BalloonConfig().IMAGE_SHAPE
        array([512, 512, 3])
    """

    BATCH_SIZE: int
    IMAGE_SHAPE: Array
    IMAGE_META_SIZE: int

    # `str | Literal[...]` lets editors offer the values. `Literal` alone would make mypy reject a
    # subclass of a subclass that changes the value again.

    # Name of the experiment, used in lower case for log folders and checkpoints.
    NAME: str | None = None

    # Number of devices to train on, GPUs where available. Detection uses one.
    GPU_COUNT: int = 1
    # Number of hosts that share the devices evenly.
    HOST_COUNT: int = 1
    # Images that each device processes at a time.
    IMAGES_PER_GPU: int = 2

    # Batches per epoch, rounded up. Validation and saving follow each epoch, so use fewer for small
    # datasets.
    STEPS_PER_EPOCH: float = 1000
    # Validation batches after each epoch, rounded up.
    VALIDATION_STEPS: float = 50
    # Number of epochs between computations of the average precision (AP) on validation images. It
    # is also computed after the first epoch of a run and the last one of train(). 0: never.
    VALIDATION_EVERY: int = 1
    # Images on which the AP is computed. None: as many as VALIDATION_STEPS batches hold.
    VALIDATION_IMAGES: int | None = None

    # Heads on top of the backbone and feature pyramid: "box", "mask" and "keypoint". ("box",) is
    # Faster R-CNN: no masks are used anywhere, from the dataset to the results. To add a head, list
    # your own class, see network/heads/head.py.
    HEADS: tuple[str | type[Any], ...] | list[str | type[Any]] = ("box", "mask")
    # How RoI features are taken from the pyramid (section 3 and tables 2c and 2d of the paper):
    # "crop_and_resize", one bilinear sample per bin, from corner to corner of the RoI;
    # "roi_align", the paper's RoIAlign; "roi_pool" (Fast R-CNN), which rounds RoIs and bins;
    # "roi_warp" (MNC), which rounds RoIs only; or a Keras layer class.
    ROI_POOLER: str | Callable[..., Any] = "crop_and_resize"
    # Points of "roi_align" and "roi_warp" along each axis of a bin. 0: one per cell of the bin.
    SAMPLING_RATIO: int = 0
    # How "roi_align" and "roi_warp" combine the points of a bin: average or maximum.
    ROI_ALIGN_AGGREGATION: str | Literal["avg", "max"] = "avg"
    # Whether "roi_align" and "roi_warp" take the edge of a cell to lie half a cell from its centre,
    # as Detectron2 does. torchvision's networks use False.
    ROI_ALIGN_ALIGNED: bool = True
    # How these poolers and "roi_pool" choose a RoI's level (FPN, equation 1): "round" takes the
    # nearest; "torchvision" and "detectron2" round down, exactly as those libraries do.
    ROI_LEVEL_RULE: str | Literal["round", "torchvision", "detectron2"] = "round"

    # "resnet50", "resnet101" or "resnet152" (He et al. 2015); "resnext50_32x4d",
    # "resnext101_32x4d", "resnext101_32x8d" or "resnext101_64x4d" (Xie et al. 2016; table 2a of the
    # paper); "vgg16" (Faster R-CNN's); "mobilenet_v3_large" (a light one); a `Backbone`, such as a
    # `KerasBackbone` around any Keras model (see network/backbones/); or a function
    # (input_image, stage5=True, train_bn=...) -> [C1..C5].
    BACKBONE: Any = "resnet101"
    # The convolution that halves the resolution in a ResNet's blocks: the first "1x1" (the original
    # form), or the "3x3" (torchvision's). In a ResNeXt it is always the 3x3.
    RESNET_STRIDE_IN: str | Literal["1x1", "3x3"] = "1x1"
    # Where a ResNet's first pooling is padded: "end", below and on the right; "both", on all sides,
    # as in torchvision and Detectron2. None: "both" with RESNET_STRIDE_IN "3x3" and in a ResNeXt.
    RESNET_POOL_PADDING: str | Literal["end", "both"] | None = None
    # Added to the variance by every BatchNorm of ResNets, ResNeXts, pyramid and heads.
    BATCH_NORM_EPSILON: float = 1e-3
    # Whether convolutions that a BatchNorm follows have no bias, as in torchvision and Detectron2;
    # those of the reference have both.
    NORM_REPLACES_BIAS: bool = False
    # What the RPN and the heads see of the backbone's feature maps. "fpn": the pyramid P2 to P6.
    # "c4" (Mask R-CNN, section 3): C4 alone, of stride 16; stage 5 of a ResNet or ResNeXt then is
    # the body of the box and mask heads. "c5": C5, of stride 32. "dc5": C5 dilated to stride 16.
    # Without a pyramid, BACKBONE_STRIDES has one entry, all RPN_ANCHOR_SCALES belong to the one
    # map, and TOP_DOWN_PYRAMID_SIZE is not used.
    NECK: str | Literal["fpn", "c4", "c5", "dc5"] = "fpn"
    # Stride of stage 5 in the heads of NECK "c4": 1, for RoI features of 7x7 cells (Mask R-CNN,
    # figure 4), or 2, for 14x14 (He et al. 2015, and Detectron2); set POOL_SIZE to match.
    C4_HEAD_STRIDE: int = 1
    # Needed if BACKBONE is a function: a function (image_shape) -> [[height, width], ...], the
    # sizes of P2..P6; with another NECK, that of the one map is enough.
    COMPUTE_BACKBONE_SHAPE: Callable[..., Any] | None = None
    # Strides of P2..P6, image pixels per feature map cell; with another NECK, that of the one map.
    BACKBONE_STRIDES: Sequence[int] | Array = [4, 8, 16, 32, 64]

    # Units in each of the fully connected layers of the class and box head.
    FPN_CLASSIF_FC_LAYERS_SIZE: int = 1024
    # Number of these layers, after 3x3 convolutions, and number and channels of those.
    BOX_HEAD_LAYERS: int = 2
    BOX_HEAD_CONVOLUTIONS: int = 0
    BOX_HEAD_CHANNELS: int = 256
    # "all": a BatchNorm follows each of these layers and convolutions; "convolutions": only each
    # convolution. None: no BatchNorm.
    BOX_HEAD_NORM: str | Literal["all", "convolutions"] | None = "all"
    # Channels of every level of the feature pyramid.
    TOP_DOWN_PYRAMID_SIZE: int = 256
    # Whether a BatchNorm follows each convolution of the pyramid.
    FPN_NORM: bool = False
    # Channels of the RPN's 3x3 convolutions. On a CPU, a small network spends most of its time in
    # them and the mask head.
    RPN_CHANNELS: int = 512
    # Number of these convolutions.
    RPN_CONVOLUTIONS: int = 1
    # Logits that the RPN computes for an anchor: 2, for background and object, with a softmax; or
    # 1, for the object alone, with a sigmoid, as in torchvision and Detectron2.
    RPN_LOGITS: int = 2
    # Channels of the mask head's convolutions.
    MASK_HEAD_CHANNELS: int = 256
    # Layers of the mask head (Mask R-CNN, table 2e): "fcn", four convolutions and a deconvolution;
    # "mlp2" or "mlp3", two or three hidden layers of FPN_CLASSIF_FC_LAYERS_SIZE units (1024→1024
    # or 1024→1024→1024) and a layer that predicts all pixels.
    MASK_HEAD: str | Literal["fcn", "mlp2", "mlp3"] = "fcn"
    # Whether a BatchNorm follows each 3x3 convolution of the mask head.
    MASK_HEAD_NORM: bool = True
    # "sigmoid": each class has its own mask. "softmax": the classes and the background compete for
    # each pixel (Mask R-CNN, table 2b).
    MASK_LOSS: str | Literal["sigmoid", "softmax"] = "sigmoid"
    # One mask for all classes instead of one for each (Mask R-CNN, section 4.1).
    MASK_CLASS_AGNOSTIC: bool = False

    # Keypoints of each instance, for the head "keypoint" (Mask R-CNN, section 5); 17 in COCO.
    NUM_KEYPOINTS: int = 17
    # Pairs of their indices, left and right, which flips swap. None: those of the dataset's
    # keypoint_layout. If given, they must be the same.
    KEYPOINT_FLIP_PAIRS: Sequence[Sequence[int]] | Array | None = None
    # Side length of the RoI features for the keypoint head, in cells. Its heatmaps are four times
    # as large: 56x56.
    KEYPOINT_POOL_SIZE: int = 14
    # Number of the keypoint head's convolutions, and channels of each.
    KEYPOINT_HEAD_LAYERS: int = 8
    KEYPOINT_HEAD_CHANNELS: int = 512

    # Number of classes, including the background (class 0).
    NUM_CLASSES: int = 1

    # Side length of a square anchor in pixels, one per pyramid level, or tuples, the same number of
    # sides for each. Without a pyramid, any number: each cell has anchors of all sizes.
    RPN_ANCHOR_SCALES: Sequence[float | Sequence[float]] | Array = (32, 64, 128, 256, 512)
    # Width / height of the anchors in each cell: 0.5 is tall, 2 is wide.
    RPN_ANCHOR_RATIOS: Sequence[float] | Array = [0.5, 1, 2]
    # Spacing of the anchors: 1 places them on every cell of a feature map, 2 on every second, ...
    RPN_ANCHOR_STRIDE: int = 1
    # Whether the sides of a cell's anchors, around its corner, are rounded to whole pixels, as in
    # torchvision.
    RPN_ANCHOR_ROUNDING: bool = False
    # Distance between cells: "strides", the BACKBONE_STRIDES; "image", the sides of the input
    # divided by those of the feature map, rounded down, as in torchvision.
    RPN_ANCHOR_GRID: str | Literal["strides", "image"] = "strides"
    # IoU above which the lower-scored of two proposals is dropped. Raise it to keep more proposals.
    RPN_NMS_THRESHOLD: float = 0.7
    # Anchors per image that contribute to the RPN loss, at most half of them positive.
    RPN_TRAIN_ANCHORS_PER_IMAGE: int = 256

    # The weights that the RPN and the layers that predict classes and boxes start with: "glorot"
    # (Keras's default), or "gaussian", with the small deviations of Fast R-CNN (section 2.3) and
    # Faster R-CNN (section 3.1.3): 0.01, and 0.001 for the boxes of the head. Their gradients then
    # are several times smaller at the start, which high learning rates need.
    NEW_LAYERS_INIT: str | Literal["glorot", "gaussian"] = "glorot"
    # "mean": the RPN's box loss is the mean over all coordinates of the positive anchors.
    # "faster_rcnn" (Faster R-CNN, section 3.1.2): their sum, divided by the number of anchor
    # locations and multiplied by RPN_LOSS_LAMBDA, so that it grows with the number of positives.
    # "sampled" (torchvision, Detectron2): their sum, divided by the number of sampled anchors.
    # In any case, the class loss is the mean over the sampled anchors. The paper's deltas are not
    # divided by anything: RPN_BBOX_STD_DEV = (1, 1, 1, 1).
    RPN_LOSS: str | Literal["mean", "faster_rcnn", "sampled"] = "mean"
    # The paper's balance between the two losses.
    RPN_LOSS_LAMBDA: float = 10.0

    # Top-scoring anchors that are passed to non-maximum suppression.
    PRE_NMS_LIMIT: int = 6000
    # The same in training. None: PRE_NMS_LIMIT.
    PRE_NMS_LIMIT_TRAINING: int | None = None
    # Proposals kept after non-maximum suppression in training.
    POST_NMS_ROIS_TRAINING: int = 2000
    # Proposals kept after non-maximum suppression in detection.
    POST_NMS_ROIS_INFERENCE: int = 1000
    # Whether PRE_NMS_LIMIT and non-maximum suppression apply to each level of the pyramid by
    # itself; the best proposals of all levels are then kept. Otherwise, all levels compete.
    RPN_NMS_BY_LEVEL: bool = False
    # Proposals with a side of at most this many pixels are dropped. None: none are.
    RPN_MIN_SIZE: float | None = None
    # Whether proposals end where the image ends, as in torchvision and Detectron2; otherwise they
    # may extend over the input's padding.
    RPN_CLIP_TO_IMAGE: bool = False
    # The largest log dh or log dw by which a box may grow, such as log(1000 / 16) in torchvision
    # and Detectron2. None: 20, which is hardly a limit.
    BOX_DELTA_LIMIT: float | None = None
    # How boxes relate to pixels. "reference": normalised boxes are
    # (box - (0, 0, 1, 1)) / (size - 1), and results are rounded to int32 pixels. "continuous":
    # normalised boxes are box / size, and results are float32 pixels, as in torchvision and
    # Detectron2.
    BOX_COORDINATES: str | Literal["reference", "continuous"] = "reference"

    # Keep ground-truth masks as crops of their boxes: less memory, coarser outlines.
    USE_MINI_MASK: bool = True
    # (height, width) of these crops.
    MINI_MASK_SHAPE: Sequence[int] | Array = (56, 56)

    # How images are brought to the input size: "square", "pad64", "crop", "none" or "short_side",
    # see resize_image.
    IMAGE_RESIZE_MODE: str | Literal["square", "pad64", "crop", "none", "short_side"] = "square"
    # With "short_side": sides of the input are padded below and on the right to multiples of this
    # many pixels; 1 for no padding.
    IMAGE_SIDE_MULTIPLE: int = 32
    # How pixels are interpolated: "reference", bilinear, without smoothing, to the image's own
    # type; "torchvision", the same in float32; "detectron2", as Pillow does, smoothed where the
    # image shrinks, to whole numbers. With "short_side", also how sides are rounded.
    IMAGE_RESAMPLING: str | Literal["reference", "torchvision", "detectron2"] = "reference"
    # Length in pixels to which the shorter side is enlarged (with "short_side", also reduced), as
    # far as IMAGE_MAX_DIM allows. With "crop", also the side of the crop: a multiple of 64.
    IMAGE_MIN_DIM: int | None = 800
    # Maximum length of the longer side in pixels, and side of the square: a multiple of 64.
    IMAGE_MAX_DIM: int | None = 1024
    # Minimum factor by which images are enlarged; 0 for none.
    IMAGE_MIN_SCALE: float | None = 0
    # Multi-scale training (Detectron2's INPUT.MIN_SIZE_TRAIN): lengths in pixels, such as
    # [640, 672, 704, 736, 768, 800]. The shorter side of each training image becomes one of them at
    # random, as far as IMAGE_MAX_DIM allows in mode "square", where the input keeps its size. None:
    # as in detection.
    TRAIN_MIN_DIMS: Sequence[int] | Array | None = None
    # Large-scale jitter (Ghiasi et al. 2021, section 3): range, such as (0.1, 2.0), of the longer
    # side of each training image as a fraction of the input's side. The image is then cropped or
    # padded at random. None: as in detection.
    TRAIN_SCALE_JITTER: Sequence[float] | Array | None = None
    # Whether images without instances (or with crowds only) are trained on, as background. False
    # leaves them out, as matterport's Mask_RCNN and Detectron2 do; the annotations of all images
    # are then read when training starts.
    TRAIN_NEGATIVE_IMAGES: bool = True
    # 3 for RGB. Any other number needs a MEAN_PIXEL of that length. When RGB weights are loaded,
    # those of conv1 are spread over the channels.
    IMAGE_CHANNEL_COUNT: int = 3
    # How pixels other than uint8 are mapped to 0..255: "auto", "percentile", "full" or (low, high),
    # the values that become 0 and 255 (see pixels.as_channels).
    IMAGE_SCALING: str | Literal["auto", "percentile", "full"] | Sequence[float] | Array = "auto"
    # The value that means "no data", such as 65535 or -9999. Such pixels, and any that are NaN or
    # masked, are left out of the scaling and become the mean of their channel. (read_image masks
    # those that a TIFF's no-data tag names.) "auto": values that can hardly mean anything else, if
    # the range comes from the image itself. None: all values are data.
    IMAGE_NODATA: str | Literal["auto"] | float | None = "auto"
    # Mean of each channel (RGB), subtracted from the image.
    MEAN_PIXEL: npt.ArrayLike = np.array([123.7, 116.8, 103.9])
    # Standard deviation of each channel, by which it is then divided; or one number for all.
    PIXEL_STD: float | Sequence[float] | Array = 1.0

    # RoIs per image on which the heads are trained.
    TRAIN_ROIS_PER_IMAGE: int = 200
    # Fraction of them that are positive, when enough positives exist.
    ROI_POSITIVE_RATIO: float = 0.33
    # How they are sampled. "reference": from the proposals; negatives keep the ratio; rows without
    # a RoI count in the class loss; the box loss moves the proposals, too. "torchvision"
    # (Detectron2 does the same): the instances' own boxes join the proposals; negatives fill up the
    # number; rows without a RoI do not count; targets are constants.
    ROI_SAMPLING: str | Literal["reference", "torchvision"] = "reference"
    # "mean": the head's box loss is the mean over all coordinates of the positive RoIs. "sampled"
    # (Fast R-CNN, torchvision, Detectron2): their sum, divided by the number of sampled RoIs.
    BOX_LOSS: str | Literal["mean", "sampled"] = "mean"
    # Error of a delta at which the box losses (smooth L1) turn from its square to its size: 1 / 9
    # in torchvision; 0, its size alone, in Detectron2.
    BOX_LOSS_BETA: float = 1.0
    # What the mask head learns. "reference": one bilinear sample for each of its pixels, rounded.
    # "torchvision": RoIAlign of the whole mask, neither aligned nor rounded. "detectron2":
    # RoIAlign, aligned, then at least a half. The last two need USE_MINI_MASK = False; their loss
    # is computed from logits, without the limit of 16 that "reference" has for a pixel.
    MASK_TARGETS: str | Literal["reference", "torchvision", "detectron2"] = "reference"

    # Side length of the RoI features for the class and box head, in cells.
    POOL_SIZE: int = 7
    # The same for the mask head.
    MASK_POOL_SIZE: int = 14
    # (height, width) of a predicted mask. With MASK_HEAD "fcn", twice MASK_POOL_SIZE: masks
    # of 56x56 pixels need a MASK_POOL_SIZE of 28. With the other heads, any size.
    MASK_SHAPE: Sequence[int] | Array = [28, 28]

    # Instances per image used in training. If an image has more, a random subset is used.
    MAX_GT_INSTANCES: int = 100

    # The RPN learns box deltas (dy, dx, log dh, log dw) divided by these values.
    RPN_BBOX_STD_DEV: Sequence[float] | Array = np.array([0.1, 0.1, 0.2, 0.2])
    # The same for the box head.
    BBOX_STD_DEV: Sequence[float] | Array = np.array([0.1, 0.1, 0.2, 0.2])

    # Maximum number of detections per image. Each comes from a proposal, so more than
    # POST_NMS_ROIS_INFERENCE are impossible.
    DETECTION_MAX_INSTANCES: int = 100
    # Score below which detections are dropped; 0 keeps all. Or scores by class id, such as
    # {2: 0.5, 3: 0.9}; classes not listed have 0.7.
    DETECTION_MIN_CONFIDENCE: float | Mapping[int, float] | None = 0.7
    # IoU above which the lower-scored of two detections of the same class is dropped.
    DETECTION_NMS_THRESHOLD: float = 0.3
    # Whether a RoI is detected as each class whose score suffices, as in torchvision and
    # Detectron2; otherwise only as its best one.
    DETECTION_ALL_CLASSES: bool = False
    # Detections with a side of at most this many pixels of the network's input are dropped. None:
    # only those without any area.
    DETECTION_MIN_SIZE: float | None = None
    # How a mask is pasted into its box, exactly as the reference, torchvision or Detectron2 does.
    MASK_PASTING: str | Literal["reference", "torchvision", "detectron2"] = "reference"
    # Scores of keypoints: "detectron2", the share that the best cell has of its heatmap;
    # "torchvision", its logit.
    KEYPOINT_SCORES: str | Literal["detectron2", "torchvision"] = "detectron2"
    # Detections also suppress those of other classes: each object is found once, as its best class.
    NMS_ACROSS_CLASSES: bool = False
    # "hard": the lower-scored detection is dropped. Soft-NMS (Bodla et al., 2017) lowers its score
    # instead: "soft_linear" multiplies it by 1 - IoU; "soft_gaussian", whatever the IoU, by
    # exp(-IoU² / SOFT_NMS_SIGMA). If the score falls below DETECTION_MIN_CONFIDENCE, the detection
    # is dropped.
    DETECTION_NMS: str | Literal["hard", "soft_linear", "soft_gaussian"] = "hard"
    # The smaller, the more "soft_gaussian" lowers scores.
    SOFT_NMS_SIGMA: float = 0.5

    # "sgd", "adam", "adamw", or a function or Keras class (learning_rate, **options) -> optimizer,
    # such as keras.optimizers.Lion. The options set gradient clipping, gradient accumulation and
    # the moving average (EMA).
    OPTIMIZER: str | Literal["sgd", "adam", "adamw"] | Callable[..., Any] = "sgd"
    # The default suits SGD. The paper's 0.02 is for 16 images a step, warm-up and new layers that
    # start small (NEW_LAYERS_INIT); without them, the weights explode, see "The papers' recipes" in
    # the guide. AdamW needs about 0.0004.
    LEARNING_RATE: float = 0.001
    # Momentum of SGD; beta_1 of Adam and AdamW.
    LEARNING_MOMENTUM: float = 0.9
    # Factor of the L2 penalty. With "adamw" it is the optimizer's own weight decay instead, on all
    # weights except biases and BatchNorm, and 0.05 is usual.
    WEIGHT_DECAY: float = 0.0001
    # What the penalty is, for each weight tensor: the "mean" of the squares, which makes the decay
    # very weak; or half their "sum", as in the paper, Caffe and Detectron: each step then subtracts
    # learning rate * WEIGHT_DECAY * weight (Mask R-CNN, section 3.1: 0.0001).
    WEIGHT_DECAY_ON: str | Literal["mean", "sum"] = "mean"

    # Learning rate schedule: "constant"; "step", which multiplies the rate by LR_FACTOR after each
    # epoch in LR_STEPS; or "cosine", which lowers the rate to 0 by the end of train().
    LR_SCHEDULE: str | Literal["constant", "step", "cosine"] = "constant"
    # Epochs after which "step" changes the rate, such as [30, 40].
    LR_STEPS: Sequence[int] | Array = []
    # Factor by which "step" multiplies the rate.
    LR_FACTOR: float = 0.1
    # Batches at the start of train() over which the rate rises from near 0; 0 for no warm-up.
    LR_WARMUP_STEPS: int = 0

    # Batches whose gradients are averaged for one update of the weights.
    GRADIENT_ACCUMULATION: int = 1

    # Momentum, such as 0.999, of a moving average of the weights, updated after each batch. The
    # averaged weights are then validated and saved. None: no average.
    EMA: float | None = None

    # Precision in which the convolutions compute: "bfloat16", "float16" (with loss scaling), or
    # None for float32. Weights, losses, boxes and scores always stay float32.
    MIXED_PRECISION: str | Literal["bfloat16", "float16"] | None = None

    # Weight of each loss in the total loss.
    LOSS_WEIGHTS: Mapping[str, float] = {
        "rpn_class_loss": 1.0,
        "rpn_bbox_loss": 1.0,
        "mrcnn_class_loss": 1.0,
        "mrcnn_bbox_loss": 1.0,
        "mrcnn_mask_loss": 1.0,
    }

    # Weights of classes in mrcnn_class_loss by class id, such as {0: 0.5, 2: 3.0}. The loss is then
    # a weighted mean, in which classes not listed have weight 1. None: all weights are equal.
    CLASS_WEIGHTS: Mapping[int, float] | None = None

    # False: the heads take RoIs from an extra input instead of the RPN, to debug them in isolation.
    USE_RPN_ROIS: bool = True

    # BatchNorm statistics. False: frozen, which is right for the small batches usual in detection.
    # None: Keras's default behaviour. True: always those of the batch.
    TRAIN_BN: bool | None = False
    # Whether BatchNorm's scale and shift never train, as in Detectron2 and torchvision's version 1.
    FREEZE_NORMS: bool = False

    # Maximum norm of all gradients together; above it, they are scaled down.
    GRADIENT_CLIP_NORM: float | None = 5.0

    # Name of the logged value that decides which epoch is best, such as "val_segm_AP50". Lower is
    # better for names with "loss", higher for all others. None: val_segm_AP (val_bbox_AP without a
    # mask head) where it is computed, else val_loss.
    MONITOR: str | None = None
    # Epochs without improvement after which the last stage of train() ends. None: never.
    EARLY_STOPPING: int | None = None
    # Number of latest checkpoints to keep, besides the best one. A checkpoint of a ResNet-101 takes
    # 256 MB, 160 of them 40 GB. None: keep all.
    KEEP_CHECKPOINTS: int | None = 5
    # Minutes between saves of the run's state within an epoch, so that a power cut costs no more
    # than that. None: save only at the end of each epoch.
    SAVE_EVERY_MINUTES: float | None = 10

    # Seed for the order of images, augmentation and sampling. None: a different one for each run.
    SEED: int | None = None

    # Threads that prepare batches while the network trains. None: one per core, up to 4 per device
    # of this host.
    LOADER_WORKERS: int | None = None
    # None: use these threads. "spawn", "forkserver" or "fork": use processes, started by that
    # method, for datasets or augmentation that spend their time in pure Python code.
    LOADER_PROCESSES: str | Literal["spawn", "forkserver", "fork"] | None = None

    # Compile TensorFlow's graph with XLA: slow to start, then often faster on a GPU. (JAX always
    # compiles; training on several devices never does.)
    XLA: bool = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # A function assigned as a class attribute would be bound and receive the configuration as
        # its first argument. Only one whose first parameter is `self` should.
        for name in ("BACKBONE", "COMPUTE_BACKBONE_SHAPE", "OPTIMIZER", "ROI_POOLER"):
            value = vars(cls).get(name)
            if (
                inspect.isfunction(value)
                and next(iter(inspect.signature(value).parameters), None) != "self"
            ):
                setattr(cls, name, staticmethod(value))

    def __init__(self) -> None:
        complete(self, Config)
        necks.follow(self)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, whole(name, value))
        if name == "IMAGE_SHAPE":
            follow_shape(self)
        elif name in SOURCES:
            derive(self)
        if name in necks.SOURCES:
            necks.follow(self)

    def validate(self, own_losses: bool = False) -> None:
        """Check that the settings can work, alone and together. `MaskRCNN` calls this.

        A setting that another one limits, such as a DETECTION_MAX_INSTANCES above the number of
        proposals, is logged once.

        Args:
            own_losses: whether LOSS_WEIGHTS may name losses that no head in HEADS has, because a
                subclass of `MaskRCNN` adds them.

        Raises:
            ValueError: one line for each setting that cannot work, with its value and what is
                accepted.

        Example:
            >>> from mrcnn.config import Config
            >>> class BalloonConfig(Config):
            ...     NAME = "balloon"
            >>> BalloonConfig().validate()
            Traceback (most recent call last):
            ...
            ValueError: BalloonConfig:
            - NUM_CLASSES is 1: it must be a whole number of at least 2, ...
        """
        for name in self._unknown_names():
            close = difflib.get_close_matches(name, dir(Config), n=1, cutoff=0.9)
            if close:
                logger.warning("%s is not a setting of Config: did you mean %s?", name, close[0])
        found = problems(self, own_losses)
        if found:
            raise ValueError(f"{type(self).__name__}:\n" + "\n".join(f"- {line}" for line in found))
        said: set[str] = vars(self).setdefault("_said", set())
        for line in remarks(self):
            if line not in said:
                logger.warning(line)
                said.add(line)

    def _unknown_names(self) -> list[str]:
        return [
            name for name in self.to_dict() if not hasattr(Config, name) and name not in DERIVED
        ]

    def to_dict(self) -> dict[str, Any]:
        """All public settings by name, in alphabetical order, with those that a subclass adds."""
        return {
            name: getattr(self, name)
            for name in sorted(dir(self))
            if not name.startswith("_") and (name.isupper() or not callable(getattr(self, name)))
        }

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Self:
        """An instance in which these settings replace the class's own.

        Args:
            settings: value of each setting by its name, as returned by `to_dict`.

        Example:
            >>> from mrcnn.config import Config
            >>> Config.from_dict({"NAME": "balloon", "IMAGES_PER_GPU": 4}).BATCH_SIZE
            4
        """
        config = cls()
        assign(config, settings)
        return config

    def display(self) -> None:
        """Print every setting and its value."""
        print("\nConfigurations:")
        for name, value in self.to_dict().items():
            print(f"{name:30} {value}")
        print()
