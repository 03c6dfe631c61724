import re

import pytest
from tiny import TinyConfig

from mrcnn.network import graph
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


def test_layers_without_pretrained_weights_always_train():
    config = type("Small", (SmallNetwork, TinyConfig), {})()
    for layers in ("heads", "5+", "3+"):
        for name in ("small5", "small5_reduce"):
            assert re.fullmatch(trainable.regex_of(layers, config), name)
    assert not re.fullmatch(trainable.regex_of("5+", config), "res4c_branch2a")
