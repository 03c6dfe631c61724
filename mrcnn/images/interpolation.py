"""Interpolation of images by the rule of IMAGE_RESAMPLING."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from ..geometry.float_resampling import resize_float
from ..geometry.resampling import resize_pixels
from ..types import Array


def interpolate(
    image: Array,
    size: tuple[int, int],
    resampling: str = "reference",
    window: Sequence[int] | None = None,
) -> Array:
    """Resize an image.

    Args:
        image: [H, W, C], values in 0..255.
        size: (height, width) of the result in pixels.
        resampling: "reference", see `resize_pixels`; "torchvision", see `resize_float`;
            "detectron2", Pillow's bilinear filter, which averages where it shrinks. Floats are
            resized as by "torchvision" then, as Detectron2 does.
        window: (y1, x1, y2, x2) pixels, the part of the result to return; None for all of it.

    Returns:
        [height, width, C], or [y2 - y1, x2 - x1, C] with a window: in the image's dtype
        ("reference"), float32 ("torchvision"), or uint8 ("detectron2", float32 for floats).

    Example:
        >>> from mrcnn.images.interpolation import interpolate
        >>> row = np.array([0, 100, 200, 255], np.uint8).reshape(1, 4, 1)
        >>> interpolate(row, (1, 2)).ravel()
        array([ 50, 227], dtype=uint8)
        >>> interpolate(row, (1, 2), "torchvision").ravel()
        array([ 50. , 227.5], dtype=float32)
        >>> interpolate(row, (1, 2), "detectron2").ravel()
        array([ 71, 209], dtype=uint8)
    """
    if resampling == "reference":
        return resize_pixels(image, size, window)
    if resampling == "torchvision" or image.dtype.kind == "f":
        resized = resize_float(image, size)
    else:
        resized = _by_pillow(image.astype(np.uint8, copy=False), size)
    if window is None:
        return resized
    y1, x1, y2, x2 = window
    return np.ascontiguousarray(resized[y1:y2, x1:x2])


def _by_pillow(image: Array, size: tuple[int, int]) -> Array:
    """`image`, uint8 [H, W, C]; Pillow takes one or three channels at a time."""
    height, width = size
    step = 3 if image.shape[2] == 3 else 1
    parts = []
    for first in range(0, image.shape[2], step):
        part = np.ascontiguousarray(image[:, :, first : first + step])
        picture = Image.fromarray(part if step == 3 else part[:, :, 0])
        resized = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
        parts.append(resized.reshape(height, width, step))
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)
