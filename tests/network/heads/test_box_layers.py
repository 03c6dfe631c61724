"""The layers of the box head."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose
from seeded_weights import manifest
from tiny import TinyConfig

from mrcnn.network.blocks import Norm
from mrcnn.network.heads.box_layers import BoxLayers, box_head, shared_box_head

from ..by_hand import convolved, give_statistics, normalised, relu


def test_the_layers_are_those_of_the_weight_files():
    rois = keras.Input((5, 4))
    features = keras.Input((5, 7, 7, 256))
    model = keras.Model([rois, features], box_head(lambda _: features, 7, 81)(rois))
    expected = {
        name: [shape for _, shape in rows]
        for name, rows in manifest("resnet101", 81).items()
        if name.startswith(("mrcnn_class", "mrcnn_bbox"))
    }
    assert len(expected) == 6
    assert {x.name: [tuple(w.shape) for w in x.weights] for x in model.layers if x.weights} == (
        expected
    )


def test_the_settings():
    assert BoxLayers.of(TinyConfig()) == BoxLayers(32, 2, 0, 256, "all")
    settings = {
        "FPN_CLASSIF_FC_LAYERS_SIZE": 7,
        "BOX_HEAD_LAYERS": 1,
        "BOX_HEAD_CONVOLUTIONS": 4,
        "BOX_HEAD_CHANNELS": 6,
        "BOX_HEAD_NORM": None,
    }
    assert BoxLayers.of(TinyConfig.from_dict(settings)) == BoxLayers(7, 1, 4, 6, None)


@pytest.mark.parametrize("norm", ["all", "convolutions", None])
def test_convolutions_before_the_fully_connected_layers(norm):
    rois, features = keras.Input((5, 4)), keras.Input((5, 3, 3, 4))
    hidden = BoxLayers(7, 1, 2, 6, norm)
    head = box_head(lambda _: features, 3, 2, hidden, Norm(False, 1e-5, True))
    model = keras.Model([rois, features], head(rois))
    give_statistics(model)
    blocks = {
        "mrcnn_class_spatial1": "mrcnn_class_spatial_bn1",
        "mrcnn_class_spatial2": "mrcnn_class_spatial_bn2",
        "mrcnn_class_conv1": "mrcnn_class_bn1",
    }
    has_norm = dict(zip(blocks, [norm is not None] * 2 + [norm == "all"], strict=True))
    last = ["mrcnn_class_logits", "mrcnn_bbox_fc"]
    names = [*blocks, *last, *(blocks[name] for name in blocks if has_norm[name])]
    assert sorted(x.name for x in model.layers if x.weights) == sorted(names)
    rng = np.random.default_rng(0)
    given = x = rng.normal(size=(2, 5, 3, 3, 4)).astype("float32")
    for name, bn in blocks.items():
        layer = model.get_layer(name)
        assert layer.use_bias == (not has_norm[name])
        if layer.use_bias:
            layer.bias.assign(rng.normal(size=layer.filters))
        kernel, *bias = layer.get_weights()
        if name.startswith("mrcnn_class_conv"):
            x = np.einsum("brhwc,hwcf->brf", x, kernel) + (bias[0] if bias else 0)
        else:
            x = convolved(x, kernel, *bias)
        if has_norm[name]:
            x = normalised(x, *model.get_layer(bn).get_weights(), 1e-5)
        x = relu(x)
    logits, _, bbox = model([np.zeros((2, 5, 4), "float32"), given])
    for name, found in zip(last, (logits, bbox), strict=True):
        kernel, bias = model.get_layer(name).get_weights()
        assert_allclose(np.reshape(found, (2, 5, -1)), x @ kernel + bias, atol=1e-5)


def test_a_head_on_stage_5_predicts_from_the_mean():
    rois, features = keras.Input((5, 4)), keras.Input((5, 3, 2, 4))
    model = keras.Model([rois, features], shared_box_head(lambda _: features, 3)(rois))
    x = np.random.default_rng(0).normal(size=(2, 5, 3, 2, 4)).astype("float32")
    logits, probabilities, bbox = model([np.zeros((2, 5, 4), "float32"), x])
    kernel, bias = model.get_layer("mrcnn_class_logits").get_weights()
    expected = x.mean(axis=(2, 3)) @ kernel + bias
    assert_allclose(logits, expected, atol=1e-5)
    assert_allclose(np.sum(probabilities, axis=-1), 1, rtol=1e-5)
    assert bbox.shape == (2, 5, 3, 4)
