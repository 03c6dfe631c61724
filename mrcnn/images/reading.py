"""Image files of any kind as arrays of the numbers that they hold.

Kinds are told by a file's first bytes, not by its name: TIFF is read by tifffile, .npy by numpy,
all others (PNG, JPEG, BMP, WebP, ...) by Pillow.
"""

import contextlib
import threading

import numpy as np
from PIL import ExifTags, Image

from . import tiff

# Height times width that is accepted, that of Pillow's own refusal. An image of more than four
# channels counts a pixel for every four values, or a bomb could hide there.
MAX_PIXELS = 178_956_970

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_NPY_START = b"\x93NUMPY"
_AS_THEY_ARE = ("1", "L", "LA", "F", "RGB", "RGBA")
_pillow_limit = threading.Lock()


class UnusableImageError(ValueError):
    """The file is sound, but its image is not wanted."""


def read_image(path, max_pixels=MAX_PIXELS, alpha=False):
    """Read an image file.

    It is turned upright as its EXIF or TIFF orientation says. Palettes become RGB, as do CMYK and
    YCbCr, and one bit becomes 0 and 255. Of an animation, the first picture is read. The axes of
    a TIFF may come in any order: pages and planes become channels, and where the file names no
    axes, the smaller of the first and the last is taken for the channels. Bands of a TIFF that
    are not declared as alpha stay, such as a fourth one of near infrared.

    Args:
        path: the file.
        max_pixels: height times width that is accepted, against decompression bombs; None for
            any. It is checked before the pixels are decoded.
        alpha: whether an alpha channel is kept, as the last one.

    Returns:
        [H, W] or [H, W, C] of the dtype in the file: uint8, uint16, float32, ... A .npy file has
        its channels last.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read as an image.
        ValueError: it has too many pixels, or is a stack of images.
    """
    image = _read(path, max_pixels, labels=False, alpha=alpha)
    return image.astype(np.uint8) * 255 if image.dtype == bool else image


def read_labels(path, max_pixels=MAX_PIXELS):
    """Read a label image: each pixel is a whole number, such as that of its instance or class.

    Of an image with a palette these are the indices, not the colours. Of a gray one that was
    saved as RGB, the value of all three channels. Two-valued images give 0 and 1. The numbers are
    turned upright as in `read_image`.

    Args:
        path: a PNG of 8 or 16 bits, TIFF, .npy or another format without loss.
        max_pixels: see `read_image`.

    Returns:
        [H, W] integers of the dtype in the file; int32 or int64 for floats that are whole.

    Raises:
        FileNotFoundError, OSError: see `read_image`.
        ValueError: a JPEG, a colour image, values that are not whole, or as in `read_image`.
    """
    labels = _read(path, max_pixels, labels=True, alpha=False)
    if labels.ndim == 3:
        if labels.shape[2] not in (1, 3) or (labels != labels[..., :1]).any():
            raise UnusableImageError(
                f"{path} is an image of {labels.shape[2]} channels that differ: a label image has "
                "one number a pixel (gray, or indices of a palette). Map its colours to numbers."
            )
        labels = np.ascontiguousarray(labels[..., 0])
    kind = labels.dtype.kind
    if kind == "b":
        return labels.astype(np.uint8)
    if kind == "f" and (np.abs(labels[np.isfinite(labels)]) >= 2.0**63).any():
        raise UnusableImageError(
            f"{path} has the value {labels.flat[np.nanargmax(np.abs(labels))]:g}: whole numbers "
            "of up to 64 bits are accepted."
        )
    if kind == "f" and np.isfinite(labels).all() and (labels == np.rint(labels)).all():
        return labels.astype(np.int64 if np.abs(labels).max() >= 2**31 else np.int32)
    if kind not in "ui":
        raise UnusableImageError(
            f"{path} has values of {labels.dtype} that are not whole: a label image has whole "
            "numbers."
        )
    return labels


def image_size(path):
    """(height, width) of an image as `read_image` gives it, from the head of the file.

    Raises:
        FileNotFoundError, OSError: see `read_image`.
        ValueError: it is a stack of images.
    """
    with _reading(path):
        return _size(path)[:2]


@contextlib.contextmanager
def _reading(path):
    """Errors of the readers, of many types, as one that names the file."""
    try:
        yield
    except UnusableImageError:
        raise
    except tiff.StackError as error:
        raise UnusableImageError(f"{path} cannot be used: {error}") from error
    except FileNotFoundError as error:
        raise FileNotFoundError(f"there is no file {path}.") from error
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise OSError(f"{path} cannot be read as an image: {reason}") from error


def _read(path, max_pixels, labels, alpha):
    with _reading(path):
        _check_size(path, *_size(path), max_pixels)
        kind = _kind(path)
        if kind == "npy":
            image = np.load(path, allow_pickle=False)
        elif kind == "tiff":
            image = _read_tiff(path, labels, alpha)
        else:
            image = _read_with_pillow(path, labels, alpha)
        # Of this machine's byte order, and one that may be written to.
        return np.ascontiguousarray(image, dtype=image.dtype.newbyteorder("="))


