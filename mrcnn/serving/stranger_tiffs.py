"""TIFFs from strangers: what tifffile would do for a file that one trusts, and a server must not.

tifffile opens the other files that an OME-TIFF names. Its own decoders, which it has where the
package imagecodecs is not installed, unpack a strip to whatever size it has; and so do those of
imagecodecs where a strip is a whole JPEG or the like.
"""

import lzma
import math
import xml.etree.ElementTree as ElementTree
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import tifffile
from tifffile import COMPRESSION, TIFF

from ..files.regular import regular_file
from ..images.opening import UnusableImageError, open_image
from ..types import PathLike

# Some writers pad the last strip or tile.
_PADDING = 1 << 16
_LZMA_MEMORY = 1 << 27


def check_stranger(path: PathLike) -> None:
    """Check that the TIFF at `path` names no other file, and unpacks to what its header says.

    Raises:
        UnusableImageError: it does not.
        Exception: of any type, if it is damaged.
    """
    with tifffile.TiffFile(regular_file(path)) as file:
        if file.is_ome and file.ome_metadata:
            _check_alone(path, file.ome_metadata)
        series = file.series[0]
        kind, bits = series.keyframe.compression, series.keyframe.bitspersample
        unpacks = _values_of_image if kind in _IMAGES else _UNPACKS.get(kind)
        if unpacks is None:
            return
        values = math.prod(series.keyframe.chunks)
        most = _PADDING + (values if kind in _IMAGES else values * bits // 8)
        for page in series.pages:
            for segment, _ in _segments(file, page):
                if segment and unpacks(segment, most) > most:
                    raise UnusableImageError(f"{path} unpacks to more pixels than it declares.")


def _check_alone(path: PathLike, description: str) -> None:
    for element in ElementTree.fromstring(description).iter():
        named = element.attrib.get("FileName", "")
        if "/" in named or "\\" in named:
            raise UnusableImageError(
                f"{path} is an OME-TIFF that refers to another file: it must hold all pixels."
            )


def _segments(file: Any, page: Any) -> Any:
    """The strips or tiles of a page, as (bytes, number)."""
    if page is None:
        return ()
    return file.filehandle.read_segments(page.dataoffsets, page.databytecounts, sort=True)


def _inflated(data: bytes, most: int) -> int:
    return len(zlib.decompressobj().decompress(data, most + 1))


def _lzma(data: bytes, most: int) -> int:
    return len(lzma.LZMADecompressor(memlimit=_LZMA_MEMORY).decompress(data, most + 1))


def _values_of_image(data: bytes, most: int) -> int:
    """Height times width times channels by the header of a segment that is an image itself."""
    with open_image(data, None) as image:
        return image.width * image.height * len(image.getbands())


# Compressions by which a segment is an image with a header of its own.
_IMAGES = (COMPRESSION.JPEG, COMPRESSION.OJPEG, *TIFF.IMAGE_COMPRESSIONS)

# The number of bytes that a segment unpacks to, counted up to a limit.
_UNPACKS: Mapping[int, Callable[[bytes, int], int]] = {
    COMPRESSION.ADOBE_DEFLATE: _inflated,
    COMPRESSION.DEFLATE: _inflated,
    COMPRESSION.LZMA: _lzma,
}
