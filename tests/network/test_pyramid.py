import keras
import numpy as np
import pytest

from mrcnn.network.blocks import Norm
from mrcnn.network.pyramid import feature_pyramid

from .by_hand import convolved, give_statistics, normalised


def test_each_level_adds_the_one_above():
    inputs = [keras.Input((size, size, 2)) for size in (16, 8, 4, 2)]
    model = keras.Model(inputs, feature_pyramid(*inputs, 3))
    features = [
        np.random.default_rng(size).normal(size=(1, size, size, 2)).astype("float32")
        for size in (16, 8, 4, 2)
    ]
    p2, p3, p4, p5, p6 = model(features)
    assert [level.shape[1] for level in (p2, p3, p4, p5, p6)] == [16, 8, 4, 2, 1]

    def layer(name, x):
        return np.asarray(model.get_layer(name)(x))

    top = layer("fpn_c5p5", features[3])
    below = layer("fpn_c4p4", features[2]) + top.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(p5, layer("fpn_p5", top), atol=1e-5)
    np.testing.assert_allclose(p4, layer("fpn_p4", below), atol=1e-5)
    np.testing.assert_allclose(p6, np.asarray(p5)[:, ::2, ::2], atol=1e-6)


@pytest.mark.parametrize("replaces_bias", [False, True])
def test_a_norm_after_each_convolution(replaces_bias):
    inputs = [keras.Input((size, size, 2)) for size in (16, 8, 4, 2)]
    norm = Norm(False, 1e-5, replaces_bias)
    model = keras.Model(inputs, feature_pyramid(*inputs, 3, norm))
    names = {"fpn_c2p2", "fpn_c3p3", "fpn_c4p4", "fpn_c5p5", "fpn_p2", "fpn_p3", "fpn_p4", "fpn_p5"}
    found = {layer.name for layer in model.layers if layer.weights}
    assert found == names | {f"{name}_bn" for name in names}
    assert {model.get_layer(name).use_bias for name in names} == {not replaces_bias}
    give_statistics(model)
    features = [
        np.random.default_rng(size).normal(size=(1, size, size, 2)).astype("float32")
        for size in (16, 8, 4, 2)
    ]

    def step(name, x):
        x = convolved(x, *model.get_layer(name).get_weights())
        return normalised(x, *model.get_layer(f"{name}_bn").get_weights(), 1e-5)

    inner = step("fpn_c5p5", features[3])
    _, p3, p4, p5, p6 = model(features)
    np.testing.assert_allclose(p5, step("fpn_p5", inner), atol=1e-5)
    for level, found in ((4, p4), (3, p3)):
        inner = inner.repeat(2, axis=1).repeat(2, axis=2)
        inner = inner + step(f"fpn_c{level}p{level}", features[level - 2])
        np.testing.assert_allclose(found, step(f"fpn_p{level}", inner), atol=1e-5)
    np.testing.assert_allclose(p6, np.asarray(p5)[:, ::2, ::2])
