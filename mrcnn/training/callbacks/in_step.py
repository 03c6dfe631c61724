"""What several hosts that train together must do in the same batch.

Only the chief, worker 0, writes files, measures the AP and runs the user's callbacks. Its decisions
are passed on to the others; a request to stop may come from any host.
"""

from typing import TYPE_CHECKING, Any

import keras

from ...runs import state as train_state
from ...runs.state import Progress
from ..optimization import unscaled

if TYPE_CHECKING:
    from ..trainer import Run


class Agree(keras.callbacks.Callback):
    """Stops all hosts after the same batch if any of them got a signal or set `stop_training`.

    It must come before the callbacks that save progress.

    Args:
        run: the run, see `trainer.Run`; its `distribution` and `interruption` are used.
    """

    def __init__(self, run: "Run") -> None:
        super().__init__()
        self.run = run

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Ask all hosts."""
        self._ask()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Ask all hosts."""
        self._ask()

    def _ask(self) -> None:
        interruption = self.run.interruption
        requests = [interruption.requested is not None, self.model.stop_training]
        signals, stops = self.run.distribution.sum_over_hosts(requests)
        if signals:
            interruption.grant()
        if stops:
            self.model.stop_training = True


class Follow(keras.callbacks.Callback):
    """Brings the other hosts in line with the chief at the start and end of an epoch.

    It must come last, when the chief has done everything else.

    Args:
        run: the run, see `trainer.Run`.
    """

    def __init__(self, run: "Run") -> None:
        super().__init__()
        self.run = run

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Share the metric means of a resumed epoch, and a learning rate set by a callback."""
        run, values = self.run, None
        if run.progress.step and run.distribution.is_chief:
            values = train_state.read(run.state_path, self.model, "metrics")
        metrics = train_state.variables(self.model)["metrics"]
        run.distribution.broadcast_variables(metrics, values)
        self._share_learning_rate()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Stop the other hosts where `SaveState` stops the chief."""
        sequence = self.run.train_batches
        if sequence.skipped + batch + 1 < sequence.steps:
            self._stop()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adopt the chief's progress and its decision to stop."""
        self._stop()
        run = self.run
        state = [run.progress.to_json(), self.model.stop_training]
        progress, self.model.stop_training = run.distribution.broadcast_json(state)
        if not run.distribution.is_chief:
            vars(run.progress).update(vars(Progress.from_json(progress)))
            run.folder.epoch = run.progress.epoch
        self._share_learning_rate()

    def _share_learning_rate(self) -> None:
        rate = unscaled(self.model.optimizer).learning_rate
        # A schedule's rate follows from the batch count.
        if isinstance(rate, keras.Variable):
            self.run.distribution.broadcast_variables([rate])

    def _stop(self) -> None:
        interruption = self.run.interruption
        if interruption.signal is not None and not self.run.distribution.is_chief:
            interruption.end()
