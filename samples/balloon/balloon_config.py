"""Balloon configurations: that of matterport's Mask_RCNN for a GPU, and a small one for a CPU."""

from mrcnn.config import Config
from mrcnn.presets import SmallNetwork


class BalloonConfig(Config):
    """ResNet-101 at 1024 pixels, starting from COCO weights."""

    NAME = "balloon"
    IMAGES_PER_GPU = 2
    NUM_CLASSES = 1 + 1
    STEPS_PER_EPOCH = 100
    VALIDATION_STEPS = 6
    DETECTION_MIN_CONFIDENCE = 0.9

    # For `balloon.py train`: there is little data, and COCO weights are a good start.
    TRAIN_LAYERS = "heads"
    TRAIN_EPOCHS = 30


class BalloonInferenceConfig(BalloonConfig):
    """Inference on one image at a time."""

    GPU_COUNT = 1
    IMAGES_PER_GPU = 1


class SmallBalloonConfig(SmallNetwork, BalloonConfig):
    """A 9-million-parameter network at 512 pixels, starting from nucleus or ImageNet weights."""

    NAME = "balloon_small"
    IMAGE_MIN_DIM = 512
    IMAGE_MAX_DIM = 512
    RPN_ANCHOR_SCALES = (16, 32, 64, 128, 256)
    TRAIN_ROIS_PER_IMAGE = 64
    POST_NMS_ROIS_TRAINING = 500
    POST_NMS_ROIS_INFERENCE = 300
    MAX_GT_INSTANCES = 60
    DETECTION_MIN_CONFIDENCE = 0.7
    STEPS_PER_EPOCH = 30
    VALIDATION_EVERY = 5

    OPTIMIZER = "adamw"
    LEARNING_RATE = 4e-4
    WEIGHT_DECAY = 0.02
    LR_SCHEDULE = "cosine"
    LR_WARMUP_STEPS = 30
    EMA = 0.98
    SEED = 0

    TRAIN_LAYERS = "all"
    TRAIN_EPOCHS = 12


class SmallBalloonInferenceConfig(SmallBalloonConfig):
    """Inference on one image at a time."""

    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
