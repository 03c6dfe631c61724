"""MobileNetV3-Large as keras.applications has it."""

import re

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose
from tiny import TinyConfig

from mrcnn.network.backbones import build
from mrcnn.network.backbones.mobilenet import MOBILENET_V3_LARGE
from mrcnn.network.layers import BatchNorm

pytestmark = pytest.mark.network

LEVELS = ["expanded_conv_2_add", "expanded_conv_5_add", "expanded_conv_11_add"]


@pytest.fixture(scope="module")
def ours():
    image = keras.Input((64, 96, 3))
    settings = {"BACKBONE": "mobilenet_v3_large", "COMPUTE_BACKBONE_SHAPE": None}
    return keras.Model(image, build(type("Mobile", (TinyConfig,), settings)(), image))


def test_features_are_those_of_keras(ours):
    theirs = keras.applications.MobileNetV3Large(
        weights=None, include_top=False, input_tensor=keras.Input((64, 96, 3))
    )
    names = [layer.name for layer in theirs.layers if layer.weights]
    assert [layer.name for layer in ours.layers if layer.weights] == names
    rng = np.random.default_rng(0)
    for weight in theirs.weights:
        if weight.name == "moving_variance":
            weight.assign(rng.uniform(0.5, 2, weight.shape))
        elif weight.name in ("moving_mean", "beta"):
            weight.assign(rng.normal(0, 0.5, weight.shape))
    ours.set_weights(theirs.get_weights())
    raw = rng.integers(0, 256, (1, 64, 96, 3))
    outputs = [*(theirs.get_layer(name).output for name in LEVELS), theirs.output]
    expected = keras.Model(theirs.inputs, outputs).predict(raw, verbose=0)
    found = ours.predict(raw - TinyConfig().MEAN_PIXEL, verbose=0)[1:]
    for got, want in zip(found, expected, strict=True):
        assert_allclose(got, want, rtol=1e-3, atol=1e-4 * np.abs(want).max())
    shapes = [(16, 24, 24), (8, 12, 40), (4, 6, 112), (2, 3, 960)]
    assert [each.shape[1:] for each in found] == shapes


def test_its_batch_norm_is_frozen_as_the_configuration_says(ours):
    norms = [layer for layer in ours.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(norms) == 46
    assert all(isinstance(n, BatchNorm) and n.pinned_training is False for n in norms)


def test_layers_by_stage(ours):
    names = [layer.name for layer in ours.layers if layer.weights]
    for stage, first, before in (
        ("3+", "expanded_conv_3_expand", "expanded_conv_2_project_bn"),
        ("4+", "expanded_conv_6_expand", "expanded_conv_5_project_bn"),
        ("5+", "expanded_conv_12_expand", "expanded_conv_11_project_bn"),
    ):
        regex = MOBILENET_V3_LARGE.trainable[stage]
        chosen = [name for name in names if re.fullmatch(regex, name)]
        assert chosen == names[names.index(first) :]
        assert names[names.index(first) - 1] == before
