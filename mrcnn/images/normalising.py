"""Normalising pixels: the mean is subtracted, and the rest divided by the deviation."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..types import Array
from .resizing import Window

# What padding is filled with in the input of an exported model, which finds the window by it. It is
# finite, because ONNX files select by multiplying with 0 and 1.
PADDING = -1e9


class MeanPixel(Protocol):
    """The settings of a `Config` by which pixels are normalised: also PIXEL_STD, if it has one."""

    @property
    def MEAN_PIXEL(self) -> npt.ArrayLike:
        """See `Config`."""


def mold_image(images: npt.ArrayLike, config: MeanPixel) -> Array:
    """Subtract the mean pixel and divide by the standard deviation.

    Args:
        images: [..., H, W, C], RGB in 0..255.
        config: MEAN_PIXEL and PIXEL_STD, one value per channel or one for all.

    Returns:
        float32 of the same shape.

    Example:
        >>> from mrcnn.config import Config
        >>> from mrcnn.images.normalising import mold_image
        >>> image = np.full((1, 1, 3), 124, np.uint8)
        >>> mold_image(image, Config())  # MEAN_PIXEL is 123.7, 116.8, 103.9
        array([[[ 0.3,  7.2, 20.1]]], dtype=float32)
    """
    molded = np.empty(np.shape(images), np.float32)
    std = _pixel_std(config)
    if np.all(std == 1):
        return np.subtract(images, config.MEAN_PIXEL, dtype=np.float64, out=molded)
    return np.divide(np.subtract(images, config.MEAN_PIXEL, dtype=np.float64), std, out=molded)


def unmold_image(normalized_images: npt.ArrayLike, config: MeanPixel) -> Array:
    """Multiply by the deviation, add the mean pixel and round; the inverse of `mold_image`.

    Args:
        normalized_images: [..., H, W, C], as `mold_image` returned them.
        config: MEAN_PIXEL and PIXEL_STD, one value per channel or one for all.

    Returns:
        uint8 of the same shape.

    Example:
        >>> from mrcnn.config import Config
        >>> from mrcnn.images.normalising import mold_image, unmold_image
        >>> image = np.full((1, 1, 3), 124, np.uint8)
        >>> unmold_image(mold_image(image, Config()), Config())
        array([[[124, 124, 124]]], dtype=uint8)
    """
    std = _pixel_std(config)
    if not np.all(std == 1):
        normalized_images = np.multiply(normalized_images, std, dtype=np.float64)
    pixels = np.add(normalized_images, config.MEAN_PIXEL, dtype=np.float64)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def _pixel_std(config: MeanPixel) -> Array:
    # Objects with only a MEAN_PIXEL, as code written for the reference may pass, are accepted.
    return np.asarray(getattr(config, "PIXEL_STD", 1.0), np.float64)


def mold_resized(image: Array, window: Window, config: Any) -> Array:
    """`mold_image` for an image at the network's size.

    With IMAGE_RESIZE_MODE "short_side", the padding is 0 afterwards, as in torchvision and
    Detectron2; in the other modes it was 0 before, as in the reference.

    Args:
        image: [h, w, C], as `resize_image` returned it.
        window: (y1, x1, y2, x2) pixels, the part that is not padding.
        config: a `Config`.

    Returns:
        float32 [h, w, C].
    """
    molded = mold_image(image, config)
    if config.IMAGE_RESIZE_MODE == "short_side":
        _, _, bottom, right = window
        molded[bottom:] = 0
        molded[:, right:] = 0
    return molded
