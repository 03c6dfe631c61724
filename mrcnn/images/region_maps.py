"""Arrays of uncompressed files, mapped from disk for each read.

A map that is kept would count every page that was ever read as memory of this process, until the
whole file does.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..types import Array, PathLike


class MappedPages:
    """Arrays of one shape at any places of one or more files, as one array [..., *shape].

    Args:
        places: (path, offset in bytes) of each page.
        leading: sizes of the axes that count the pages.
        shape: of each page, in C order.
        dtype: of the values as they are stored.

    Attributes:
        shape, dtype: of the whole array.
    """

    def __init__(
        self,
        places: Sequence[tuple[PathLike, int]],
        leading: tuple[int, ...],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> None:
        if math.prod(leading) != len(places):
            raise ValueError(f"there are {len(places)} pages for axes of {leading}.")
        self._places, self._leading, self._page = list(places), leading, shape
        self.shape, self.dtype = leading + shape, dtype

    def __getitem__(self, key: tuple[slice, ...]) -> Array:
        """A copy of a block.

        Args:
            key: one slice per axis, with a start and a stop and no step.
        """
        pages, inside = key[: len(self._leading)], key[len(self._leading) :]
        counts = [each.stop - each.start for each in pages]
        inner = [each.stop - each.start for each in inside]
        block = np.empty((math.prod(counts), *inner), self.dtype)
        numbers = np.arange(len(self._places)).reshape(self._leading)[pages]
        for number, out in zip(np.ravel(numbers), block, strict=True):
            path, offset = self._places[number]
            out[...] = np.memmap(path, self.dtype, "r", offset, self._page)[inside]
        return block.reshape(*counts, *inner)
