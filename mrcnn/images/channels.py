"""Channels of image files that are not red, green and blue, such as a microscope's stains."""

import re
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import unescape

from tifffile import PHOTOMETRIC

from ..types import PathLike
from . import tiff
from .opening import kind_of

_RGB = (["r", "g", "b"], ["red", "green", "blue"])
# For OME-XML metadata; the names are only shown and compared.
_CHANNEL = re.compile(r"<(?:\w+:)?Channel\b([^>]{0,2000})>")
_NAME = re.compile(r"""\bName\s*=\s*(?:"([^"]*)"|'([^']*)')""")


def channel_names(path: PathLike) -> list[str]:
    """The names of a TIFF's channels, if it has several that are not declared as colours.

    Args:
        path: an image file of any kind.

    Returns:
        One name for each channel except alpha, from ImageJ's labels or OME's names; "" if unknown.
        Empty for RGB, palettes and other colours, a single channel, and other kinds of file.

    Raises:
        OSError, ValueError: see `read_image`.

    Example:
        >>> import tifffile
        >>> from mrcnn.images.channels import channel_names
        >>> metadata = {"axes": "CYX", "Labels": ["DAPI", "actin"]}
        >>> stains = np.zeros((2, 40, 60), np.uint16)
        >>> tifffile.imwrite("stains.tif", stains, imagej=True, metadata=metadata)
        >>> channel_names("stains.tif")
        ['DAPI', 'actin']
    """
    if kind_of(path) != "tiff":
        return []
    with tiff.opened(path) as series:
        return names_of(series, tiff.axes(series).channels)


def names_of(series: Any, channels: int) -> list[str]:
    """`channel_names` of an open file.

    Args:
        series: from `tiff.opened`.
        channels: how many it has, including alpha.
    """
    page = series.keyframe
    count = channels - tiff.has_alpha(page)
    if page.photometric not in (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE) or count < 2:
        return []
    names = _names(page.parent)
    return unless_colours(names if len(names) == count else [""] * count)


def unless_colours(names: list[str]) -> list[str]:
    """`names`, or no names if the first three are red, green and blue."""
    return [] if [name.lower() for name in names[:3]] in _RGB else names


def addressed(names: Sequence[str], count: int) -> list[str]:
    """The names by which `count` channels are asked for: "red", "green", "blue" if they are RGB.

    Args:
        names: from `channel_names`, perhaps none.
        count: number of channels.
    """
    return list(names) or (["red", "green", "blue"] if count == 3 else [""] * count)


def _names(file: Any) -> list[str]:
    """The names in the metadata of a `tifffile.TiffFile`."""
    if file.is_ome:
        channels = _CHANNEL.findall(file.ome_metadata or "")
        found = [_NAME.search(attributes) for attributes in channels]
        return [unescape(name[1] or name[2] or "") if name else "" for name in found]
    labels = (file.imagej_metadata or {}).get("Labels") if file.is_imagej else None
    return [str(label).strip() for label in labels] if isinstance(labels, list | tuple) else []


def described(names: Sequence[str]) -> str:
    """Channels of these `names` as messages show them: "0 (DAPI), 1 (actin)"."""
    return ", ".join(f"{i} ({name})" if name else str(i) for i, name in enumerate(names))


def remark_on(path: PathLike, names: Sequence[str]) -> str:
    """What a user should know about an image of three or four channels that are not RGB.

    Args:
        path: of the image.
        names: from `channel_names`.
    """
    fourth = " and leaves out the fourth" if len(names) == 4 else ""
    return (
        f"{path} has {len(names)} channels, {described(names)}, that the file does not declare as "
        f"red, green and blue. A network with three channels takes them for RGB{fourth}. To use "
        "one of them as gray, read it with images.read_channel, or run samples/nucleus with "
        "--channel."
    )


def index_of(channel: int | str, names: Sequence[str], path: PathLike) -> int:
    """The index of a channel.

    Args:
        channel: its index from 0, as a number or a string of digits, or its name, ignoring case.
        names: of all channels, "" if unknown.
        path: of the image, for the error.

    Raises:
        ValueError: there is no such channel, or several have the name.
    """
    text = str(channel).strip()
    lower = [name.lower() for name in names]
    if text and lower.count(text.lower()) == 1:
        return lower.index(text.lower())
    if text.isdecimal() and int(text) < len(names):
        return int(text)
    raise ValueError(
        f"{path} has no single channel {channel!r}: its channels are {described(names)}."
    )
