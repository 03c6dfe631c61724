"""`tf.identity(layer.output)`, as old notebooks write it."""

import keras
import numpy as np
import pytest

from mrcnn.legacy import tf_identity
from mrcnn.model import MaskRCNN  # its import installs it

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="tf.identity is TensorFlow's"
)


@pytest.mark.parametrize("dtype", ["float32", "int32", "float16"])
def test_a_symbolic_tensor_stays_one(dtype):
    assert MaskRCNN
    x = keras.Input((2,), dtype=dtype)
    for y in (tf.identity(x), tf.identity(x, name="y"), tf.identity(input=x)):
        assert keras.utils.is_keras_tensor(y)
        assert (y.shape, y.dtype) == (x.shape, dtype)
        values = keras.Model(x, y)(np.array([[1, 2]], dtype))
        np.testing.assert_array_equal(values, [[1, 2]])


def test_tensors_and_other_functions_are_as_before():
    np.testing.assert_array_equal(tf.identity(tf.constant([3])), [3])
    np.testing.assert_array_equal(tf.identity([3]), [3])
    with pytest.raises(ValueError, match="KerasTensor cannot be used as input"):
        tf.square(keras.Input((2,)))
    with pytest.raises(ValueError, match="unsupported type"):
        tf.identity(object())


def test_a_tensorflow_that_cannot_be_extended_is_left_alone(monkeypatch):
    monkeypatch.delattr(tf.__internal__.dispatch, "GlobalOpDispatcher")
    tf_identity.install()
