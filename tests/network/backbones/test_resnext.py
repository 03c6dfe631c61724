"""ResNeXts: their layers, and Detectron2's network with the same weights."""

import keras
import pytest
from tiny import TinyConfig

from mrcnn.network.backbones import resnext
from mrcnn.network.backbones.grouped import GroupedConv2D
from mrcnn.network.backbones.resnet import Form

from .foreign import assert_features, needs_foreign

pytestmark = pytest.mark.network


@pytest.mark.parametrize(
    ("backbone", "widths", "groups", "millions"),
    [
        (resnext.RESNEXT50_32X4D, (128, 1024), 32, 23.0),
        (resnext.RESNEXT101_64X4D, (256, 2048), 64, 81.4),
    ],
    ids=lambda value: getattr(value, "architecture", ""),
)
def test_grouped_kernels(backbone, widths, groups, millions):
    image = keras.Input((64, 64, 3))
    model = keras.Model(image, backbone.build(image, TinyConfig()))
    for name, width in zip(("res2a_branch2b", "res5c_branch2b"), widths, strict=True):
        layer = model.get_layer(name)
        assert isinstance(layer, GroupedConv2D) and layer.groups == groups
        assert tuple(layer.kernel.shape) == (3, 3, width // groups, width)
    assert model.get_layer("res2a_branch2a").kernel.shape[-1] == widths[0]
    assert model.get_layer("res4a_branch2a").strides == (1, 1)
    assert model.get_layer("res4a_branch2b").strides == (2, 2)
    # As published, without the classifier (2.05 million) and with biases beside the BatchNorm.
    convs = [layer for layer in model.layers if hasattr(layer, "kernel")]
    biases = sum(layer.bias.shape[0] for layer in convs)
    trainable = sum(weight.numpy().size for weight in model.trainable_weights) - biases
    assert round(trainable / 1e6, 1) == millions
    levels = {"res2a_branch1", "bn4b_branch2a", "res5c_branch2c"}
    assert levels <= {layer.name for layer in model.layers}


def test_their_names_say_what_they_are():
    found = {
        each.architecture: (each.depth, each.groups, each.width)
        for each in vars(resnext).values()
        if isinstance(each, resnext.ResNeXt)
    }
    assert found == {
        "resnext50_32x4d": (50, 32, 4),
        "resnext101_32x4d": (101, 32, 4),
        "resnext101_32x8d": (101, 32, 8),
        "resnext101_64x4d": (101, 64, 4),
    }


def test_its_form_follows_the_settings():
    form = resnext.RESNEXT101_32X8D.form_of(TinyConfig())
    assert form == Form("3x3", groups=32, pad_both=True)
    settings = {
        "BATCH_NORM_EPSILON": 1e-5,
        "NORM_REPLACES_BIAS": True,
        "RESNET_POOL_PADDING": "end",
    }
    changed = resnext.RESNEXT101_32X8D.form_of(TinyConfig.from_dict(settings))
    assert changed == Form("3x3", groups=32, epsilon=1e-5, use_bias=False)


@needs_foreign
def test_it_computes_what_detectron2_does():
    assert_features(resnext.RESNEXT101_32X8D, "detectron2_mask_rcnn_X_101_32x8d_FPN_3x")
