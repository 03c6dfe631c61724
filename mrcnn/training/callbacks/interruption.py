"""Ctrl-C, or a cluster's SIGTERM, as a request to stop after the current batch."""

import contextlib
import logging
import signal
import threading
from types import FrameType
from typing import Any, NoReturn, Self

from ...text import log

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Treats the first signal as a request to stop; the second has its usual effect.

    Use it as a context manager around `fit`. Outside the main thread, to which Python delivers all
    signals, it changes nothing.

    Args:
        is_shared: whether other hosts train too. All of them must then stop after the same batch,
            so a signal takes effect only when it is granted.

    Attributes:
        requested: number of the signal that was received, or None.
        signal: number of the signal that is in effect, or None.
    """

    def __init__(self, is_shared: bool = False) -> None:
        self.is_shared = is_shared
        self.requested: int | None = None
        self.signal: int | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        self._restore_handlers()

    def grant(self) -> None:
        """Put the signal into effect; one that another host received counts as SIGTERM."""
        self.signal = signal.SIGTERM if self.requested is None else self.requested

    def end(self) -> NoReturn:
        """Do what the signal asked for, once everything is saved.

        Raises:
            KeyboardInterrupt: it was Ctrl-C.
            SystemExit: it was SIGTERM; the exit status is the one that a shell reports for it.
        """
        if self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        assert self.signal is not None, "grant() comes first"
        raise SystemExit(128 + self.signal)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.requested = number
        if not self.is_shared:
            self.grant()
        self._restore_handlers()
        # The signal may come in the middle of another print to the same buffer.
        with contextlib.suppress(RuntimeError):
            log("\nStopping after this batch, or after validation. Repeat to stop immediately.")

    def _restore_handlers(self) -> None:
        for number, handler in self._before.items():
            # None: a handler that was not set from Python cannot be restored.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before = {}
