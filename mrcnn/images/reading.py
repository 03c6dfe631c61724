"""Image files of any kind as arrays of the values that they store.

The first bytes of a file decide its kind, not its name: tifffile reads TIFF, numpy reads .npy, and
Pillow reads all others (PNG, JPEG, BMP, GIF, WebP, PPM and JPEG 2000, see `opening.FORMATS`).
"""

import contextlib
import logging

import numpy as np
from PIL import ExifTags, Image

from ..types import Array, PathLike
from . import tiff
from .channels import addressed, channel_names, index_of, remark_on
from .opening import (
    MAX_PIXELS,
    UnusableImageError,
    check_pixels,
    errors_of,
    kind_of,
    open_array,
    open_image,
)
from .orientation import is_turned, upright

logger = logging.getLogger(__name__)

_NATIVE_MODES = ("1", "L", "LA", "F", "RGB", "RGBA")


def read_image(path: PathLike, max_pixels: int | None = MAX_PIXELS, alpha: bool = False) -> Array:
    """Read an image file.

    The image is turned upright according to its EXIF or TIFF orientation. Palettes, CMYK and YCbCr
    become RGB, and one-bit images become 0 and 255. An animation gives its first frame. The axes
    of a TIFF may come in any order: pages and planes become channels, and if the file names no
    axes, the smaller of the first and the last is taken for the channels. TIFF bands that are not
    declared as alpha are kept, such as a fourth one for near infrared. If a TIFF has three or four
    channels that are not declared as RGB, a warning says so, see `read_channel`.

    Args:
        path: the file.
        max_pixels: maximum height times width, against decompression bombs; None for no limit. It
            is checked before the pixels are decoded.
        alpha: whether an alpha channel is kept, as the last one.

    Returns:
        [H, W] or [H, W, C] in the file's dtype: uint8, uint16, float32, ... A .npy file must have
        its channels last. Pixels that have the value of a TIFF's no-data tag are masked: if there
        are any, the result is a `numpy.ma.MaskedArray`.

    Raises:
        FileNotFoundError: the file does not exist.
        OSError: the file cannot be read as an image, or is not a regular file.
        ValueError: the image has too many pixels, or the file holds a stack of images.

    Example:
        >>> from PIL import Image
        >>> from mrcnn.images import read_image
        >>> Image.new("RGB", (30, 20), "red").save("red.png")
        >>> image = read_image("red.png")
        >>> image.shape, image[0, 0]
        ((20, 30, 3), array([255,   0,   0], dtype=uint8))
    """
    image, remark = read_with_remark(path, max_pixels, alpha)
    if remark:
        logger.warning(remark)
    return image


def read_with_remark(
    path: PathLike, max_pixels: int | None = MAX_PIXELS, alpha: bool = False
) -> tuple[Array, str]:
    """`read_image` without logging.

    Args:
        path, max_pixels, alpha: see `read_image`.

    Returns:
        The image [H, W] or [H, W, C], and the warning that `read_image` logs, or "".

    Raises:
        FileNotFoundError, OSError, ValueError: see `read_image`.
    """
    image = _read(path, max_pixels, labels=False, alpha=alpha)
    image = without_booleans(image)
    not_rgb = image.ndim == 3 and image.shape[2] in (3, 4) and channel_names(path)
    return image, remark_on(path, not_rgb) if not_rgb else ""


def without_booleans(image: Array) -> Array:
    """An image with 0 and 255 in place of booleans.

    Args:
        image: [H, W] or [H, W, C].
    """
    return image.astype(np.uint8) * 255 if image.dtype == bool else image


