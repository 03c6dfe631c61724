"""Which reader opens which kind of image file, window by window."""

import os
from pathlib import PurePath

from ..types import Array, PathLike
from . import tiff
from .axes import check_plane
from .opening import kind_of, open_array
from .reading import read_with_remark, size_of, without_booleans
from .region_slides import is_slide, open_slide
from .region_source import ArraySource, Source
from .region_tiff import TiffSource, check_whole, open_tiff
from .region_zarr import ZarrSource

# Whole slides that are TIFFs, of which tifffile takes the largest image first.
_TIFF_SLIDES = (".svs", ".ndpi")


class NpySource(Source):
    """The image in a .npy file, mapped from disk for each read.

    Args:
        path: of the file.
    """

    def __init__(self, path: PathLike) -> None:
        _, width, channels = size_of(path)
        self._path, array = path, open_array(path)
        self.shape = array.shape
        self.dtype = without_booleans(array[:1, :1]).dtype.newbyteorder("=")
        self.band = max(1, 2**23 // (width * channels))

    def window(self, rows: slice, columns: slice, channel: int | None) -> Array:
        """See `Source`."""
        block = open_array(self._path)[rows, columns]
        return without_booleans((block if channel is None else block[..., channel]).copy())


def open_source(
    path: PathLike, plane: int | None, projection: str | None, max_pixels: int | None
) -> Source:
    """Open an image file of any kind.

    Args:
        path, plane, projection, max_pixels: see `open_regions`.
    """
    if os.path.isdir(path):
        return ZarrSource(path, plane, projection, max_pixels)
    if is_slide(path):
        return _open_slide(path, plane, projection, max_pixels)
    kind = kind_of(path)
    if kind == "tiff":
        return open_tiff(path, plane, projection, max_pixels)
    check_plane(plane, 1)
    if kind == "npy":
        return NpySource(path)
    name = PurePath(path).suffix.lstrip(".").upper() or "this kind of file"
    check_whole(path, *size_of(path), max_pixels, f"{name} has no parts")
    return ArraySource(read_with_remark(path, max_pixels)[0])


def _open_slide(
    path: PathLike, plane: int | None, projection: str | None, max_pixels: int | None
) -> Source:
    try:
        source = open_slide(path)
    except ImportError:
        if PurePath(path).suffix.lower() not in _TIFF_SLIDES or kind_of(path) != "tiff":
            raise
        try:
            return TiffSource(path, plane, projection, max_pixels)
        except tiff.UndecodableError:
            pass
        raise
    check_plane(plane, 1)
    return source
