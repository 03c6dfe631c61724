"""The moving average of the weights (EMA), used when a model is evaluated or saved.

Keras's optimizer keeps the averages alongside the weights that it trains. (`SwapEMAWeights` leaves
the trained weights in a model whose `fit` is stopped early, and on TensorFlow adds a rounding error
at every swap.)
"""

import contextlib
from collections.abc import Iterator, Sequence

import keras
import numpy as np

from ..types import Array
from .optimization import unscaled


@contextlib.contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Use a model's averaged weights in a context, and restore the trained ones bit for bit.

    Without EMA, or before the first update, the weights stay as they are.

    Args:
        model: a compiled model, such as `MaskRCNN.keras_model`.

    Example:
        >>> from mrcnn.training.averaging import averaged_weights
        >>> with averaged_weights(model.keras_model):  # doctest: +SKIP
        ...     model.keras_model.save_weights("averages.h5")
    """
    optimizer = unscaled(model.optimizer)
    if optimizer is None or not optimizer.use_ema or not int(optimizer.iterations.numpy()):
        yield
        return
    trained = _values(model)
    optimizer.finalize_variable_values(model.trainable_weights)
    # On JAX the model and the optimizer now share arrays, which evaluation would delete.
    _assign(model, _values(model))
    try:
        yield
    finally:
        _assign(model, trained)


def _values(model: keras.Model) -> list[Array]:
    # Copies: on torch, numpy() is a view.
    return [np.array(variable.numpy()) for variable in model.trainable_weights]


def _assign(model: keras.Model, values: list[Array]) -> None:
    for variable, value in zip(model.trainable_weights, values, strict=True):
        variable.assign(value)


def with_averages(callbacks: Sequence[keras.callbacks.Callback]) -> list[keras.callbacks.Callback]:
    """Surround callbacks with two that show them the averaged weights.

    During validation and at the end of an epoch the model holds the averages, otherwise the weights
    being trained. After `fit` it holds the averages: Keras takes care of that.

    Args:
        callbacks: Keras callbacks. One that needs the weights being trained, for example to
            save the training state, must come before or after the returned list.

    Returns:
        The callbacks, with one more at each end. Without EMA, the extra two do nothing.
    """
    averages = _Averages()
    leave = keras.callbacks.LambdaCallback(on_epoch_end=averages.leave, on_test_end=averages.leave)
    return [averages, *callbacks, leave]


class _Averages(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self._inside = contextlib.ExitStack()

    def enter(self):
        self._inside.enter_context(averaged_weights(self.model))

    def leave(self, *_):
        self._inside.close()

    def on_test_begin(self, logs=None):
        self.enter()

    def on_epoch_end(self, epoch, logs=None):
        self.enter()
