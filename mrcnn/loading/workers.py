"""Processes that make samples."""

import concurrent.futures
import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import tempfile
import threading
from pathlib import Path

from ..augment import needs_threads


class WorkerPool:
    """Processes that each hold a copy of a `SampleSource`.

    They start with the first sample that is asked for and stay until `close`.

    Args:
        source: `SampleSource`. Unless processes are forked it must be possible to pickle it.
        count: number of processes.
        start_method: "spawn" and "forkserver" begin with a fresh Python, which imports the data
            set's module; a script needs `if __name__ == "__main__":` then. "fork" copies the
            process as it is, with whatever locks other threads hold.

    Raises:
        ValueError: the augmentation works in threads only.
        TypeError: the source cannot be pickled.
    """

    def __init__(self, source, count, start_method):
        if needs_threads(source.augmentation):
            raise ValueError(
                f"LOADER_PROCESSES is {start_method!r}, but the augmentation is made of Keras "
                "layers, which may hang in a process of their own: set LOADER_PROCESSES to None."
            )
        # Others get a file: one that ends before it has read all of an argument would leave us
        # waiting in the middle of sending it.
        self._file = None if start_method == "fork" else _pickled(source, start_method)
        self._executor = concurrent.futures.ProcessPoolExecutor(
            count,
            multiprocessing.get_context(start_method),
            initializer=_begin,
            initargs=(self._file or source,),
        )

    def sample(self, number):
        """`SampleSource.sample` of this `number`, made by one of the processes.

        Raises:
            RuntimeError: a process ended unexpectedly.
        """
        try:
            return self._executor.submit(_sample, number).result()
        except concurrent.futures.process.BrokenProcessPool as error:
            raise RuntimeError(
                "a process of the loader ended. A script must start the training under `if "
                '__name__ == "__main__":`, the Dataset must be in a module that can be imported, '
                "and there must be memory for all of them; LOADER_PROCESSES = None uses threads."
            ) from error

    def close(self):
        """End the processes."""
        self._executor.shutdown(cancel_futures=True)
        if self._file:
            Path(self._file).unlink(missing_ok=True)


def _pickled(source, start_method):
    """Path of a file with the pickled source."""
    try:
        content = pickle.dumps(source)
    except Exception as error:  # what pickling raises is up to the classes in the source
        raise TypeError(
            f"LOADER_PROCESSES is {start_method!r}, but data set, configuration or augmentation "
            f"cannot be pickled: {error}. Define their classes and functions in a module, or set "
            "LOADER_PROCESSES to None."
        ) from error
    with tempfile.NamedTemporaryFile(
        prefix="mrcnn_loader_", suffix=".pickle", delete=False
    ) as file:
        file.write(content)
    return file.name


def _begin(source):
    global _source
    _source = pickle.loads(Path(source).read_bytes()) if isinstance(source, str) else source
    # Ctrl-C reaches every process of a terminal; the one that trains decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent():
    # Of a training that was killed, or ended by SIGTERM, nobody calls `close`.
    multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _sample(number):
    return _source.sample(number)
