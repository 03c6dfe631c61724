"""From a configuration to feature maps."""

import keras
import numpy as np
import pytest
import tiny
from keras import layers
from numpy.testing import assert_allclose, assert_array_equal
from tiny import TinyConfig

from mrcnn.network import backbones, graph
from mrcnn.network.backbones import Backbone, FunctionBackbone
from mrcnn.network.backbones.resnet import RESNET50, RESNET101

from .plain import of

PIXELS = np.random.default_rng(0).uniform(-120, 130, (2, 64, 64, 3)).astype(np.float32)


def config_of(backbone, **settings):
    settings = {"BACKBONE": backbone, "COMPUTE_BACKBONE_SHAPE": None, **settings}
    return type("Changed", (TinyConfig,), settings)()


class Unchanged(Backbone):
    """Returns its input."""

    def build(self, image, config):
        return [layers.Identity()(image)] * 5


def seen(pixels, **attributes):
    """What a backbone with these attributes sees of an image."""
    backbone = type("Changed", (Unchanged,), attributes)()
    image = keras.Input(pixels.shape[1:])
    features, *_ = backbones.build(config_of(backbone), image)
    return np.array(keras.Model(image, features)(pixels))


def test_of_config():
    own = of()
    assert backbones.of_config(config_of("resnet50")) is RESNET50
    assert backbones.of_config(config_of("resnet101")) is RESNET101
    assert backbones.of_config(config_of(own)) is own
    function = backbones.of_config(TinyConfig())
    assert isinstance(function, FunctionBackbone) and function.function is tiny.backbone


def test_pixels_as_they_are():
    assert_array_equal(seen(PIXELS), PIXELS)


def test_pixels_in_the_order_of_the_weights():
    assert_array_equal(seen(PIXELS, pixel_order="BGR"), PIXELS[..., [2, 1, 0]])


@pytest.mark.parametrize("std", [58, 0.25, [58.4, 57.1, 57.4], (1, 2, 4), np.array([8.0, 4, 2])])
def test_pixels_over_their_deviation(std):
    assert_allclose(seen(PIXELS, pixel_std=std), PIXELS / np.asarray(std), rtol=1e-6)


def test_deviations_are_in_the_order_of_the_image():
    got = seen(PIXELS, pixel_order="BGR", pixel_std=(1, 2, 4))
    assert_allclose(got, np.stack([PIXELS[..., 2] / 4, PIXELS[..., 1] / 2, PIXELS[..., 0]], -1))


def test_one_deviation_for_any_channels():
    pixels = np.concatenate([PIXELS, PIXELS[..., :2]], axis=-1)
    assert_allclose(seen(pixels, pixel_std=50), pixels / 50, rtol=1e-6)


@pytest.mark.parametrize("mode", ["training", "inference"])
@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, PIXELS),
        ({"pixel_order": "BGR"}, PIXELS[..., ::-1]),
        ({"pixel_order": "BGR", "pixel_std": (1, 2, 4)}, PIXELS[..., ::-1] / [4, 2, 1]),
    ],
)
def test_what_the_stem_sees_in_the_network(mode, attributes, expected):
    model = graph.build(mode, config_of(of(**attributes)))
    stem = keras.Model(model.inputs[0], model.get_layer(model.stem).input)
    assert model.stem == "entry" and model.is_bgr == (attributes.get("pixel_order") == "BGR")
    assert_allclose(np.array(stem(PIXELS)), expected, rtol=1e-6)


def test_features_are_what_the_backbone_gives():
    image = keras.Input((64, 128, 3))
    features = backbones.build(config_of(of()), image)
    assert [tuple(each.shape[1:]) for each in features] == [
        (16, 32, 8),
        (16, 32, 8),
        (8, 16, 12),
        (4, 8, 12),
        (2, 4, 16),
    ]


@pytest.mark.parametrize("count", [4, 6])
def test_another_number_of_features(count):
    class Other(Unchanged):
        def build(self, image, config):
            return [image] * count

    with pytest.raises(ValueError) as caught:
        backbones.build(config_of(Other()), keras.Input((64, 64, 3)))
    shapes = ", ".join(["a tensor of shape [batch, 64, 64, 3]"] * count)
    assert str(caught.value) == (
        f"BACKBONE `Other` returned {count} feature maps: 5 are needed, C1 to C5, of strides 4, 4, "
        f"8, 16, 32. It returned {shapes}."
    )
