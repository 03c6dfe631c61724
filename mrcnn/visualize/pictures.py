"""Any image as a picture that a screen can show: 8-bit RGB with its contrast visible.

Pictures are scaled as images are for detection, by `as_channels`. They are then brightened if they
are too dark to see. Detection does not need that; eyes do.
"""

import numpy as np
import numpy.typing as npt

from ..images.pixels import scale
from ..images.ranges import PERCENTILES
from ..types import Array

# A picture is dark if its brightest parts are below this value of 255. 8-bit fluorescence images
# are often below 50, and seldom above 128; a photograph, even at night, has lights.
_DARK = 128
_EXAMINED_SIDE = 1000  # rows and columns of a large image from which its brightness is estimated
# Resizing with a cubic filter overshoots; such floats are meant as 0..1 or 0..255.
_OVERSHOOT = 0.2


def as_rgb(image: npt.ArrayLike, name: str = "image") -> Array:
    """Copy an image of any kind to uint8 RGB, scaled and if necessary brightened to be seen.

    Pixel types are scaled as detection does with IMAGE_SCALING = "auto", see
    `mrcnn.images.pixels.as_channels`: 16-bit images channel by channel, from their 1st to their
    99.8th percentile. Images with negative values, such as molded ones, are scaled the same way.
    A picture that is dark after that, 8-bit images included, is stretched, all channels alike,
    unless it has a single value only.

    One channel is shown in grey, and two as red and green. Of more than three channels, the first
    three are shown as red, green and blue: an alpha channel is dropped. Masked pixels, NaN and
    infinite values count as no data: they do not affect the contrast.

    Args:
        image: [H, W] or [H, W, C], numbers, booleans or a masked array.
        name: the image's name in error messages.

    Returns:
        uint8 [H, W, 3].

    Raises:
        TypeError: not an array of numbers or booleans.
        ValueError: the image has any other shape, or no pixels.

    Example:
        >>> from mrcnn.visualize.pictures import as_rgb
        >>> camera = np.linspace(300, 4000, 12, dtype=np.uint16).reshape(3, 4)
        >>> as_rgb(camera)[..., 0]
        array([[  0,  21,  44,  68],
               [ 91, 115, 138, 162],
               [185, 209, 232, 255]], dtype=uint8)
    """
    pixels = np.asanyarray(image)  # masked arrays keep their masks
    pixels = pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
    if pixels.ndim != 3 or 0 in pixels.shape:
        raise ValueError(
            f"{name} has shape {pixels.shape}: it must be [H, W] or [H, W, channels], with at "
            "least one pixel"
        )
    pixels = _scaled(pixels[..., :3], name)
    if pixels.shape[2] == 2:
        pixels = np.pad(pixels, [(0, 0), (0, 0), (0, 1)])
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def is_dark(pixels: Array) -> bool:
    """Whether pixels on a scale of 0..255 are too dark to see, and not all of one value.

    Args:
        pixels: [H, W] or [H, W, C] numbers.
    """
    low, high = _brightness(pixels)
    return low < high < _DARK


def _scaled(pixels: Array, name: str) -> Array:
    """Scale [H, W, C] to uint8 and brighten it if it is dark."""
    channels = pixels.shape[2]
    if pixels.dtype.kind == "f":
        pixels = _within_range(pixels)
    try:
        pixels, _ = scale(pixels, channels, name)  # detection logs the remarks
    except ValueError:  # values for which "auto" has no range
        pixels, _ = scale(pixels, channels, name, "percentile")
    if not is_dark(pixels):
        return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    # `as_channels` never changes uint8.
    return scale(pixels.astype(np.float32), channels, name, _brightness(pixels))[0]


def _within_range(pixels: Array) -> Array:
    """Floats with NaN instead of infinity, and clipped if they overshoot 0..1 or 0..255."""
    if isinstance(pixels, np.ma.MaskedArray):
        pixels = np.where(np.ma.getmaskarray(pixels), np.nan, np.ma.getdata(pixels))
    finite = np.isfinite(pixels)
    if not finite.any():
        return np.zeros(pixels.shape, np.uint8)
    pixels = pixels if finite.all() else np.where(finite, pixels, np.nan)
    low, high = np.nanmin(pixels), np.nanmax(pixels)
    for full in (1, 255):
        if low >= -_OVERSHOOT * full and full / 2 < high <= (1 + _OVERSHOOT) * full:
            return np.clip(pixels, 0, full)
    return pixels


def _brightness(pixels: Array) -> tuple[float, float]:
    """The values that count as the darkest and the brightest, without a few outliers."""
    steps = (max(1, side // _EXAMINED_SIDE) for side in pixels.shape[:2])
    examined = pixels[tuple(slice(None, None, step) for step in steps)]
    low, high = (float(value) for value in np.percentile(examined, PERCENTILES))
    return (low, high) if high > low else (float(pixels.min()), float(pixels.max()))
