"""TIFF files: which of their axes are height, width and channels, and which pixels hold data."""

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

# Numbers of the tags.
_ORIENTATION, _NODATA = 274, 42113
# Axes that may be the channels: samples, channels, unnamed axes, and pages of unstated meaning.
_CHANNELS = "SCQI"
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


class StackError(ValueError):
    """The file holds more than one image."""


class UndecodableError(Exception):
    """The pixels are packed or coloured in a way that tifffile alone cannot decode."""


@contextlib.contextmanager
def opened(path: PathLike) -> Iterator[tifffile.TiffPageSeries]:
    """In a `with`, the first image of the file at `path`, without smaller copies and thumbnails."""
    with tifffile.TiffFile(regular_file(path)) as file:
        yield file.series[0]


def shape(series: tifffile.TiffPageSeries) -> tuple[int, int, int]:
    """(height, width, channels) as stored, before the orientation is applied; reads no pixels.

    Args:
        series: from `opened`.

    Raises:
        StackError: the file has other axes, such as time or depth.
    """
    sizes, channel_axis = _layout(series)
    channels = 1 if channel_axis is None else sizes.pop(channel_axis)
    height, width = sizes
    return height, width, channels


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
    page = series.keyframe
    sizes, channel_axis = _layout(series)
    if page.photometric not in _DECODABLE or 1 < page.bitspersample < 8:
        raise UndecodableError(f"its colours are {_name(page.photometric)}")
    try:
        pixels = series.asarray().reshape(sizes)
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        raise UndecodableError(f"its compression is {_name(page.compression)}") from error
    if channel_axis is not None:
        pixels = np.moveaxis(pixels, channel_axis, -1)
    missing = _equal_to_nodata(_without_alpha(pixels, page), series)
    if not labels:
        pixels = _to_colours(pixels, page, series.kind)
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


def _equal_to_nodata(pixels: Array, series: tifffile.TiffPageSeries) -> Array | None:
    """Where pixels have the no-data value, bool [H, W, C]; None if none has, or there is no tag."""
    text = series.keyframe.tags.valueof(_NODATA)
    try:
        value = float(str(text).strip(" \0").replace(",", "."))
    except ValueError:  # there is no tag, or nonsense in it
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


def _layout(series: tifffile.TiffPageSeries) -> tuple[list[int], int | None]:
    """Sizes of the axes, without those of one entry, and the index of the channels, or None."""
    axes = [
        (size, axis)
        for size, axis in zip(series.shape, series.axes, strict=True)
        if size > 1 or axis in "YX"
    ]
    sizes, names = [size for size, _ in axes], "".join(axis for _, axis in axes)
    others = names.replace("Y", "").replace("X", "")
    if len(others) > 1 or others not in _CHANNELS:
        raise StackError(
            f"it holds a stack of shape {tuple(sizes)} with axes {names}, not one image of height "
            "and width (Y, X) and channels (C or S). Save each image of the stack as a separate "
            "file."
        )
    if not others:
        return sizes, None
    # An array [H, W, C] that was saved unchanged looks like H pages of [W, C].
    return sizes, _smaller_end(sizes) if others in "QI" else names.index(others)


def _smaller_end(sizes: list[int]) -> int:
    """The channel axis, 0 or 2 of three: the smaller, or the odd one out if the image is square."""
    if sizes[0] == sizes[1]:
        return 2
    return 0 if sizes[1] == sizes[2] or sizes[0] < sizes[2] else 2


def _to_colours(pixels: Array, page: Any, kind: str) -> Array:
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


def _name(number):
    return getattr(number, "name", number)
