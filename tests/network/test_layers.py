import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn.network import layers

pytestmark = pytest.mark.network

ROIS = np.random.default_rng(0).normal(size=(2, 5, 6, 6, 4)).astype("float32")


@pytest.mark.parametrize(
    ("ours", "theirs", "options"),
    [
        (layers.Conv2D, keras.layers.Conv2D, {"kernel_size": 3, "padding": "same"}),
        (layers.Conv2D, keras.layers.Conv2D, {"kernel_size": 6, "activation": "relu"}),
        (layers.Conv2DTranspose, keras.layers.Conv2DTranspose, {"kernel_size": 2, "strides": 2}),
    ],
)
def test_a_convolution_over_rois_is_one_over_each(ours, theirs, options):
    layer, plain = ours(3, **options), theirs(3, **options)
    outputs = np.asarray(layer(ROIS))
    plain.build((None, 6, 6, 4))
    plain.set_weights(layer.get_weights())
    for image in range(2):
        np.testing.assert_allclose(outputs[image], plain(ROIS[image]), atol=1e-5)
    assert layer.compute_output_shape(ROIS.shape) == outputs.shape
    assert type(layer).__name__ == type(plain).__name__


@pytest.mark.parametrize("options", [{"kernel_size": 6}, {"kernel_size": 6, "groups": 2}])
def test_a_kernel_over_the_whole_roi_has_the_gradients_of_the_convolution(options):
    layer, plain = layers.Conv2D(4, **options), keras.layers.Conv2D(4, **options)
    layer.build(ROIS.shape)
    plain.build((None, 6, 6, 4))
    plain.set_weights(layer.get_weights())
    shares = np.random.default_rng(1).normal(size=(10, 1, 1, 4)).astype("float32")
    found = []
    for model, rois in ((layer, ROIS), (plain, ROIS.reshape(10, 6, 6, 4))):
        inputs = tf.constant(rois)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(tf.reshape(model(inputs), shares.shape) * shares)
        gradients = tape.gradient(loss, [inputs, *[v.value for v in model.trainable_weights]])
        found.append([np.asarray(gradient).ravel() for gradient in gradients])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_kernel_over_the_whole_roi_is_a_matrix_product():
    def kernels(kernel_size, **options):
        layer = layers.Conv2D(3, kernel_size, **options)
        traced = tf.function(layer).get_concrete_function(tf.TensorSpec((2, 5, 6, 6, 4)))
        return {node.type for node in traced.graph.get_operations()} & {"Conv2D", "MatMul"}

    assert kernels(6) == {"MatMul"}
    assert kernels(6, padding="same") == {"Conv2D"}
    assert kernels(5) == {"Conv2D"}
