import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.config_rules.network_rules import multiple_of_64, problems, remarks

HALVES = "because the pyramid halves the image six times."


class Valid(Config):
    NAME = "valid"
    NUM_CLASSES = 1 + 1


# The configurations in the samples of matterport's Mask_RCNN, word for word.
class BalloonConfig(Config):
    NAME = "balloon"
    IMAGES_PER_GPU = 2
    NUM_CLASSES = 1 + 1
    STEPS_PER_EPOCH = 100
    DETECTION_MIN_CONFIDENCE = 0.9


class CocoConfig(Config):
    NAME = "coco"
    IMAGES_PER_GPU = 2
    NUM_CLASSES = 1 + 80


class CocoInferenceConfig(CocoConfig):
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
    DETECTION_MIN_CONFIDENCE = 0


class NucleusConfig(Config):
    NAME = "nucleus"
    IMAGES_PER_GPU = 6
    NUM_CLASSES = 1 + 1
    STEPS_PER_EPOCH = (657 - 25) // IMAGES_PER_GPU
    VALIDATION_STEPS = max(1, 25 // IMAGES_PER_GPU)
    DETECTION_MIN_CONFIDENCE = 0
    BACKBONE = "resnet50"
    IMAGE_RESIZE_MODE = "crop"
    IMAGE_MIN_DIM = 512
    IMAGE_MAX_DIM = 512
    IMAGE_MIN_SCALE = 2.0
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    POST_NMS_ROIS_TRAINING = 1000
    POST_NMS_ROIS_INFERENCE = 2000
    RPN_NMS_THRESHOLD = 0.9
    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    MEAN_PIXEL = np.array([43.53, 39.56, 48.22])
    USE_MINI_MASK = True
    MINI_MASK_SHAPE = (56, 56)
    TRAIN_ROIS_PER_IMAGE = 128
    MAX_GT_INSTANCES = 200
    DETECTION_MAX_INSTANCES = 400


class NucleusInferenceConfig(NucleusConfig):
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
    IMAGE_RESIZE_MODE = "pad64"
    RPN_NMS_THRESHOLD = 0.7


class ShapesConfig(Config):
    NAME = "shapes"
    GPU_COUNT = 1
    IMAGES_PER_GPU = 8
    NUM_CLASSES = 1 + 3
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    TRAIN_ROIS_PER_IMAGE = 32
    STEPS_PER_EPOCH = 100
    VALIDATION_STEPS = 5


def problems_with(**settings):
    config = Valid()
    for name, value in settings.items():
        setattr(config, name, value)
    return problems(config)


@pytest.mark.parametrize(
    "project",
    [
        BalloonConfig,
        CocoConfig,
        CocoInferenceConfig,
        NucleusConfig,
        NucleusInferenceConfig,
        ShapesConfig,
    ],
)
def test_old_projects_are_valid(project, caplog):
    project().validate()
    assert not caplog.records


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"NUM_CLASSES": np.int64(2)},
        {"BACKBONE": lambda image: image, "COMPUTE_BACKBONE_SHAPE": lambda shape: shape},
        {"BACKBONE": "resnet50"},
        {"TRAIN_BN": None},
        {"TRAIN_BN": True},
        {"DETECTION_MIN_CONFIDENCE": None},
        {"DETECTION_MIN_CONFIDENCE": 1},
        {"RPN_NMS_THRESHOLD": np.float32(0.5)},
        {"RPN_NMS_THRESHOLD": 0, "DETECTION_NMS_THRESHOLD": 0.0},
        {"IMAGE_MIN_DIM": 500},
        {"IMAGE_MIN_DIM": None},
        # IMAGE_MIN_DIM above IMAGE_MAX_DIM, which caps it
        {"IMAGE_MAX_DIM": 512},
        {"IMAGE_RESIZE_MODE": "none", "IMAGE_MIN_DIM": None, "IMAGE_MAX_DIM": None},
        {"IMAGE_RESIZE_MODE": "none", "IMAGE_MIN_DIM": 500, "IMAGE_MAX_DIM": 1000},
        {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": None},
        {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 1088, "IMAGE_MAX_DIM": 1000},
        {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 512, "IMAGE_MAX_DIM": 500},
        {"IMAGE_RESIZE_MODE": "short_side", "IMAGE_MIN_DIM": 800, "IMAGE_MAX_DIM": 1333},
        {"IMAGE_CHANNEL_COUNT": 4, "MEAN_PIXEL": [1, 2, 3, 4]},
        {"IMAGE_CHANNEL_COUNT": 4, "MEAN_PIXEL": 100.0},
        {"IMAGE_SCALING": "percentile"},
        {"IMAGE_SCALING": "full"},
        {"IMAGE_SCALING": (0, 4095)},
        {"IMAGE_SCALING": [-0.5, np.float32(1)]},
        {"IMAGE_SCALING": np.array([0, 1023])},
        {"IMAGE_NODATA": 65535},
        {"IMAGE_NODATA": -9999.0},
        {"IMAGE_NODATA": np.float32("nan")},
        {"IMAGE_NODATA": None},
        {"MASK_POOL_SIZE": 28, "MASK_SHAPE": (56, 56)},
        {"MINI_MASK_SHAPE": (56, 56, 1)},
        {"USE_MINI_MASK": False, "MINI_MASK_SHAPE": ()},
        {"RPN_ANCHOR_SCALES": np.array([8, 16, 32, 64, 128])},
        {"RPN_ANCHOR_RATIOS": [1]},
        {"OPTIMIZER": lambda rate, **options: rate, "EMA": 0.999, "MIXED_PRECISION": "float16"},
        {"LR_SCHEDULE": "step", "LR_STEPS": np.array([3, 9]), "LR_FACTOR": 1},
        {"LR_SCHEDULE": "cosine", "LR_WARMUP_STEPS": np.int64(500)},
        {"CLASS_WEIGHTS": {0: 0, np.int64(1): 2.5}},
        # a loss that is left out has weight 1
        {"LOSS_WEIGHTS": {"rpn_class_loss": 2.0}},
    ],
    ids=" ".join,  # the names of the settings
)
def test_valid(settings):
    assert problems_with(**settings) == []


