"""Processes that make samples."""

import concurrent.futures
import multiprocessing
import pickle
import signal

from .augment import needs_threads


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
        if start_method != "fork":
            _check_pickles(source, start_method)
        self._executor = concurrent.futures.ProcessPoolExecutor(
            count, multiprocessing.get_context(start_method), initializer=_begin, initargs=(source,)
        )

    def sample(self, number):
        """`SampleSource.sample`, made by one of the processes.

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


def _check_pickles(source, start_method):
    try:
        pickle.dumps(source)
    except Exception as error:  # what pickling raises is up to the classes in the source
        raise TypeError(
            f"LOADER_PROCESSES is {start_method!r}, but data set, configuration or augmentation "
            f"cannot be pickled: {error}. Define their classes and functions in a module, or set "
            "LOADER_PROCESSES to None."
        ) from error


def _begin(source):
    global _source
    _source = source
    # Ctrl-C reaches every process of a terminal; the one that trains decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _sample(number):
    return _source.sample(number)
