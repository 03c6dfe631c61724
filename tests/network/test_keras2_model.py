"""Calls of Keras 2, on a network of one weight: y = w * x, with w = 2."""

import warnings

import keras
import numpy as np
import pytest

from mrcnn.network.keras2_model import Keras2Model

pytestmark = pytest.mark.network

X, Y = np.array([[1.0], [2.0]], np.float32), np.array([[1.0], [2.0]], np.float32)
QUEUE = {"max_queue_size": 100, "workers": 4, "use_multiprocessing": True}


@pytest.fixture
def model():
    inputs = keras.Input((1,))
    layer = keras.layers.Dense(1, use_bias=False, name="dense")
    model = Keras2Model(inputs, layer(inputs))
    layer.kernel.assign([[2.0]])
    model.compile(optimizer=keras.optimizers.SGD(0.0), loss="mse", run_eagerly=True)
    return model


def lists():
    """Batches as `data_generator` yields them: lists of inputs and of targets."""
    while True:
        yield [[X], [Y]]


class Lists:
    """An iterator that is not a generator, such as the locked ones of older projects."""

    def __iter__(self):
        return self

    def __next__(self):
        return [[X], [Y]]


class Sequence(keras.utils.PyDataset):
    """Two batches, as lists; it counts its epochs."""

    ended = 0

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return [[X], [Y]]

    def on_epoch_end(self):
        self.ended += 1


@pytest.mark.parametrize("batches", [lists, Lists, Sequence])
def test_batches_of_lists_train_and_validate(model, batches):
    history = model.fit(
        batches(),
        steps_per_epoch=2,
        epochs=2,
        validation_data=batches(),
        validation_steps=1,
        verbose=0,
        **QUEUE,
    ).history
    # ((2 * 1 - 1)^2 + (2 * 2 - 2)^2) / 2
    assert history == {"loss": [2.5, 2.5], "val_loss": [2.5, 2.5]}


def test_a_generator_causes_no_warning_about_its_order(model):
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*shuffle.*")
        model.fit(lists(), steps_per_epoch=1, verbose=0)


def test_a_sequence_is_told_when_an_epoch_ends(model):
    sequence = Sequence()
    model.fit(sequence, epochs=2, verbose=0)
    assert sequence.ended >= 2


def test_fit_generator_takes_its_arguments_in_keras_2s_order(model):
    epochs = []
    note = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: epochs.append(epoch))
    history = model.fit_generator(
        *(lists(), 1, 5, 0, [note], lists(), 1, 1, None, 100, 2, True, False, 3)
    ).history
    assert epochs == [3, 4]  # from initial_epoch to epochs
    assert history["val_loss"] == [2.5, 2.5]


def test_evaluate_and_predict(model):
    assert model.evaluate(lists(), steps=1, verbose=0, **QUEUE) == 2.5
    assert model.evaluate_generator(lists(), 2, verbose=0, workers=2) == 2.5
    expected = [[2.0], [4.0]]
    np.testing.assert_array_equal(model.predict(lists(), steps=1, verbose=0, **QUEUE), expected)
    np.testing.assert_array_equal(model.predict_generator(lists(), 1, verbose=0), expected)
    np.testing.assert_array_equal(model.predict_on_batch(X), expected)


def test_arrays_work_as_in_keras(model):
    assert model.fit(X, Y, validation_data=(X, Y), verbose=0).history["val_loss"] == [2.5]
    assert model.evaluate(X, Y, verbose=0) == 2.5
    np.testing.assert_array_equal(model.predict(X, verbose=0), [[2.0], [4.0]])


def test_what_web_servers_call_before_they_start_threads(model):
    for part in ("predict", "train", "test"):
        assert getattr(model, f"_make_{part}_function")() is None


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="graphs are TensorFlow's")
def test_under_the_default_graph_of_an_old_server(model):
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        np.testing.assert_array_equal(model.predict_on_batch(X), [[2.0], [4.0]])
        np.testing.assert_array_equal(model.predict(X, verbose=0), [[2.0], [4.0]])
        assert model.evaluate(X, Y, verbose=0) == 2.5
        assert model.fit(X, Y, verbose=0).history["loss"] == [2.5]
    assert not graph.get_operations()
