"""TIFF files: which of their axes are the image and which are its channels."""

import contextlib

import numpy as np
import tifffile
from tifffile import EXTRASAMPLE, PHOTOMETRIC

_ORIENTATION = 274  # the tag's number
# Axes that may be the channels: samples, channels, unnamed, and pages of no stated meaning.
_CHANNELS = "SCQI"
_DECODED_HERE = (
    PHOTOMETRIC.MINISBLACK,
    PHOTOMETRIC.MINISWHITE,
    PHOTOMETRIC.RGB,
    PHOTOMETRIC.PALETTE,
)


class StackError(ValueError):
    """The file holds more than one image."""


class NotDecodedHere(Exception):
    """The pixels are packed or coloured in a way that tifffile alone does not undo."""


@contextlib.contextmanager
def opened(path):
    """The first image of the file `path`, its smaller copies and thumbnails unread, in a `with`.

    Yields:
        `tifffile.TiffPageSeries`.
    """
    with tifffile.TiffFile(path) as file:
        yield file.series[0]


def shape(series):
    """(height, width, channels) as stored, before the orientation counts; pixels are not read.

    Args:
        series: from `opened`.

    Raises:
        StackError: there are other axes, of time or depth.
    """
    sizes, channel_axis = _layout(series)
    channels = 1 if channel_axis is None else sizes.pop(channel_axis)
    return (*sizes, channels)


def orientation(series):
    """Which way the stored image of a `series` lies, a number of EXIF; 1 is upright."""
    return series.keyframe.tags.valueof(_ORIENTATION, 1)


def read(series, labels=False, alpha=False):
    """The pixels.

    Args:
        series: from `opened`.
        labels: whether the numbers count and not the colours that they stand for.
        alpha: whether an alpha channel is kept.

    Returns:
        [H, W] or [H, W, C] as stored: before the orientation counts.

    Raises:
        StackError: there are other axes, of time or depth.
        NotDecodedHere: another reader must try.
    """
    page = series.keyframe
    sizes, channel_axis = _layout(series)
    if page.photometric not in _DECODED_HERE or 1 < page.bitspersample < 8:
        raise NotDecodedHere(f"its colours are {_name(page.photometric)}")
    try:
        pixels = series.asarray().reshape(sizes)
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        raise NotDecodedHere(f"its compression is {_name(page.compression)}") from error
    if channel_axis is not None:
        pixels = np.moveaxis(pixels, channel_axis, -1)
    if not labels:
        pixels = _coloured(pixels, page, series.kind)
    return pixels if alpha else _without_alpha(pixels, page)


def _layout(series):
    """Sizes of the axes but for those of one entry, and which of them is the channels', or None."""
    axes = [
        (size, axis)
        for size, axis in zip(series.shape, series.axes, strict=True)
        if size > 1 or axis in "YX"
    ]
    sizes, names = [size for size, _ in axes], "".join(axis for _, axis in axes)
    others = names.replace("Y", "").replace("X", "")
    if len(others) > 1 or others not in _CHANNELS:
        raise StackError(
            f"it holds a stack of shape {tuple(sizes)} with the axes {names}: one image of height "
            "and width (Y, X) and channels (C or S) is accepted. Save each image of the stack as "
            "a file."
        )
    if not others:
        return sizes, None
    # An array [H, W, C] that numpy's user saved looks like H pages of [W, C].
    return sizes, _smaller_end(sizes) if others in "QI" else names.index(others)


def _smaller_end(sizes):
    """Which axis of three is the channels': 0 or 2. In a square image it is the odd one."""
    if sizes[0] == sizes[1]:
        return 2
    return 0 if sizes[1] == sizes[2] or sizes[0] < sizes[2] else 2


def _coloured(pixels, page, kind):
    if page.photometric == PHOTOMETRIC.PALETTE:
        return (page.colormap >> 8).astype(np.uint8).T[pixels]
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        if pixels.dtype.kind == "u":
            return pixels.dtype.type(2**page.bitspersample - 1) - pixels
        # tifffile declares boolean arrays so, but writes them as they are.
        if pixels.dtype.kind == "b" and kind != "shaped":
            return ~pixels
    return pixels


def _without_alpha(pixels, page):
    """Drops what the file says is alpha; a fourth band that it says nothing about stays."""
    transparent = (EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA)
    if len(page.extrasamples) != 1 or page.extrasamples[0] not in transparent:
        return pixels
    return pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :-1]


def _name(number):
    return getattr(number, "name", number)
