"""Convolutions over RoIs with BatchNorm and ReLU."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

from mrcnn.config import Config
from mrcnn.network.blocks import REFERENCE, Norm, roi_block

from .by_hand import convolved, give_statistics, normalised, relu


def model_of(norm):
    x = keras.Input((2, 4, 4, 3))
    return keras.Model(x, roi_block(5, 3, norm, "conv", "bn", padding="same")(x))


def test_the_settings_of_norms():
    assert Norm.of(Config()) == Norm(training=False, epsilon=1e-3, replaces_bias=False)
    settings = {"TRAIN_BN": None, "BATCH_NORM_EPSILON": 0, "NORM_REPLACES_BIAS": np.True_}
    assert Norm.of(Config.from_dict(settings)) == Norm(None, 0.0, True)
    assert Norm(True, 1e-3, False) == REFERENCE


@pytest.mark.parametrize(
    ("norm", "weights"),
    [
        (None, ["kernel", "bias"]),
        (Norm(False), ["kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"]),
        (Norm(False, 0.25, True), ["kernel", "gamma", "beta", "moving_mean", "moving_variance"]),
    ],
    ids=["no norm", "norm", "no bias"],
)
def test_values(norm, weights):
    model = model_of(norm)
    assert [weight.name for weight in model.weights] == weights
    give_statistics(model)
    conv = model.get_layer("conv")
    if conv.use_bias:
        conv.bias.assign(np.linspace(-1, 1, 5))
    x = np.random.default_rng(0).normal(size=(3, 2, 4, 4, 3)).astype("float32")
    expected = convolved(x, *conv.get_weights())
    if norm:
        expected = normalised(expected, *model.get_layer("bn").get_weights(), norm.epsilon)
    assert_allclose(model(x), relu(expected), atol=1e-5)


@pytest.mark.parametrize(("training", "moves"), [(False, False), (True, True)])
def test_the_mode_of_its_norm(training, moves):
    model = model_of(Norm(training))
    mean = model.get_layer("bn").moving_mean
    model(np.ones((1, 2, 4, 4, 3), "float32"), training=True)
    assert bool(np.any(np.asarray(mean) != 0)) == moves


def test_statistics_of_the_rois_that_count():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 4, 4, 3)).astype(np.float32)
    counted = np.array([[True, False, True], [False, False, True]])
    block = roi_block(5, 3, Norm(True, 1e-5, True), "conv", "bn", padding="same")
    rois, flags = keras.Input((3, 4, 4, 3)), keras.Input((3,), dtype="bool")
    model = keras.Model([rois, flags], block(rois, flags))
    [kernel] = model.get_layer("conv").get_weights()
    convolved_rois = convolved(x.reshape(-1, 4, 4, 3), kernel).reshape(2, 3, 4, 4, 5)
    chosen = convolved_rois[counted].reshape(-1, 5)
    scaled = (convolved_rois - chosen.mean(axis=0)) / np.sqrt(chosen.var(axis=0) + 1e-5)
    found = np.array(model([x, counted], training=True))
    assert_allclose(found, relu(scaled), rtol=1e-3, atol=1e-4)
