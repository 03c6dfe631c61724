import json

import keras
import numpy as np
import pytest
import tiny

from mrcnn import presets
from mrcnn.config import Config
from mrcnn.network import stored_settings
from mrcnn.network.backbones import KerasBackbone, ResNet, ResNeXt, small_resnet
from mrcnn.network.backbones.resnet import Form
from mrcnn.network.heads import Head
from mrcnn.network.poolers import ROIPool


@keras.saving.register_keras_serializable(package="tests")
class AreaHead(Head):
    name, field = "area", "areas"


@keras.saving.register_keras_serializable(package="tests")
def made_model(**options):
    return keras.applications.MobileNetV2(**options)


class OwnConfig(tiny.TinyConfig):
    HEADS = ("box", AreaHead)
    ROI_POOLER = ROIPool
    OPTIMIZER = keras.optimizers.Lion
    CLASS_WEIGHTS = {1: 0.5}
    MEAN_PIXEL = np.array([1.0, 2.5, 1 / 3])
    MY_NUMBER = 3
    MY_OBJECT = object()

    @property
    def MY_PROPERTY(self):
        return self.MY_NUMBER + 1


def round_trip(config):
    """Through JSON, as in an archive."""
    settings = json.loads(json.dumps(stored_settings.stored(config)))
    known = {name: value for name, value in settings.items() if stored_settings.is_known(name)}
    own = {name: value for name, value in settings.items() if name not in known}
    return stored_settings.config_of(known, own, "x")


def test_settings_come_back_as_they_were():
    config = round_trip(OwnConfig())
    assert type(config) is Config
    assert list(config.HEADS) == ["box", AreaHead] and config.ROI_POOLER == "roi_pool"
    assert config.BACKBONE is tiny.backbone
    assert config.COMPUTE_BACKBONE_SHAPE is tiny.backbone_shapes
    assert (config.MY_NUMBER, config.MY_PROPERTY) == (3, 4)
    assert not hasattr(config, "MY_OBJECT")
    for name, value in OwnConfig().to_dict().items():
        if name not in ("ROI_POOLER", "OPTIMIZER", "MY_OBJECT"):
            np.testing.assert_array_equal(getattr(config, name), value, err_msg=name)
            assert type(getattr(config, name)) is type(value), name
    # The network does not need it.
    assert config.OPTIMIZER == "sgd"


@pytest.mark.parametrize("name", presets.__all__)
def test_every_preset_comes_back(name):
    kind = type("Own", (getattr(presets, name), Config), {"NAME": "a"})
    config, again = kind(), round_trip(kind())
    for setting, value in config.to_dict().items():
        np.testing.assert_array_equal(getattr(again, setting), value, err_msg=setting)


def test_the_small_backbone_is_a_part_of_the_package():
    config = Config.from_dict({"BACKBONE": small_resnet})
    assert stored_settings.stored(config)["BACKBONE"].startswith("<mrcnn.network.backbones.small")
    assert round_trip(config).BACKBONE is small_resnet


def test_backbones_that_are_objects():
    own = ResNet("resnet50", Form(stride_in="3x3", pad_both=True, epsilon=1e-5))
    again = round_trip(Config.from_dict({"BACKBONE": own})).BACKBONE
    assert type(again) is ResNet and again.architecture == "resnet50" and again.form == own.form
    again = round_trip(Config.from_dict({"BACKBONE": ResNet("resnet152")})).BACKBONE
    assert again.architecture == "resnet152" and again.form is None
    again = round_trip(Config.from_dict({"BACKBONE": ResNeXt(50, 16, 8)})).BACKBONE
    assert type(again) is ResNeXt and again.architecture == "resnext50_16x8d"
    assert again.form.groups == 16 and again.first_width == 128


def test_models_of_keras():
    layers = ("block_2_add", "block_5_add", "block_12_add", "out_relu")
    for function in (keras.applications.MobileNetV2, made_model):
        own = KerasBackbone(function, layers, pixels="tf", weights="imagenet")
        again = round_trip(Config.from_dict({"BACKBONE": own})).BACKBONE
        assert again.model is function and again.layers == layers and again.pixels == "tf"
        # The archive has the weights: nothing is downloaded.
        assert again.weights is None
    image = x = keras.Input((None, None, 3))
    for name, strides in zip("abcd", (4, 2, 2, 2), strict=True):
        x = keras.layers.Conv2D(4, 3, strides, padding="same", name=name)(x)
    own = KerasBackbone(keras.Model(image, x), list("abcd"))
    again = round_trip(Config.from_dict({"BACKBONE": own})).BACKBONE
    assert [layer.name for layer in again.model.layers] == [
        layer.name for layer in own.model.layers
    ]


def unregistered(image, stage5=True, train_bn=None):
    """A backbone that an archive cannot name."""


class Unregistered(Head):
    name, field = "other", "others"


REFUSED = {
    "function": ({"BACKBONE": unregistered}, "BACKBONE is the function unregistered, of which a"),
    "class": (
        {"HEADS": ("box", Unregistered)},
        "HEADS is the class Unregistered, of which a Keras",
    ),
    "lambda": ({"ROI_POOLER": lambda size, name: None}, "ROI_POOLER is the function .*<lambda>"),
    "object": (
        {"BACKBONE": type("Own", (ResNet,), {})("resnet50")},
        "BACKBONE is an object of Own",
    ),
    "other": ({"MEAN_PIXEL": {1, 2}}, "MEAN_PIXEL is an object of set, of which a Keras archive"),
    "of keras": (
        {"BACKBONE": KerasBackbone(lambda **options: None, list("abcd"))},
        "BACKBONE cannot be stored in a Keras archive: the function .* must be registered",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_an_archive_cannot_name_is_refused(case):
    settings, message = REFUSED[case]
    with pytest.raises(ValueError, match=f"^{message}"):
        stored_settings.stored(Config.from_dict(settings))


def test_what_is_not_known_is_refused():
    config_of = stored_settings.config_of
    with pytest.raises(ValueError) as caught:
        config_of({"GRAVITY": 9.81, "NAME": "a"}, {}, "cells.keras")
    assert str(caught.value) == (
        "cells.keras: this version has no setting GRAVITY: it was written by another one."
    )
    assert config_of({"NAME": "a"}, {"GRAVITY": 9.81}, "x").GRAVITY == 9.81
    for value, message in [
        ({"registered": "os>system"}, "BACKBONE is os>system, which is not registered: import"),
        (
            "<os.system>",
            "x: BACKBONE is <os.system>, which Config does not have: import the module",
        ),
    ]:
        with pytest.raises(ValueError, match=f"^{message}"):
            config_of({"BACKBONE": value}, {}, "x")
    function = {"class_name": "KerasBackbone", "registered_name": "mrcnn>KerasBackbone"}
    for name in ("os.system", "keras.applications.keras_applications", "keras.applications.No"):
        config = {"model": name, "layers": list("abcd"), "pixels": "tf"}
        with pytest.raises(ValueError, match=f"the function {name}, which is not registered"):
            config_of({"BACKBONE": {**function, "config": config}}, {}, "x")
