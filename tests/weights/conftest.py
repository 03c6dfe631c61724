"""Models to load and save: the network of matterport's Mask_RCNN (the reference), and tiny ones."""

import keras
import numpy as np
import pytest
from conftest import config_of, load_reference
from numpy.testing import assert_array_equal
from seeded_weights import make_weights, manifest, write_h5

from mrcnn import weights
from mrcnn.network import graph


@pytest.fixture(scope="module")
def inference():
    return build("inference")


@pytest.fixture(scope="module")
def seeded():
    """dict of layer name to list of (weight name, array), the values of `seeded_h5`."""
    return make_weights(manifest("resnet50", 5), seed=10)


def build(mode, **settings):
    config = config_of(load_reference("small"))
    for name, value in settings.items():
        setattr(config, name, value)
    return graph.build(mode, config)


@pytest.fixture
def tiny():
    """conv1 [1, 1, 3, 2] and dense [2, 3], with biases."""
    return chain(
        (4, 4, 3),
        keras.layers.Conv2D(2, 1, name="conv1"),
        keras.layers.ReLU(name="relu"),
        keras.layers.Dense(3, name="dense"),
    )


def chain(shape, *layers):
    """A functional model of the given layers in sequence."""
    x = inputs = keras.Input(shape)
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


def tiny_arrays(**changes):
    arrays = {
        "conv1": [np.arange(6).reshape(1, 1, 3, 2), np.array([7, 8])],
        "dense": [np.arange(6).reshape(2, 3) * 10, np.array([1, 2, 3])],
    }
    return {**arrays, **changes}


@pytest.fixture
def write(tmp_path):
    """Function: dict of layer name to list of arrays -> path of a file that holds them."""

    def _write(arrays):
        path = tmp_path / "weights.h5"
        layers = {
            layer: [
                (f"{layer}/w{index}:0", np.float32(array)) for index, array in enumerate(values)
            ]
            for layer, values in arrays.items()
        }
        write_h5(layers, path)
        return path

    return _write


def values(model):
    return {
        name: [np.array(variable) for variable in variables]
        for name, variables in weights.weighted_layers(model).items()
    }


def assert_same(model, wanted):
    got = values(model)
    assert list(got) == list(wanted)
    for name, arrays in wanted.items():
        assert len(got[name]) == len(arrays), name
        for ours, theirs in zip(got[name], arrays, strict=True):
            assert_array_equal(ours, theirs, err_msg=name)
