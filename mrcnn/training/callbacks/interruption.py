"""Ctrl-C, or a cluster's SIGTERM, as a request to stop after the current batch."""

import contextlib
import logging
import signal
import threading

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
        wished: number of the signal that was received, or None.
        signal: number of the signal that is in effect, or None.
    """

    def __init__(self, is_shared=False):
        self.is_shared = is_shared
        self.wished = None
        self.signal = None
        self._before = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *_):
        self._give_back()

    def grant(self):
        """Put the signal into effect; one that another host received counts as SIGTERM."""
        self.signal = signal.SIGTERM if self.wished is None else self.wished

    def end(self):
        """Do what the signal asked for, once everything is saved.

        Raises:
            KeyboardInterrupt: it was Ctrl-C.
            SystemExit: it was SIGTERM; the exit status is the one that a shell reports for it.
        """
        if self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + self.signal)

    def _note(self, number, frame):
        self.wished = number
        if not self.is_shared:
            self.grant()
        self._give_back()
        # The signal may come in the middle of another print to the same buffer.
        with contextlib.suppress(RuntimeError):
            log("\nStopping after this batch, or after validation. Repeat to stop immediately.")

    def _give_back(self):
        for number, handler in self._before.items():
            # None: a handler that was not set from Python cannot be restored.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before = {}
