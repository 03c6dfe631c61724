"""Outlines with few corners, for people who drag them."""

from collections.abc import Sequence

import numpy as np

from ..formats.shapes import Polygon
from ..types import Array
from .polygons import Outline

# How far corners that are left out may lie from the new side, in pixels, from coarse to fine.
_TOLERANCES = tuple(64 * 0.8**step for step in range(25))
_FINEST = _TOLERANCES[-1]

# A shift (x, y) in pixels that decides on which side of a line a pixel centre lies that is on it.
_NUDGE = np.array([1e-3, 0.37e-3])


def simplified(outlines: Sequence[Outline], least: float = 0.98) -> list[Outline]:
    """Outlines with as few corners as possible that enclose nearly the same pixels.

    The outline along the edges of pixels is a staircase. Here a side leads through the middles of
    its steps, or from corner to corner where the object has straight sides, and corners are left
    out (Douglas and Peucker) while few pixels change. A piece or a hole may lose or gain as many
    pixels as its length and its area allow, so small ones stay exact.

    Args:
        outlines: of one object, with the exact outlines of its pixels, see `polygons.outlines`.
        least: least intersection over union of the pixels before and after, 0 to 1. A pixel is
            inside if its centre is; tools differ on centres that a side passes through, so those
            count as wrong.

    Returns:
        An `Outline` for each of them, with the same holes. They may touch or cross each other by
        less than a pixel where the exact ones touch.

    Example:
        >>> from mrcnn.results.polygons import outlines
        >>> from mrcnn.results.simplified import simplified
        >>> y, x = np.mgrid[:40, :40] - 19.5
        >>> disc = outlines(y**2 + x**2 < 400)
        >>> len(disc[0].ring), len(simplified(disc)[0].ring)
        (92, 32)
    """
    if not outlines:
        return []
    area = sum(each.area for each in outlines)
    lengths = [[_length(ring) for ring in each.rings] for each in outlines]
    allowed = (1 - least) * area / sum(map(sum, lengths))  # pixels per pixel of length
    made = []
    for each, each_lengths in zip(outlines, lengths, strict=True):
        ring, *holes = (
            _simplified(ring, min(allowed * length, (1 - least) * Outline(ring).area))
            for ring, length in zip(each.rings, each_lengths, strict=True)
        )
        made.append(Outline(ring, tuple(holes)))
    return made


def _length(ring: Array) -> float:
    """Length of a ring with horizontal and vertical sides, in pixels."""
    return float(np.abs(np.roll(ring, -1, axis=0) - ring).sum())


def _simplified(ring: Array, allowed: float) -> Array:
    """A ring with fewer corners; of its pixels and its area, at most `allowed` pixels change."""
    first = ring.min(axis=0)
    local = ring - first
    width, height = (int(side) for side in local.max(axis=0))
    truth = _inside(local, height, width)

    def wrong(kept: Array) -> float:
        inside = (_inside(kept + nudge, height, width) for nudge in (_NUDGE, -_NUDGE))
        pixels = np.count_nonzero(np.any([each != truth for each in inside], axis=0))
        # Tools that do not count pixels measure the area of the polygon.
        return max(float(pixels), abs(Outline(kept).area - area))

    best, area = local, Outline(local).area
    for candidate in (local, _middles(local)):
        reach = _reach(candidate)
        tolerances = [t for t in _TOLERANCES if np.count_nonzero(reach > t) < len(best)]
        low, high = 0, len(tolerances)  # those before `low` change too much
        while low < high:
            middle = (low + high) // 2
            kept = candidate[reach > tolerances[middle]]
            if wrong(kept) <= allowed:
                high = middle
                if len(kept) < len(best):
                    best = kept
            else:
                low = middle + 1
    return best + first


def _inside(ring: Array, height: int, width: int) -> Array:
    """The pixels inside a ring, bool [height, width]."""
    whole = np.zeros((height, width), bool)
    crop, (y, x) = Polygon(ys=ring[:, 1], xs=ring[:, 0]).crop(height, width)
    whole[y : y + crop.shape[0], x : x + crop.shape[1]] = crop
    return whole


def _middles(ring: Array) -> Array:
    """The middles of a ring's sides of one pixel."""
    sides = np.roll(ring, -1, axis=0) - ring
    lengths = np.abs(sides).sum(axis=1)
    side = np.repeat(np.arange(len(ring)), lengths)
    step = np.arange(len(side)) - (np.cumsum(lengths) - lengths)[side]
    return ring[side] + np.sign(sides)[side] * (step[:, None] + 0.5)


def _reach(ring: Array) -> Array:
    """The tolerance up to which each corner of a ring is kept, float [P], by Douglas and Peucker.

    `skimage.measure.approximate_polygon` does this for one tolerance; all take one pass here. At
    least three corners are kept whatever the tolerance.
    """
    reach = np.zeros(len(ring))
    centre = ring.mean(axis=0)
    start = int(np.argmax(((ring - centre) ** 2).sum(axis=1)))
    ring = np.roll(ring, -start, axis=0).astype(float)
    closed = np.concatenate([ring, ring[:1]])
    far = int(np.argmax(((ring - ring[0]) ** 2).sum(axis=1)))
    reach[[0, far]] = np.inf
    open_ended = [(0, far, np.inf), (far, len(ring), np.inf)]
    while open_ended:
        a, b, limit = open_ended.pop()
        if b - a < 2:
            continue
        distance = _distances(closed[a + 1 : b], closed[a], closed[b])
        i = int(np.argmax(distance))
        own = min(limit, float(distance[i]))
        if own < _FINEST:
            continue
        split = a + 1 + i
        reach[split] = own
        open_ended += [(a, split, own), (split, b, own)]
    third = int(np.argmax(np.where(np.isinf(reach), -1, reach)))
    reach[third] = np.inf
    return np.roll(reach, start)


def _distances(points: Array, a: Array, b: Array) -> Array:
    """Distances of points from the segment from a to b, float [P]."""
    along = b - a
    share = np.clip((points - a) @ along / max(float(along @ along), 1e-9), 0, 1)
    return np.hypot(*(points - a - share[:, None] * along).T)
