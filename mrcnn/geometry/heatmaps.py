"""Keypoint positions from heatmaps, finer than the heatmap's cells, as in Detectron2."""

import functools
import math

import numpy as np
import numpy.typing as npt

from ..types import Array
from .resampling import half_pixel_centres

# Of the cubic convolution kernel, as in PyTorch.
_A = -0.75


def keypoints_of_heatmaps(
    heatmaps: npt.ArrayLike, boxes: npt.ArrayLike
) -> tuple[Array, Array, Array]:
    """The position of the maximum of each heatmap, after bicubic resizing to the size of its box.

    The map is resized to the sides of the box rounded up, and the maximum's pixel centre is scaled
    back to the exact sides.

    Args:
        heatmaps: float [N, h, w, K], logits.
        boxes: [N, 4] pixels, the boxes that the maps cover. A side below 1 counts as 1.

    Returns:
        positions: float32 [N, K, 2] of (y, x) in pixels.
        logits: float32 [N, K], the maximum of the resized map.
        scores: float32 [N, K], `exp(maximum)` divided by the sum of `exp` over the map before
            resizing, as in Detectron2. That makes boxes of different sizes comparable, but a score
            may exceed 1.

    Example:
        >>> from mrcnn.geometry.heatmaps import keypoints_of_heatmaps
        >>> heatmap = np.zeros((1, 4, 4, 1))
        >>> heatmap[0, 1, 2, 0] = 9
        >>> positions, logits, scores = keypoints_of_heatmaps(heatmap, [[10, 20, 14, 24]])
        >>> positions, logits
        (array([[[11.5, 22.5]]], dtype=float32), array([[9.]], dtype=float32))
    """
    maps = np.asarray(heatmaps, np.float32)
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    count, height, width, kinds = maps.shape
    positions = np.zeros((count, kinds, 2), np.float32)
    logits = np.zeros((count, kinds), np.float32)
    scores = np.zeros((count, kinds), np.float32)
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1)
    for n in range(count):
        tall, wide = (math.ceil(side) for side in sides[n].tolist())
        planes = maps[n].transpose(2, 0, 1)  # [K, h, w]
        rows = np.matmul(_bicubic(height, tall), planes)  # [K, tall, w]
        resized = np.matmul(rows, _bicubic(width, wide).T).reshape(kinds, -1)
        best = resized.argmax(axis=1)
        pixels = np.stack(np.divmod(best, wide), axis=1)  # (row, column)
        scale = sides[n] / np.array([tall, wide], np.float32)
        positions[n] = (pixels + np.float32(0.5)) * scale + boxes[n, :2]
        logits[n] = resized[np.arange(kinds), best]
        scores[n] = 1 / np.exp(planes - logits[n][:, None, None]).sum(axis=(1, 2))
    return positions, logits, scores


@functools.lru_cache(maxsize=256)
def _bicubic(size: int, count: int) -> Array:
    """Weights float32 [count, size] that resize a side; the border is repeated beyond the ends."""
    below, weight = half_pixel_centres(size, count)
    weights = np.zeros((count, size))
    rows = np.arange(count)
    for offset in (-1, 0, 1, 2):
        distance = np.abs(weight - offset)
        near = ((_A + 2) * distance - (_A + 3)) * distance**2 + 1
        far = ((_A * distance - 5 * _A) * distance + 8 * _A) * distance - 4 * _A
        columns = np.clip(below + offset, 0, size - 1)
        np.add.at(weights, (rows, columns), np.where(distance <= 1, near, far))
    weights = weights.astype(np.float32)
    weights.flags.writeable = False  # the cache gives the same array to every caller
    return weights
