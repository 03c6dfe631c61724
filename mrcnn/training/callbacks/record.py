"""What a run writes into its folder while it trains: `history.csv` and figures.

Nothing here may end training: a file that cannot be written only causes a warning.
"""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
from keras import ops

from ...files.whole import replacing
from ...loading.batches import BatchSequence
from ...runs import history
from ...types import PathLike
from ..optimization import unscaled

logger = logging.getLogger(__name__)

CURVES = "curves.png"
TRAIN_BATCH = "train_batch.png"
VAL_PREDICTIONS = "val_predictions.png"


def callbacks(log_dir: PathLike, batch_sequence: BatchSequence) -> list[keras.callbacks.Callback]:
    """Callbacks that write the history, its curves and a figure of the first batch.

    They must come after those that add to the logs, such as validation.

    Args:
        log_dir: the run's folder, which must exist when training starts.
        batch_sequence: the training batches.

    Returns:
        The callbacks.
    """
    log_dir = Path(log_dir)
    config = batch_sequence.source.config
    return [
        DrawBatch(batch_sequence, log_dir / TRAIN_BATCH),
        WriteHistory(log_dir / history.FILE_NAME, config.BATCH_SIZE),
        DrawCurves(log_dir / history.FILE_NAME, log_dir / CURVES),
    ]


def draw(path: PathLike, function: str, *args: Any, **kwargs: Any) -> None:
    """Write a figure whole or not at all; a failure only causes a warning.

    Args:
        path: path of the PNG.
        function: name of a `mrcnn.visualize` function that takes `save_to`.
        args, kwargs: arguments of that function.
    """
    try:
        # Matplotlib takes a second to import: wait until there is something to draw.
        from ... import visualize

        with replacing(path) as part, open(part, "wb") as file:
            getattr(visualize, function)(*args, save_to=file, **kwargs)
    except Exception as error:
        logger.warning("%s was not drawn: %s: %s", path, type(error).__name__, error)


def draw_predictions(
    log_dir: PathLike, samples: Sequence[Any], class_names: Sequence[str], title: str = ""
) -> None:
    """Write the validation figure into `log_dir`, see `visualize.draw_predictions`."""
    path = Path(log_dir) / VAL_PREDICTIONS
    draw(path, "draw_predictions", samples, class_names, title=title)


class WriteHistory(keras.callbacks.Callback):
    """Writes a row of `history.csv` after every epoch: all logs, learning rate and speed.

    A resumed run continues the file; the rows of epochs that it repeats are dropped.

    Args:
        path: path of the file.
        batch_size: images per step.
    """

    def __init__(self, path: PathLike, batch_size: int) -> None:
        super().__init__()
        self.path = Path(path)
        self.batch_size = batch_size
        self.rows: list[dict[str, Any]] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Read the epochs that the file already has."""
        try:
            self.rows = history.read(self.path) if self.path.exists() else []
        except Exception as error:
            kept = self.path.with_name(self.path.name + ".unread")
            logger.warning("starting a new history; the old one is kept as %s: %s", kept, error)
            self.rows = []
            self._write(self.path.replace, kept)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        self._begin = time.perf_counter()
        self._ends: list[tuple[int, float]] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Note when the first and the last batch ended: (steps, seconds)."""
        self._ends[1:] = [(batch + 1, time.perf_counter())]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the file with the row of this epoch."""
        measured = history.measured(logs or {})
        # Keras sorts the logs by name; the file has the losses in the network's order.
        first = [name for name in ("loss", *self.model.loss_names) if name in measured]
        row: dict[str, Any] = {"epoch": epoch + 1}
        row.update({name: _plain(measured[name]) for name in dict.fromkeys([*first, *measured])})
        row["learning_rate"] = learning_rate(self.model.optimizer)
        row["seconds"] = round(time.perf_counter() - self._begin, 3)
        if self._ends:
            row["images_per_second"] = round(self._images_per_second(), 3)
        self.rows = history.add(self.rows, row)
        self._write(history.write, self.path, self.rows)

    def _images_per_second(self) -> float:
        """Speed without the first step, which compiles the graph, if there are others."""
        start = self._ends[0] if len(self._ends) > 1 else (0, self._begin)
        (first, begin), (last, end) = start, self._ends[-1]
        return (last - first) * self.batch_size / max(end - begin, 1e-9)

    def _write(self, function: Callable[..., Any], *args: Any) -> None:
        try:
            function(*args)
        except Exception as error:
            logger.warning("%s was not written: %s", self.path, error)


class DrawCurves(keras.callbacks.Callback):
    """Draws the curves of a history after every epoch.

    Args:
        history_path: path of the `history.csv` that `WriteHistory` has written.
        path: path of the PNG.
    """

    def __init__(self, history_path: PathLike, path: PathLike) -> None:
        super().__init__()
        self.history_path = history_path
        self.path = path

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Draw the curves."""
        draw(self.path, "plot_history", Path(self.history_path))


class DrawBatch(keras.callbacks.Callback):
    """Draws the first batch when training starts.

    Args:
        batch_sequence: the training batches.
        path: path of the PNG.
    """

    def __init__(self, batch_sequence: BatchSequence, path: PathLike) -> None:
        super().__init__()
        self.batch_sequence = batch_sequence
        self.path = path

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Draw the batch. If it cannot be built, training itself will report that."""
        try:
            (inputs,) = self.batch_sequence[0]
        except Exception as error:
            logger.warning("%s was not drawn: %s: %s", self.path, type(error).__name__, error)
            return
        source = self.batch_sequence.source
        draw(self.path, "display_batch", inputs, source.config, source.dataset.class_names)


def learning_rate(optimizer: keras.optimizers.Optimizer) -> float:
    """The learning rate of an `optimizer`'s next step.

    Example:
        >>> import keras
        >>> from mrcnn.training.callbacks.record import learning_rate
        >>> learning_rate(keras.optimizers.SGD(0.5))
        0.5
    """
    return float(ops.convert_to_numpy(unscaled(optimizer).learning_rate))


def _plain(value: Any) -> float | str:
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)
