"""The one way to open image files: regular files of a few formats, up to a limit on pixels."""

import contextlib
import io
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

# Each registers its formats with Pillow, which would otherwise import the plugins of all formats.
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from ..files.regular import regular_file
from ..types import Array, PathLike
from .axes import StackError

# Maximum height times width, the limit at which Pillow itself refuses. In an image of more than
# four channels, every four values count as a pixel, or a bomb could hide there.
MAX_PIXELS = 178_956_970

# What Pillow may open, by its own names. Others start programs (EPS starts Ghostscript), are not
# raster images (WMF), or are too rare to be worth the risk of their decoders.
FORMATS = tuple(
    plugin.format
    for plugin in (
        PngImagePlugin.PngImageFile,
        JpegImagePlugin.JpegImageFile,  # opens MPO, too
        BmpImagePlugin.BmpImageFile,
        GifImagePlugin.GifImageFile,
        WebPImagePlugin.WebPImageFile,
        TiffImagePlugin.TiffImageFile,
        PpmImagePlugin.PpmImageFile,
        Jpeg2KImagePlugin.Jpeg2KImageFile,
    )
)

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_NPY_START = b"\x93NUMPY"
# First bytes of files that are often taken for images, and what to do with them.
_STARTS = {
    b"": "it is empty",
    b"%!PS": "it is PostScript (EPS), not a raster image: convert it to PNG",
    b"\xc5\xd0\xd3\xc6": "it is PostScript (EPS), not a raster image: convert it to PNG",
    b"%PDF": "it is a PDF, not a raster image: convert it to PNG",
    b"version https://git-lfs": "it is a Git LFS pointer: run `git lfs pull`",
}
_pillow_limit = threading.Lock()


class UnusableImageError(ValueError):
    """The file is intact, but its image cannot be used."""


@contextlib.contextmanager
def errors_of(path: PathLike) -> Iterator[None]:
    """In a `with`, turn the readers' errors, of many types, into one that names the file.

    Args:
        path: of the file.
    """
    try:
        yield
    except (UnusableImageError, ImportError):
        raise
    except StackError as error:
        raise UnusableImageError(f"{path} cannot be used: {error}") from error
    except FileNotFoundError as error:
        raise FileNotFoundError(f"no such file: {path}.") from error
    except Exception as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise OSError(f"{path} cannot be read as an image: {reason}") from error


def kind_of(path: PathLike) -> str:
    """The kind of the image file at `path` by its first bytes: "npy", "tiff" or "other".

    Raises:
        OSError: it is not a regular file, or cannot be read.
    """
    start = _first_bytes(path, len(_NPY_START))
    if start == _NPY_START:
        return "npy"
    return "tiff" if start.startswith(_TIFF_STARTS) else "other"


def open_image(
    source: PathLike | bytes,
    max_pixels: int | None = MAX_PIXELS,
    formats: Sequence[str] = FORMATS,
) -> Image.Image:
    """Open an image with Pillow; its pixels are not decoded yet.

    Args:
        source: path of a regular file, or the bytes of one.
        max_pixels: maximum height times width; None for no limit.
        formats: some of `FORMATS`.

    Returns:
        The image, to be used in a `with` statement.

    Raises:
        OSError: it is not a regular file, is damaged, or has a format not in `formats`.
        UnusableImageError: it has too many pixels.

    Example:
        >>> from PIL import Image
        >>> from mrcnn.images.opening import open_image
        >>> Image.new("L", (30, 20)).save("gray.png")
        >>> with open_image("gray.png") as image:
        ...     image.size
        (30, 20)
    """
    name = "the image" if isinstance(source, bytes) else source
    file = io.BytesIO(source) if isinstance(source, bytes) else regular_file(source)
    try:
        image = _open(file, formats)
    except UnidentifiedImageError as error:
        raise OSError(_why_unidentified(source, formats)) from error
    try:
        width, height = image.size
        check_pixels(name, height, width, len(image.getbands()), max_pixels)
    except BaseException:
        image.close()
        raise
    return image


def _open(file: Any, formats: Sequence[str]) -> Image.Image:
    """Read a file's header; meanwhile Pillow's own limit is off for all threads."""
    with _pillow_limit:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(file, formats=list(formats))
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _first_bytes(path: PathLike, count: int) -> bytes:
    with open(regular_file(path), "rb") as file:
        return file.read(count)


def _why_unidentified(source: PathLike | bytes, formats: Sequence[str]) -> str:
    start = source[:32] if isinstance(source, bytes) else _first_bytes(source, 32)
    for first, reason in _STARTS.items():
        if start.startswith(first) if first else not start:
            return reason
    names = ", ".join(formats) + (" or .npy" if len(formats) > 1 else "")
    return f"it is damaged, or not in a format that is read here ({names})"


def open_array(path: PathLike) -> Array:
    """The array of the .npy file at `path`, of any shape, mapped from disk.

    Raises:
        OSError: it is not a regular file.
        ValueError: it is damaged, or holds Python objects.
    """
    return np.load(regular_file(path), mmap_mode="r", allow_pickle=False)


def check_pixels(
    name: PathLike, height: int, width: int, channels: int, max_pixels: int | None = MAX_PIXELS
) -> None:
    """Check that an image has no more than `max_pixels` pixels.

    Args:
        name: of the image in the error message.
        height, width, channels: from the file's header.
        max_pixels: maximum height times width, see the constant; None for no limit.

    Raises:
        UnusableImageError: it has more.
    """
    pixels = max(height * width, height * width * channels // 4)
    if max_pixels is not None and pixels > max_pixels:
        bands = f" of {channels} channels" if channels > 4 else ""
        raise UnusableImageError(
            f"{name} has {height} x {width} pixels{bands}, which counts as {pixels}: the limit "
            f"against decompression bombs is {max_pixels}. If you trust the file, raise the limit "
            "(max_pixels, or MAX_PIXELS of your Dataset), or lift it with None."
        )
