"""Settings in JSON types, and back."""

import json

import numpy as np
import pytest
from tiny import TinyConfig, backbone

from mrcnn.config import Config
from mrcnn.network.backbones.resnet import RESNET50
from mrcnn.network.backbones.small_resnet import small_resnet, small_resnet_shape
from mrcnn.network.heads.mask import MaskHead
from mrcnn.presets import SmallNetwork
from mrcnn.runs.settings import as_json, holds_objects, is_same, restored, stored


class OwnHead(MaskHead):
    name = "own"


class Cells(SmallNetwork, Config):
    NAME = "cells"
    NUM_CLASSES = 3
    HEADS = ("box", MaskHead)
    CLASS_WEIGHTS = {0: 0.5, 2: 3.0}
    MEAN_PIXEL = np.array([1.5, 2, 3])
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    FOLDER = "images"

    @property
    def STEPS_OF_MINE(self):
        return 7


def test_values_in_json_types():
    value = {1: np.float32(0.5), "a": (np.arange(2), None, True), "f": backbone, "o": RESNET50}
    assert as_json(value) == {
        "1": 0.5,
        "a": [[0, 1], None, True],
        "f": "<tiny.backbone>",
        "o": "<mrcnn.network.backbones.resnet.ResNet>",
    }


def test_objects_of_the_package_are_the_same_wherever_they_were():
    assert is_same("<mrcnn.heads.MaskHead>", "<mrcnn.network.heads.mask.MaskHead>")
    assert not is_same("<mrcnn.heads.MaskHead>", "<mrcnn.heads.BoxHead>")
    assert not is_same("<other.MaskHead>", "<mrcnn.heads.MaskHead>")
    assert is_same([1, "a"], [1, "a"]) and not is_same([1], [1, 2])


def test_a_class_is_restored_without_it():
    text = json.dumps(stored(Cells()))
    config = restored(json.loads(text))
    assert type(config) is Config
    assert config.BACKBONE is small_resnet
    assert config.COMPUTE_BACKBONE_SHAPE is small_resnet_shape
    assert config.HEADS == ("box", "mask") and config.CLASS_WEIGHTS == {0: 0.5, 2: 3.0}
    assert config.RPN_ANCHOR_SCALES == (8, 16, 32, 64, 128) and config.FOLDER == "images"
    assert type(config.MEAN_PIXEL) is np.ndarray
    assert json.dumps(stored(config)) == text
    config.validate()


def test_parts_with_a_name_are_stored_by_it():
    config = Config.from_dict({"BACKBONE": RESNET50, "HEADS": ["box", MaskHead]})
    assert stored(config)["BACKBONE"] == "resnet50"
    assert stored(config)["HEADS"] == ["box", "mask"]


def test_a_class_of_the_package_in_an_older_file():
    config = restored({"HEADS": ["box", "<mrcnn.heads.MaskHead>"]})
    assert config.HEADS[1] is MaskHead


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"BACKBONE": "<tiny.backbone>"},
            "x.h5: BACKBONE is <tiny.backbone>, which Config does not have: ask.",
        ),
        ({"HEADS": ["box", "<cells.OwnHead>"]}, "x.h5: HEADS is <cells.OwnHead>, which Config"),
        ({"BACKBONE": "<mrcnn.mask_rcnn.MaskRCNN>"}, "BACKBONE is <mrcnn.mask_rcnn.MaskRCNN>"),
        ({"OPTIMIZER": "<mrcnn.network.backbones.small_resnet.small_resnet>"}, "OPTIMIZER is <"),
        ({"validate": 3}, "x.h5: validate is a method, not a setting."),
        ({"GPU_COUNT": "x", "IMAGES_PER_GPU": [1.5]}, "x.h5: the settings cannot be used: "),
        ({"NUM_CLASSES": [1]}, "x.h5: the settings cannot be used: "),
    ],
)
def test_what_cannot_be_restored(settings, message):
    with pytest.raises(ValueError) as caught:
        restored(settings, where="x.h5", advice="ask")
    assert message in str(caught.value)


def test_a_class_supplies_what_json_cannot_hold():
    config = restored(stored(TinyConfig()), TinyConfig)
    assert type(config) is TinyConfig and config.BACKBONE is backbone
    own = type("Own", (TinyConfig,), {"HEADS": ("box", OwnHead)})
    config = restored(stored(own()), own)
    box, head = config.HEADS
    assert box == "box" and head is OwnHead


def test_private_names_are_left_out():
    assert "__class__" not in vars(restored({"__class__": 3, "_said": 4, "NAME": "a"}))


def test_settings_that_hold_objects():
    assert holds_objects("<tiny.backbone>") and holds_objects(["box", "<a.B>"])
    assert not holds_objects("box") and not holds_objects({"a": 1}) and not holds_objects(None)
