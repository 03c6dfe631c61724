"""How much the masks of an image overlap."""

import numpy as np

from ..types import Array
from .masks import InstanceMasks

_CHUNK_PIXELS = 1 << 16


def intersections(first: InstanceMasks, second: InstanceMasks) -> Array:
    """Number of pixels that each pair of masks shares.

    Args:
        first, second: masks of N and M instances of one image.

    Returns:
        int64 [N, M].
    """
    a, b = first.boxes.astype(np.int64), second.boxes.astype(np.int64)
    starts = np.maximum(a[:, None, :2], b[:, :2])  # [N, M, (y, x)]
    ends = np.minimum(a[:, None, 2:], b[:, 2:])
    shared = np.zeros((len(a), len(b)), np.int64)
    for i, j in np.argwhere((ends > starts).all(axis=2)):
        (y1, x1), (y2, x2) = starts[i, j], ends[i, j]
        of_first = first.crops[i][y1 - a[i, 0] : y2 - a[i, 0], x1 - a[i, 1] : x2 - a[i, 1]]
        of_second = second.crops[j][y1 - b[j, 0] : y2 - b[j, 0], x1 - b[j, 1] : x2 - b[j, 1]]
        shared[i, j] = np.count_nonzero(of_first & of_second)
    return shared


def iou(first: InstanceMasks, second: InstanceMasks) -> Array:
    """Intersection over union of every pair of masks.

    Args:
        first, second: masks of N and M instances of one image.

    Returns:
        float64 [N, M]; 0 where both masks are empty.

    Example:
        >>> from mrcnn.instances import InstanceBoxes
        >>> from mrcnn.instances.overlaps import iou
        >>> masks = InstanceBoxes([[0, 0, 10, 10], [0, 5, 10, 10]], (20, 20)).filled()
        >>> iou(masks, masks)
        array([[1. , 0.5],
               [0.5, 1. ]])
    """
    both = intersections(first, second)
    union = first.areas[:, None] + second.areas - both
    return both / np.maximum(union, 1)


def compute_overlaps_masks(masks1: Array, masks2: Array) -> Array:
    """Intersection over union of every pair of masks.

    Args:
        masks1: [H, W, N1]; a value above 0.5 is inside.
        masks2: [H, W, N2], of the same height and width.

    Returns:
        [N1, N2] float32, 0 where both masks are empty.
    """
    count1, count2 = masks1.shape[-1], masks2.shape[-1]
    if not count1 or not count2:
        return np.zeros((count1, count2), np.float32)
    flat1 = masks1.reshape(-1, count1)  # [H * W, N1]
    flat2 = masks2.reshape(-1, count2)
    intersection = np.zeros((count1, count2))
    area1, area2 = np.zeros(count1), np.zeros(count2)
    for start in range(0, len(flat1), _CHUNK_PIXELS):
        inside1 = (flat1[start : start + _CHUNK_PIXELS] > 0.5).astype(np.float32)
        inside2 = (flat2[start : start + _CHUNK_PIXELS] > 0.5).astype(np.float32)
        intersection += inside1.T @ inside2
        area1 += inside1.sum(axis=0)
        area2 += inside2.sum(axis=0)
    union = area1[:, None] + area2 - intersection
    return (intersection / np.maximum(union, 1)).astype(np.float32)
