"""Holes: regions cut out of the outlines that they lie in."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ..instances.masks import InstanceMasks
from ..types import Array
from .shapes import Crop, Extent, Shape, box_of

# A shape contains a hole if at least this fraction of the hole's pixels is inside.
_CONTAINS = 0.9

# Side assumed where an image's size is unknown, and the longest that is accepted; pixels.
_UNKNOWN_SIDE, _MAX_SIDE = 8192, 65535


@dataclasses.dataclass(frozen=True)
class WithHoles:
    """A shape without the pixels of some others.

    Args:
        outline: a shape from `shapes`, or one with the same methods.
        holes: the same for each hole.
    """

    outline: Shape
    holes: tuple[Shape, ...]

    def crop(self, height: int, width: int) -> Crop:
        """See `shapes.Polygon.crop`."""
        inside, (top, left) = self.outline.crop(height, width)
        inside = inside.copy()
        for hole in self.holes:
            here, there = _shared(inside.shape, (top, left), *hole.crop(height, width))
            inside[here] &= ~there
        return inside, (top, left)

    def box(self, height: int, width: int) -> Extent:
        """See `shapes.Polygon.box`; around the pixels left if a hole reaches that box's edge."""
        y1, x1, y2, x2 = outer = box_of(self.outline, height, width)
        boxes = [box_of(hole, height, width) for hole in self.holes]
        if all(b[0] > y1 and b[1] > x1 and b[2] < y2 and b[3] < x2 for b in boxes):
            return outer
        crop, corner = self.crop(height, width)
        y1, x1, y2, x2 = InstanceMasks([crop], [corner], (height, width)).boxes[0].tolist()
        return float(y1), float(x1), float(y2), float(x2)


def shapes_around(
    hole: Shape, shapes: Sequence[Shape], size: tuple[int | None, int | None]
) -> list[int]:
    """Find the shapes that a hole is cut out of.

    It is cut out of the smallest shape that contains it: a larger one around it is another object,
    such as a cell around the nucleus that has the hole. It is also cut out of shapes that it partly
    overlaps, unless they lie mostly inside it.

    Args:
        hole: a shape from `shapes`, or one with the same methods.
        shapes: the same for each shape that may have the hole.
        size: (height, width) of the image in pixels, None if unknown; EXIF may have swapped them.

    Returns:
        List of indices into `shapes`.
    """
    side = _side(size)
    hole_crop, corner = hole.crop(side, side)
    hole_area = int(np.count_nonzero(hole_crop))
    around: list[tuple[int, int]] = []  # (area, index) of those that contain the hole
    cut = []
    for i, shape in enumerate(shapes):
        crop, (top, left) = shape.crop(side, side)
        here, there = _shared(crop.shape, (top, left), hole_crop, corner)
        both, area = int(np.count_nonzero(crop[here] & there)), int(np.count_nonzero(crop))
        if both and both >= _CONTAINS * hole_area and area > hole_area:
            around.append((area, i))
        elif 0 < 2 * both <= area:
            cut.append(i)
    return sorted([*cut, *(i for _, i in sorted(around)[:1])])


def islands_in(
    hole: Shape, parts: Sequence[Shape], size: tuple[int | None, int | None]
) -> set[int]:
    """Find the parts of an instance that lie inside a hole, as islands, and are not cut by it.

    A part larger than the hole is no island, however little of it the hole leaves.

    Args:
        hole, size: see `shapes_around`.
        parts: the instance's shapes.

    Returns:
        Indices into `parts`; none if all lie inside.
    """
    side = _side(size)
    hole_crop, corner = hole.crop(side, side)
    hole_area = int(np.count_nonzero(hole_crop))
    found = set()
    for i, part in enumerate(parts):
        crop, (top, left) = part.crop(side, side)
        here, there = _shared(crop.shape, (top, left), hole_crop, corner)
        both, area = int(np.count_nonzero(crop[here] & there)), int(np.count_nonzero(crop))
        if both >= _CONTAINS * area and area <= hole_area:
            found.add(i)
    return found if len(found) < len(parts) else set()


def _side(size):
    return min(max(known or _UNKNOWN_SIDE for known in size), _MAX_SIDE)


def _shared(
    shape: tuple[int, ...], corner: tuple[int, int], other: Array, other_corner: tuple[int, int]
) -> tuple[tuple[slice, slice], Array]:
    """Where two crops overlap: slices into the first, and the pixels of the other there."""
    (top, left), (other_top, other_left) = corner, other_corner
    y1, x1 = max(top, other_top), max(left, other_left)
    y2 = max(y1, min(top + shape[0], other_top + other.shape[0]))
    x2 = max(x1, min(left + shape[1], other_left + other.shape[1]))
    here = slice(y1 - top, y2 - top), slice(x1 - left, x2 - left)
    return here, other[y1 - other_top : y2 - other_top, x1 - other_left : x2 - other_left]
