"""A cache of what depends on an image's size; sizes may differ from image to image."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from ..types import Array

_Value = TypeVar("_Value")


class Recent(Generic[_Value]):
    """A function of an image's shape that keeps its results for the last few shapes.

    Threads may share it. A pickled copy starts empty.

    Args:
        function: takes a tuple of int.
        size: number of results that are kept. The anchors of a 1024x1024 image take 12 MB.

    Example:
        >>> from mrcnn.anchors.recent import Recent
        >>> pixels = Recent(lambda shape: print("computing") or shape[0] * shape[1])
        >>> pixels((4, 6)), pixels([4, 6])
        computing
        (24, 24)
    """

    def __init__(self, function: Callable[[Any], _Value], size: int = 4) -> None:
        self.function = function
        self.size = size
        self._found: OrderedDict[tuple[int, ...], _Value] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, image_shape: Sequence[int] | Array) -> _Value:
        """The function's result for an `image_shape`."""
        key = tuple(int(side) for side in image_shape)
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
        value = self.function(key)
        with self._lock:
            self._found[key] = value
            while len(self._found) > self.size:
                self._found.popitem(last=False)
        return value

    def __len__(self) -> int:
        return len(self._found)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.function, self.size)
