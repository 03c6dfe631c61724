"""What gives windows of an image: one subclass for arrays, and one for each kind of large file."""

import abc
import itertools
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ..types import Array
from .pixel_size import PixelSize
from .reading import without_booleans

# That decode bands at the same time.
_THREADS = min(4, os.cpu_count() or 1)


class Source(abc.ABC):
    """An image that is read window by window, upright and with channels last, by any threads.

    Attributes:
        shape: (H, W) or (H, W, C).
        dtype: of the pixels, in this machine's byte order.
        channel_names: as `channels.channel_names` gives them.
        pixel_size: if the source knows it better than `read_pixel_size`.
        band: how many rows are best read together; a multiple of the file's tiles.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    channel_names: Sequence[str] = ()
    pixel_size: PixelSize | None = None
    band: int = 1024

    @abc.abstractmethod
    def window(self, rows: slice, columns: slice, channel: int | None) -> Array:
        """Read a window.

        Args:
            rows, columns: each with a start and a greater stop inside the image, and no step.
            channel: one channel, or None for all.

        Returns:
            [h, w] or [h, w, C], perhaps a masked array; no view of the file.
        """

    def read(self, rows: range, columns: range, channel: int | None = None) -> Array:
        """Read every step-th pixel of a window, band by band.

        Args:
            rows, columns: not empty, with a step of at least 1.
            channel: see `window`.

        Returns:
            See `window`.
        """
        across = slice(columns[0], columns[-1] + 1)
        if rows.step == 1:
            return self.window(slice(rows[0], rows[-1] + 1), across, channel)[:, :: columns.step]

        def thinned(band: list[int]) -> Array:
            block = self.window(slice(band[0], band[-1] + 1), across, channel)
            return block[:: rows.step, :: columns.step].copy()

        groups = [list(band) for _, band in itertools.groupby(rows, lambda row: row // self.band)]
        with ThreadPoolExecutor(min(_THREADS, len(groups))) as pool:
            bands = list(pool.map(thinned, groups))
        masked = any(isinstance(band, np.ma.MaskedArray) for band in bands)
        return np.ma.concatenate(bands) if masked else np.concatenate(bands)

    def levels(self) -> "Sequence[Source]":
        """Smaller copies of the image, the largest first, open as long as the image is."""
        return ()

    def close(self) -> None:  # noqa: B027
        """Close the files."""


class ArraySource(Source):
    """An image in memory.

    Args:
        image: [H, W] or [H, W, C], perhaps a masked array.
        channel_names: see `Source`.
    """

    def __init__(self, image: Array, channel_names: Sequence[str] = ()) -> None:
        self._image, self.channel_names = without_booleans(image), channel_names
        self.shape, self.dtype = self._image.shape, self._image.dtype

    def window(self, rows: slice, columns: slice, channel: int | None) -> Array:
        """See `Source`."""
        block = self._image[rows, columns]
        return (block if channel is None or block.ndim == 2 else block[..., channel]).copy()

    def read(self, rows: range, columns: range, channel: int | None = None) -> Array:
        """See `Source`."""
        down = slice(rows[0], rows[-1] + 1, rows.step)
        return self.window(down, slice(columns[0], columns[-1] + 1, columns.step), channel)
