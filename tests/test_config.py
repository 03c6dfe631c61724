import logging

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.config import Config

# The defaults of matterport's Mask_RCNN (the reference): old subclasses rely on what they do not
# override.
DEFAULTS = {
    "NAME": None,
    "GPU_COUNT": 1,
    "IMAGES_PER_GPU": 2,
    "STEPS_PER_EPOCH": 1000,
    "VALIDATION_STEPS": 50,
    "BACKBONE": "resnet101",
    "COMPUTE_BACKBONE_SHAPE": None,
    "BACKBONE_STRIDES": [4, 8, 16, 32, 64],
    "FPN_CLASSIF_FC_LAYERS_SIZE": 1024,
    "TOP_DOWN_PYRAMID_SIZE": 256,
    "NUM_CLASSES": 1,
    "RPN_ANCHOR_SCALES": (32, 64, 128, 256, 512),
    "RPN_ANCHOR_RATIOS": [0.5, 1, 2],
    "RPN_ANCHOR_STRIDE": 1,
    "RPN_NMS_THRESHOLD": 0.7,
    "RPN_TRAIN_ANCHORS_PER_IMAGE": 256,
    "PRE_NMS_LIMIT": 6000,
    "POST_NMS_ROIS_TRAINING": 2000,
    "POST_NMS_ROIS_INFERENCE": 1000,
    "USE_MINI_MASK": True,
    "MINI_MASK_SHAPE": (56, 56),
    "IMAGE_RESIZE_MODE": "square",
    "IMAGE_MIN_DIM": 800,
    "IMAGE_MAX_DIM": 1024,
    "IMAGE_MIN_SCALE": 0,
    "IMAGE_CHANNEL_COUNT": 3,
    "MEAN_PIXEL": [123.7, 116.8, 103.9],
    "TRAIN_ROIS_PER_IMAGE": 200,
    "ROI_POSITIVE_RATIO": 0.33,
    "POOL_SIZE": 7,
    "MASK_POOL_SIZE": 14,
    "MASK_SHAPE": [28, 28],
    "MAX_GT_INSTANCES": 100,
    "RPN_BBOX_STD_DEV": [0.1, 0.1, 0.2, 0.2],
    "BBOX_STD_DEV": [0.1, 0.1, 0.2, 0.2],
    "DETECTION_MAX_INSTANCES": 100,
    "DETECTION_MIN_CONFIDENCE": 0.7,
    "DETECTION_NMS_THRESHOLD": 0.3,
    "LEARNING_RATE": 0.001,
    "LEARNING_MOMENTUM": 0.9,
    "WEIGHT_DECAY": 0.0001,
    "LOSS_WEIGHTS": {
        "rpn_class_loss": 1.0,
        "rpn_bbox_loss": 1.0,
        "mrcnn_class_loss": 1.0,
        "mrcnn_bbox_loss": 1.0,
        "mrcnn_mask_loss": 1.0,
    },
    "USE_RPN_ROIS": True,
    "TRAIN_BN": False,
    "GRADIENT_CLIP_NORM": 5.0,
}
DERIVED = {"BATCH_SIZE": 2, "IMAGE_SHAPE": [1024, 1024, 3], "IMAGE_META_SIZE": 13}
# Settings that the reference does not have.
OWN = {
    "HEADS": ("box", "mask"),
    "ROI_POOLER": "crop_and_resize",
    "SAMPLING_RATIO": 0,
    "ROI_ALIGN_AGGREGATION": "avg",
    "ROI_ALIGN_ALIGNED": True,
    "ROI_LEVEL_RULE": "round",
    "RESNET_STRIDE_IN": "1x1",
    "RPN_CHANNELS": 512,
    "NEW_LAYERS_INIT": "glorot",
    "RPN_LOSS": "mean",
    "RPN_LOSS_LAMBDA": 10.0,
    "WEIGHT_DECAY_ON": "mean",
    "MASK_HEAD_CHANNELS": 256,
    "HOST_COUNT": 1,
    "VALIDATION_EVERY": 1,
    "VALIDATION_IMAGES": None,
    "MONITOR": None,
    "EARLY_STOPPING": None,
    "KEEP_CHECKPOINTS": 5,
    "SAVE_EVERY_MINUTES": 10,
    "SEED": None,
    "XLA": False,
    "IMAGE_SCALING": "auto",
    "IMAGE_NODATA": "auto",
    "TRAIN_MIN_DIMS": None,
    "TRAIN_SCALE_JITTER": None,
    "TRAIN_NEGATIVE_IMAGES": True,
    "LOADER_WORKERS": None,
    "LOADER_PROCESSES": None,
    "OPTIMIZER": "sgd",
    "LR_SCHEDULE": "constant",
    "LR_STEPS": [],
    "LR_FACTOR": 0.1,
    "LR_WARMUP_STEPS": 0,
    "GRADIENT_ACCUMULATION": 1,
    "EMA": None,
    "MIXED_PRECISION": None,
    "CLASS_WEIGHTS": None,
    "MASK_HEAD": "fcn",
    "MASK_LOSS": "sigmoid",
    "MASK_CLASS_AGNOSTIC": False,
    "NMS_ACROSS_CLASSES": False,
    "DETECTION_NMS": "hard",
    "SOFT_NMS_SIGMA": 0.5,
    "KEYPOINT_HEAD_CHANNELS": 512,
    "KEYPOINT_HEAD_LAYERS": 8,
    "KEYPOINT_POOL_SIZE": 14,
    "KEYPOINT_FLIP_PAIRS": None,
    "NUM_KEYPOINTS": 17,
    "C4_HEAD_STRIDE": 1,
    "NECK": "fpn",
    "RESNET_POOL_PADDING": None,
    "BATCH_NORM_EPSILON": 1e-3,
    "NORM_REPLACES_BIAS": False,
    "FPN_NORM": False,
    "RPN_CONVOLUTIONS": 1,
    "RPN_LOGITS": 2,
    "FREEZE_NORMS": False,
    "ROI_SAMPLING": "reference",
    "BOX_LOSS": "mean",
    "BOX_LOSS_BETA": 1.0,
    "MASK_TARGETS": "reference",
    "BOX_HEAD_LAYERS": 2,
    "BOX_HEAD_CONVOLUTIONS": 0,
    "BOX_HEAD_CHANNELS": 256,
    "BOX_HEAD_NORM": "all",
    "MASK_HEAD_NORM": True,
    "RPN_ANCHOR_ROUNDING": False,
    "RPN_ANCHOR_GRID": "strides",
    "RPN_NMS_BY_LEVEL": False,
    "PRE_NMS_LIMIT_TRAINING": None,
    "RPN_MIN_SIZE": None,
    "RPN_CLIP_TO_IMAGE": False,
    "BOX_DELTA_LIMIT": None,
    "BOX_COORDINATES": "reference",
    "IMAGE_SIDE_MULTIPLE": 32,
    "IMAGE_RESAMPLING": "reference",
    "PIXEL_STD": 1.0,
    "DETECTION_ALL_CLASSES": False,
    "DETECTION_MIN_SIZE": None,
    "MASK_PASTING": "reference",
    "KEYPOINT_SCORES": "detectron2",
}


