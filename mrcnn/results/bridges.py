"""One closed ring for an object of several rings, where a file has one polygon per object."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from ..types import Array
from .polygons import Outline


def one_ring(outlines: Sequence[Outline]) -> Array:
    """A single ring around the pieces of an object and, inside them, around their holes.

    Bridges without width join the rings: the ring crosses each bridge once in each direction, so
    that area and pixels stay the same, by the even-odd rule and by winding numbers. Bridges are
    horizontal and vertical, so rounding cannot shift one direction against the other.

    Args:
        outlines: of one object, at least one.

    Returns:
        [P, (x, y)] pixels; the ring of the outline itself if there is only one.

    Example:
        >>> from mrcnn.results.bridges import one_ring
        >>> from mrcnn.results.polygons import outlines
        >>> one_ring(outlines(np.array([[1, 0, 1]]))).tolist()
        [[0, 0], [1, 0], [2, 0], [3, 0], [3, 1], [2, 1], [2, 0], [1, 0], [1, 1], [0, 1]]
    """
    whole, *others = (ring for outline in outlines for ring in outline.rings)
    for ring in others:
        distances, nearest = cKDTree(whole).query(ring)
        there = int(np.argmin(distances))
        whole = _joined(whole, int(nearest[there]), ring, there)
    return whole


def _joined(whole: Array, here: int, ring: Array, there: int) -> Array:
    """`whole` up to `here`, over the bridge, around the ring from `there`, back, and onwards."""
    (x1, y1), (x2, y2) = whole[here], ring[there]
    elbow = np.array([[x2, y1]])[: int(x1 != x2 and y1 != y2)].astype(whole.dtype)
    around = np.concatenate([ring[there:], ring[: there + 1]])
    return np.concatenate([whole[: here + 1], elbow, around, elbow, whole[here:]])
