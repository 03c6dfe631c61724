"""The small backbone: its shapes, loading ImageNet weights, and its invariance to exposure."""

import keras
import numpy as np
import pytest

from mrcnn.network.backbones import resnet
from mrcnn.network.backbones.small_resnet import exposure, small_resnet, small_resnet_shape

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def model():
    image = keras.Input((128, 192, 3))
    return keras.Model(image, small_resnet(image))


def test_shapes(model):
    strides, channels = (4, 4, 8, 16, 32), (64, 256, 512, 1024, 256)
    expected = [(None, 128 // s, 192 // s, c) for s, c in zip(strides, channels, strict=True)]
    assert [output.shape for output in model.outputs] == expected
    assert small_resnet_shape((128, 192, 3)).tolist() == [
        [32, 48],
        [16, 24],
        [8, 12],
        [4, 6],
        [2, 3],
    ]


def test_weights_of_resnet50_fit(model):
    image = keras.Input((128, 192, 3))
    whole = keras.Model(image, resnet.resnet_graph(image, "resnet50", stage5=True)[:4])
    shapes = {layer.name: [w.shape for w in layer.weights] for layer in whole.layers}
    own = {"small5", "small5_reduce"}
    named = [layer for layer in model.layers if layer.weights and layer.name not in own]
    assert len(named) == 2 * (1 + 10 + 13 + 10)
    assert all(shapes[layer.name] == [w.shape for w in layer.weights] for layer in named)


def test_the_same_field_at_different_exposures(model):
    rng = np.random.default_rng(0)
    field = rng.uniform(0, 200, (1, 128, 192, 3)).astype(np.float32)
    bright, dark = (model.predict(x, verbose=0) for x in (field, field / 20 - 40))
    for one, other in zip(bright, dark, strict=True):
        np.testing.assert_allclose(other, one, rtol=0.2, atol=0.02 * np.abs(one).max())
    assert max(np.abs(one).max() for one in bright) > 0


def test_exposure():
    image = keras.Input((8, 8, 3))
    norm = keras.Model(image, exposure(image))
    x = np.random.default_rng(0).uniform(-40, 200, (2, 8, 8, 3)).astype(np.float32)
    x[1] = x[1] / 100 + 7  # a standard deviation of 0.7: flat to within a grey level
    result = norm.predict(x, verbose=0)
    mean, deviation = x.mean(axis=(1, 2, 3)), x.std(axis=(1, 2, 3))
    expected = (x - mean[:, None, None, None]) / np.sqrt(deviation**2 + 1)[:, None, None, None]
    np.testing.assert_allclose(result, 64 * expected, atol=1e-3)
