"""Configurations of the nucleus sample: a large network, and a small one that comes trained."""

import numpy as np

from mrcnn.config import Config
from mrcnn.cpu import has_fast_bfloat16
from mrcnn.presets import SmallNetwork

# Score threshold for the weights that come with the sample: the best on `tune`.
MIN_SCORE = 0.75


class NucleusConfig(Config):
    """ResNet-50 for a GPU, on crops of 512x512 pixels from images enlarged at least twofold."""

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

    # For `nucleus.py train`: the layers of each stage, and its last epoch.
    STAGE_LAYERS = ["heads", "all"]
    STAGE_EPOCHS = [20, 40]


class NucleusInferenceConfig(NucleusConfig):
    """Inference on whole images, one at a time."""

    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
    IMAGE_RESIZE_MODE = "pad64"
    RPN_NMS_THRESHOLD = 0.7


class SmallNucleusConfig(SmallNetwork, NucleusConfig):
    """A 9-million-parameter network that two CPU cores can train."""

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

    # The likelier class wins, so no detection scores below 0.5. With the background at half weight,
    # 0.5 means a probability of a third: DETECTION_MIN_CONFIDENCE then sets the threshold.
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
    """Inference on whole images, one at a time."""

    IMAGES_PER_GPU = 1
    IMAGE_RESIZE_MODE = "pad64"
    MIXED_PRECISION = None
    EMA = None
