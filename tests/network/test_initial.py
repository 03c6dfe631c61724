import keras
import numpy as np
import pytest
from tiny import TinyConfig

from mrcnn.network import graph
from mrcnn.network.initial import initial

pytestmark = pytest.mark.network


def test_glorot_is_kerass_default():
    kernels = []
    for options in ({}, {"kernel_initializer": initial("glorot", 0.01)}):
        keras.utils.set_random_seed(3)
        layer = keras.layers.Dense(4, **options)
        layer.build((None, 5))
        kernels.append(layer.kernel.numpy())
    np.testing.assert_array_equal(*kernels)


def test_the_deviations_of_the_papers():
    config = TinyConfig.from_dict({"NEW_LAYERS_INIT": "gaussian", "NUM_CLASSES": 81})
    model = graph.build("training", config)
    rpn = model.get_layer("rpn_model")
    layers = {name: rpn.get_layer(name) for name in ("rpn_conv_shared", "rpn_class_raw")}
    layers |= {"rpn_bbox_pred": rpn.get_layer("rpn_bbox_pred")}
    layers |= {name: model.get_layer(name) for name in ("mrcnn_class_logits", "mrcnn_bbox_fc")}
    for name, layer in layers.items():
        kernel, bias = layer.get_weights()
        expected = 0.001 if name == "mrcnn_bbox_fc" else 0.01
        assert kernel.std() == pytest.approx(expected, rel=0.05), name
        assert abs(kernel.mean()) < 0.1 * expected and not bias.any()
    # Not the same numbers in each layer.
    first, second = (
        layers[name].get_weights()[0].ravel() for name in ("rpn_class_raw", "rpn_bbox_pred")
    )
    assert not np.allclose(first[:10], second[:10])
