"""The settings of a network, its training and its data.

A project subclasses `Config`, overrides what differs and hands an instance to `MaskRCNN`::

    class BalloonConfig(Config):
        NAME = "balloon"
        NUM_CLASSES = 1 + 1  # background and balloon

Names and defaults are those of the matterport reference, so that old subclasses keep working.
"""

import difflib
import inspect
import logging

import numpy as np

from .config_rules.network_rules import problems

logger = logging.getLogger(__name__)

# Setting one of these on an instance renews what is derived from them.
_SOURCES = {
    "IMAGES_PER_GPU",
    "GPU_COUNT",
    "IMAGE_RESIZE_MODE",
    "IMAGE_MIN_DIM",
    "IMAGE_MAX_DIM",
    "IMAGE_CHANNEL_COUNT",
    "NUM_CLASSES",
}


class Config:
    """Base settings. Subclass it, set NAME and NUM_CLASSES, and override what your data needs.

    Derived on construction, and again whenever a setting they depend on is assigned:

    - `BATCH_SIZE`: images a step, `IMAGES_PER_GPU * GPU_COUNT`.
    - `IMAGE_SHAPE`: int array `[height, width, channels]` of the network's input in pixels.
    - `IMAGE_META_SIZE`: length of an image-meta vector, `12 + NUM_CLASSES`.
    """

    # Name of the experiment: log folders and checkpoints carry it in lower case.
    NAME = None

    # Devices to train on, GPUs if there are any; detection takes one.
    GPU_COUNT = 1
    # Hosts among which the devices are spread evenly.
    HOST_COUNT = 1
    # Images that one device takes at a time.
    IMAGES_PER_GPU = 2

    # Batches that make an epoch. Few images want fewer: an epoch is what is validated and saved.
    STEPS_PER_EPOCH = 1000
    # Batches of validation after each epoch.
    VALIDATION_STEPS = 50
    # Epochs from one average precision on the validation images to the next; the first epoch of a
    # run and the last one of train() have one, too. 0: never.
    VALIDATION_EVERY = 1
    # Images that this average precision looks at; None: as many as VALIDATION_STEPS hold.
    VALIDATION_IMAGES = None

    # What the network is made of over the backbone: "box" alone is Faster R-CNN, without masks from
    # the data set to the results. A class of your own is a further head, see network/heads/head.py.
    HEADS = ("box", "mask")
    # How a RoI's features come from the pyramid: "align" (RoIAlign), or a Keras layer class.
    ROI_POOLER = "align"

    # "resnet50", "resnet101", a `Backbone` (see network/backbones/backbone.py), or a function
    # (input_image, stage5=True, train_bn=...) -> [C1..C5].
    BACKBONE = "resnet101"
    # With a function as BACKBONE: a function (image_shape) -> [[height, width], ...] of P2..P6.
    COMPUTE_BACKBONE_SHAPE = None
    # Pixels of the image a cell of P2..P6 stands for.
    BACKBONE_STRIDES = [4, 8, 16, 32, 64]

    # Width of the two fully connected layers of the class and box head.
    FPN_CLASSIF_FC_LAYERS_SIZE = 1024
    # Channels of every level of the feature pyramid.
    TOP_DOWN_PYRAMID_SIZE = 256
    # Channels of the convolution that the RPN begins with. On a CPU it and the mask head are most
    # of a small network's time.
    RPN_CHANNELS = 512
    # Channels of the convolutions of the mask head.
    MASK_HEAD_CHANNELS = 256

    # Classes including the background, which is class 0.
    NUM_CLASSES = 1

    # Side of a square anchor in pixels, one for each pyramid level.
    RPN_ANCHOR_SCALES = (32, 64, 128, 256, 512)
    # Width / height of the anchors of a cell: 0.5 is tall, 2 is wide.
    RPN_ANCHOR_RATIOS = [0.5, 1, 2]
    # Anchors on every cell of a feature map (1), on every second one (2), ...
    RPN_ANCHOR_STRIDE = 1
    # IoU above which the lower-scored of two proposals is dropped: raise it for more proposals.
    RPN_NMS_THRESHOLD = 0.7
    # Anchors of an image that the RPN loss looks at, at most half of them positive.
    RPN_TRAIN_ANCHORS_PER_IMAGE = 256

    # Anchors with the best scores that non-maximum suppression looks at.
    PRE_NMS_LIMIT = 6000
    # Proposals that it leaves, in training.
    POST_NMS_ROIS_TRAINING = 2000
    # Proposals that it leaves, in detection.
    POST_NMS_ROIS_INFERENCE = 1000

    # Keep the masks of the ground truth as crops of their boxes: less memory, coarser outlines.
    USE_MINI_MASK = True
    # (height, width) of such a crop.
    MINI_MASK_SHAPE = (56, 56)

    # How images come to the input size: "square", "pad64", "crop" or "none" (see resize_image).
    IMAGE_RESIZE_MODE = "square"
    # Pixels that the shorter side is enlarged to, if the longer one allows it.
    IMAGE_MIN_DIM = 800
    # Pixels that the longer side may have, and the square's sides: a multiple of 64.
    IMAGE_MAX_DIM = 1024
    # Least factor by which images are enlarged; 0 for none.
    IMAGE_MIN_SCALE = 0
    # 3 for RGB. Another number needs another MEAN_PIXEL of that length; the conv1 of RGB weights
    # is spread over the channels as they are loaded.
    IMAGE_CHANNEL_COUNT = 3
    # How pixels that are not uint8 come to 0..255: "auto", "percentile", "full" or (low, high), the
    # values that become 0 and 255 (see pixels.as_channels).
    IMAGE_SCALING = "auto"
    # Mean of each channel (RGB), subtracted from the image.
    MEAN_PIXEL = np.array([123.7, 116.8, 103.9])

    # RoIs of an image that train the heads.
    TRAIN_ROIS_PER_IMAGE = 200
    # Share of them that is positive, if there are so many.
    ROI_POSITIVE_RATIO = 0.33

    # Side of the RoI's feature crop for the class and box head.
    POOL_SIZE = 7
    # Side of that for the mask head.
    MASK_POOL_SIZE = 14
    # (height, width) of a predicted mask: twice MASK_POOL_SIZE.
    MASK_SHAPE = [28, 28]

    # Instances of an image used in training; of more a random part.
    MAX_GT_INSTANCES = 100

    # What the RPN's box deltas (dy, dx, log dh, log dw) are divided by before they are learnt.
    RPN_BBOX_STD_DEV = np.array([0.1, 0.1, 0.2, 0.2])
    # The same for the deltas of the box head.
    BBOX_STD_DEV = np.array([0.1, 0.1, 0.2, 0.2])

    # Detections of an image at the most.
    DETECTION_MAX_INSTANCES = 100
    # Score below which detections are dropped; 0 keeps all.
    DETECTION_MIN_CONFIDENCE = 0.7
    # IoU above which the lower-scored of two detections of a class is dropped.
    DETECTION_NMS_THRESHOLD = 0.3

    # "sgd", "adam", "adamw", or a function or Keras class (learning_rate, **options) -> optimizer,
    # such as keras.optimizers.Lion; the options carry clipping, accumulation and averaging.
    OPTIMIZER = "sgd"
    # Of SGD, for which the paper's 0.02 makes the weights explode here; AdamW wants about 0.0004.
    LEARNING_RATE = 0.001
    # Of SGD; of Adam and AdamW it is beta_1.
    LEARNING_MOMENTUM = 0.9
    # L2 penalty of a weight tensor, as a mean over its elements. With AdamW its own decay instead,
    # of all but biases and BatchNorm, for which 0.05 is usual.
    WEIGHT_DECAY = 0.0001

    # The learning rate: "constant"; "step", which multiplies it by LR_FACTOR after each of the
    # epochs LR_STEPS, such as [30, 40]; or "cosine", which falls to 0 at the end of train().
    LR_SCHEDULE = "constant"
    # Epochs of "step".
    LR_STEPS = []
    # Factor of "step".
    LR_FACTOR = 0.1
    # Batches at the start of train() over which the rate rises from near 0; 0 for none.
    LR_WARMUP_STEPS = 0

    # Batches whose gradients are averaged before the weights change once.
    GRADIENT_ACCUMULATION = 1

    # Momentum, such as 0.999, of a moving average of the weights after each batch, which is then
    # what is validated and saved; None for no average.
    EMA = None

    # None, "bfloat16" or "float16" (of which the loss is scaled): what the convolutions compute in.
    # Weights, losses, boxes and scores stay float32.
    MIXED_PRECISION = None

    # Factors of the losses in their sum.
    LOSS_WEIGHTS = {
        "rpn_class_loss": 1.0,
        "rpn_bbox_loss": 1.0,
        "mrcnn_class_loss": 1.0,
        "mrcnn_bbox_loss": 1.0,
        "mrcnn_mask_loss": 1.0,
    }

    # Weights of classes in mrcnn_class_loss by class id, such as {0: 0.5, 2: 3.0}: it is then a
    # weighted mean, in which a class that is not named weighs 1. None: all weigh the same.
    CLASS_WEIGHTS = None

    # False: the heads take RoIs from an extra input instead of the RPN (to debug the heads alone).
    USE_RPN_ROIS = True

    # Statistics of BatchNorm: False frozen, None as Keras does, True always of the batch.
    # Frozen is right for the small batches of detection.
    TRAIN_BN = False

    # Norm of all gradients together above which they are scaled down.
    GRADIENT_CLIP_NORM = 5.0

    # What tells the best epoch, a name in its logs, such as "val_segm_AP50"; names with "loss" fall
    # as a run gets better, all others rise. None: val_segm_AP where it is computed (val_bbox_AP
    # without a mask head), else val_loss.
    MONITOR = None
    # Epochs without a better one after which the last stage of train() ends; None: never.
    EARLY_STOPPING = None
    # Numbered checkpoints of a run that are kept beside the best one, the last ones: those of a
    # ResNet-101 take 256 MB each, and 160 of them 40 GB. None: all.
    KEEP_CHECKPOINTS = 5
    # Minutes in an epoch after which the state of the run is saved, so that a power cut costs no
    # more; None: at the end of the epoch only.
    SAVE_EVERY_MINUTES = 10

    # Seed of the order of the images, of augmentation and of sampling; None: another each run.
    SEED = None

    # Threads that make batches while the network trains; None: one for each core, up to 4 for
    # each device of this host.
    LOADER_WORKERS = None
    # None: those threads. "spawn", "forkserver" or "fork": processes, started in that way, for data
    # sets or augmentation that spend their time in Python itself.
    LOADER_PROCESSES = None

    # Compile TensorFlow's graph with XLA: slow to start, then often faster on a GPU. (JAX always
    # compiles; training on several devices never does.)
    XLA = False

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        # A function written as a class attribute would be bound and get the configuration as its
        # first argument; only one that asks for it as `self` does.
        for name in ("BACKBONE", "COMPUTE_BACKBONE_SHAPE", "OPTIMIZER", "ROI_POOLER"):
            value = vars(cls).get(name)
            if (
                inspect.isfunction(value)
                and next(iter(inspect.signature(value).parameters), None) != "self"
            ):
                setattr(cls, name, staticmethod(value))

    def __init__(self):
        self._derive()

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if name in _SOURCES:
            self._derive()

    def _derive(self):
        self.BATCH_SIZE = self.IMAGES_PER_GPU * self.GPU_COUNT
        side = self.IMAGE_MIN_DIM if self.IMAGE_RESIZE_MODE == "crop" else self.IMAGE_MAX_DIM
        self.IMAGE_SHAPE = np.array([side, side, self.IMAGE_CHANNEL_COUNT])
        self.IMAGE_META_SIZE = 1 + 3 + 3 + 4 + 1 + self.NUM_CLASSES

    def validate(self):
        """Check the settings against each other; `MaskRCNN` calls this.

        Raises:
            ValueError: one line for each setting that cannot work, with its value and what
                would be accepted.
        """
        for name in self._unknown_names():
            close = difflib.get_close_matches(name, dir(Config), n=1, cutoff=0.9)
            if close:
                logger.warning("%s is not a setting of Config: is %s meant?", name, close[0])
        found = problems(self)
        if found:
            raise ValueError(f"{type(self).__name__}:\n" + "\n".join(f"- {line}" for line in found))

    def _unknown_names(self):
        return [
            name
            for name in self.to_dict()
            if not hasattr(Config, name)
            and name not in ("BATCH_SIZE", "IMAGE_SHAPE", "IMAGE_META_SIZE")
        ]

    def to_dict(self):
        """Every public setting, by name in alphabetical order, own additions included."""
        return {
            name: getattr(self, name)
            for name in sorted(dir(self))
            if not name.startswith("_") and (name.isupper() or not callable(getattr(self, name)))
        }

    @classmethod
    def from_dict(cls, settings):
        """An instance with these settings over the class's own.

        Args:
            settings: dict of setting name to value, as `to_dict` gives it.
        """
        config = cls()
        # The derived ones last, so that one that was set by hand survives.
        for name in sorted(settings, key=lambda name: name not in _SOURCES):
            setattr(config, name, settings[name])
        return config

    def display(self):
        """Print every setting and its value."""
        print("\nConfigurations:")
        for name, value in self.to_dict().items():
            print(f"{name:30} {value}")
        print()
