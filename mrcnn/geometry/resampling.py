"""Resampling of images and masks: samples lie at half-pixel centres.

Pixel i of a side of n pixels has its centre at i + 0.5, and sides that are resized keep their ends.
"""

import functools

import numpy as np
import scipy.sparse

# Added before truncation to integers: float noise of 1e-13 must not turn an exact 120 into 119.
_TRUNCATION_EPSILON = 1e-6


def bilinear(image, output_shape, edge=False):
    """`resize.resize` with its defaults, or with mode "edge", but several times faster.

    There is no anti-aliasing and no scaling to 0..1.

    Args:
        image: [H, W, ...], any type of numbers.
        output_shape: (height, width).
        edge: False takes the outside of the image as zero, True repeats its border.

    Returns:
        [height, width, ...], float64 for integers and float64, float32 for all others. Within
        the range of the values of `image` when `edge`.
    """
    height, width = output_shape[:2]
    rows = _interpolate_rows(image, height, edge)  # [height, W, ...]
    columns = _interpolate_rows(np.swapaxes(rows, 0, 1), width, edge)  # [width, height, ...]
    return np.swapaxes(columns, 0, 1)


def _interpolate_rows(image, count, edge):
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


def half_pixel_centres(size, count):
    """Where the pixels of a resized side lie between those of the original.

    Args:
        size: pixels of the side, or an array of them [N, 1].
        count: pixels that it is resized to.

    Returns:
        below: int [count] (or [N, count]), the pixel before; -1 before the first.
        weight: float64 of the same shape, the share of the pixel after it.
    """
    # Pixel i lies at (i + 0.5) * size / count - 0.5. In integers, so that a sample on a pixel
    # centre or halfway between two is exactly there.
    below, remainder = np.divmod((2 * np.arange(count) + 1) * size - count, 2 * count)
    return below, remainder / (2 * count)


def nearest_pixels(size, scale):
    """Which pixel each one of a scaled side takes: the one under its centre.

    Args:
        size: pixels of the side.
        scale: factor.

    Returns:
        int [max(1, round(size * scale))], never falling.
    """
    scaled = scaled_side(size, scale)
    return (2 * np.arange(scaled) + 1) * size // (2 * scaled)


def scaled_side(size, scale):
    """Pixels of a side of `size` times `scale`: one at least, however elongated the image is."""
    return max(1, round(size * scale))


def resize_pixels(image, output_shape, window=None):
    """`bilinear` with repeated borders in the dtype of the image, for whole images.

    Args:
        image: [H, W, C]; integers are truncated after the interpolation.
        output_shape: (height, width).
        window: (y1, x1, y2, x2), the part of the result that is wanted; None is all of it. Its
            pixels are those of the whole result, without computing the others.

    Returns:
        [height, width, C], or [y2 - y1, x2 - x1, C] of a window.
    """
    height, width, channels = *output_shape, image.shape[2]
    y1, x1, y2, x2 = window or (0, 0, height, width)
    rows = _mixture(image.shape[0], height)[y1:y2] @ image.reshape(
        len(image), -1
    )  # [y2 - y1, W * C]
    rows = rows.reshape(y2 - y1, image.shape[1], channels).swapaxes(0, 1)
    pixels = _mixture(image.shape[1], width)[x1:x2] @ rows.reshape(len(rows), (y2 - y1) * channels)
    pixels = pixels.reshape(x2 - x1, y2 - y1, channels).swapaxes(0, 1)
    if image.dtype.kind in "ui":
        pixels += _TRUNCATION_EPSILON
    return np.ascontiguousarray(pixels, image.dtype)


@functools.lru_cache(maxsize=64)
def _mixture(size, count):
    """Sparse matrix [count, size] that resizes a side: two neighbours make a pixel."""
    below, weight = half_pixel_centres(size, count)
    columns = np.concatenate([np.maximum(below, 0), np.minimum(below + 1, size - 1)])
    rows = np.tile(np.arange(count), 2)
    values = np.concatenate([1 - weight, weight])
    return scipy.sparse.csr_array((values, (rows, columns)), shape=(count, size))