def read_labels(path: PathLike, max_pixels: int | None = MAX_PIXELS) -> Array:
    """Read a label image: each pixel is a whole number, such as an instance or class number.

    Pixels that have the value of a TIFF's no-data tag become 0, the background. An image with a
    palette gives its indices, not its colours. A gray image saved as RGB gives the value that its
    three channels share, and a two-valued image gives 0 and 1. The image is turned upright as in
    `read_image`.

    Args:
        path: an 8-bit or 16-bit PNG, a TIFF, .npy or another lossless format.
        max_pixels: see `read_image`.

    Returns:
        [H, W] integers in the file's dtype; int32 or int64 for whole floats.

    Raises:
        FileNotFoundError, OSError: see `read_image`.
        ValueError: a JPEG, a colour image, values that are not whole, or as in `read_image`.
    """
    labels = _read(path, max_pixels, labels=True, alpha=False)
    if labels.ndim == 3:
        if labels.shape[2] not in (1, 3) or (labels != labels[..., :1]).any():
            raise UnusableImageError(
                f"{path} has {labels.shape[2]} channels that differ: a label image has one number "
                "per pixel (gray, or palette indices). Map its colours to numbers."
            )
        labels = np.ascontiguousarray(labels[..., 0])
    kind = labels.dtype.kind
    if kind == "b":
        return labels.astype(np.uint8)
    if kind == "f" and (np.abs(labels[np.isfinite(labels)]) >= 2.0**63).any():
        raise UnusableImageError(
            f"{path} has the value {labels.flat[np.nanargmax(np.abs(labels))]:g}: labels must be "
            "whole numbers of at most 64 bits."
        )
    if kind == "f" and np.isfinite(labels).all() and (labels == np.rint(labels)).all():
        return labels.astype(np.int64 if np.abs(labels).max() >= 2**31 else np.int32)
    if kind not in "ui":
        raise UnusableImageError(
            f"{path} has values of {labels.dtype} that are not whole: labels must be whole numbers."
        )
    return labels


def read_channel(path: PathLike, channel: int | str, max_pixels: int | None = MAX_PIXELS) -> Array:
    """Read one channel of an image file, such as that of a nuclear stain.

    Args:
        path: the file.
        channel: its index from 0, or its name as `channel_names` gives it. The channels of RGB
            images are named "red", "green" and "blue".
        max_pixels: see `read_image`.

    Returns:
        [H, W], see `read_image`.

    Raises:
        FileNotFoundError, OSError: see `read_image`.
        ValueError: the image has no such channel, or as in `read_image`.

    Example:
        >>> from PIL import Image
        >>> from mrcnn.images import read_channel
        >>> Image.new("RGB", (30, 20), (9, 80, 200)).save("blue.png")
        >>> int(read_channel("blue.png", "blue")[0, 0])
        200
    """
    image, _ = read_with_remark(path, max_pixels)
    return select_channel(image, channel, path)


def select_channel(image: Array, channel: int | str, path: PathLike) -> Array:
    """One channel of an image that was read from a file.

    Args:
        image: [H, W] or [H, W, C], from `read_image`.
        channel: see `read_channel`.
        path: of the file, which may name its channels.

    Returns:
        [H, W].

    Raises:
        ValueError: the image has no such channel.
    """
    if image.ndim == 2:
        image = image[..., np.newaxis]
    names = addressed(channel_names(path), image.shape[2])
    return image[..., index_of(channel, names, path)].copy()


def image_size(path: PathLike) -> tuple[int, int]:
    """(height, width) of an image as `read_image` returns it, from the file's header.

    Raises:
        FileNotFoundError, OSError: see `read_image`.
        ValueError: the file holds a stack of images.
    """
    with errors_of(path):
        return size_of(path)[:2]


def _read(path: PathLike, max_pixels: int | None, labels: bool, alpha: bool) -> Array:
    with errors_of(path):
        check_pixels(path, *size_of(path), max_pixels)
        kind = kind_of(path)
        if kind == "npy":
            image = np.array(open_array(path))
        elif kind == "tiff":
            image = _read_tiff(path, labels, alpha)
        else:
            image = _read_with_pillow(path, labels, alpha)
        return contiguous(image)


def contiguous(image: Array) -> Array:
    """An image in this machine's byte order and C order.

    Args:
        image: [H, W] or [H, W, C], perhaps a masked array.

    Returns:
        The same pixels, copied only if they have to be.
    """
    own = np.ascontiguousarray(np.ma.getdata(image), dtype=image.dtype.newbyteorder("="))
    if isinstance(image, np.ma.MaskedArray):
        return np.ma.MaskedArray(own, np.ascontiguousarray(image.mask))
    return own


