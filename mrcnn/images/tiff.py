"""TIFF files: their axes and colours, and which of their pixels hold data."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import tifffile
from tifffile import EXTRASAMPLE, PHOTOMETRIC

from ..files.regular import regular_file
from ..types import Array, PathLike
from . import nodata
from .axes import Axes

# Numbers of the tags.
_ORIENTATION, _NODATA = 274, 42113
_DECODABLE = (
    PHOTOMETRIC.MINISBLACK,
    PHOTOMETRIC.MINISWHITE,
    PHOTOMETRIC.RGB,
    PHOTOMETRIC.PALETTE,
)


def _not_of_nodata(record: logging.LogRecord) -> bool:
    """Drop tifffile's warnings about no-data tags that it cannot parse; they are parsed here."""
    return "GDAL_NODATA" not in record.getMessage()


logging.getLogger("tifffile").addFilter(_not_of_nodata)


class UndecodableError(Exception):
    """The pixels are packed or coloured in a way that tifffile alone cannot decode."""


@contextlib.contextmanager
def opened(path: PathLike) -> Iterator[tifffile.TiffPageSeries]:
    """In a `with`, the first image of the file at `path`, without smaller copies and thumbnails."""
    with tifffile.TiffFile(regular_file(path)) as file:
        yield file.series[0]


def axes(series: tifffile.TiffPageSeries, pages: bool = False) -> Axes:
    """The axes of a `series` from `opened`; reads no pixels.

    Args:
        series: from `opened`.
        pages: see `Axes.of`.
    """
    return Axes.of(series.shape, series.axes, pages)


def shape(series: tifffile.TiffPageSeries) -> tuple[int, int, int]:
    """(height, width, channels) as stored, before the orientation is applied; reads no pixels.

    Args:
        series: from `opened`.

    Raises:
        StackError: the file has other axes, such as time or depth.
    """
    stored = axes(series)
    stored.check_one_image()
    return stored.height, stored.width, stored.channels


def orientation(series: tifffile.TiffPageSeries) -> int:
    """The EXIF orientation of the stored image of a `series`; 1 is upright."""
    return series.keyframe.tags.valueof(_ORIENTATION, 1)


def read(series: tifffile.TiffPageSeries, labels: bool = False, alpha: bool = False) -> Array:
    """The pixels of a file.

    Args:
        series: from `opened`.
        labels: whether to return the stored numbers instead of the colours that they stand for.
        alpha: whether an alpha channel is kept.

    Returns:
        [H, W] or [H, W, C] as stored, before the orientation is applied; see `without_data`.

    Raises:
        StackError: the file has other axes, such as time or depth.
        UndecodableError: another reader must try.
    """
    stored = axes(series)
    stored.check_one_image()
    check_decodable(series.keyframe)
    try:
        pixels = stored.arranged(series.asarray().reshape(stored.sizes))
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        raise compressed(series.keyframe) from error
    return finished(pixels, series, labels, alpha)


def check_decodable(page: Any) -> None:
    """Check the colours of a `page`, a `tifffile.TiffPage`, before its pixels are decoded.

    Raises:
        UndecodableError: tifffile would return them as something else than numbers or RGB.
    """
    if page.photometric not in _DECODABLE or 1 < page.bitspersample < 8:
        raise UndecodableError(f"its colours are {_name(page.photometric)}")


def finished(
    pixels: Array, series: tifffile.TiffPageSeries, labels: bool = False, alpha: bool = False
) -> Array:
    """What `read` returns, from numbers as stored.

    Args:
        pixels: [h, w] or [h, w, C], a window of the image with all its channels.
        series, labels, alpha: see `read`.
    """
    page = series.keyframe
    missing = _equal_to_nodata(_without_alpha(pixels, page), series)
    if not labels:
        pixels = to_colours(pixels, page, series.kind)
    pixels = pixels if alpha else _without_alpha(pixels, page)
    return pixels if missing is None else _marked(pixels, missing, labels)


def without_data(pixels: Array, series: tifffile.TiffPageSeries, labels: bool) -> Array:
    """Mark the pixels that have the value of the file's no-data tag, which GDAL writes.

    Args:
        pixels: [H, W] or [H, W, C], the stored numbers.
        series: from `opened`.
        labels: whether they become 0, the background, instead of being masked.

    Returns:
        A masked array if the file has the tag and any pixel has its value, see `nodata.equal_to`;
        else `pixels`.
    """
    missing = _equal_to_nodata(pixels, series)
    return pixels if missing is None else _marked(pixels, missing, labels)


def nodata_value(page: Any) -> float | None:
    """The value of a page's no-data tag; None if there is no tag, or nonsense in it."""
    try:
        return float(str(page.tags.valueof(_NODATA)).strip(" \0").replace(",", "."))
    except ValueError:
        return None


def _equal_to_nodata(pixels: Array, series: tifffile.TiffPageSeries) -> Array | None:
    """Where pixels have the no-data value, bool [H, W, C]; None if none has, or there is no tag."""
    value = nodata_value(series.keyframe)
    if value is None:
        return None
    missing = nodata.equal_to(np.atleast_3d(pixels), value)
    return missing if missing.any() else None


def _marked(pixels: Array, missing: Array, labels: bool) -> Array:
    """`pixels` [H, W] or [H, W, C], masked where `missing` [H, W, c], or 0 there if `labels`."""
    mask = np.zeros(np.atleast_3d(pixels).shape, bool)
    # One channel counts for all colours of a palette; an alpha channel is never masked.
    mask[..., : missing.shape[2] if missing.shape[2] > 1 else None] = missing
    mask = mask.reshape(pixels.shape)
    if labels:
        return np.where(mask, pixels.dtype.type(0), pixels)
    return np.ma.MaskedArray(pixels, mask)


def to_colours(pixels: Array, page: Any, kind: str) -> Array:
    """Stored numbers as colours: those of a palette, or light as a high number.

    Args:
        pixels: as stored.
        page: their `tifffile.TiffPage`.
        kind: of its series.
    """
    if page.photometric == PHOTOMETRIC.PALETTE:
        return (page.colormap >> 8).astype(np.uint8).T[pixels]
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        if pixels.dtype.kind == "u":
            return pixels.dtype.type(2**page.bitspersample - 1) - pixels
        # tifffile declares boolean arrays this way, but writes them as they are.
        if pixels.dtype.kind == "b" and kind != "shaped":
            return ~pixels
    return pixels


def has_alpha(page: Any) -> bool:
    """Whether the last channel of a `page`, a `tifffile.TiffPage`, is declared as alpha."""
    transparent = (EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA)
    return len(page.extrasamples) == 1 and page.extrasamples[0] in transparent


def _without_alpha(pixels: Array, page: Any) -> Array:
    """Drop what the file declares as alpha; an undeclared fourth band is kept."""
    if not has_alpha(page):
        return pixels
    return pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :-1]


def compressed(page: Any) -> UndecodableError:
    """The error for a compression that needs another package.

    Args:
        page: the `tifffile.TiffPage`.
    """
    return UndecodableError(f"its compression is {_name(page.compression)}")


def _name(number):
    return getattr(number, "name", number)
