"""Windows of TIFF files: mapped if they have neither compression nor tiles, or else decoded."""

import contextlib
import functools
import importlib.util
from typing import Any

import numpy as np
import tifffile
from tifffile import PHOTOMETRIC

from ..types import Array, PathLike
from . import tiff
from .axes import Axes, check_plane
from .channels import channel_names, names_of
from .opening import MAX_PIXELS, UnusableImageError, check_pixels
from .reading import read_with_remark, without_booleans
from .region_bands import Bands
from .region_maps import MappedPages
from .region_source import ArraySource, Source
from .region_stored import StoredSource
from .region_tiles import TiledPages, leading

INSTALL = 'pip install "mask-rcnn[huge]"'
# Compressions in which tifffile returns RGB for YCbCr: kinds of JPEG, and JPEG 2000.
_TO_RGB = (6, 7, 33003, 33005, 34712, 34892)


class TiffSource(StoredSource):
    """The first image of a TIFF file, upright; the file stays open.

    Args:
        path: of the file.
        plane, projection: see `StoredSource`; if one is given, pages without stated meaning are
            planes instead of channels.
        max_pixels: the most pixels of an image that is read as a whole, see `read_image`.

    Raises:
        tiff.UndecodableError: tifffile cannot decode it.
        StackError, UnusableImageError: it is a stack, or has no such plane, or must be read as a
            whole and is too large.
    """

    def __init__(
        self,
        path: PathLike,
        plane: int | None = None,
        projection: str | None = None,
        max_pixels: int | None = MAX_PIXELS,
    ) -> None:
        with contextlib.ExitStack() as stack:
            series = stack.enter_context(tiff.opened(path))
            page = series.keyframe
            pages = plane is not None or projection is not None
            axes, orientation = tiff.axes(series, pages), tiff.orientation(series)
            _check_decodable(page)
            one = functools.partial(_one_channel, page=page, kind=series.kind)
            # Without data may be what has a value in all channels.
            finish_one = one if tiff.nodata_value(page) is None else None
            options = (plane, projection, orientation, finish_one)
            finish = functools.partial(_finished, series=series)
            super().__init__(_array(path, series, axes, max_pixels), axes, finish, *options)
            self.channel_names = names_of(series, axes.channels)
            self._path, self._series, self._stored = path, series, axes
            self._options, self._max_pixels = options, max_pixels
            self._files = stack.pop_all()

    def levels(self) -> list[Source]:
        """See `Source`."""
        finish = functools.partial(_finished, series=self._series)
        return [
            StoredSource(
                _array(self._path, level, axes, self._max_pixels), axes, finish, *self._options
            )
            for level in self._series.levels[1:]
            if (axes := self._stored.resized(level.shape)) is not None
        ]

    def close(self) -> None:
        """See `Source`."""
        self._files.close()


def open_tiff(
    path: PathLike, plane: int | None, projection: str | None, max_pixels: int | None
) -> Source:
    """A `TiffSource`, or the whole image in memory if only Pillow can decode it.

    Args:
        path, plane, projection, max_pixels: see `TiffSource`.

    Raises:
        ImportError: the package imagecodecs is needed.
        OSError, StackError, UnusableImageError: see `TiffSource`.
    """
    try:
        return TiffSource(path, plane, projection, max_pixels)
    except tiff.UndecodableError as error:
        check_plane(plane, 1)
        with tiff.opened(path) as series:
            size, pages = tiff.shape(series), len(series)
        _check_pillow_can(path, size, pages, max_pixels, str(error))
        image, _ = read_with_remark(path, max_pixels)
        return ArraySource(image, channel_names(path))


def check_whole(
    path: PathLike, height: int, width: int, channels: int, max_pixels: int | None, why: str
) -> None:
    """Check the size of an image that must be read as a whole.

    Args:
        path: of the image.
        height, width, channels, max_pixels: see `opening.check_pixels`.
        why: it must be read as a whole.

    Raises:
        UnusableImageError: it has more than `max_pixels`.
    """
    try:
        check_pixels(path, height, width, channels, max_pixels)
    except UnusableImageError as error:
        raise UnusableImageError(
            f"{path} has {height} x {width} pixels and cannot be read in parts: {why}. Save it as "
            "a tiled TIFF or OME-Zarr, or raise max_pixels if you trust the file and have the "
            "memory."
        ) from error


def _check_pillow_can(
    path: PathLike, size: tuple[int, int, int], pages: int, max_pixels: int | None, why: str
) -> None:
    """Check that a file is one page of a size that may be read as a whole."""
    try:
        check_whole(path, *size, max_pixels, why)
        if pages == 1:
            return
        raise OSError(f"{why}; Pillow reads only one page")
    except (UnusableImageError, OSError) as error:
        if importlib.util.find_spec("imagecodecs") is not None:
            raise
        raise ImportError(
            f"{path}: {why}; to read it needs the package imagecodecs: {INSTALL}"
        ) from error


def _check_decodable(page: Any) -> None:
    becomes_rgb = page.photometric == PHOTOMETRIC.YCBCR and page.compression in _TO_RGB
    if not becomes_rgb:
        tiff.check_decodable(page)
    try:
        page.decode(None, 0)
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        raise tiff.compressed(page) from error


def _one_channel(pixels: Array, page: Any, kind: str) -> Array:
    return without_booleans(tiff.to_colours(pixels, page, kind))


def _finished(pixels: Array, series: tifffile.TiffPageSeries) -> Array:
    return without_booleans(tiff.finished(pixels, series))


def _array(
    path: PathLike, series: tifffile.TiffPageSeries, axes: Axes, max_pixels: int | None
) -> Any:
    """The stored array of a series, mapped or decoded."""
    places = _places(series)
    if places:
        dtype = np.dtype(series.keyframe.parent.byteorder + series.dtype.char)
        if len(places) == 1:
            return MappedPages(places, (), series.shape, dtype)
        pages = leading(series)
        return MappedPages(places, pages, series.shape[len(pages) :], dtype)
    array = TiledPages(series)
    rows, columns = array.chunks[axes.y], array.chunks[axes.x]
    check_whole(path, rows, columns, 1, max_pixels, "it is compressed in one piece")
    return Bands(array, axes.y, axes.x) if columns >= axes.width else array


def _places(series: tifffile.TiffPageSeries) -> list[tuple[PathLike, int]]:
    """(path, offset) of the pages, if all can be mapped; one for all if they follow each other."""
    if series.transform is not None or not series.keyframe.is_final:
        return []
    if series.dataoffset is not None:
        return [(series.keyframe.parent.filehandle.path, series.dataoffset)]
    pages: list[Any] = list(series.pages)
    if not all(page is not None and _is_consecutive(page) for page in pages):
        return []
    return [(page.parent.filehandle.path, page.dataoffsets[0]) for page in pages]


def _is_consecutive(page: Any) -> bool:
    """Whether a page has all its strips, one after the other."""
    starts, counts = page.dataoffsets, page.databytecounts
    ends = [start + count for start, count in zip(starts, counts, strict=True)]
    return sum(counts) == page.nbytes and 0 not in starts and list(starts[1:]) == ends[:-1]
