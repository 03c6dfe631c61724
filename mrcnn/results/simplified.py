"""Outlines with few corners, for people who drag them."""

from collections.abc import Callable, Sequence

import numpy as np
from pycocotools import mask

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
        least: least intersection over union of the pixels before and after, 0 to 1, both by the
            rules of pycocotools and where a pixel is inside if its centre is. Tools differ on
            centres that a side passes through, so those count as wrong.

    Returns:
        An `Outline` for each of them, with the same holes. They may touch or cross each other by
        less than a pixel where the exact ones touch.

    Example:
        >>> from mrcnn.results.polygons import outlines
        >>> from mrcnn.results.simplified import simplified
        >>> y, x = np.mgrid[:40, :40] - 19.5
        >>> disc = outlines(y**2 + x**2 < 400)
        >>> len(disc[0].ring), len(simplified(disc)[0].ring)
        (92, 16)
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
    best = local = ring - first
    width, height = (int(side) for side in local.max(axis=0))
    truth, area = _inside(local, height, width), Outline(local).area

    def is_good(kept: Array) -> bool:
        # Tools that do not count pixels measure the area of the polygon.
        if abs(Outline(kept).area - area) > allowed:
            return False
        if np.count_nonzero(_by_coco(kept, height, width) != truth) > allowed:
            return False
        wrong = np.zeros_like(truth)
        for nudge in (_NUDGE, -_NUDGE):
            wrong |= _inside(kept + nudge, height, width) != truth
        return int(np.count_nonzero(wrong)) <= allowed

    for candidate in (_middles(local), local):
        best = _last_good([best, *_choices(candidate, len(best))], is_good)
    return best + first


def _choices(ring: Array, fewer: int) -> list[Array]:
    """Rings with fewer than `fewer` of a ring's corners, from fine to coarse."""
    reach = _reach(ring)
    counts = {np.count_nonzero(reach > tolerance): tolerance for tolerance in _TOLERANCES}
    return [ring[reach > counts[n]] for n in sorted(counts, reverse=True) if n < fewer]


def _last_good(choices: Sequence[Array], is_good: Callable[[Array], bool]) -> Array:
    """The last of the choices that is good, as far as they grow worse; the first one is good."""
    if len(choices) == 1 or not is_good(choices[1]):
        return choices[0]
    low, high = 1, len(choices)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_good(choices[middle]) else (low, middle)
    return choices[low]


def _inside(ring: Array, height: int, width: int) -> Array:
    """The pixels inside a ring, bool [height, width]."""
    whole = np.zeros((height, width), bool)
    crop, (y, x) = Polygon(ys=ring[:, 1], xs=ring[:, 0]).crop(height, width)
    whole[y : y + crop.shape[0], x : x + crop.shape[1]] = crop
    return whole


def _by_coco(ring: Array, height: int, width: int) -> Array:
    """The pixels inside a ring by the rules of pycocotools, uint8 [height, width]."""
    codes = mask.frPyObjects([ring.ravel().astype(float).tolist()], height, width)
    return mask.decode(codes)[..., 0]


def _middles(ring: Array) -> Array:
    """The middles of a ring's sides of one pixel."""
    sides = np.roll(ring, -1, axis=0) - ring
    lengths = np.abs(sides).sum(axis=1)
    side = np.repeat(np.arange(len(ring)), lengths)
    step = np.arange(len(side)) - (np.cumsum(lengths) - lengths)[side]
    return ring[side] + np.sign(sides)[side] * (step[:, None] + 0.5)


def _reach(ring: Array) -> Array:
    """The tolerance up to which each corner of a ring is kept, float [P], by Douglas and Peucker.

    `skimage.measure.approximate_polygon` does this for one tolerance; all take one pass here, in
    which every side between kept corners is split at once. Three corners are kept whatever the
    tolerance.
    """
    points = ring[:, 0] + 1j * ring[:, 1]
    reach, limit = np.zeros(len(points)), np.full(len(points), np.inf)
    one = int(np.argmax(abs(points - points.mean())))
    reach[[one, int(np.argmax(abs(points - points[one])))]] = np.inf
    points, reach = np.roll(points, -one), np.roll(reach, -one)
    while True:
        kept = np.flatnonzero(reach)
        side = np.cumsum(reach > 0) - 1  # of each corner, by the kept one that it starts at
        start = points[kept]
        along = np.concatenate([start[1:], start[:1]]) - start
        length = abs(along)
        turned = (points - start[side]) * (along.conj() / np.maximum(length, 1e-9))[side]
        distance = abs(turned - np.minimum(np.maximum(turned.real, 0), length[side]))
        largest = np.maximum.reduceat(distance, kept)
        farthest = np.flatnonzero((distance == largest[side]) & (largest >= _FINEST)[side])
        farthest = farthest[np.unique(side[farthest], return_index=True)[1]]
        if not len(farthest):
            break
        sides = side[farthest]
        own = np.minimum(largest[sides], limit[kept[sides]])
        reach[farthest] = limit[farthest] = limit[kept[sides]] = own
    third = int(np.argmax(np.where(np.isinf(reach), -1, reach)))
    reach[third] = np.inf
    return np.roll(reach, one)
