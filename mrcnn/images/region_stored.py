"""Images in arrays of any axes, order and orientation, such as those of TIFF and Zarr files."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..types import Array
from .axes import Axes, check_plane
from .orientation import is_turned, stored_window, upright
from .projections import projected, projected_dtype
from .reading import contiguous
from .region_source import Source

# Rows times columns that are decoded at a time when an image is thinned out.
_BAND_PIXELS = 2**23


class StoredSource(Source):
    """One plane of a stored array, or several combined.

    Args:
        array: indexed with one slice per axis; has `shape`, `dtype` and, if it has them, `chunks`.
        axes: its axes.
        finish: from a window [h, w] or [h, w, C] as stored to pixels.
        plane: which plane. None: the only one, or all if they are combined.
        projection: how planes are combined, see `projected`.
        orientation: as the file states it.
        finish_one: the same as `finish` for a window of one channel [h, w], if it can be told from
            that channel alone.

    Raises:
        StackError: there is no such plane, or there are several and neither `plane` nor
            `projection`.
    """

    def __init__(
        self,
        array: Any,
        axes: Axes,
        finish: Callable[[Array], Array],
        plane: int | None = None,
        projection: str | None = None,
        orientation: int = 1,
        finish_one: Callable[[Array], Array] | None = None,
    ) -> None:
        self._planes = chosen_planes(axes, plane, projection)
        self._projection = projection if axes.planes else None
        self._array, self._axes, self._orientation = array, axes, orientation
        # Channels that are stored apart are read apart.
        apart = axes.channel is not None and axes.channel < min(axes.y, axes.x)
        self._finish, self._finish_one = finish, finish_one if apart else None
        self._height, self._width = axes.height, axes.width
        if is_turned(orientation):
            self._height, self._width = self._width, self._height
        values = (1, 1, axes.channels) if axes.channel is not None else (1, 1)
        pixel = contiguous(finish(np.zeros(values, array.dtype)))
        self.shape = (self._height, self._width, *pixel.shape[2:])
        self.dtype = projected_dtype(pixel.dtype, self._projection)
        chunks = getattr(array, "chunks", None)
        if chunks:
            rows = chunks[axes.x if is_turned(orientation) else axes.y]
            self.band = rows * max(1, _BAND_PIXELS // (rows * self._width * axes.channels))

    def window(self, rows: slice, columns: slice, channel: int | None) -> Array:
        """See `Source`."""
        place = stored_window(rows, columns, self._height, self._width, self._orientation)
        blocks = (self._plane(plane, *place, channel) for plane in self._planes)
        block = projected(blocks, self._projection) if self._projection else next(blocks)
        return upright(block, self._orientation)

    def _plane(self, plane: int, rows: slice, columns: slice, channel: int | None) -> Array:
        finish = self._finish if channel is None else self._finish_one
        if finish is None:
            block = self._plane(plane, rows, columns, None)
            return block if block.ndim == 2 else block[..., channel]
        block = self._array[self._axes.key(plane, rows, columns, channel)]
        block = block.copy() if isinstance(self._array, np.ndarray) else block
        return contiguous(finish(self._axes.arranged(block)))


def chosen_planes(axes: Axes, plane: int | None, projection: str | None) -> Sequence[int]:
    """The planes that a caller asks for.

    Args:
        axes: of the stored array.
        plane, projection: see `StoredSource`.

    Raises:
        StackError: see `StoredSource`.
    """
    check_plane(plane, axes.plane_count)
    if plane is not None:
        return [plane]
    if projection is None:
        axes.check_one_image()
    return range(axes.plane_count)
