"""The one thread that owns the network, and the batches that it forms of what waits."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from typing import Any

from ..types import Array
from .metrics import Metrics

# Runs the network on molded images of equal shape; returns what each of them got.
Predict = Callable[[Sequence[Array], Sequence[Any]], Sequence[Any]]


class Batcher:
    """Runs a network in one thread, on batches of what waits: in order, those of equal shape.

    Nothing waits for a batch to fill: a batch is what came while the network was busy.

    Args:
        predict: function of molded images [h, w, C] of equal shape and their frames that returns a
            result for each.
        most: images in a batch.
        metrics: of the server.

    Attributes:
        seconds: moving average of what the network took for an image.

    Example:
        >>> from mrcnn.serving.batching import Batcher
        >>> from mrcnn.serving.metrics import Metrics
        >>> batcher = Batcher(lambda images, frames: frames, most=2, metrics=Metrics())
        >>> batcher.submit(np.zeros((8, 8, 3)), "a frame").result()
        'a frame'
        >>> batcher.close()
    """

    def __init__(self, predict: Predict, most: int, metrics: Metrics) -> None:
        self._predict, self._most, self._metrics = predict, most, metrics
        self._waiting: deque[_Item] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self.seconds = 0.0
        self._thread = threading.Thread(target=self._run, name="network", daemon=True)
        self._thread.start()

    def submit(self, molded: Array, frame: Any) -> Future[Any]:
        """Put an image into the queue.

        Args:
            molded: [h, w, C].
            frame: handed to `predict`.

        Returns:
            Future of its result. Cancelled in time, it never reaches the network.

        Raises:
            RuntimeError: the batcher is closed.
        """
        item = _Item(molded, frame)
        with self._changed:
            if self._closed:
                raise RuntimeError("the server is stopping.")
            self._waiting.append(item)
            self._metrics.queue_length.set(len(self._waiting))
            self._changed.notify()
        return item.future

    def close(self) -> None:
        """End the thread, after what it has been given."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next():
            start = time.perf_counter()
            for item in batch:
                self._metrics.queue_seconds.observe(start - item.since)
            self._metrics.batch_size.observe(len(batch))
            try:
                results = self._predict([i.molded for i in batch], [i.frame for i in batch])
                for item, result in zip(batch, results, strict=True):
                    _settle(item.future, result)
            except BaseException as error:
                for item in batch:
                    _settle(item.future, error=error)
            seconds = time.perf_counter() - start
            self._metrics.network_seconds.observe(seconds)
            each = seconds / len(batch)
            self.seconds = 0.8 * self.seconds + 0.2 * each if self.seconds else each
            del batch  # nothing is kept while the next one is awaited

    def _next(self) -> "list[_Item]":
        """The next batch; empty at the end."""
        with self._changed:
            while True:
                batch = self._taken()
                if batch or self._closed:
                    return batch
                self._changed.wait()

    def _taken(self) -> "list[_Item]":
        """Take the first that waits, and those of the same shape behind it."""
        batch: list[_Item] = []
        others: deque[_Item] = deque()
        while self._waiting and len(batch) < self._most:
            item = self._waiting.popleft()
            if batch and item.molded.shape != batch[0].molded.shape:
                others.append(item)
            elif item.future.set_running_or_notify_cancel():
                batch.append(item)
        self._waiting.extendleft(reversed(others))
        self._metrics.queue_length.set(len(self._waiting))
        return batch


class _Item:
    """A molded image that waits."""

    def __init__(self, molded: Array, frame: Any) -> None:
        self.molded, self.frame = molded, frame
        self.future: Future[Any] = Future()
        self.since = time.perf_counter()


def _settle(future: Future[Any], result: Any = None, error: BaseException | None = None) -> None:
    with contextlib.suppress(CancelledError, InvalidStateError):
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