def size_of(path: PathLike) -> tuple[int, int, int]:
    """(height, width, channels) of the upright image; channels may or may not include alpha.

    Args:
        path: of the image.

    Raises:
        Exception: of many types, see `opening.errors_of`.
    """
    kind = kind_of(path)
    if kind == "npy":
        shape = open_array(path).shape
        if len(shape) not in (2, 3):
            raise UnusableImageError(
                f"{path} has shape {shape}: it must be one image, [height, width] or [height, "
                "width, channels]."
            )
        return (*shape, 1)[:3]
    if kind == "tiff":
        with tiff.opened(path) as series:
            (height, width, channels), orientation = tiff.shape(series), tiff.orientation(series)
    else:
        with open_image(path, None) as image:
            (width, height), orientation = image.size, _orientation(image)
            channels = len(image.getbands())
    return (width, height, channels) if is_turned(orientation) else (height, width, channels)


def _read_tiff(path: PathLike, labels: bool, alpha: bool) -> Array:
    with tiff.opened(path) as series:
        try:
            pixels = tiff.read(series, labels, alpha)
            return upright(pixels, tiff.orientation(series))
        except tiff.UndecodableError as error:
            reason, dtype, pages = error, series.dtype, len(series.pages)
    # Pillow supports more compressions, but reads only one page and cuts 16-bit colours to 8 bits.
    image: Array | None = None
    with contextlib.suppress(Exception):
        image = _read_with_pillow(path, labels, alpha) if pages == 1 else None
    if image is None or image.dtype != dtype:
        raise OSError(f"{reason}; install the package imagecodecs to read it") from reason
    with tiff.opened(path) as series:
        return tiff.without_data(image, series, labels)


def _orientation(image: Image.Image) -> int:
    try:
        # Not image.getexif(), which decodes a whole PNG to look for EXIF data after the pixels.
        return Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF data does not affect the pixels
        return 1


def _read_with_pillow(path: PathLike, labels: bool, alpha: bool) -> Array:
    with open_image(path, None) as image:
        if labels and image.format in ("JPEG", "MPO"):
            raise UnusableImageError(
                f"{path} is a JPEG: its compression changes the numbers of a label image. Save it "
                "as PNG or TIFF."
            )
        # Pillow turns TIFFs upright itself.
        orientation = 1 if image.format == "TIFF" else _orientation(image)
        pixels = _pixels(image, path, labels)
    if not alpha and pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        pixels = pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3]
    return upright(pixels, orientation)


def _pixels(image, path, labels):
    """The pixels of a Pillow image, [H, W] or [H, W, C]."""
    raw_mode = image.tile[0][3] if image.format == "PNG" and image.tile else None
    if raw_mode in ("LA;16B", "RGB;16B", "RGBA;16B"):
        return _read_16_bit_png(image, path, raw_mode)
    mode = image.mode
    if mode.startswith("I"):
        # 16-bit gray, for which some versions of Pillow use 32 bits.
        narrow = mode == "I" and image.format in ("PNG", "PPM")
        return np.array(image, np.uint16 if narrow else None)
    if mode not in _NATIVE_MODES and not (labels and mode == "P"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return np.array(image)


def _read_16_bit_png(image, path, raw_mode):
    """The pixels of a PNG with 16-bit colours, uint16 [H, W, C].

    Pillow drops the lower bytes. So the file is read again as if its numbers were little-endian,
    which drops the upper ones.
    """
    if raw_mode == "LA;16B":  # the same number of bytes as 8-bit RGBA
        _reread(image, "RGBA")
        halves = np.asarray(image)
        upper, lower = halves[..., ::2], halves[..., 1::2]
    else:
        with open_image(path, None) as again:
            _reread(again, raw_mode.replace("16B", "16L"))
            upper, lower = np.asarray(image), np.asarray(again)
    return upper.astype(np.uint16) << 8 | lower


def _reread(image, raw_mode):
    codec, extents, offset, _ = image.tile[0]
    image.tile = [(codec, extents, offset, raw_mode)]
