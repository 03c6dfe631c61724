"""The layers of the mask head."""

import keras
import numpy as np
import pytest
from seeded_weights import manifest

from mrcnn.network.blocks import Norm
from mrcnn.network.heads.mask_layers import mask_head, mlp_mask_head

from ..by_hand import convolved, give_statistics, normalised, relu


def test_the_layers_are_those_of_the_weight_files():
    rois = keras.Input((5, 4))
    features = keras.Input((5, 14, 14, 256))
    model = keras.Model([rois, features], mask_head(lambda _: features, 81)(rois))
    expected = {
        name: [shape for _, shape in rows]
        for name, rows in manifest("resnet101", 81).items()
        if name.startswith("mrcnn_mask")
    }
    assert len(expected) == 10
    assert {x.name: [tuple(w.shape) for w in x.weights] for x in model.layers if x.weights} == (
        expected
    )


@pytest.mark.parametrize("norm", [None, Norm(False, 1e-5, True)], ids=["no norm", "norm"])
def test_a_small_fcn_by_hand(norm):
    rois, features = keras.Input((2, 4)), keras.Input((2, 3, 3, 4))
    head = mask_head(lambda _: features, 3, norm, channels=5, convolutions=2)
    model = keras.Model([rois, features], head(rois))
    give_statistics(model)
    given = x = np.random.default_rng(0).normal(size=(2, 2, 3, 3, 4)).astype("float32")
    for index in (1, 2):
        conv = model.get_layer(f"mrcnn_mask_conv{index}")
        assert conv.use_bias == (norm is None)
        x = convolved(x, *conv.get_weights())
        if norm:
            x = normalised(x, *model.get_layer(f"mrcnn_mask_bn{index}").get_weights(), 1e-5)
        x = relu(x)
    kernel, bias = model.get_layer("mrcnn_mask_deconv").get_weights()
    # A cell becomes 2x2 cells, whose kernels are [y, x, out, in].
    cells = np.einsum("brhwc,yxdc->brhywxd", x, kernel).reshape(2, 2, 6, 6, 5)
    logits = convolved(relu(cells + bias), *model.get_layer("mrcnn_mask").get_weights())
    found = model([np.zeros((2, 2, 4), "float32"), given])
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-logits)), atol=1e-5)


@pytest.mark.parametrize("hidden", [2, 3])
def test_the_layers_of_table_2e(hidden):
    """fc: 1024→1024→K·28² and 1024→1024→1024→K·28²."""
    rois, features = keras.Input((5, 4)), keras.Input((5, 7, 7, 16))
    masks = mlp_mask_head(lambda _: features, 3, [28, 28], hidden)(rois)
    assert masks.shape == (None, 5, 28, 28, 3)
    model = keras.Model([rois, features], masks)
    shapes = {x.name: [tuple(w.shape) for w in x.weights] for x in model.layers if x.weights}
    widths = [7 * 7 * 16] + [1024] * hidden
    expected = {
        f"mrcnn_mask_fc{index}": [(widths[index - 1], 1024), (1024,)]
        for index in range(1, hidden + 1)
    }
    assert shapes == {**expected, "mrcnn_mask_logits": [(1024, 28 * 28 * 3), (28 * 28 * 3,)]}


def test_an_mlp_by_hand():
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(2, 4, 3, 3, 5)).astype("float32")
    rois, features = keras.Input((4, 4)), keras.Input((4, 3, 3, 5))
    head = mlp_mask_head(lambda _: features, 2, (6, 4), width=7, activation="softmax")
    model = keras.Model([rois, features], head(rois))
    hidden = x.reshape(2, 4, 45)
    for index in (1, 2):
        kernel, bias = model.get_layer(f"mrcnn_mask_fc{index}").get_weights()
        hidden = np.maximum(hidden @ kernel + bias, 0)
    kernel, bias = model.get_layer("mrcnn_mask_logits").get_weights()
    logits = (hidden @ kernel + bias).reshape(2, 4, 6, 4, 2)
    expected = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    ours = model.predict_on_batch([np.zeros((2, 4, 4), "float32"), x])
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)
    assert model.get_layer("mrcnn_mask").output is model.output
