"""Ctrl-C, and the SIGTERM of a cluster, as a wish that training grants after the current batch."""

import contextlib
import logging
import signal
import threading

from ...text import log

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Takes the first signal as a request to stop; the second one does what it always does.

    To be used as a context manager, around `fit`. In a thread that is not the main one Python
    delivers no signals, and nothing changes.

    Args:
        is_shared: whether other hosts train as well: then all of them have to stop after the same
            batch, and a signal counts when it is granted.

    Attributes:
        wished: number of the signal that came, or None.
        signal: number of the signal that counts, or None.
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
        """Let the signal count, here or on another host (where it was none, as SIGTERM)."""
        self.signal = signal.SIGTERM if self.wished is None else self.wished

    def end(self):
        """Do what the signal asked for, once all is saved.

        Raises:
            KeyboardInterrupt: it was Ctrl-C.
            SystemExit: it was SIGTERM, with the status that a shell gives it.
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
            log("\nStopping after this batch, or after the validation. Once more stops at once.")

    def _give_back(self):
        for number, handler in self._before.items():
            # None: a handler that was not set from Python cannot be set again.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before = {}
