"""Saves the state of a run: after every epoch, every few minutes, and when it is interrupted."""

import logging
import os
import time

import keras

from ...runs import folder as checkpoints
from ...runs import state
from ...text import log
from .. import optimization

logger = logging.getLogger(__name__)

# What Keras's own callbacks remember from one epoch to the next, and forget when `fit` begins.
_COUNTERS = {
    keras.callbacks.EarlyStopping: ("wait", "best", "best_epoch"),
    keras.callbacks.ReduceLROnPlateau: ("wait", "best", "cooldown_counter"),
    keras.callbacks.ModelCheckpoint: ("best",),
}


class SaveState(keras.callbacks.Callback):
    """Keeps the `Progress` of a run, and writes it down with all variables.

    It comes last, when all others are done with a batch or an epoch. After an epoch the order is:
    the numbered checkpoint (`SaveWeights`), the state that counts it, the links last and best, and
    only then old checkpoints are removed. So at every moment there is a whole state, and the
    checkpoints that it counts are there.

    Args:
        run: the run, see `trainer.Run`: its `model`, `progress`, `interruption`, `config`, and
            the training batches `train_batches`.
        finite: `StopIfNotFinite`, asked before weights are saved within an epoch.
        others: the user's own callbacks.
        is_last_stage: whether EARLY_STOPPING counts.
    """

    def __init__(self, run, finite, others=(), is_last_stage=True):
        super().__init__()
        self.run = run
        self.finite = finite
        self.others = others
        self.is_last_stage = is_last_stage
        minutes = run.config.SAVE_EVERY_MINUTES
        self.seconds = 60 * minutes if minutes else float("inf")

    def on_train_begin(self, logs=None):
        """Give Keras's own callbacks back what they knew."""
        for index, names in self._counted():
            for name, value in self.run.progress.callbacks.get(str(index), {}).items():
                if name in names:
                    setattr(self.others[index], name, value)

    def on_epoch_begin(self, epoch, logs=None):
        """Go on with the means of an epoch that had begun, which Keras has set back.

        (On several hosts `Follow` does it, for all of them.)
        """
        self.saved_at = time.monotonic()
        if self.run.progress.step and self.run.distribution.hosts == 1:
            state.restore(self.run.state_path, self.model, ["metrics"])

    def on_train_batch_end(self, batch, logs=None):
        """Save if it is time to, and stop if that was asked for."""
        run, sequence = self.run, self.run.train_batches
        run.progress.step = step = sequence.skipped + batch + 1
        if step >= sequence.steps:
            return  # the epoch ends, after the validation
        stops = run.interruption.signal is not None
        if stops or time.monotonic() - self.saved_at > self.seconds:
            state.sync(self.model)
            self.finite.check_weights(batch)
            self._note_counters()
            self._save(is_last=stops)
            self.saved_at = time.monotonic()
        if stops:
            self._stop()

    def on_epoch_end(self, epoch, logs=None):
        """Save, and end the run if it was interrupted or gets no better."""
        run, progress = self.run, self.run.progress
        monitor = progress.monitor
        progress.end_epoch(logs or {})
        if monitor not in (None, progress.monitor):
            logger.warning(
                "%s is no number, as if there were no instances in the validation images: the best "
                "epoch is told by %s",
                *(monitor, progress.monitor),
            )
        progress.checkpoints = sorted({*progress.checkpoints, progress.epoch})
        patience = run.config.EARLY_STOPPING
        if patience and self.is_last_stage and progress.waited >= patience:
            progress.stopped_early = self.model.stop_training = True
        self._note_counters()
        ends = self.model.stop_training or progress.epoch >= run.stages[-1].end
        if optimization.averages(self.model):
            # `fit` ends with the averages: what follows takes the weights that train from the file.
            ends |= progress.epoch >= progress.stage.end or run.train_batches.skipped > 0
        is_saved = self._save(is_last=ends or run.interruption.signal is not None)
        run.folder.epoch = progress.epoch
        if is_saved:
            publish(run.folder.checkpoint_path, progress, run.config.KEEP_CHECKPOINTS)
        if progress.stopped_early:
            run.log(f"\nNo better {progress.monitor} in {patience} epochs: training ends here.")
        if run.interruption.signal is not None:
            self._stop()

    def _save(self, is_last):
        """Write the state and say whether that worked: a run that can go on does so without."""
        try:
            state.save(self.run.state_path, self.model, self.run.progress)
        except OSError as error:
            if is_last:
                raise
            logger.warning("training goes on, the state saved before stays: %s", error)
            return False
        return True

    def _stop(self):
        progress = self.run.progress
        log(
            f"\nStopped after {state.position(progress)}; all is saved in "
            f"{self.run.state_path}. To go on, start the same script with train(..., resume=True), "
            "a sample with --resume."
        )
        self.run.interruption.end()

    def _note_counters(self):
        self.run.progress.callbacks = {
            str(index): {name: _plain(getattr(self.others[index], name, None)) for name in names}
            for index, names in self._counted()
        }

    def _counted(self):
        """Index in `others` and names of attributes of those that count."""
        for index, callback in enumerate(self.others):
            for kind, names in _COUNTERS.items():
                if isinstance(callback, kind):
                    yield index, names


def publish(checkpoint_path, progress, keep):
    """Bring links and numbered checkpoints in line with a state; what fails is a warning.

    Args:
        checkpoint_path: template of the checkpoints.
        progress: `Progress` that is saved; its `checkpoints` are renewed.
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
        logger.warning("the weights last.h5 and best.h5, or old checkpoints, stay: %s", error)


def _plain(value):
    return value if value is None or isinstance(value, int) else float(value)


class SaveWeights(keras.callbacks.Callback):
    """Writes the weights after every epoch.

    Args:
        path: template with `{epoch:04d}`, see `runs.folder.template`.
    """

    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch, logs=None):
        """Write the file of the epoch, counted from 1. (The run's state has the weights, too.)"""
        try:
            self.model.save_weights(checkpoints.path_of(self.path, epoch + 1))
        except OSError as error:
            logger.warning("no checkpoint of epoch %d: %s", epoch + 1, error)
