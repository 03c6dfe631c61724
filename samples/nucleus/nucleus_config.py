"""Configurations of the nucleus sample: the large network, and the small one that comes with it."""

import numpy as np

from mrcnn.config import Config
from mrcnn.cpu import has_fast_bfloat16
from mrcnn.presets import SmallNetwork

# Of a nucleus that counts, with the weights that come with the sample: the best on `tune`.
MIN_SCORE = 0.75


class NucleusConfig(Config):
    """ResNet-50, on crops of 512x512 pixels of images enlarged at least twice: for a GPU."""

    NAME = "nucleus"
    NUM_CLASSES = 1 + 1
    IMAGES_PER_GPU = 6
    STEPS_PER_EPOCH = (657 - 25) // IMAGES_PER_GPU
    VALIDATION_STEPS = 25 // IMAGES_PER_GPU

    BACKBONE = "resnet50"
    IMAGE_RESIZE_MODE = "crop"
    IMAGE_MIN_DIM = 512
    IMAGE_MAX_DIM = 512
    IMAGE_MIN_SCALE = 2.0
    MEAN_PIXEL = np.array([43.53, 39.56, 48.22])

    # Nuclei are small, and there are many of them.
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    RPN_NMS_THRESHOLD = 0.9
    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    POST_NMS_ROIS_TRAINING = 1000
    POST_NMS_ROIS_INFERENCE = 2000
    TRAIN_ROIS_PER_IMAGE = 128
    MAX_GT_INSTANCES = 200
    USE_MINI_MASK = True
    MINI_MASK_SHAPE = (56, 56)

    DETECTION_MIN_CONFIDENCE = 0
    DETECTION_MAX_INSTANCES = 400

    # What `nucleus.py train` does: these layers up to these epochs.
    STAGE_LAYERS = ["heads", "all"]
    STAGE_EPOCHS = [20, 40]


class NucleusInferenceConfig(NucleusConfig):
    """Detection on whole images, one at a time."""

    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
    IMAGE_RESIZE_MODE = "pad64"
    RPN_NMS_THRESHOLD = 0.7


class SmallNucleusConfig(SmallNetwork, NucleusConfig):
    """A network of 9 million weights that two CPU cores can train."""

    NAME = "nucleus_small"
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 500
    VALIDATION_STEPS = 0
    VALIDATION_EVERY = 0

    RPN_ANCHOR_SCALES = (16, 28, 48, 84, 160)
    RPN_NMS_THRESHOLD = 0.75
    RPN_TRAIN_ANCHORS_PER_IMAGE = 256
    PRE_NMS_LIMIT = 2000
    POST_NMS_ROIS_TRAINING = 600
    POST_NMS_ROIS_INFERENCE = 1000
    TRAIN_ROIS_PER_IMAGE = 128
    MAX_GT_INSTANCES = 256
    DETECTION_MIN_CONFIDENCE = MIN_SCORE

    # The likelier class wins, so that no score is below 0.5: a background that weighs half makes it
    # a third, and leaves the choice of the threshold to DETECTION_MIN_CONFIDENCE.
    CLASS_WEIGHTS = {0: 0.5, 1: 1.0}

    OPTIMIZER = "adamw"
    LEARNING_RATE = 4e-4
    WEIGHT_DECAY = 0.02
    LR_SCHEDULE = "cosine"
    LR_WARMUP_STEPS = 200
    EMA = 0.998
    MIXED_PRECISION = "bfloat16" if has_fast_bfloat16() else None
    SEED = 0

    STAGE_LAYERS = ["all"]
    STAGE_EPOCHS = [11]


class SmallNucleusInferenceConfig(SmallNucleusConfig):
    """Detection on whole images, one at a time."""

    IMAGES_PER_GPU = 1
    IMAGE_RESIZE_MODE = "pad64"
    MIXED_PRECISION = None
    EMA = None
