import keras
import numpy as np

from mrcnn.network.pyramid import feature_pyramid


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