def _kind(path):
    with open(path, "rb") as file:
        start = file.read(len(_NPY_START))
    if start == _NPY_START:
        return "npy"
    return "tiff" if start.startswith(_TIFF_STARTS) else "other"


def _size(path):
    """(height, width, channels) of the upright image; an alpha channel may count or not."""
    kind = _kind(path)
    if kind == "npy":
        shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
        if len(shape) not in (2, 3):
            raise UnusableImageError(
                f"{path} has the shape {shape}: one image of [height, width] or [height, width, "
                "channels] is accepted."
            )
        return (*shape, 1)[:3]
    if kind == "tiff":
        with tiff.opened(path) as series:
            (height, width, channels), way = tiff.shape(series), tiff.orientation(series)
    else:
        with _open_with_pillow(path) as image:
            (width, height), way = image.size, _orientation(image)
            channels = len(image.getbands())
    return (width, height, channels) if way in (5, 6, 7, 8) else (height, width, channels)


def _check_size(path, height, width, channels, max_pixels):
    pixels = max(height * width, height * width * channels // 4)
    if max_pixels is not None and pixels > max_pixels:
        bands = f" of {channels} channels" if channels > 4 else ""
        raise UnusableImageError(
            f"{path} has {height} x {width} pixels{bands}, which counts as {pixels}: the limit "
            f"against decompression bombs is {max_pixels}. If you trust the file, raise the limit "
            "(max_pixels, or MAX_PIXELS of your Dataset), or lift it with None."
        )


def _upright(image, orientation):
    """Undoes one of the eight ways in which EXIF says that an image [H, W, ...] lies."""
    if orientation in (5, 6, 7, 8):
        image = np.swapaxes(image, 0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return image


def _read_tiff(path, labels, alpha):
    with tiff.opened(path) as series:
        try:
            image = tiff.read(series, labels, alpha)
            return _upright(image, tiff.orientation(series))
        except tiff.NotDecodedHere as error:
            reason, dtype, pages = error, series.dtype, len(series.pages)
    # Pillow knows more compressions, but reads one page and makes 8 bits of 16-bit colours.
    image = None
    with contextlib.suppress(Exception):
        image = _read_with_pillow(path, labels, alpha) if pages == 1 else None
    if image is None or image.dtype != dtype:
        raise OSError(f"{reason}, for which the package imagecodecs is needed") from reason
    return image


def _open_with_pillow(path):
    """Reads the head of a file. Pillow's own limit is off meanwhile, for all threads."""
    with _pillow_limit:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(path)
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _orientation(image):
    try:
        # Not image.getexif(), which decodes a whole PNG to look for EXIF data behind the pixels.
        return Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF data do not spoil the pixels
        return 1


def _read_with_pillow(path, labels, alpha):
    with _open_with_pillow(path) as image:
        if labels and image.format in ("JPEG", "MPO"):
            raise UnusableImageError(
                f"{path} is a JPEG: its compression changes the numbers of a label image. Save it "
                "as PNG or TIFF."
            )
        # Pillow itself turns TIFFs.
        way = 1 if image.format == "TIFF" else _orientation(image)
        pixels = _pixels(image, path, labels)
    if not alpha and pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        pixels = pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3]
    return _upright(pixels, way)


def _pixels(image, path, labels):
    """[H, W] or [H, W, C] of an image of Pillow."""
    raw_mode = image.tile[0][3] if image.format == "PNG" and image.tile else None
    if raw_mode in ("LA;16B", "RGB;16B", "RGBA;16B"):
        return _deep_colours(image, path, raw_mode)
    mode = image.mode
    if mode.startswith("I"):
        # Gray of 16 bits, for which some versions of Pillow use 32.
        narrow = mode == "I" and image.format in ("PNG", "PPM")
        return np.array(image, np.uint16 if narrow else None)
    if mode not in _AS_THEY_ARE and not (labels and mode == "P"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return np.array(image)


def _deep_colours(image, path, raw_mode):
    """A PNG of 16-bit colours, uint16 [H, W, C]; Pillow would drop the lower bytes.

    So the file is read as if its numbers were little-endian too, which drops the upper ones.
    """
    if raw_mode == "LA;16B":  # as many bytes as 8-bit RGBA
        _reread(image, "RGBA")
        halves = np.asarray(image)
        upper, lower = halves[..., ::2], halves[..., 1::2]
    else:
        with _open_with_pillow(path) as again:
            _reread(again, raw_mode.replace("16B", "16L"))
            upper, lower = np.asarray(image), np.asarray(again)
    return upper.astype(np.uint16) << 8 | lower


def _reread(image, raw_mode):
    codec, extents, offset, _ = image.tile[0]
    image.tile = [(codec, extents, offset, raw_mode)]
