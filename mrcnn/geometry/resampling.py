"""Resampling of images and masks: samples lie at half-pixel centres.

The centre of pixel i is at i + 0.5, and the ends of a side stay in place when it is resized.
"""

import functools
from collections.abc import Sequence

import numpy as np
import scipy.sparse

from ..types import Array

# Added before truncation to integers: float noise of 1e-13 must not turn an exact 120 into 119.
_TRUNCATION_EPSILON = 1e-6


def bilinear(image: Array, output_shape: Sequence[int], edge: bool = False) -> Array:
    """Resize bilinearly: `resize.resize` with its defaults or mode "edge", several times faster.

    There is no anti-aliasing and no scaling to 0..1.

    Args:
        image: [H, W, ...], any numeric dtype.
        output_shape: (height, width).
        edge: False treats the outside of the image as zero, True repeats its border.

    Returns:
        [height, width, ...], float64 for integer and float64 images, float32 for all others. With
        `edge`, values stay within the range of `image`.
    """
    height, width = output_shape[:2]
    rows = _interpolate_rows(image, height, edge)  # [height, W, ...]
    columns = _interpolate_rows(np.swapaxes(rows, 0, 1), width, edge)  # [width, height, ...]
    return np.swapaxes(columns, 0, 1)


def _interpolate_rows(image: Array, count: int, edge: bool) -> Array:
    below, weight = half_pixel_centres(len(image), count)
    dtype = np.float64 if image.dtype.kind in "ui" else np.result_type(image, np.float32)
    weight = weight.astype(dtype).reshape(-1, *[1] * (image.ndim - 1))  # [count, 1, ...]
    if not edge:
        border = np.zeros_like(image[:1])
        image, below = np.concatenate([border, image, border]), below + 1
    first = image[np.maximum(below, 0)].astype(dtype, copy=False)
    second = image[np.minimum(below + 1, len(image) - 1)].astype(dtype, copy=False)
    second -= first
    second *= weight
    second += first
    return second


def half_pixel_centres(size: int | Array, count: int) -> tuple[Array, Array]:
    """Locate the pixels of a resized side between the original ones.

    Args:
        size: length of the side in pixels, or an array [N, 1] of lengths.
        count: length after resizing, in pixels.

    Returns:
        below: int [count] (or [N, count]), the original pixel before; -1 before the first.
        weight: float64 of the same shape, the weight of the pixel after it.
    """
    # Pixel i lies at (i + 0.5) * size / count - 0.5. Integers keep a sample exact if it lies on a
    # pixel centre or halfway between two.
    below, remainder = np.divmod((2 * np.arange(count) + 1) * size - count, 2 * count)
    return below, remainder / (2 * count)


def per_axis(scale: float | Sequence[float]) -> tuple[float, float]:
    """The factors of height and width that `scale` stands for: one number, or two.

    Example:
        >>> from mrcnn.geometry.resampling import per_axis
        >>> per_axis(2), per_axis((2, 3))
        ((2, 2), (2, 3))
    """
    if isinstance(scale, Sequence):
        vertical, horizontal = scale
        return vertical, horizontal
    return scale, scale


def nearest_pixels(size: int, scale: float) -> Array:
    """For each pixel of a scaled side, the original pixel under its centre.

    Args:
        size: length of the side in pixels.
        scale: factor.

    Returns:
        int [max(1, round(size * scale))], non-decreasing.
    """
    scaled = scaled_side(size, scale)
    return (2 * np.arange(scaled) + 1) * size // (2 * scaled)


def scaled_side(size: int, scale: float) -> int:
    """Length in pixels of a side of `size` after scaling by `scale`; at least 1."""
    return max(1, round(size * scale))


def resize_pixels(
    image: Array, output_shape: tuple[int, int], window: Sequence[int] | None = None
) -> Array:
    """Resize a whole image: `bilinear` with repeated borders, in the image's dtype.

    Args:
        image: [H, W, C]; integers are truncated after interpolation.
        output_shape: (height, width).
        window: (y1, x1, y2, x2), the part of the result to compute; None for all of it. Its pixels
            equal those of the whole result.

    Returns:
        [height, width, C], or [y2 - y1, x2 - x1, C] with a window.

    Example:
        >>> from mrcnn.geometry.resampling import resize_pixels
        >>> row = np.array([0, 100], np.uint8).reshape(1, 2, 1)
        >>> resize_pixels(row, (1, 4)).ravel()
        array([  0,  25,  75, 100], dtype=uint8)
    """
    height, width, channels = *output_shape, image.shape[2]
    y1, x1, y2, x2 = window or (0, 0, height, width)
    vertical = _resize_matrix(len(image), height)[y1:y2]
    rows = vertical @ image.reshape(len(image), -1)  # [y2 - y1, W * C]
    rows = rows.reshape(y2 - y1, image.shape[1], channels).swapaxes(0, 1)
    horizontal = _resize_matrix(len(rows), width)[x1:x2]
    pixels = horizontal @ rows.reshape(len(rows), (y2 - y1) * channels)
    pixels = pixels.reshape(x2 - x1, y2 - y1, channels).swapaxes(0, 1)
    if image.dtype.kind in "ui":
        pixels += _TRUNCATION_EPSILON
    return np.ascontiguousarray(pixels, image.dtype)


@functools.lru_cache(maxsize=64)
def _resize_matrix(size: int, count: int) -> scipy.sparse.csr_array:
    below, weight = half_pixel_centres(size, count)
    return mixing_matrix(np.maximum(below, 0), np.minimum(below + 1, size - 1), weight, size)


def mixing_matrix(first: Array, second: Array, weight: Array, size: int) -> scipy.sparse.csr_array:
    """The sparse matrix that resizes a side: each pixel mixes two of the original ones.

    Args:
        first, second: int [N], indices of the two pixels.
        weight: float [N], that of the second.
        size: number of original pixels.

    Returns:
        [N, size], of the dtype of `weight`.
    """
    rows = np.tile(np.arange(len(weight)), 2)
    values = np.concatenate([1 - weight, weight])
    columns = np.concatenate([first, second])
    return scipy.sparse.csr_array((values, (rows, columns)), shape=(len(weight), size))
