"""What several hosts that train together have to do in the same batch.

Only the chief, worker 0, writes, measures the AP and has the user's callbacks. What it decides is
carried to the others; a wish to stop may come from any host.
"""

import keras

from ...runs import state as train_state
from ...runs.state import Progress
from ..optimization import unscaled


class Agree(keras.callbacks.Callback):
    """Grants a wish to stop on all hosts in the same batch: a signal, or `stop_training`.

    It comes before the callbacks that save what has been done.

    Args:
        run: the run, see `trainer.Run`: its `distribution` and `interruption`.
    """

    def __init__(self, run):
        super().__init__()
        self.run = run

    def on_train_batch_end(self, batch, logs=None):
        """Ask all hosts."""
        interruption = self.run.interruption
        wishes = [interruption.wished is not None, self.model.stop_training]
        signals, stops = self.run.distribution.sum_over_hosts(wishes)
        if signals:
            interruption.grant()
        if stops:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        """Ask all hosts."""
        self.on_train_batch_end(None)


class Follow(keras.callbacks.Callback):
    """Brings the other hosts where the chief is, at the beginning and the end of an epoch.

    It comes last: on the chief, all else is done by then.

    Args:
        run: the run, see `trainer.Run`.
    """

    def __init__(self, run):
        super().__init__()
        self.run = run

    def on_epoch_begin(self, epoch, logs=None):
        """Means of an epoch that goes on, and a learning rate that a callback has set."""
        run, values = self.run, None
        if run.progress.step and run.distribution.is_chief:
            values = train_state.read(run.state_path, self.model, "metrics")
        metrics = train_state.variables(self.model)["metrics"]
        run.distribution.broadcast_variables(metrics, values)
        self._share_learning_rate()

    def on_train_batch_end(self, batch, logs=None):
        """On the other hosts, stop where `SaveState` stops the chief."""
        sequence = self.run.train_batches
        if sequence.skipped + batch + 1 < sequence.steps:
            self._stop()

    def on_epoch_end(self, epoch, logs=None):
        """Take over the chief's progress and its decision to stop."""
        self._stop()
        run = self.run
        state = [run.progress.to_json(), self.model.stop_training]
        progress, self.model.stop_training = run.distribution.broadcast_json(state)
        if not run.distribution.is_chief:
            vars(run.progress).update(vars(Progress.from_json(progress)))
            run.folder.epoch = run.progress.epoch
        self._share_learning_rate()

    def _share_learning_rate(self):
        rate = unscaled(self.model.optimizer).learning_rate
        # That of a schedule follows from the count of batches.
        if isinstance(rate, keras.Variable):
            self.run.distribution.broadcast_variables([rate])

    def _stop(self):
        interruption = self.run.interruption
        if interruption.signal is not None and not self.run.distribution.is_chief:
            interruption.end()
