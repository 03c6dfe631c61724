import keras
import numpy as np
import pytest

from mrcnn.network.losses import LossLayer, cross_entropy, mean_of, smooth_l1_loss, sum_per


def test_smooth_l1():
    ours = smooth_l1_loss(np.zeros(4, "float32"), np.array([0, 0.5, -1, 3], "float32"))
    np.testing.assert_allclose(ours, [0, 0.125, 0.5, 2.5])


def test_smooth_l1_that_turns_earlier():
    predicted = np.array([0, 0.05, -0.1, 0.5], "float32")
    ours = smooth_l1_loss(np.zeros(4, "float32"), predicted, 0.1)
    np.testing.assert_allclose(ours, [0, 0.0125, 0.05, 0.45], rtol=1e-6)
    line = smooth_l1_loss(np.zeros(4, "float32"), predicted, 0)
    np.testing.assert_allclose(line, [0, 0.05, 0.1, 0.5], rtol=1e-6)


def test_a_sum_per_counted_element():
    values = np.array([1.0, 2.0, 4.0], "float32")
    assert float(sum_per(values, np.array([[True, False], [True, True]]))) == pytest.approx(7 / 3)
    assert float(sum_per(values, np.zeros(4, bool))) == 7


def test_cross_entropy():
    logits = np.log(np.array([[1, 2, 5], [1, 1, 2], [9, 0.5, 0.5]], "float32"))
    ours = cross_entropy(np.array([2, 0, 1]), logits)
    np.testing.assert_allclose(ours, -np.log([5 / 8, 1 / 4, 0.5 / 10]), rtol=1e-6)
    assert ours.dtype == "float32"


def test_cross_entropy_of_half_precision():
    ours = cross_entropy(np.array([0]), np.array([[0, 11]], "float16"))
    assert ours.dtype == "float32"
    np.testing.assert_allclose(ours, np.log1p(np.exp(11.0)), rtol=1e-6)


def test_the_mean_is_of_what_counts():
    values = np.array([[1, 2], [3, 10]], "float32")
    assert float(mean_of(values, np.array([[True, False], [True, True]]))) == pytest.approx(14 / 3)
    weights = np.array([[0.5, 0], [0, 1.5]], "float32")
    assert float(mean_of(values, weights)) == pytest.approx((0.5 + 15) / 2)
    assert float(mean_of(values, np.zeros((2, 2), bool))) == 0


def test_a_loss_is_a_layer_of_its_name():
    x, y = keras.Input((3,)), keras.Input((3,))
    layer = LossLayer(lambda x, y: keras.ops.sum(x * y), name="product_loss")
    loss = layer([x, y])
    assert tuple(loss.shape) == () and loss.dtype == "float32"
    model = keras.Model([x, y], loss)
    assert model.get_layer("product_loss") is layer
    rows = np.array([[1, 2, 3], [4, 5, 6]], "float32")
    assert float(model([rows, rows + 1])) == 2 + 6 + 12 + 20 + 30 + 42
