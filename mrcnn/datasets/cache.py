"""What was read last, kept up to a number of bytes."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any

import numpy as np


class ByteCache:
    """A function that keeps its last results, up to a number of bytes, and at least the last one.

    Threads may share it: a result that several of them need is made once. A pickled copy starts
    empty.

    Args:
        function: of hashable arguments.
        limit: in bytes; see `size_of` for what counts.

    Example:
        >>> from mrcnn.datasets.cache import ByteCache
        >>> zeros = ByteCache(lambda count: print("making") or np.zeros(count), limit=1000)
        >>> zeros(100) is zeros(100)
        making
        True
    """

    def __init__(self, function: Callable[..., Any], limit: int) -> None:
        self.function = function
        self.limit = limit
        self._found: OrderedDict[tuple[Hashable, ...], Future[Any]] = OrderedDict()
        self._sizes: dict[tuple[Hashable, ...], int] = {}
        self._lock = threading.Lock()

    def __call__(self, *key: Hashable) -> Any:
        """The function's result for these arguments."""
        with self._lock:
            future = self._found.get(key)
            if future is None:
                self._found[key] = made = Future[Any]()
            else:
                self._found.move_to_end(key)
        if future is not None:
            return future.result()
        try:
            value = self.function(*key)
        except BaseException as error:
            with self._lock:
                del self._found[key]
            made.set_exception(error)
            raise
        made.set_result(value)
        with self._lock:
            self._sizes[key] = size_of(value)
            self._forget()
        return value

    def _forget(self) -> None:
        """Forget what was used longest ago; what is still in the making has no size yet."""
        for key in list(self._found)[:-1]:
            if sum(self._sizes.values()) <= self.limit:
                return
            if self._sizes.pop(key, None) is not None:
                del self._found[key]

    def __len__(self) -> int:
        return len(self._found)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.function, self.limit)


def size_of(value: Any, depth: int = 4) -> int:
    """Bytes of arrays, also in tuples, lists and the attributes of objects such as `InstanceMasks`.

    Args:
        value: anything.
        depth: how many objects deep to look for arrays.

    Example:
        >>> from mrcnn.datasets.cache import size_of
        >>> size_of((np.zeros(4), [np.zeros(2, np.uint8)], "text"))
        34
    """
    if isinstance(value, np.ma.MaskedArray):
        return value.data.nbytes + np.ma.getmaskarray(value).nbytes
    if isinstance(value, np.ndarray):
        return value.nbytes
    if not isinstance(value, tuple | list):
        value = list(getattr(value, "__dict__", {}).values())
    return sum(size_of(part, depth - 1) for part in value) if depth else 0
