"""A model stays in the process that made it.

A process that `os.fork` makes has TensorFlow's locks, but not the threads that release them: the
first computation there waits for ever. JAX is just as risky. PyTorch supports forking.
"""

import os
from typing import Any, Self

import keras

from ..startup import ForkedError

_ADVICE = "Make the model in the worker process, see docs/serving.md."

# The process that made the first model, here or before this process was forked.
_first: int | None = None


class OneProcessModel(keras.Model):
    """A model that refuses to work in any process but the one that made it.

    Attributes:
        process: id of that process.

    Raises:
        ForkedError: an earlier model was made before this process was forked.
    """

    process: int

    # Not in __init__: Keras clones only models whose constructor has the arguments of keras.Model.
    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        check_new_model()
        model = super().__new__(cls, *args, **kwargs)
        object.__setattr__(model, "process", os.getpid())  # Keras is not yet ready to track it
        return model

    def __reduce__(self) -> Any:
        """Keras's `__reduce__`: the copy is a new model, of the process that unpickles it."""
        check_process(self)
        return super().__reduce__()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Keras's `__call__`."""
        check_process(self)
        return super().__call__(*args, **kwargs)

    def fit(self, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Keras's `fit`."""
        check_process(self)
        return super().fit(*args, **kwargs)

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Keras's `evaluate`."""
        check_process(self)
        return super().evaluate(*args, **kwargs)

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """Keras's `predict`."""
        check_process(self)
        return super().predict(*args, **kwargs)

    def train_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Keras's `train_on_batch`."""
        check_process(self)
        return super().train_on_batch(*args, **kwargs)

    def test_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Keras's `test_on_batch`."""
        check_process(self)
        return super().test_on_batch(*args, **kwargs)

    def predict_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Keras's `predict_on_batch`."""
        check_process(self)
        return super().predict_on_batch(*args, **kwargs)


def check_new_model() -> None:
    """Check that a model can be made in this process.

    Raises:
        ForkedError: an earlier model was made before this process was forked.
    """
    global _first
    if _first not in (None, os.getpid()) and _is_unsafe():
        raise ForkedError(
            f"process {_first} made a model and then forked this process ({os.getpid()}), in which "
            "another model would hang: start worker processes with the method 'spawn', or make no "
            f"model before they are forked. {_ADVICE}"
        )
    _first = os.getpid()


def check_process(model: Any) -> None:
    """Check that `model`, an `OneProcessModel`, is used in the process that made it.

    Raises:
        ForkedError: this process was forked after the model was made.
    """
    made_in = getattr(model, "process", None)
    if made_in not in (None, os.getpid()) and _is_unsafe():
        raise ForkedError(
            f"the model was made in process {made_in}, which then forked this process "
            f"({os.getpid()}): it would hang here. {_ADVICE}"
        )


def _is_unsafe() -> bool:
    return keras.backend.backend() != "torch"
