"""A Keras 3 model that also accepts the calls and arguments of Keras 2's models."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras

from ..loading.batches import BatchSequence
from ..ops import outside_graphs
from .process import OneProcessModel

# Arguments of Keras 2's methods for running a generator in several threads or processes. Here,
# generators run in the caller's thread.
_QUEUE = ("max_queue_size", "workers", "use_multiprocessing")


class Keras2Model(OneProcessModel):
    """A model for projects that call `keras_model` as in Keras 2.

    `fit`, `evaluate` and `predict` also take iterators of lists, such as `data_generator`, and
    ignore `max_queue_size`, `workers` and `use_multiprocessing`.
    """

    @outside_graphs
    def fit(
        self, x: Any = None, y: Any = None, *, validation_data: Any = None, **kwargs: Any
    ) -> keras.callbacks.History:
        """Keras's `fit`.

        Args:
            x: as in Keras, or an iterator of (inputs, targets), each a list or a tuple.
            y: as in Keras.
            validation_data: as in Keras, or an iterator like `x`.
            kwargs: further arguments of `fit` in Keras 3 or 2.
        """
        kwargs = _without_queue(kwargs)
        if isinstance(x, Iterator):
            kwargs["shuffle"] = False  # otherwise Keras warns that it cannot
        return super().fit(in_tuples(x), y, validation_data=in_tuples(validation_data), **kwargs)

    @outside_graphs
    def evaluate(self, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
        """Keras's `evaluate`; see `fit` for the arguments."""
        return super().evaluate(in_tuples(x), y, **_without_queue(kwargs))

    @outside_graphs
    def predict(self, x: Any, **kwargs: Any) -> Any:
        """Keras's `predict`; see `fit` for the arguments."""
        return super().predict(in_tuples(x), **_without_queue(kwargs))

    @outside_graphs
    def predict_on_batch(self, x: Any) -> Any:
        """Keras's `predict_on_batch`."""
        return super().predict_on_batch(x)

    def fit_generator(
        self,
        generator: Any,
        steps_per_epoch: int | None = None,
        epochs: int = 1,
        verbose: int | str = 1,
        callbacks: Any = None,
        validation_data: Any = None,
        validation_steps: int | None = None,
        validation_freq: int = 1,
        class_weight: Mapping[int, float] | None = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        shuffle: bool = True,
        initial_epoch: int = 0,
    ) -> keras.callbacks.History:
        """Keras 2's name for `fit` with a generator; takes Keras 2's arguments.

        Args:
            generator: the batches, see `fit`.
            steps_per_epoch, epochs, verbose, callbacks, validation_data: as in Keras's `fit`.
            validation_steps, validation_freq, class_weight: as in Keras's `fit`.
            shuffle, initial_epoch: as in Keras's `fit`.
            max_queue_size, workers, use_multiprocessing: not used.
        """
        return self.fit(
            generator,
            steps_per_epoch=steps_per_epoch,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_data=validation_data,
            validation_steps=validation_steps,
            validation_freq=validation_freq,
            class_weight=class_weight,
            shuffle=shuffle,
            initial_epoch=initial_epoch,
        )

    def evaluate_generator(
        self, generator: Any, steps: int | None = None, callbacks: Any = None, **kwargs: Any
    ) -> Any:
        """Keras 2's name for `evaluate` with a generator.

        Args:
            generator: the batches, see `fit`.
            steps: number of batches; None: until the generator ends.
            callbacks, kwargs: as in Keras's `evaluate`.
        """
        return self.evaluate(generator, steps=steps, callbacks=callbacks, **kwargs)

    def predict_generator(
        self, generator: Any, steps: int | None = None, callbacks: Any = None, **kwargs: Any
    ) -> Any:
        """Keras 2's name for `predict` with a generator.

        Args:
            generator: (inputs, targets) for each batch, see `fit`; the targets are ignored.
            steps: number of batches; None: until the generator ends.
            callbacks, kwargs: as in Keras's `predict`.
        """
        return self.predict(generator, steps=steps, callbacks=callbacks, **kwargs)

    def _make_predict_function(self) -> None:
        """Do nothing. With Keras 2, web servers called this before they started threads."""

    def _make_train_function(self) -> None:
        """Do nothing; see `_make_predict_function`."""

    def _make_test_function(self) -> None:
        """Do nothing; see `_make_predict_function`."""


def in_tuples(batches: Any) -> Any:
    """Convert batches from lists, which Keras 2 took, to tuples.

    Args:
        batches: an iterator or a `PyDataset` (`Sequence` in Keras 2), or anything else that Keras
            takes, which is returned as it is.

    Example:
        >>> from mrcnn.network.keras2_model import in_tuples
        >>> list(in_tuples(iter([[["image", "meta"], []]])))
        [(('image', 'meta'), ())]
    """
    if isinstance(batches, Iterator):
        return (_in_tuples(batch) for batch in batches)
    if isinstance(batches, keras.utils.PyDataset) and not isinstance(batches, BatchSequence):
        return _TupleDataset(batches)
    return batches


class _TupleDataset(keras.utils.PyDataset):
    """A `PyDataset` whose batches are tuples of tuples."""

    def __init__(self, batches: Any) -> None:
        super().__init__(batches.workers, batches.use_multiprocessing, batches.max_queue_size)
        self.batches = batches
        self.on_epoch_begin = batches.on_epoch_begin
        self.on_epoch_end = batches.on_epoch_end

    @property
    def num_batches(self) -> int | None:
        return self.batches.num_batches

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return _in_tuples(self.batches[index])


def _in_tuples(batch: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(tuple(part) if isinstance(part, list) else part for part in batch)


def _without_queue(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name not in _QUEUE}
