"""Recognise images that were molded before `detect`, which molds them itself."""

import logging
import weakref
from typing import Any

import numpy as np

from ..config import Config
from ..types import Array

logger = logging.getLogger(__name__)

# Pixels of an 8-bit image are whole numbers once the mean is added back, up to rounding of float32.
_ROUNDING = 1e-3
# Other molded images cover at least this many grey levels in a channel. Standardised images, and
# those scaled to -1..1, cover fewer.
_LEAST_RANGE = 16

# Configurations whose models have warned.
_warned: "weakref.WeakSet[Config]" = weakref.WeakSet()


def with_mean(image: Any, config: Config) -> Any:
    """Add the mean pixel back to a molded image; return any other image as it is.

    Args:
        image: array [H, W, C], or anything else that `detect` is given.
        config: MEAN_PIXEL, PIXEL_STD and IMAGE_SCALING; only with "auto" is an image taken for a
            molded one, because with other scalings floats of any range are pixels.

    Returns:
        the image before `mold_image`, [H, W, C]: uint8 if it was made of whole numbers, else
        float64. For the first molded image of a configuration, a warning is logged.

    Example:
        >>> from mrcnn.config import Config
        >>> from mrcnn.images.normalising import mold_image
        >>> from mrcnn.inference.molded import with_mean
        >>> config = Config()
        >>> with_mean(mold_image(np.full((1, 1, 3), 7, np.uint8), config), config)
        array([[[7, 7, 7]]], dtype=uint8)
    """
    pixels = _before_molding(image, config)
    if pixels is None:
        return image
    if config not in _warned:
        _warned.add(config)
        logger.warning(
            "an image has values %.1f to %.1f, as mold_image() returns: the mean pixel was added "
            "back. detect() molds images itself: call model.detect([image]) with the pixels as "
            "they were read, from 0 to 255.",
            *(image.min(), image.max()),
        )
    return pixels


def _before_molding(image: Any, config: Config) -> Array | None:
    """The pixels that `mold_image` was given, or None if it probably was not called."""
    mean = np.asarray(config.MEAN_PIXEL, np.float64)
    std = np.asarray(getattr(config, "PIXEL_STD", 1.0), np.float64)
    if (
        not isinstance(image, np.ndarray)
        or image.dtype.kind != "f"
        or image.ndim != 3
        or not image.size
        or mean.shape not in ((), (1,), image.shape[-1:])
        or std.shape not in ((), (1,), image.shape[-1:])
        or not isinstance(config.IMAGE_SCALING, str)
        or config.IMAGE_SCALING != "auto"
    ):
        return None
    low = image.min()
    least, most = (-mean / std).min(), ((255 - mean) / std).max()
    # NaN fails these tests too. A bright image may be molded although no value is below 0.
    if not low >= least - _ROUNDING or not image.max() <= most + _ROUNDING:
        return None
    pixels = image * std + mean
    if pixels.min() < -_ROUNDING or pixels.max() > 255 + _ROUNDING:
        return None
    whole = np.rint(pixels)
    is_whole = bool((np.abs(pixels - whole) <= _ROUNDING).all())
    if low >= 0 and (not is_whole or bool((np.abs(image - np.rint(image)) <= _ROUNDING).all())):
        return None
    if is_whole:
        return whole.astype(np.uint8)
    # Divided by a deviation, pixels cover as little as those of other images.
    is_wide = np.all(std == 1) and np.ptp(image, axis=(0, 1)).max() >= _LEAST_RANGE
    return np.clip(pixels, 0, 255) if is_wide else None
