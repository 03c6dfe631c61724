"""Masks as polygons, and back: the outlines that all files of results are made of.

Coordinates follow annotation tools and `formats.shapes`: pixels from the image's upper left corner,
so that the first pixel spans 0 to 1. QuPath, LabelMe, COCO, CVAT and ImageJ share this convention,
YOLO divides by the image's width and height, and Label Studio takes percent of them. scikit-image
counts from the centre of the first pixel: subtract 0.5.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import scipy.ndimage

from ..formats.holes import WithHoles
from ..formats.shapes import Crop, Parts, Polygon, Shape
from ..types import Array


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Outline:
    """The outline of one piece of an object, and its holes.

    Attributes:
        ring: [P, (x, y)], the corners in pixels, the first one not repeated.
        holes: [P, (x, y)] for each hole.
    """

    ring: Array
    holes: tuple[Array, ...] = ()

    @property
    def rings(self) -> tuple[Array, ...]:
        """The ring, followed by the holes: arrays [P, (x, y)]."""
        return self.ring, *self.holes

    @property
    def area(self) -> float:
        """Square pixels, without the holes."""
        return _area(self.ring) - sum(map(_area, self.holes))


def outlines(crop: Array, corner: Sequence[int] | Array = (0, 0)) -> list[Outline]:
    """The outlines of a mask, exactly along the edges of its pixels.

    A piece is a set of pixels connected by their sides. No ring touches or crosses itself, and
    different rings share only corners. So each outline is a valid polygon of the OGC's simple
    features, and all of them are a valid multipolygon. Rings are counterclockwise and holes
    clockwise if y is drawn upwards, as GeoJSON asks for.

    Args:
        crop: bool array [h, w], the mask inside its box.
        corner: (y, x) of the crop's first pixel in the image.

    Returns:
        One `Outline` per piece, the uppermost first, with integer coordinates.

    Example:
        >>> from mrcnn.results.polygons import outlines
        >>> square = np.ones((3, 3), bool)
        >>> square[1, 1] = False
        >>> [outline] = outlines(square, corner=(10, 20))
        >>> outline.ring.tolist()
        [[20, 10], [23, 10], [23, 13], [20, 13]]
        >>> [hole.tolist() for hole in outline.holes], outline.area
        ([[[21, 11], [21, 12], [22, 12], [22, 11]]], 8.0)
    """
    pixels = np.pad(np.asarray(crop, bool), 1)
    pieces, count = scipy.ndimage.label(pixels)
    corners, across, along = _linked_corners(pixels, pieces)
    points = corners[:, ::-1] + np.array([corner[1] - 1, corner[0] - 1], np.int64)
    found: list[list[Array]] = [[] for _ in range(count)]
    order: list[int] = []
    for ring in _cycles(across.tolist(), along.tolist()):
        # The first corner of a ring is its uppermost and, of these, the leftmost.
        y, x = corners[ring[0]]
        if pixels[y, x]:
            piece = pieces[y, x] - 1
            order.append(piece)
        else:
            piece = pieces[y - 1, x] - 1
            ring[1:] = ring[:0:-1]
        found[piece].append(points[ring])
    return [Outline(found[piece][0], tuple(found[piece][1:])) for piece in order]


def _linked_corners(pixels: Array, pieces: Array) -> tuple[Array, Array, Array]:
    """The corners of all rings, and the two that each one is joined to.

    Args:
        pixels: bool [h, w], False along its edges.
        pieces: int [h, w], numbers of the connected pieces.

    Returns:
        corners: int [C, (y, x)], sorted. A point where pixels alternate like the squares of a
            chessboard is listed twice: the side to the left ends there, and one to the right
            starts.
        across, along: int [C], the corner at the other end of the horizontal and the vertical side.
    """
    # Around a point:  a b
    #                  c d
    a, b, c, d = pixels[:-1, :-1], pixels[:-1, 1:], pixels[1:, :-1], pixels[1:, 1:]
    chessboard = (a == d) & (b == c) & (a != b)
    ys, xs = np.nonzero((a ^ b ^ c ^ d) | chessboard)
    twice = chessboard[ys, xs]
    ys, xs, saddle = (np.repeat(values, 1 + twice) for values in (ys, xs, twice))
    right = np.zeros(len(ys), bool)
    right[1:] = saddle[1:] & (ys[1:] == ys[:-1]) & (xs[1:] == xs[:-1])
    # Two pieces that meet there each turn around their own pixel. One piece that meets itself turns
    # around the pixels outside, or its ring would touch itself.
    at_a, at_b, at_c, at_d = (
        pieces[rows, columns][ys, xs]
        for rows in (slice(None, -1), slice(1, None))
        for columns in (slice(None, -1), slice(1, None))
    )
    around_a = np.where(at_a > 0, at_a != at_d, at_b == at_c)
    goes_down = saddle & (right == around_a)
    across, along = np.empty((2, len(ys)), np.int64)
    for partner, order in (
        (across, np.arange(len(ys))),
        (along, np.lexsort((goes_down, ys, xs))),
    ):
        partner[order[::2]], partner[order[1::2]] = order[1::2], order[::2]
    return np.stack([ys + 1, xs + 1], axis=1), across, along


def _cycles(across: Sequence[int], along: Sequence[int]) -> Iterator[list[int]]:
    """Yield the corners of each ring, as indices, from its lowest index."""
    seen = bytearray(len(across))
    for first in range(len(across)):
        if seen[first]:
            continue
        ring, here = [], first
        while not seen[here]:
            seen[here] = 1
            there = across[here]
            seen[there] = 1
            ring += [here, there]
            here = along[there]
        yield ring


def shape_of(outlines: Iterable[Outline]) -> Shape:
    """What the outlines enclose, to be rasterised as the readers of annotation files do.

    Args:
        outlines: at least one.

    Example:
        >>> from mrcnn.results.polygons import outlines, shape_of
        >>> mask = np.eye(3, dtype=bool)
        >>> crop, corner = shape_of(outlines(mask, corner=(5, 7))).crop(100, 100)
        >>> (crop == mask).all(), corner
        (np.True_, (5, 7))
    """
    parts = tuple(_with_holes(outline) for outline in outlines)
    return parts[0] if len(parts) == 1 else Parts(parts)


def mask_of(outlines: Iterable[Outline], height: int, width: int) -> Crop:
    """The pixels whose centres are inside outlines.

    Args:
        outlines: any number.
        height, width: size of the image in pixels.

    Returns:
        bool array [h, w] and the (y, x) of its first pixel in the image.
    """
    outlines = list(outlines)
    if not outlines:
        return np.zeros((0, 0), bool), (0, 0)
    return shape_of(outlines).crop(height, width)


def _with_holes(outline: Outline) -> Shape:
    ring, *holes = (Polygon(ys=ring[:, 1], xs=ring[:, 0]) for ring in outline.rings)
    return WithHoles(ring, tuple(holes)) if holes else ring


def _area(ring: Array) -> float:
    """Square pixels inside a ring, whichever way it goes."""
    xs, ys = (ring - ring[0]).T.astype(float)  # the first corner is 0, which closes the ring
    return float(abs(np.dot(xs[:-1], ys[1:]) - np.dot(ys[:-1], xs[1:]))) / 2
