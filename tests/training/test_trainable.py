import logging
import re

import keras
import pytest
from keras import layers
from tiny import TinyConfig

from mrcnn.network import graph
from mrcnn.network.backbones import Backbone
from mrcnn.network.backbones.features import name_of
from mrcnn.presets import SmallNetwork
from mrcnn.training import trainable


@pytest.fixture(scope="module")
def model():
    return graph.build("training", TinyConfig(), seed=0)


@pytest.mark.parametrize(
    ("name", "frozen"),
    [
        ("heads", ("conv1", "bn", "res")),
        ("5+", ("conv1", "bn_conv1", "res2", "bn2", "res3", "bn3", "res4", "bn4")),
        ("3+", ("conv1", "bn_conv1", "res2", "bn2")),
        ("all", ()),
    ],
)
def test_layers_by_stage(model, name, frozen):
    chosen = trainable.set_trainable(model, trainable.regex_of(name, TinyConfig()))
    every = trainable.set_trainable(model, ".*")
    assert chosen == [layer for layer in every if not layer.startswith(frozen or "-")]
    assert {"rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred"} <= set(chosen)


def test_a_regex_matches_whole_names(model):
    assert trainable.set_trainable(model, "conv") == []
    assert not model.trainable_weights
    assert trainable.set_trainable(model, "rpn_class_raw|conv1") == ["conv1", "rpn_class_raw"]
    assert len(model.trainable_weights) == 4
    trainable.set_trainable(model, ".*")


def test_norms_can_be_frozen(model):
    chosen = trainable.set_trainable(model, trainable.regex_of("3+", TinyConfig()), True)
    assert {"res3a", "mrcnn_class_conv1", "rpn_conv_shared"} <= set(chosen)
    assert not [name for name in chosen if re.match(r"bn|mrcnn_\w+_bn", name)]
    trainable.set_trainable(model, ".*")


def test_layers_without_pretrained_weights_always_train():
    config = type("Small", (SmallNetwork, TinyConfig), {})()
    for stage in ("heads", "5+", "3+"):
        for name in ("small5", "small5_reduce"):
            assert re.fullmatch(trainable.regex_of(stage, config), name)
    assert not re.fullmatch(trainable.regex_of("5+", config), "res4c_branch2a")


# Backbones whose layers are not named like a ResNet's


def own_names(image, stage5=True, train_bn=None):
    x, maps = image, []
    for number, stride in enumerate((4, 1, 2, 2, 2)):
        x = layers.Conv2D(8, 3, stride, padding="same", name=f"own{number}")(x)
        maps.append(x)
    return maps


class Unnamed(Backbone):
    """Does not say which of its layers train."""

    build = staticmethod(own_names)


class Misnamed(Unnamed):
    trainable = {"3+": "own[234]", "4+": "level[34]"}


def config_of(backbone):
    settings = {"BACKBONE": backbone}
    if isinstance(backbone, Backbone):
        settings["COMPUTE_BACKBONE_SHAPE"] = None
    return type("Changed", (TinyConfig,), settings)()


@pytest.mark.parametrize("backbone", [own_names, Unnamed()], ids=["function", "object"])
def test_levels_are_found_without_names(backbone, caplog):
    config = config_of(backbone)
    model = graph.build("training", config, seed=0)
    heads = trainable.set_trainable(model, trainable.regex_of("heads", config, model))
    caplog.set_level(logging.INFO, "mrcnn.training.trainable")
    for stage, own in {"5+": ["own4"], "4+": ["own3", "own4"]}.items():
        regex = trainable.regex_of(stage, config, model)
        assert trainable.set_trainable(model, regex) == [*own, *heads]
        assert caplog.messages.pop().endswith(
            f"of the BACKBONE {name_of(config)} train: {', '.join(own)}"
        )
        caplog.clear()


def test_a_level_that_no_layer_belongs_to():
    config = config_of(Misnamed())
    model = graph.build("training", config, seed=0)
    assert "own2" in trainable.set_trainable(model, trainable.regex_of("3+", config, model))
    with pytest.raises(ValueError) as caught:
        trainable.regex_of("4+", config, model)
    assert str(caught.value) == (
        "layers is '4+', but no layer of the BACKBONE Misnamed belongs to it: layers must match "
        "'level[34]', its trainable['4+']. Rename them, or train 'heads', 'all' or a regular "
        "expression for layer names."
    )
    # A user's own model does not know its backbone's levels.
    config = config_of(own_names)
    other = keras.Model(model.inputs, model.outputs)
    with pytest.raises(ValueError, match="no layer of the BACKBONE own_names belongs to it"):
        trainable.regex_of("4+", config, other)


def blocks(image, stage5=True, train_bn=None):
    """Levels that are models themselves."""
    x, maps = image, []
    for number, stride in enumerate((4, 1, 2, 2, 2)):
        conv = layers.Conv2D(8, 3, stride, padding="same", name=f"inner{number}")
        x = keras.Sequential([conv, layers.ReLU()], name=f"block{number}")(x)
        maps.append(x)
    return maps


def test_levels_that_are_models_train_the_layers_inside_them():
    config = config_of(blocks)
    model = graph.build("training", config, seed=0)
    for stage, own in {"5+": {"inner4"}, "4+": {"inner3", "inner4"}}.items():
        chosen = trainable.set_trainable(model, trainable.regex_of(stage, config, model))
        assert {name for name in chosen if name.startswith("inner")} == own


def test_c4_has_no_stage_5_to_train():
    config = config_of(own_names)
    config.NECK = "c4"
    model = graph.build("training", config, seed=0)
    with pytest.raises(ValueError) as caught:
        trainable.regex_of("5+", config, model)
    assert str(caught.value) == (
        "layers is '5+', but with NECK 'c4' the network uses the BACKBONE own_names only up to C4, "
        "so no layer belongs to C5: train 'heads', '3+', '4+' or 'all'."
    )


def test_names_of_a_resnet_are_taken_as_they_are(model):
    config = TinyConfig()
    assert trainable.regex_of("4+", config, model) == trainable.regex_of("4+", config)
    assert trainable.regex_of("own.*", config, model) == "own.*"
