"""Arrays of TIFF files in tiles or strips, of which only those around a block are decoded.

tifffile offers this through Zarr, too, where each read waits for another thread.
"""

import itertools
import math
import threading
from typing import Any

import numpy as np
import tifffile

from ..types import Array


class TiledPages:
    """The array of a TIFF's series.

    Args:
        series: its file stays open while blocks are read.

    Attributes:
        shape, dtype, chunks: as those of a Zarr array; a chunk is a tile or a strip.
    """

    def __init__(self, series: tifffile.TiffPageSeries) -> None:
        page: Any = series.keyframe
        self._series, self._page, self._lock = series, page, threading.Lock()
        self.shape, self.dtype = series.shape, series.dtype
        self._leading = leading(series)
        # Of a tile or strip, in tifffile's order: sample, depth, row, column, sample.
        contiguous = page.shaped[4]
        if page.is_tiled:
            self._segment = (1, page.tiledepth, page.tilelength, page.tilewidth, contiguous)
        else:
            self._segment = (1, 1, page.rowsperstrip, page.shaped[3], contiguous)
        self._grid = tuple(-(-a // b) for a, b in zip(page.shaped, self._segment, strict=True))
        # Which of these five axes each of the array's own is.
        long = iter([i for i, size in enumerate(page.shaped) if size > 1])
        self._axes = [next(long) if n > 1 else None for n in self.shape[len(self._leading) :]]
        inside = [1 if axis is None else self._segment[axis] for axis in self._axes]
        self.chunks = (*(1 for _ in self._leading), *inside)
        self._jpeg = {} if page.jpegheader is None else {"jpegheader": page.jpegheader}

    def __getitem__(self, key: tuple[slice, ...]) -> Array:
        """A copy of a block.

        Args:
            key: one slice per axis, with a start and a stop and no step.
        """
        sizes = [each.stop - each.start for each in key]
        pages, inside = key[: len(self._leading)], key[len(self._leading) :]
        window = [slice(0, 1)] * 5
        for axis, each in zip(self._axes, inside, strict=True):
            if axis is not None:
                window[axis] = each
        numbers = np.ravel(np.arange(math.prod(self._leading)).reshape(self._leading)[pages])
        block = np.empty((len(numbers), *(each.stop - each.start for each in window)), self.dtype)
        for number, out in zip(numbers, block, strict=True):
            self._read(int(number), window, out)
        return block.reshape(sizes)

    def _read(self, number: int, window: list[slice], out: Array) -> None:
        """Fill `out` with a window of a page, both of five axes."""
        with self._lock:
            page = self._series[number]
        touched = [
            range(each.start // size, -(-each.stop // size))
            for each, size in zip(window, self._segment, strict=True)
        ]
        for place in itertools.product(*touched):
            index = int(np.ravel_multi_index(place, self._grid))
            segment = None if page is None else self._decoded(page, index)
            source, target = [], []
            for at, size, each in zip(place, self._segment, window, strict=True):
                start, stop = max(at * size, each.start), min((at + 1) * size, each.stop)
                source.append(slice(start - at * size, stop - at * size))
                target.append(slice(start - each.start, stop - each.start))
            # A decoded one has no axis of separate samples.
            empty = self._page.nodata
            out[tuple(target)] = empty if segment is None else segment[tuple(source[1:])]

    def _decoded(self, page: Any, index: int) -> Array | None:
        """A tile or strip [depth, height, width, samples]; None if the file leaves it out."""
        if index >= len(page.dataoffsets):
            return None
        offset, count = page.dataoffsets[index], page.databytecounts[index]
        if not offset or not count:
            return None
        file = page.parent.filehandle
        with self._lock:
            was_closed = file.closed  # one of several files of an OME-TIFF
            if was_closed:
                file.open()
            file.seek(offset)
            data = file.read(count)
            if was_closed:
                file.close()
        if len(data) < count:
            raise OSError("it is damaged: it ends before its pixels do")
        tables = {} if page.jpegtables is None else {"jpegtables": page.jpegtables}
        return self._page.decode(data, index, **tables, **self._jpeg)[0]


def leading(series: tifffile.TiffPageSeries) -> tuple[int, ...]:
    """The sizes of the axes of a series that count its pages, perhaps none."""
    count = 0
    while math.prod(series.shape[count:]) > series.keyframe.size:
        count += 1
    return tuple(series.shape[:count])
