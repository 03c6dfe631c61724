"""Pasting of masks exactly as torchvision and Detectron2 do, where their rules differ from ours.

A rule takes one mask, its box and the image's shape, and returns the mask's pixels in the part of
the image that it covers, and where that begins.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ..geometry.float_resampling import linear_weights
from ..types import Array

Placed = tuple[Array, tuple[int, int]]


def paste_torchvision(mask: Array, box: Array, image_shape: Sequence[int]) -> Placed:
    """Enlarge mask and box by a border of one empty cell, and the box to whole pixels.

    The enlarged box is truncated to whole numbers and gets one pixel more in height and width; the
    mask is resized to it with half-pixel centres.

    Args:
        mask: [h, w] float in 0..1.
        box: [4] float pixels.
        image_shape: (height, width, ...) of the image.

    Returns:
        float32 [height, width], values in 0..1 in the visible part of the enlarged box, and its
        (y, x).
    """
    bordered = np.pad(np.asarray(mask, np.float32), 1)
    start, end = np.asarray(box, np.float32).reshape(2, 2)
    factor = np.array(bordered.shape, np.float32) / np.array(np.shape(mask), np.float32)
    half, centre = (end - start) * np.float32(0.5) * factor, (end + start) * np.float32(0.5)
    first = np.trunc(centre - half).astype(np.int64)
    sides = np.maximum(np.trunc(centre + half).astype(np.int64) - first + 1, 1)
    places, corner = [], []
    for axis in (0, 1):
        low = max(0, -int(first[axis]))
        high = min(int(sides[axis]), image_shape[axis] - int(first[axis]))
        visible = slice(low, max(low, high))
        before, after, weight = linear_weights(bordered.shape[axis], int(sides[axis]))
        places.append((before[visible], after[visible], weight[visible]))
        corner.append(int(first[axis]) + low)
    return _sampled(bordered, places), (corner[0], corner[1])


def paste_detectron2(mask: Array, box: Array, image_shape: Sequence[int]) -> Placed:
    """Sample the mask at the centres of the image's pixels; outside its cells it is 0.

    Args:
        mask, box, image_shape: see `paste_torchvision`.

    Returns:
        float32 [height, width], values in 0..1 in the visible part of the box rounded outwards, and
        its (y, x).
    """
    start, end = np.asarray(box, np.float32).reshape(2, 2)
    bordered = np.pad(np.asarray(mask, np.float32), 1)
    places, corner = [], []
    for axis, cells in enumerate(np.shape(mask)):
        low = max(0, math.floor(start[axis]))
        high = max(low, min(image_shape[axis], math.ceil(end[axis])))
        centres = np.arange(low, high, dtype=np.float32) + np.float32(0.5)
        length = max(end[axis] - start[axis], np.float32(1e-6))
        # As in PyTorch's grid_sample: from -1..1 to cells.
        relative = (centres - start[axis]) / length * 2 - 1
        position = ((relative + 1) * np.float32(cells) - 1) / 2
        before = np.floor(position).astype(np.int64)
        weight = position - before.astype(np.float32)
        # In the border, where all is 0, lie all cells outside.
        first, second = (np.clip(before + n, 0, cells + 1) for n in (1, 2))
        places.append((first, second, weight))
        corner.append(low)
    return _sampled(bordered, places), (corner[0], corner[1])


def _sampled(cells: Array, sides: Sequence[tuple[Array, Array, Array]]) -> Array:
    """Interpolate between cells [h, w] along columns, then rows.

    Matrix products would do the same, but start threads for each of these small ones.
    """
    for axis in (1, 0):
        before, after, weight = sides[axis]
        weight = weight if axis else weight[:, None]
        first, second = cells.take(before, axis), cells.take(after, axis)
        first *= 1 - weight
        second *= weight
        first += second
        cells = first
    return cells


def _above_half(soft: Array) -> Array:
    return soft > 0.5


def _half_and_above(soft: Array) -> Array:
    return soft >= 0.5


# How a rule pastes, and which of its values are inside.
RULES: dict[str, tuple[Callable[[Array, Array, Sequence[int]], Placed], Callable[[Array], Array]]]
RULES = {
    "torchvision": (paste_torchvision, _above_half),
    "detectron2": (paste_detectron2, _half_and_above),
}


def pasted_crops(
    masks: Array, boxes: Array, image_shape: Sequence[int], rule: str
) -> Iterator[Placed]:
    """Paste the masks of an image, one by one, each as a crop.

    Args:
        masks: [N, h, w] float in 0..1.
        boxes: [N, 4] float pixels.
        image_shape: (height, width, ...) of the image.
        rule: "torchvision" or "detectron2".

    Yields:
        A bool array inside the image, and the (y, x) of its first pixel.

    Example:
        >>> from mrcnn.instances.paste_rules import pasted_crops
        >>> boxes = np.array([[1.5, 2.5, 3.5, 4.5]])
        >>> [(crop, corner)] = pasted_crops(np.ones((1, 28, 28)), boxes, (9, 9), "detectron2")
        >>> corner, crop.astype(int).tolist()
        ((1, 2), [[0, 1, 0], [1, 1, 1], [0, 1, 0]])
    """
    paste, inside = RULES[rule]
    for mask, box in zip(masks, boxes, strict=True):
        soft, corner = paste(mask, box, image_shape)
        yield inside(soft), corner
