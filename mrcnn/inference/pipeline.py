"""Steps that work at the same time, each in a thread, on the items of one sequence."""

import atexit
import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

# How long the end of a pipeline waits for its source, which may be a camera that sends no more.
_PATIENCE = 1.0  # seconds


class Pipeline:
    """Runs steps one after the other on each item, and side by side on successive items.

    Each step has a thread of its own. What a step raises is raised in place of the item.

    Args:
        source: function without arguments that returns the next item, or None after the last one.
        steps: functions from an item to what the next step takes, not None.
        ahead: number of items that may be begun before the first of them is taken: the most that
            are in memory.

    Example:
        >>> from mrcnn.inference.pipeline import Pipeline
        >>> numbers = iter([1, 2, 3])
        >>> list(Pipeline(lambda: next(numbers, None), lambda n: n * n, ahead=2))
        [1, 4, 9]
    """

    def __init__(self, source: Callable[[], Any], *steps: Callable[[Any], Any], ahead: int) -> None:
        self.source = source
        self.steps = steps
        self.ahead = ahead

    def __iter__(self) -> Iterator[Any]:
        """Yield the items in order. Closing the generator, or an error, ends the threads."""
        workers = [_Worker() for _ in (self.source, *self.steps)]
        begun: deque[list[Future[Any]]] = deque()  # for each item, the futures of all steps

        def stop() -> None:
            # An item that was begun last is not waited for by what was begun before it.
            for future in [future for item in begun for future in item]:
                future.cancel()
            for worker in workers:
                worker.stop()
            for worker in workers[1:]:
                worker.join()
            workers[0].join(_PATIENCE)

        # A thread that is still in the network when Python ends would crash it.
        atexit.register(stop)
        try:
            while True:
                while len(begun) < self.ahead:
                    begun.append(self._begin(workers))
                item = begun.popleft()[-1].result()
                if item is None:
                    return
                yield item
                item = None  # not kept while the next one is awaited
        finally:
            atexit.unregister(stop)
            stop()

    def _begin(self, workers):
        """Begin an item; returns the futures of its steps."""
        futures = [workers[0].submit(self.source)]
        for worker, step in zip(workers[1:], self.steps, strict=True):
            futures.append(worker.submit(_after, futures[-1], step))
        return futures


def _after(earlier, step):
    """Take what the earlier step made to the next one."""
    item = earlier.result()
    return None if item is None else step(item)


class _Worker:
    """A thread that runs functions in the order in which they are submitted.

    A future can be cancelled even while its function runs: those who wait for it then wait no more.
    """

    def __init__(self) -> None:
        self._tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
        # A daemon, so that a source that never returns does not keep Python from ending.
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """The future of a function's result."""
        future: Future[Any] = Future()
        self._tasks.put((future, function, arguments))
        return future

    def stop(self) -> None:
        """End the thread after what it has been given; cancelled functions are not begun."""
        self._tasks.put(None)

    def join(self, seconds: float | None = None) -> None:
        """Wait until the thread has ended, or for some seconds."""
        # The garbage collector may end a pipeline from within one of its own threads.
        if self._thread is not threading.current_thread():
            self._thread.join(seconds)

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            _run(*task)
            del task  # nothing of it is kept while the next one is awaited


def _run(future, function, arguments):
    if future.cancelled():
        return
    try:
        result, error = function(*arguments), None
    except BaseException as raised:
        result, error = None, raised
    # Cancelled in the meantime, it takes neither.
    with contextlib.suppress(Exception):
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
