"""Configurations of the tumour sample: a small network for a CPU, and ResNet-50 for a GPU."""

from mrcnn.config import Config
from mrcnn.presets import SmallNetwork


class TumorConfig(Config):
    """Slices of 256x256 pixels, as in the LGG dataset; other sizes are resized."""

    NAME = "tumor"
    NUM_CLASSES = 1 + 1  # set by `tumor.make_config` from --classes
    IMAGES_PER_GPU = 8
    BACKBONE = "resnet50"
    IMAGE_MIN_DIM = 256
    IMAGE_MAX_DIM = 256

    # Lesions are 5 to 150 pixels across, few in a slice; most slices have none.
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    PRE_NMS_LIMIT = 2000
    POST_NMS_ROIS_TRAINING = 500
    POST_NMS_ROIS_INFERENCE = 200
    TRAIN_ROIS_PER_IMAGE = 32
    MAX_GT_INSTANCES = 30
    DETECTION_MAX_INSTANCES = 30

    OPTIMIZER = "adamw"
    LEARNING_RATE = 2e-4
    WEIGHT_DECAY = 0.02
    LR_SCHEDULE = "cosine"
    LR_WARMUP_STEPS = 50
    EMA = 0.99
    SEED = 0


class TumorInferenceConfig(TumorConfig):
    """Inference on one image at a time, keeping weak detections: average precision needs them."""

    IMAGES_PER_GPU = 1
    DETECTION_MIN_CONFIDENCE = 0.05


class SmallTumorConfig(SmallNetwork, TumorConfig):
    """A 9-million-parameter network that a CPU can train."""

    NAME = "tumor_small"
    IMAGES_PER_GPU = 4
    LEARNING_RATE = 4e-4


class SmallTumorInferenceConfig(SmallTumorConfig):
    """Inference on one image at a time, keeping weak detections: average precision needs them."""

    IMAGES_PER_GPU = 1
    DETECTION_MIN_CONFIDENCE = 0.05
