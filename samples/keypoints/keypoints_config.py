"""Settings of the keypoint sample: for generated figures, and for COCO's people."""

from figures_dataset import LAYOUT

from mrcnn.config import Config
from mrcnn.instances import KeypointLayout
from mrcnn.presets import SmallNetwork


class FiguresConfig(SmallNetwork, Config):
    """Images of 128x128 pixels, for the nucleus sample's network with a smaller keypoint head."""

    NAME = "figures"
    NUM_CLASSES = 1 + 1
    HEADS = ("box", "keypoint")
    NUM_KEYPOINTS = len(LAYOUT)
    KEYPOINT_FLIP_PAIRS = LAYOUT.flip_pairs
    # The paper's head, of eight layers with 512 channels, takes most of a CPU's time.
    KEYPOINT_HEAD_LAYERS = 4
    KEYPOINT_HEAD_CHANNELS = 96

    IMAGES_PER_GPU = 4
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    # The nucleus sample's anchors: its weights were trained with them.
    RPN_ANCHOR_SCALES = (16, 28, 48, 84, 160)
    TRAIN_ROIS_PER_IMAGE = 32
    ROI_POSITIVE_RATIO = 0.4
    MAX_GT_INSTANCES = 4
    STEPS_PER_EPOCH = 160
    VALIDATION_STEPS = 5
    SEED = 0

    PRE_NMS_LIMIT = 1000
    POST_NMS_ROIS_TRAINING = 200
    POST_NMS_ROIS_INFERENCE = 100
    DETECTION_MAX_INSTANCES = 8

    OPTIMIZER = "adamw"
    LEARNING_RATE = 1e-3
    WEIGHT_DECAY = 0.02
    LR_SCHEDULE = "cosine"
    LR_WARMUP_STEPS = 30
    EMA = 0.98


class PeopleConfig(Config):
    """COCO's people, with the paper's keypoint head and a smaller backbone."""

    NAME = "people"
    NUM_CLASSES = 1 + 1
    BACKBONE = "resnet50"
    HEADS = ("box", "keypoint")
    KEYPOINT_FLIP_PAIRS = KeypointLayout.person().flip_pairs
    IMAGES_PER_GPU = 1
    STEPS_PER_EPOCH = 1000
    VALIDATION_STEPS = 50