ONE_PROBLEM = [
    ({"NAME": None}, "NAME is None: give your subclass a name, such as NAME = 'balloon'."),
    ({"NAME": ""}, "NAME is '': give your subclass a name, such as NAME = 'balloon'."),
    ({"NAME": 3}, "NAME is 3: give your subclass a name, such as NAME = 'balloon'."),
    (
        {"NUM_CLASSES": 1},
        "NUM_CLASSES is 1: it must be a whole number of at least 2, because it includes the "
        "background (1 + your number of classes).",
    ),
    (
        {"NUM_CLASSES": 2.0},
        "NUM_CLASSES is 2.0: it must be a whole number of at least 2, because it includes the "
        "background (1 + your number of classes).",
    ),
    *[
        ({name: value}, f"{name} is {value!r}: it must be a whole number of at least 1.")
        for name, value in [
            ("STEPS_PER_EPOCH", 0),
            ("RPN_ANCHOR_STRIDE", 1.0),
            ("RPN_TRAIN_ANCHORS_PER_IMAGE", -1),
            ("PRE_NMS_LIMIT", "6000"),
            ("POST_NMS_ROIS_TRAINING", None),
            ("POST_NMS_ROIS_INFERENCE", True),
            ("TRAIN_ROIS_PER_IMAGE", 0),
            ("POOL_SIZE", 7.5),
            ("MAX_GT_INSTANCES", 0),
            ("DETECTION_MAX_INSTANCES", 0),
            ("FPN_CLASSIF_FC_LAYERS_SIZE", 0),
            ("RPN_CHANNELS", 0),
            ("MASK_HEAD_CHANNELS", 2.5),
            ("TOP_DOWN_PYRAMID_SIZE", 0),
            ("GRADIENT_ACCUMULATION", 0),
        ]
    ],
    *[
        ({name: value}, f"{name} is {value!r}: it must lie in [0, 1].")
        for name in ("RPN_NMS_THRESHOLD", "DETECTION_NMS_THRESHOLD")
        for value in (-0.1, 1.5, "0.7", None, float("nan"))
    ],
    *[
        ({"ROI_POSITIVE_RATIO": value}, f"ROI_POSITIVE_RATIO is {value!r}: it must lie in (0, 1].")
        for value in (0, 1.5, "0.7", None, float("nan"))
    ],
    *[
        ({name: 4}, f"{name} is 4: it must be a list of 5 numbers, one for each of P2..P6.")
        for name in ("BACKBONE_STRIDES", "RPN_ANCHOR_SCALES")
    ],
    *[
        (
            {"DETECTION_MIN_CONFIDENCE": value},
            f"DETECTION_MIN_CONFIDENCE is {value!r}: it must lie in [0, 1].",
        )
        for value in (70, -0.1, "0.7")
    ],
    ({"TRAIN_BN": "no"}, "TRAIN_BN is 'no': it must be False (frozen), None or True."),
    (
        {"IMAGE_RESIZE_MODE": "pad"},
        "IMAGE_RESIZE_MODE is 'pad': it must be one of square, pad64, crop, none, short_side.",
    ),
    (
        {"IMAGE_RESIZE_MODE": "short_side", "IMAGE_MAX_DIM": None},
        "IMAGE_MAX_DIM is None: with IMAGE_RESIZE_MODE 'short_side' it must be a number of pixels, "
        "such as 800 (IMAGE_MIN_DIM) and 1333 (IMAGE_MAX_DIM).",
    ),
    (
        {"IMAGE_RESIZE_MODE": "short_side", "IMAGE_MIN_SCALE": 2},
        "IMAGE_MIN_SCALE is 2: with IMAGE_RESIZE_MODE 'short_side', in which IMAGE_MIN_DIM alone "
        "sets the size of images, it must be 0.",
    ),
    (
        {"IMAGE_MAX_DIM": 1000},
        f"IMAGE_MAX_DIM is 1000: it must be a multiple of 64 (960 or 1024), {HALVES}",
    ),
    ({"IMAGE_MAX_DIM": 0}, f"IMAGE_MAX_DIM is 0: it must be a multiple of 64, {HALVES}"),
    (
        {"IMAGE_MAX_DIM": None},
        f"IMAGE_MAX_DIM is None: it must be a whole number and a multiple of 64, {HALVES}",
    ),
    (
        {"IMAGE_MAX_DIM": 1024.0},
        f"IMAGE_MAX_DIM is 1024.0: it must be a whole number and a multiple of 64, {HALVES}",
    ),
    (
        {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 500},
        f"IMAGE_MIN_DIM is 500: it must be a multiple of 64 (448 or 512), {HALVES}",
    ),
    (
        {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": None},
        f"IMAGE_MIN_DIM is None: it must be a whole number and a multiple of 64, {HALVES}",
    ),
    (
        {"IMAGE_RESIZE_MODE": "pad64"},
        f"IMAGE_MIN_DIM is 800: it must be a multiple of 64 (768 or 832), {HALVES}",
    ),
    (
        {"BACKBONE": "resnet18"},
        "BACKBONE is 'resnet18': it must be 'resnet50', 'resnet101', 'resnet152', "
        "'resnext50_32x4d', 'resnext101_32x4d', 'resnext101_32x8d', 'resnext101_64x4d', 'vgg16', "
        "'mobilenet_v3_large', a Backbone or a function.",
    ),
    (
        {"BACKBONE": lambda image: image},
        "COMPUTE_BACKBONE_SHAPE is None: with a function as BACKBONE it must be a function "
        "(image_shape) -> [[height, width], ...] of P2..P6.",
    ),
    (
        {"BACKBONE_STRIDES": [4, 8, 16, 32], "RPN_ANCHOR_SCALES": [8, 16, 32, 64]},
        "BACKBONE_STRIDES has 4 entries: the pyramid P2..P6 needs 5.",
    ),
    (
        {"RPN_ANCHOR_SCALES": (32, 64, 128)},
        "RPN_ANCHOR_SCALES has 3 entries: it needs one for each of the 5 BACKBONE_STRIDES.",
    ),
    (
        {"RPN_ANCHOR_SCALES": (0, 64, 128, 256, 512)},
        "RPN_ANCHOR_SCALES is (0, 64, 128, 256, 512): it must be a list of positive numbers.",
    ),
    *[
        (
            {"RPN_ANCHOR_RATIOS": value},
            f"RPN_ANCHOR_RATIOS is {value!r}: it must be a list of positive numbers.",
        )
        for value in ([], 1, [[1, 2]], [[1], [1, 2]], ["1"], [-1])
    ],
    (
        {"BBOX_STD_DEV": [0.1, 0.2]},
        "BBOX_STD_DEV has 2 entries: it needs 4, for dy, dx, log dh and log dw.",
    ),
    (
        {"RPN_BBOX_STD_DEV": np.array([0.1, 0.1, 0.2])},
        "RPN_BBOX_STD_DEV has 3 entries: it needs 4, for dy, dx, log dh and log dw.",
    ),
    (
        {"IMAGE_CHANNEL_COUNT": 4},
        "MEAN_PIXEL has 3 entries: it needs one for each of the 4 channels of IMAGE_CHANNEL_COUNT, "
        "or one number for all. To start with, use MEAN_PIXEL = np.full(4, 114.8); the mean of "
        "your own images is better.",
    ),
    (
        {"MEAN_PIXEL": [1, 2, 3, 4, 5]},
        "MEAN_PIXEL has 5 entries: it needs one for each of the 3 channels of IMAGE_CHANNEL_COUNT, "
        "or one number for all. To start with, use MEAN_PIXEL = np.array([123.7, 116.8, 103.9]); "
        "the mean of your own images is better.",
    ),
    *[
        (
            {"IMAGE_SCALING": value},
            f"IMAGE_SCALING is {value!r}: it must be 'auto', 'percentile', 'full', or (low, high), "
            "the values that become 0 and 255, such as (0, 4095).",
        )
        for value in ("none", None, 255, (255, 0), (0, 0), (0, 1, 2), (0, np.inf), ("0", "1"))
    ],
    *[
        (
            {"IMAGE_NODATA": value},
            f"IMAGE_NODATA is {value!r}: it must be the value that means no data, such as 65535 or "
            "-9999, 'auto', or None if all values are data.",
        )
        for value in ("none", "0", (0, 65535), True)
    ],
    (
        {"MASK_SHAPE": (56, 56)},
        "MASK_SHAPE is [56, 56]: the mask head doubles MASK_POOL_SIZE (14), so it must be "
        "[28, 28].",
    ),
    (
        {"MINI_MASK_SHAPE": (56,)},
        "MINI_MASK_SHAPE is (56,): it must be (height, width).",
    ),
    (
        {"MINI_MASK_SHAPE": (0, 56)},
        "MINI_MASK_SHAPE is (0, 56): it must be (height, width).",
    ),
    (
        {"LOSS_WEIGHTS": {**Config.LOSS_WEIGHTS, "mask_loss": 1.0}},
        "LOSS_WEIGHTS names ['mask_loss']: the losses are rpn_class_loss, rpn_bbox_loss, "
        "mrcnn_class_loss, mrcnn_bbox_loss, mrcnn_mask_loss.",
    ),
]


@pytest.mark.parametrize(("settings", "message"), ONE_PROBLEM)
def test_message(settings, message):
    assert problems_with(**settings) == [message]


@pytest.mark.parametrize("name", ["GPU_COUNT", "IMAGES_PER_GPU"])
def test_an_empty_batch_has_two_names(name):
    # A setting derived from a wrong one is wrong too, and both are reported.
    assert problems_with(**{name: 0}) == [
        f"{name} is 0: it must be a whole number of at least 1.",
        "BATCH_SIZE is 0: it must be a whole number of at least 1.",
    ]


def test_mask_pool_size_and_the_mask_shape_that_it_makes():
    assert problems_with(MASK_POOL_SIZE=0) == [
        "MASK_POOL_SIZE is 0: it must be a whole number of at least 1.",
        "MASK_SHAPE is [28, 28]: the mask head doubles MASK_POOL_SIZE (0), so it must be [0, 0].",
    ]


def test_a_misspelt_loss_and_the_one_it_leaves_out():
    weights = {**Config.LOSS_WEIGHTS, "mask_loss": 1.0}
    del weights["mrcnn_mask_loss"]
    assert problems_with(LOSS_WEIGHTS=weights)[1] == (
        "LOSS_WEIGHTS has no weights for ['mrcnn_mask_loss']."
    )


def test_all_problems_are_found_at_once():
    found = problems_with(NAME=None, POOL_SIZE=0, IMAGE_MAX_DIM=1000, LOSS_WEIGHTS={"x": 1})
    assert [line.split()[0] for line in found] == [
        "NAME",
        "POOL_SIZE",
        "IMAGE_MAX_DIM",
        "LOSS_WEIGHTS",
        "LOSS_WEIGHTS",
    ]


@pytest.mark.parametrize(
    ("side", "wanted"),
    [
        (65, "it must be a multiple of 64 (64 or 128), "),
        (np.int64(1000), "it must be a multiple of 64 (960 or 1024), "),
        (63, "it must be a multiple of 64, "),
        (-64, "it must be a multiple of 64, "),
        (70.5, "it must be a whole number and a multiple of 64, "),
    ],
)
def test_multiple_of_64_names_the_neighbours(side, wanted):
    assert multiple_of_64(side) == wanted + HALVES


def test_a_setting_that_another_one_cuts_is_said_once(caplog):
    config = NucleusConfig()
    config.DETECTION_MAX_INSTANCES, config.POST_NMS_ROIS_INFERENCE = 400, 300
    config.validate()
    config.validate()
    assert caplog.messages == [
        "DETECTION_MAX_INSTANCES is 400, but POST_NMS_ROIS_INFERENCE is 300: each detection comes "
        "from a proposal, so there can be no more than that. Raise POST_NMS_ROIS_INFERENCE or "
        "lower DETECTION_MAX_INSTANCES."
    ]
    caplog.clear()
    config = NucleusConfig()
    config.PRE_NMS_LIMIT, config.POST_NMS_ROIS_INFERENCE = 500, 600
    config.POST_NMS_ROIS_TRAINING, config.TRAIN_ROIS_PER_IMAGE = 100, 101
    config.validate()
    assert [message.split(":")[0] for message in caplog.messages] == [
        "POST_NMS_ROIS_INFERENCE is 600, but PRE_NMS_LIMIT is 500",
        "TRAIN_ROIS_PER_IMAGE is 101, but POST_NMS_ROIS_TRAINING is 100",
    ]
    assert "_said" not in config.to_dict()


def test_limits_of_anchors_count_for_each_level():
    config = Valid.from_dict({"PRE_NMS_LIMIT": 500, "POST_NMS_ROIS_TRAINING": 2400})
    config.PRE_NMS_LIMIT_TRAINING = 450
    needed = "POST_NMS_ROIS_TRAINING is 2400, but PRE_NMS_LIMIT_TRAINING is 450"
    assert any(line.startswith(f"{needed}: each") for line in remarks(config))
    config.RPN_NMS_BY_LEVEL = True
    [line] = remarks(config)
    assert line.startswith(f"{needed} on each of 5 levels: each proposal comes from one of these")
    config.PRE_NMS_LIMIT_TRAINING = None
    assert remarks(config) == []


def test_a_roi_may_be_several_detections():
    config = Valid.from_dict({"POST_NMS_ROIS_INFERENCE": 60, "DETECTION_MAX_INSTANCES": 100})
    assert len(remarks(config)) == 1
    config.NUM_CLASSES, config.DETECTION_ALL_CLASSES = 3, True
    assert remarks(config) == []
