"""VGG-16 as keras.applications has it."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose
from tiny import TinyConfig

from mrcnn.network.backbones import build
from mrcnn.network.backbones.vgg import VGG16

pytestmark = pytest.mark.network

LEVELS = ("block2_pool", "block3_conv3", "block4_conv3", "block5_conv3", "block5_pool")


def test_layers_and_features_are_those_of_keras():
    image = keras.Input((64, 96, 3))
    settings = {"BACKBONE": "vgg16", "COMPUTE_BACKBONE_SHAPE": None}
    ours = keras.Model(image, build(type("Vgg", (TinyConfig,), settings)(), image))
    theirs = keras.applications.VGG16(
        weights=None, include_top=False, input_tensor=keras.Input((64, 96, 3))
    )
    shapes = [
        {layer.name: [tuple(w.shape) for w in layer.weights] for layer in net.layers[1:]}
        for net in (ours, theirs)
    ]
    assert shapes[0] == shapes[1] and len(shapes[0]) == 18
    theirs.set_weights(ours.get_weights())
    levels = keras.Model(theirs.inputs, [theirs.get_layer(name).output for name in LEVELS])
    pixels = np.random.default_rng(0).normal(0, 60, (1, 64, 96, 3))
    found = ours.predict(pixels, verbose=0)
    for got, expected in zip(found, levels.predict(pixels, verbose=0), strict=True):
        assert_allclose(got, expected, rtol=1e-5)
    assert [each.shape[1:] for each in found] == [
        (16, 24, 128),
        (16, 24, 256),
        (8, 12, 512),
        (4, 6, 512),
        (2, 3, 512),
    ]
    # Random weights neither shrink nor blow up the signal.
    assert 0.1 < found[3].std() / pixels.std() < 10


def test_the_stem_sees_the_pixels():
    assert VGG16().stem == "block1_conv1"
