"""A run's progress in a terminal, a notebook or a log file.

Keras's own bar is 190 columns wide with five losses. In a narrower terminal each step would leave
a line behind, and a log file would collect them all, backspaces included.
"""

import shutil
import sys
import textwrap
import time
from collections.abc import Iterable, Mapping
from typing import Any

import keras

from ...loading.batches import BatchSequence
from ...runs.history import measured

_REDRAW_SECONDS = 0.2
_LOG_SECONDS = 60  # between an epoch's lines where they cannot be redrawn
_NOTEBOOK_COLUMNS = 100
_BAR = 20  # columns


class ProgressBar(keras.callbacks.ProgbarLogger):
    """Replaces Keras's progress bar: steps, time left, and the losses by name.

    After each epoch it prints the losses and metrics of training and validation. It must come after
    the callbacks that add to the logs.

    Args:
        batches: the training batches, which know how many of a resumed epoch are already done; or
            None.
        last_epoch: number of the stage's last epoch; a resumed epoch has its own `fit`, which ends
            earlier. None: the last epoch of `fit`.
    """

    def __init__(self, batches: BatchSequence | None = None, last_epoch: int | None = None) -> None:
        super().__init__()
        self.batches = batches
        self.last_epoch = last_epoch

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Read the loss names from the model; nothing is printed yet."""
        self._names = loss_labels(self.model.loss_names)
        self._line = ""
        self._redraws = _can_redraw()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        self._last = self.last_epoch or self.epochs
        self._epoch = f"Epoch {epoch + 1}/{self._last}"
        self._rest = self._last - epoch - 1
        self._begin = self._printed = time.monotonic()
        self._first: tuple[int, float] | None = None
        if self.verbose and self._redraws:
            print(self._epoch)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Redraw the epoch's line."""
        now = time.monotonic()
        done = batch + 1
        first = self._first = self._first or (done, now)
        if now - self._printed < (_REDRAW_SECONDS if self._redraws else _LOG_SECONDS):
            return
        self._printed = now
        before = self.batches.skipped if self.batches else 0
        count = f"{before + done}/{before + self.target}" if self.target else str(done)
        clock, to_the_end = self._left(done, now, first)
        if self._redraws:
            share = (before + done) / (before + self.target) if self.target else 0
            self._draw(_fitting(count, share, clock, to_the_end, logs or {}, self._names))
        elif self.verbose:
            left = f", {clock} left{to_the_end}" if clock else ""
            print(
                f"{self._epoch}, step {count}{left}: {_values(logs or {}, self._names, 4)}",
                flush=True,
            )

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Print nothing: validation shows only its steps."""

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Redraw the line, so that a long validation shows progress."""
        now = time.monotonic()
        if self._redraws and now - self._printed >= _REDRAW_SECONDS:
            self._printed = now
            self._draw(f"validation, step {batch + 1}")

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Print nothing: the end of the epoch reports validation."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Print the time and all the logs."""
        if not self.verbose:
            return
        self._draw("")
        seconds = time.monotonic() - self._begin
        head = "" if self._redraws else f"{self._epoch}: "
        left = f", {_clock(seconds * self._rest)} to epoch {self._last}" if self._rest else ""
        print(f"{head}{_clock(seconds)}{left}")
        logs = measured(logs or {})
        validation = {name[4:]: value for name, value in logs.items() if name.startswith("val_")}
        losses = {
            name: validation.pop(name)
            for name in ("loss", *self.model.loss_names)
            if name in validation
        }
        training = {name: value for name, value in logs.items() if not name.startswith("val_")}
        width = _columns() - 1 if self._redraws else sys.maxsize
        parts = {"train": training, "val": losses, "val ": validation}
        for name, values in parts.items():
            if values:
                text = f"{name:5} {_values(values, self._names, 4)}"
                print(textwrap.fill(text, width, initial_indent="  ", subsequent_indent=" " * 8))
        sys.stdout.flush()

    def _left(self, done: int, now: float, first_step: tuple[int, float]) -> tuple[str, str]:
        """Time to the end of the epoch and to the end of the last epoch, without validation.

        The first step, which compiles the graph, is ignored.
        """
        first, begin = first_step
        if not self.target or done <= first:
            return "", ""
        seconds, rest = (now - begin) / (done - first), self._rest * self.target
        to_the_end = f", {_clock(seconds * (self.target - done + rest))} to epoch {self._last}"
        return _clock(seconds * (self.target - done)), to_the_end if rest else ""

    def _draw(self, line: str) -> None:
        """Replace the current line, or erase it if `line` is empty."""
        if not self.verbose or not self._redraws or line == self._line:
            return
        line = line[: _columns() - 1]
        blank = " " * len(self._line)
        print(f"\r{blank}\r{line}", end="", flush=True)
        self._line = line


def _can_redraw() -> bool:
    return sys.stdout.isatty() or "ipykernel" in sys.modules


def _columns() -> int:
    return shutil.get_terminal_size((_NOTEBOOK_COLUMNS, 24)).columns


def loss_labels(loss_names: Iterable[str]) -> dict[str, str]:
    """Labels of the losses `loss_names`, by name.

    Example:
        >>> from mrcnn.training.callbacks.progress import loss_labels
        >>> loss_labels(["mrcnn_mask_loss"])
        {'mrcnn_mask_loss': 'mrcnn_mask'}
    """
    return {name: name.removesuffix("_loss") for name in loss_names}


def _fitting(
    count: str,
    share: float,
    clock: str,
    to_the_end: str,
    logs: Mapping[str, Any],
    names: Mapping[str, str],
) -> str:
    """The longest line that fits the terminal."""
    short = {name: label.removeprefix("mrcnn_") for name, label in names.items()}
    full = round(share * _BAR)
    bar = "━" * full + "─" * (_BAR - full)
    left = f"{clock} left" if clock else ""
    lines = [
        f"{count} {bar} {left}{to_the_end} {_values(logs, names, 4)}",
        f"{count} {left}{to_the_end} {_values(logs, short, 3)}",
        f"{count} {left} {_values(logs, short, 2)}",
        f"{share:.0%} {clock} {_values(logs, short, 2).replace('=0.', '=.')}",
        f"{count} {left} loss={_text(logs.get('loss', 0), 3)}",
    ]
    return next((line for line in lines if len(line) < _columns()), lines[-1])


def _values(logs: Mapping[str, Any], names: Mapping[str, str], digits: int) -> str:
    """Logs as text, such as "loss=1.234 rpn_class=0.123": the losses first, in their order."""
    order = [name for name in ("loss", *names) if name in logs]
    order += [name for name in logs if name not in order]
    return " ".join(f"{names.get(name, name)}={_text(logs[name], digits)}" for name in order)


def _text(value: Any, digits: int) -> str:
    try:
        value = float(value)
    except (TypeError, ValueError):
        return str(value)
    tiny = digits > 3 and 0 < abs(value) < 10**-digits
    return f"{value:.3g}" if tiny or abs(value) >= 1000 else f"{value:.{digits}f}"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