def backbone(input_image, stage5=True, train_bn=None):
    return [input_image, stage5, train_bn]


def backbone_shape(image_shape):
    return [[image_shape[0] // stride] * 2 for stride in (4, 8, 16, 32, 64)]


@pytest.mark.parametrize("name", DEFAULTS)
def test_default(name):
    value = getattr(Config(), name)
    if isinstance(value, np.ndarray):
        assert value.dtype == np.float64
        value = value.tolist()
    assert value == DEFAULTS[name]
    assert type(value) is type(DEFAULTS[name])


def test_there_are_no_other_settings():
    assert set(Config().to_dict()) == {*DEFAULTS, *DERIVED, *OWN}
    assert {name: getattr(Config, name) for name in OWN} == OWN


def test_derived_on_construction():
    class Derived(Config):
        GPU_COUNT = 3
        IMAGES_PER_GPU = 4
        NUM_CLASSES = 81
        IMAGE_CHANNEL_COUNT = 4
        IMAGE_MAX_DIM = 512

    config = Derived()
    assert config.BATCH_SIZE == 12
    assert config.IMAGE_META_SIZE == 12 + 81
    assert_array_equal(config.IMAGE_SHAPE, [512, 512, 4])
    assert np.issubdtype(config.IMAGE_SHAPE.dtype, np.integer)


@pytest.mark.parametrize(
    ("mode", "side"), [("square", 1024), ("pad64", 1024), ("none", 1024), ("crop", 800)]
)
def test_only_crop_derives_the_shape_from_the_minimum_side(mode, side):
    config = type("Mode", (Config,), {"IMAGE_RESIZE_MODE": mode})()
    assert_array_equal(config.IMAGE_SHAPE, [side, side, 3])


@pytest.mark.parametrize(
    ("name", "value", "derived", "wanted"),
    [
        ("IMAGES_PER_GPU", 5, "BATCH_SIZE", 5),
        ("GPU_COUNT", 2, "BATCH_SIZE", 4),
        ("NUM_CLASSES", 4, "IMAGE_META_SIZE", 16),
        ("IMAGE_MAX_DIM", 256, "IMAGE_SHAPE", [256, 256, 3]),
        ("IMAGE_CHANNEL_COUNT", 1, "IMAGE_SHAPE", [1024, 1024, 1]),
        ("IMAGE_RESIZE_MODE", "crop", "IMAGE_SHAPE", [800, 800, 3]),
    ],
)
def test_assignment_updates_what_is_derived(name, value, derived, wanted):
    config = Config()
    setattr(config, name, value)
    assert_array_equal(getattr(config, derived), wanted)
    assert getattr(Config, name) == DEFAULTS[name]


def test_assignment_in_crop_mode_updates_the_shape():
    config = Config()
    config.IMAGE_RESIZE_MODE = "crop"
    config.IMAGE_MIN_DIM = 448
    assert_array_equal(config.IMAGE_SHAPE, [448, 448, 3])


def test_a_derived_setting_stays_as_assigned():
    config = Config()
    config.BATCH_SIZE = 7
    config.LEARNING_RATE = 0.1
    assert config.BATCH_SIZE == 7


def test_subclasses_override_and_inherit():
    class Parent(Config):
        NAME = "parent"
        NUM_CLASSES = 3

    class Child(Parent):
        NAME = "child"
        EXTRA = "mine"

    config = Child()
    assert (config.NAME, config.NUM_CLASSES, config.EXTRA) == ("child", 3, "mine")
    assert config.IMAGE_META_SIZE == 15
    assert (Config.NAME, Config.NUM_CLASSES) == (None, 1)


def test_functions_as_class_attributes_are_not_bound():
    class WithFunctions(Config):
        BACKBONE = backbone
        COMPUTE_BACKBONE_SHAPE = backbone_shape
        OPTIMIZER = backbone

    config = WithFunctions()
    assert config.BACKBONE is config.OPTIMIZER is backbone
    assert config.BACKBONE("image", stage5=True, train_bn=False) == ["image", True, False]
    assert config.COMPUTE_BACKBONE_SHAPE([128, 128, 3]) == [
        [32, 32], [16, 16], [8, 8], [4, 4], [2, 2]
    ]  # fmt: skip
    # nor in a subclass of the subclass
    assert type("Child", (WithFunctions,), {})().BACKBONE is backbone


def test_a_method_that_asks_for_self_is_bound():
    # The reference always binds functions, so old projects wrote methods.
    class WithMethod(Config):
        def COMPUTE_BACKBONE_SHAPE(self, image_shape):
            return self.NUM_CLASSES, image_shape

    assert WithMethod().COMPUTE_BACKBONE_SHAPE("shape") == (1, "shape")


def test_a_function_without_parameters_can_be_a_setting():
    assert type("Odd", (Config,), {"BACKBONE": lambda: 5})().BACKBONE() == 5


def test_to_dict_has_every_setting_in_order():
    class Own(Config):
        NAME = "own"
        AUGMENT = backbone  # in capitals, so it is a setting although it is callable
        weights = "coco"
        _private = 1

    settings = Own().to_dict()
    assert list(settings) == sorted([*DEFAULTS, *DERIVED, *OWN, "AUGMENT", "weights"])
    assert settings["NAME"] == "own"
    assert settings["weights"] == "coco"


def test_round_trip_through_a_dict():
    class Own(Config):
        NAME = "own"
        NUM_CLASSES = 7
        MEAN_PIXEL = np.array([1.0, 2.0, 3.0])
        BACKBONE = backbone

    config = Own()
    config.IMAGE_MAX_DIM = 320
    config.EXTRA = (1, 2)
    config.BATCH_SIZE = 9  # set by hand, not IMAGES_PER_GPU * GPU_COUNT
    settings = config.to_dict()
    for again in (Config.from_dict(settings), Own.from_dict(settings)):
        assert list(again.to_dict()) == list(settings)
        for name, value in settings.items():
            assert_array_equal(getattr(again, name), value, err_msg=name)
    assert type(Own.from_dict({})) is Own


@pytest.mark.parametrize("order", [sorted, lambda names: sorted(names, reverse=True)])
def test_from_dict_does_not_depend_on_the_order(order):
    settings = {"BATCH_SIZE": 9, "IMAGES_PER_GPU": 3, "GPU_COUNT": 2, "NUM_CLASSES": 5}
    config = Config.from_dict({name: settings[name] for name in order(settings)})
    assert (config.BATCH_SIZE, config.IMAGE_META_SIZE) == (9, 17)


def test_from_dict_derives_what_is_not_given():
    config = Config.from_dict({"NAME": "given", "IMAGES_PER_GPU": 3})
    assert (config.NAME, config.BATCH_SIZE, config.LEARNING_RATE) == ("given", 3, 0.001)


def test_display_prints_every_setting(capsys):
    class Own(Config):
        NAME = "own"
        EXTRA = "mine"

    Own().display()
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["", "Configurations:"]
    shown = dict(line.split(maxsplit=1) for line in lines[2:] if line)
    assert set(shown) == {*DEFAULTS, *DERIVED, *OWN, "EXTRA"}
    assert shown["NAME"] == "own"
    assert shown["BATCH_SIZE"] == "2"
    assert shown["IMAGE_SHAPE"] == "[1024 1024    3]"
    assert f"{'LEARNING_RATE':30} 0.001" in lines


def test_validate_names_the_class_and_every_problem():
    class Wrong(Config):
        NAME = "wrong"
        NUM_CLASSES = 2
        IMAGE_MAX_DIM = 1000
        POOL_SIZE = 0

    with pytest.raises(ValueError) as caught:
        Wrong().validate()
    assert str(caught.value).splitlines() == [
        "Wrong:",
        "- POOL_SIZE is 0: it must be a whole number of at least 1.",
        "- IMAGE_MAX_DIM is 1000: it must be a multiple of 64 (960 or 1024), because the pyramid "
        "halves the image six times.",
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("LEARNING_RATES", "LEARNING_RATE"),
        ("NUM_CLASS", "NUM_CLASSES"),
        ("STEPS_PER_EPOCHS", "STEPS_PER_EPOCH"),
        ("RPN_ANCHORS_SCALES", "RPN_ANCHOR_SCALES"),
        ("DETECTION_MIN_CONFIDENSE", "DETECTION_MIN_CONFIDENCE"),
    ],
)
def test_validate_warns_of_near_misses(written, meant, caplog):
    config = type("Near", (Config,), {"NAME": "near", "NUM_CLASSES": 2, written: 3})()
    with caplog.at_level(logging.WARNING):
        config.validate()
    assert [record.getMessage() for record in caplog.records] == [
        f"{written} is not a setting of Config: did you mean {meant}?"
    ]


def test_validate_says_nothing_about_own_settings(caplog):
    own = {"NAME": "own", "NUM_CLASSES": 2, "WEIGHTS": "coco", "dataset_dir": "x", "KEEP_RATIO": 1}
    type("Own", (Config,), own)().validate()
    assert not caplog.records
