"""Layers of other projects in models that differ slightly."""

import types

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mrcnn.weights import fitting
from mrcnn.weights.card import Card


def variables(*shapes):
    return [types.SimpleNamespace(shape=shape, name=f"v{i}") for i, shape in enumerate(shapes)]


def test_only_another_projects_convolutions_may_lack_their_bias():
    here, kernel = variables((3, 3, 4, 8), (8,)), [(3, 3, 4, 8)]
    assert fitting.mismatch("res2a", here, kernel, "conv1", is_foreign=True) == ""
    assert "1 tensors in the file, 2" in fitting.mismatch("res2a", here, kernel, "conv1")
    other = fitting.mismatch("res2a", here, [(3, 3, 4, 9)], "conv1", is_foreign=True)
    assert other == "1 tensors in the file, 2 in the model"
    # The first convolution may also see other channels.
    stem = variables((7, 7, 5, 8), (8,))
    assert fitting.mismatch("conv1", stem, [(7, 7, 3, 8)], "conv1", is_foreign=True) == ""


def test_biases_of_0():
    arrays = {"a": [np.ones((1, 1, 2, 3))], "b": [np.ones((1, 1, 2, 3)), np.ones(3)]}
    layers = {name: variables((1, 1, 2, 3), (3,)) for name in arrays}
    note = fitting.add_biases(arrays, layers)
    assert note == "1 convolutions have no bias in the file and a bias of 0 here"
    assert (arrays["a"][1].tolist(), arrays["b"][1].tolist()) == ([0, 0, 0], [1, 1, 1])
    assert fitting.add_biases(arrays, layers) == ""


def test_scores_of_the_rpn():
    deltas = [(1, 1, 8, 12), (12,)]
    one, two = ([(1, 1, 8, count), (count,), *deltas] for count in (3, 6))
    here = variables(*two)
    assert fitting.mismatch("rpn_model", here, one, "conv1") == ""
    assert "v0 (1, 1, 8, 3) in the file" in fitting.mismatch("other", here, one, "conv1")
    arrays = {"rpn_model": [np.ones(shape) for shape in one]}
    note = fitting.fit_logits(arrays, {"rpn_model": here})
    assert note == "RPN_LOGITS is 1 in the file and 2 here: scores converted"
    assert arrays["rpn_model"][1].tolist() == [0, 1] * 3
    assert fitting.fit_logits(arrays, {"rpn_model": here}) == ""
    assert fitting.fit_logits({}, {}) == ""


def test_variances_make_up_for_another_epsilon():
    image = keras.Input((4,))
    norm = keras.layers.BatchNormalization(epsilon=1e-3, name="bn")
    model = keras.Model(image, norm(image))
    rng = np.random.default_rng(0)
    own = [rng.uniform(0.5, 2, 4).astype(np.float32) for _ in range(4)]
    own[3][0] = 1e-5  # less than the model's epsilon
    arrays = {"bn": own}
    note = fitting.shift_variances(arrays, model, 1e-5)
    assert note == "variances shifted: the file's norms add 1e-05, these 0.001"
    norm.set_weights(arrays["bn"])
    x = rng.normal(size=(5, 4)).astype(np.float32)
    gamma, beta, mean, variance = map(np.float64, own)
    wanted = (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta
    assert_allclose(model.predict(x, verbose=0), wanted, rtol=1e-3)
    assert fitting.shift_variances(arrays, model, None) == ""


@pytest.mark.parametrize("bgr", [False, True])
@pytest.mark.parametrize("model_bgr", [False, True])
def test_a_stem_for_pixels_that_are_not_divided(bgr, model_bgr):
    std = np.array([58.0, 57.0, 56.0])
    source = types.SimpleNamespace(pixel_std=tuple(std), is_bgr=lambda: bgr)
    model = types.SimpleNamespace(stem="conv1", is_bgr=model_bgr, card=Card(config={}))
    rng = np.random.default_rng(0)
    kernel, pixel = rng.normal(size=(1, 1, 3, 2)).astype(np.float32), rng.uniform(0, 255, 3)  # RGB
    found, note = fitting.adapt_stem(kernel, 3, source, model)
    theirs = (pixel / std)[:: -1 if bgr else 1] @ kernel[0, 0]
    assert_allclose(pixel[:: -1 if model_bgr else 1] @ found[0, 0], theirs, rtol=1e-5)
    assert "conv1 scaled" in note


def test_a_stem_that_fits():
    source = types.SimpleNamespace(pixel_std=(58.0, 57.0, 56.0), is_bgr=lambda: False)
    card = Card(config={"PIXEL_STD": [58.0, 57.0, 56.0]})
    model = types.SimpleNamespace(stem="conv1", is_bgr=False, card=card)
    kernel = np.ones((1, 1, 3, 2), np.float32)
    found, note = fitting.adapt_stem(kernel, 3, source, model)
    assert_array_equal(found, kernel)
    assert note == ""
    gray, _ = fitting.adapt_stem(kernel, 1, source, types.SimpleNamespace(card=Card(config={})))
    assert_allclose(gray[0, 0, 0], np.sum(1 / np.array([58.0, 57.0, 56.0])), rtol=1e-6)
