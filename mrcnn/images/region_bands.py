"""Rows of a striped file, decoded once for all the windows that share them."""

import threading
from typing import Any

from ..types import Array

# The most bytes that are kept.
LIMIT = 256 * 2**20


class Bands:
    """An array in chunks that cross its whole width, of which the rows read last are kept.

    Windows are read in rows of windows. Without this, each would decode the strips of all others
    beside it again.

    Args:
        array: any number of axes; has `shape`, `dtype` and `chunks`.
        y, x: positions of its rows and columns.
        limit: most bytes that are kept.

    Attributes:
        shape, dtype, chunks: as those of what it wraps.
    """

    def __init__(self, array: Any, y: int, x: int, limit: int = LIMIT) -> None:
        self._array, self._y, self._x, self._limit = array, y, x, limit
        self.shape, self.dtype, self.chunks = array.shape, array.dtype, array.chunks
        self._lock = threading.Lock()
        self._key: tuple[slice, ...] = ()
        self._band: Array | None = None

    def __getitem__(self, key: tuple[slice, ...]) -> Array:
        """A copy of a block.

        Args:
            key: one slice per axis, with a start and a stop and no step.
        """
        strip, height = self.chunks[self._y], self.shape[self._y]
        rows = key[self._y]
        whole = list(key)
        whole[self._x] = slice(0, self.shape[self._x])
        whole[self._y] = slice(
            rows.start // strip * strip, min(-(-rows.stop // strip) * strip, height)
        )
        size = self.dtype.itemsize
        for each in whole:
            size *= each.stop - each.start
        if size > self._limit:
            return self._array[key]
        with self._lock:
            if self._band is None or not _covers(self._key, key):
                self._band, self._key = None, ()  # never two at once
                self._band, self._key = self._array[tuple(whole)], tuple(whole)
            band, start = self._band, self._key
        return band[
            tuple(
                slice(own.start - kept.start, own.stop - kept.start)
                for own, kept in zip(key, start, strict=True)
            )
        ].copy()


def _covers(outer: tuple[slice, ...], inner: tuple[slice, ...]) -> bool:
    return all(a.start <= b.start and b.stop <= a.stop for a, b in zip(outer, inner, strict=True))
