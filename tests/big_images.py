"""Large image files, written tile by tile."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from mrcnn.types import Array


def write_tiles(
    path: Path,
    shape: tuple[int, ...],
    content: Callable[[slice, slice], Array],
    tile: int = 512,
    **options: Any,
) -> Path:
    """Write a tiled TIFF, of which one tile at a time is in memory.

    Args:
        path: of the file.
        shape: (H, W) or (H, W, 3).
        content: function of rows and columns, slices inside the image, to [h, w] or [h, w, 3].
        tile: side of the tiles, a multiple of 16.
        **options: of `tifffile.imwrite`, such as compression.

    Returns:
        `path`.
    """
    colours = shape[2:]

    def tiles() -> Iterator[Array]:
        for y in range(0, shape[0], tile):
            for x in range(0, shape[1], tile):
                rows = slice(y, min(y + tile, shape[0]))
                block = content(rows, slice(x, min(x + tile, shape[1])))
                full = np.zeros((tile, tile, *colours), block.dtype)
                full[: block.shape[0], : block.shape[1]] = block
                yield full

    tifffile.imwrite(
        path,
        tiles(),
        shape=shape,
        dtype=content(slice(0, 1), slice(0, 1)).dtype,
        tile=(tile, tile),
        photometric="rgb" if colours else "minisblack",
        **options,
    )
    return path


def ramp(rows: slice, columns: slice) -> Array:
    """Content of which every pixel tells where it is, uint8 [h, w]."""
    y, x = np.ogrid[rows, columns]
    return ((y * 7 + x * 13 + (y * x >> 9)) % 251).astype(np.uint8)
