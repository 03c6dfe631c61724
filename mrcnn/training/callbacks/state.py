"""Save the state of a run: after every epoch, every few minutes, and when it is interrupted."""

import logging
import os
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import keras

from ...runs import folder as checkpoints
from ...runs import state
from ...runs.state import Progress
from ...text import log
from .. import optimization
from ..model_card import after_epoch
from .finite import StopIfNotFinite

if TYPE_CHECKING:
    from ..trainer import Run

logger = logging.getLogger(__name__)

# What Keras's own callbacks remember from one epoch to the next, and forget when `fit` starts.
_COUNTERS = {
    keras.callbacks.EarlyStopping: ("wait", "best", "best_epoch"),
    keras.callbacks.ReduceLROnPlateau: ("wait", "best", "cooldown_counter"),
    keras.callbacks.ModelCheckpoint: ("best",),
}


class SaveState(keras.callbacks.Callback):
    """Tracks the `Progress` of a run, and saves it with all variables.

    It must come last, when all other callbacks are done with a batch or an epoch. An epoch
    ends with, in this order: the numbered checkpoint (`SaveWeights`), the state that lists it, the
    links last and best, and the removal of old checkpoints. So there is always a complete state,
    and the checkpoints that it lists exist.

    Args:
        run: the run, see `trainer.Run`; its `model`, `progress`, `interruption`, `config` and
            `train_batches` are used.
        finite: checks the weights before they are saved within an epoch.
        others: the user's callbacks.
        is_last_stage: whether EARLY_STOPPING applies.
    """

    def __init__(
        self,
        run: "Run",
        finite: StopIfNotFinite,
        others: Sequence[keras.callbacks.Callback] = (),
        is_last_stage: bool = True,
    ) -> None:
        super().__init__()
        self.run = run
        self.finite = finite
        self.others = others
        self.is_last_stage = is_last_stage
        minutes = run.config.SAVE_EVERY_MINUTES
        self.seconds = 60 * minutes if minutes else float("inf")

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Restore the counters of Keras's own callbacks."""
        for index, names in self._counted():
            for name, value in self.run.progress.callbacks.get(str(index), {}).items():
                if name in names:
                    setattr(self.others[index], name, value)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Restore the metric means of a resumed epoch, which Keras has reset.

        (With several hosts, `Follow` does so for all of them.)
        """
        self.saved_at = time.monotonic()
        if self.run.progress.step and self.run.distribution.hosts == 1:
            state.restore(self.run.state_path, self.model, ["metrics"])

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Save if it is time to, and stop if requested."""
        run, sequence = self.run, self.run.train_batches
        run.progress.step = step = sequence.skipped + batch + 1
        if step >= sequence.steps:
            return  # `on_epoch_end` follows, after validation
        stops = run.interruption.signal is not None
        if stops or time.monotonic() - self.saved_at > self.seconds:
            state.sync(self.model)
            self.finite.check_weights(batch)
            self._store_counters()
            self._save(is_last=stops)
            self.saved_at = time.monotonic()
        if stops:
            self._stop()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save, and end the run if it was interrupted or no longer improves."""
        run, progress = self.run, self.run.progress
        monitor = progress.monitor
        progress.end_epoch(logs or {})
        if monitor not in (None, progress.monitor):
            logger.warning(
                "%s is not a number, as happens when the validation images have no instances: %s "
                "decides the best epoch instead",
                *(monitor, progress.monitor),
            )
        progress.checkpoints = sorted({*progress.checkpoints, progress.epoch})
        patience = run.config.EARLY_STOPPING
        if patience and self.is_last_stage and progress.waited >= patience:
            progress.stopped_early = self.model.stop_training = True
        self._store_counters()
        ends = self.model.stop_training or progress.epoch >= run.stages[-1].end
        if optimization.averages(self.model):
            # `fit` leaves the averages in the model: the trained ones are read back from the file.
            ends |= progress.epoch >= progress.stage.end or run.train_batches.skipped > 0
        is_saved = self._save(is_last=ends or run.interruption.signal is not None)
        run.folder.epoch = progress.epoch
        if is_saved:
            publish(run.folder.checkpoint_path, progress, run.config.KEEP_CHECKPOINTS)
        if progress.stopped_early:
            run.log(f"\nNo better {progress.monitor} for {patience} epochs: training ends here.")
        if run.interruption.signal is not None:
            self._stop()

    def _save(self, is_last: bool) -> bool:
        """Save the state and return whether that worked; a failure raises only if `is_last`."""
        try:
            state.save(self.run.state_path, self.model, self.run.progress)
        except OSError as error:
            if is_last:
                raise
            logger.warning("training continues, and the last saved state is kept: %s", error)
            return False
        return True

    def _stop(self) -> None:
        progress = self.run.progress
        log(
            f"\nStopped after {state.position(progress)}; everything is saved in "
            f"{self.run.state_path}. To resume, run the same script with train(..., resume=True), "
            "or a sample with --resume."
        )
        self.run.interruption.end()

    def _store_counters(self) -> None:
        self.run.progress.callbacks = {
            str(index): {name: _plain(getattr(self.others[index], name, None)) for name in names}
            for index, names in self._counted()
        }

    def _counted(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Index in `others` and counter names of each callback that has counters."""
        for index, callback in enumerate(self.others):
            for kind, names in _COUNTERS.items():
                if isinstance(callback, kind):
                    yield index, names


def publish(checkpoint_path: str, progress: Progress, keep: int | None) -> None:
    """Bring links and numbered checkpoints in line with a state; a failure only causes a warning.

    Args:
        checkpoint_path: template of the checkpoint paths.
        progress: the saved progress; its `checkpoints` are updated.
        keep: KEEP_CHECKPOINTS.
    """
    try:
        for epoch, name in ((progress.epoch, "last.h5"), (progress.best_epoch, "best.h5")):
            path = checkpoints.path_of(checkpoint_path, epoch or 0)
            if epoch in progress.checkpoints and os.path.isfile(path):
                checkpoints.publish(path, name)
        progress.checkpoints = checkpoints.prune(
            checkpoint_path, progress.checkpoints, keep, progress.best_epoch
        )
    except OSError as error:
        logger.warning("could not update last.h5 and best.h5, or remove old checkpoints: %s", error)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int) else float(value)


class SaveWeights(keras.callbacks.Callback):
    """Writes the weights after every epoch, with a card that says so.

    Args:
        path: template with `{epoch:04d}`, see `runs.folder.template`.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the epoch's checkpoint, counted from 1. (The run's state holds the weights too.)"""
        if card := getattr(self.model, "card", None):
            self.model.card = after_epoch(card, epoch + 1)
        try:
            self.model.save_weights(checkpoints.path_of(self.path, epoch + 1))
        except OSError as error:
            logger.warning("no checkpoint for epoch %d: %s", epoch + 1, error)
