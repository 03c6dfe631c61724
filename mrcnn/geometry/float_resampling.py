"""Bilinear resizing in float32, as PyTorch and torchvision compute it.

Positions are those of `resampling`, half-pixel centres without smoothing, but are computed in
float32 as well: at pixel 1000 they are off by 1e-4 pixels, which shows in the pixels' values.
"""

import functools

import numpy as np
import scipy.sparse

from ..types import Array
from .resampling import mixing_matrix

# Matrices of whole images are a few hundred kB each.
_CACHED = 32


def resize_float(image: Array, size: tuple[int, int]) -> Array:
    """Resize an image bilinearly; the border is repeated beyond the ends.

    Args:
        image: [H, W, C], any numeric dtype.
        size: (height, width) of the result in pixels.

    Returns:
        float32 [height, width, C], not rounded.

    Example:
        >>> from mrcnn.geometry.float_resampling import resize_float
        >>> row = np.array([0, 100], np.uint8).reshape(1, 2, 1)
        >>> resize_float(row, (1, 4)).ravel()
        array([  0.,  25.,  75., 100.], dtype=float32)
    """
    height, width = size
    tall, wide, channels = image.shape
    # Columns first, as PyTorch does; rows of the image that no row of the result needs are many
    # when it shrinks, but leaving them out would cost more than it saves.
    columns = image.astype(np.float32, copy=False).transpose(1, 0, 2).reshape(wide, -1)
    columns = (_matrix(wide, width) @ columns).reshape(width, tall, channels)
    rows = np.ascontiguousarray(columns.transpose(1, 0, 2)).reshape(tall, -1)
    return (_matrix(tall, height) @ rows).reshape(height, width, channels)


def linear_weights(size: int, count: int) -> tuple[Array, Array, Array]:
    """The two pixels between which each pixel of a resized side lies, and the weight of the second.

    Args:
        size: length of the side in pixels.
        count: length after resizing, in pixels.

    Returns:
        first, second: int64 [count], indices of pixels.
        weight: float32 [count], of the second.

    Example:
        >>> from mrcnn.geometry.float_resampling import linear_weights
        >>> linear_weights(2, 4)
        (array([0, 0, 0, 1]), array([1, 1, 1, 1]), array([0.  , 0.25, 0.75, 0.25], dtype=float32))
    """
    scale = np.float32(size) / np.float32(count)
    position = scale * (np.arange(count, dtype=np.float32) + np.float32(0.5)) - np.float32(0.5)
    position = np.maximum(position, np.float32(0))
    first = np.minimum(position.astype(np.int64), size - 1)
    second = np.minimum(first + 1, size - 1)
    return first, second, np.clip(position - first.astype(np.float32), 0, 1)


@functools.lru_cache(maxsize=_CACHED)
def _matrix(size: int, count: int) -> scipy.sparse.csr_array:
    return mixing_matrix(*linear_weights(size, count), size)
