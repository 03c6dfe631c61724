import keras
import numpy as np
import pytest

from mrcnn.training.averaging import averaged_weights, with_averages

pytestmark = pytest.mark.network

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(4, 2)), RNG.normal(size=(4, 1))
BATCHES = 2


def linear_model(ema=0.5):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    options = {"use_ema": True, "ema_momentum": ema} if ema else {}
    model.compile(keras.optimizers.SGD(0.2, **options), "mse")
    return model


def kernel(model):
    return np.array(model.layers[0].kernel.numpy())


class Notes(keras.callbacks.Callback):
    """Records the kernel whenever callbacks see it."""

    def __init__(self, stop_after=None):
        super().__init__()
        self.stop_after = stop_after
        self.trained, self.at_epoch_end, self.at_test = [], [], []

    def on_train_batch_end(self, batch, logs=None):
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        self.trained.append(kernel(self.model))

    def on_test_end(self, logs=None):
        self.at_test.append((kernel(self.model), logs["loss"]))

    def on_epoch_end(self, epoch, logs=None):
        self.at_epoch_end.append(kernel(self.model))
        self.model.stop_training = epoch == self.stop_after


def fit(model, callbacks, epochs=3):
    model.fit(
        X, Y, batch_size=2, shuffle=False, epochs=epochs, verbose=0,
        validation_data=(X, Y), validation_batch_size=4, callbacks=callbacks,
    )  # fmt: skip


def averages_of(trained, momentum=0.5):
    average, averages = trained[0], []
    for weights in trained:
        average = momentum * average + (1 - momentum) * weights
        averages.append(average)
    return averages


@pytest.mark.parametrize("stop_after", [None, 1])
def test_callbacks_see_the_averages(stop_after):
    notes = Notes(stop_after)
    model = linear_model()
    fit(model, with_averages([notes]))
    epochs = 3 if stop_after is None else 2
    expected = averages_of(notes.trained)[BATCHES - 1 :: BATCHES]
    assert len(notes.at_epoch_end) == len(expected) == epochs
    np.testing.assert_allclose(notes.at_epoch_end, expected, atol=1e-6)
    # Validation ran on the averages, and training continued from its own weights.
    np.testing.assert_array_equal([weights for weights, _ in notes.at_test], notes.at_epoch_end)
    plain = Notes(stop_after)
    fit(linear_model(ema=None), [plain])
    np.testing.assert_allclose(notes.trained, plain.trained, atol=1e-6)
    np.testing.assert_allclose(kernel(model), expected[-1], atol=1e-6)


def test_validation_is_of_the_averages():
    model, notes = linear_model(), Notes()
    fit(model, with_averages([notes]), epochs=1)
    assert notes.at_test[0][1] == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-5)
    assert np.abs(kernel(model) - notes.trained[-1]).max() > 1e-3


def test_what_comes_after_sees_the_weights_that_train():
    notes, outside = Notes(), Notes()
    fit(linear_model(), [*with_averages([notes]), outside])
    np.testing.assert_array_equal(outside.at_epoch_end, notes.trained[BATCHES - 1 :: BATCHES])


def test_the_weights_come_back_bit_for_bit():
    model = linear_model()
    with averaged_weights(model):  # before the first update there is no average
        started = kernel(model)
    for _ in range(3):
        model.train_on_batch(X, Y)
    trained = kernel(model)
    assert np.abs(trained - started).max() > 1e-3
    with pytest.raises(KeyError), averaged_weights(model):
        assert np.abs(kernel(model) - trained).max() > 1e-3
        raise KeyError
    np.testing.assert_array_equal(kernel(model), trained)


def test_under_loss_scaling():
    model = linear_model()
    model.compile(keras.optimizers.LossScaleOptimizer(model.optimizer, initial_scale=2.0), "mse")
    model.train_on_batch(X, Y)
    model.train_on_batch(X, Y)
    trained = kernel(model)
    with averaged_weights(model):
        assert np.abs(kernel(model) - trained).max() > 1e-4


def test_without_ema_nothing_happens():
    model = linear_model(ema=None)
    notes = Notes()
    fit(model, with_averages([notes]))
    np.testing.assert_array_equal(notes.at_epoch_end, notes.trained[BATCHES - 1 :: BATCHES])
    np.testing.assert_array_equal(kernel(model), notes.trained[-1])
