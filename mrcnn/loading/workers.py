"""Worker processes that make samples."""

import concurrent.futures
import functools
import multiprocessing
import multiprocessing.connection
import multiprocessing.synchronize
import os
import pickle
import signal
import tempfile
import threading
from pathlib import Path
from typing import Any

from ..augment import needs_threads
from ..types import Array
from .source import SampleSource

# In a worker process: its copy of the source.
_source: SampleSource


class WorkerPool:
    """Processes that each hold a copy of a `SampleSource`.

    They start when the first sample is requested and live until `close`.

    Args:
        source: makes the samples; picklable unless processes are forked.
        count: number of processes.
        start_method: "spawn" and "forkserver" start a fresh Python, which imports the dataset's
            module; a script then needs `if __name__ == "__main__":`. "fork" copies the process as
            it is, including any locks that other threads hold.

    Raises:
        ValueError: the augmentation works only in threads.
        TypeError: the source cannot be pickled.
    """

    def __init__(self, source: SampleSource, count: int, start_method: str) -> None:
        if needs_threads(source.augmentation):
            raise ValueError(
                f"LOADER_PROCESSES is {start_method!r}, but the augmentation consists of Keras "
                "layers, which may hang in a worker process: set LOADER_PROCESSES to None."
            )
        # Processes that are not forked read a file. If the source were sent as an argument, and a
        # process ended before it had read all of it, the sender would wait forever.
        self._file = None if start_method == "fork" else _pickled(source, start_method)
        context = multiprocessing.get_context(start_method)
        self._executor = concurrent.futures.ProcessPoolExecutor(
            count,
            context,
            initializer=_start_worker,
            initargs=(self._file or source, context.Lock()),
        )

    def sample(self, number: int) -> dict[str, Array]:
        """Return `SampleSource.sample(number)`, made by one of the processes.

        Raises:
            RuntimeError: a process ended unexpectedly.
        """
        try:
            return self._executor.submit(_sample, number).result()
        except concurrent.futures.process.BrokenProcessPool as error:
            raise RuntimeError(
                "a loader process ended unexpectedly. A script must start training under `if "
                '__name__ == "__main__":`, the Dataset must be in a module that can be imported, '
                "and there must be enough memory for all processes. LOADER_PROCESSES = None uses "
                "threads."
            ) from error

    def close(self) -> None:
        """End the processes."""
        self._executor.shutdown(cancel_futures=True)
        if self._file:
            Path(self._file).unlink(missing_ok=True)


def _pickled(source: SampleSource, start_method: str) -> str:
    """Pickle the source into a temporary file and return its path."""
    try:
        content = pickle.dumps(source)
    except Exception as error:  # what pickling raises depends on the classes in the source
        raise TypeError(
            f"LOADER_PROCESSES is {start_method!r}, but the dataset, configuration or augmentation "
            f"cannot be pickled: {error}. Define its classes and functions in a module, or set "
            "LOADER_PROCESSES to None."
        ) from error
    with tempfile.NamedTemporaryFile(
        prefix="mrcnn_loader_", suffix=".pickle", delete=False
    ) as file:
        file.write(content)
    return file.name


def _start_worker(source: SampleSource | str, first: multiprocessing.synchronize.Lock) -> None:
    """Start a worker process; the process that gets the lock `first` may warn."""
    global _source
    _source = pickle.loads(Path(source).read_bytes()) if isinstance(source, str) else source
    _source.may_warn = functools.partial(first.acquire, block=False)
    # Ctrl-C reaches every process in a terminal; the one that trains decides what to do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    # If the training process is killed or ended by SIGTERM, nobody calls `close`.
    parent: Any = multiprocessing.parent_process()
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def _sample(number: int) -> dict[str, Array]:
    return _source.sample(number)
