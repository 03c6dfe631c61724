"""Shapes as an annotator drew them, rasterised only when their pixels are needed.

Coordinates follow annotation tools: pixels from the image's upper left corner, so that the first
pixel spans 0 to 1 and its centre is at 0.5. A pixel is inside if its centre is. Shapes may extend
beyond the image.
"""

import array
import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import ClassVar, Protocol

import numpy as np

from ..instances.masks import InstanceMasks, union
from ..types import Array

# Pixels of a shape: bool [h, w], and the (y, x) of the first one in the image.
Crop = tuple[Array, tuple[int, int]]

# The extent of a shape: (y1, x1, y2, x2) in pixels.
Extent = tuple[float, float, float, float]

# Far beyond any image, yet small enough for doubles to resolve a tiny fraction of a pixel.
_MAX_COORDINATE = 1e9


class Shape(Protocol):
    """Anything that can be rasterised; it may also have a `box`, see `box_of`."""

    def crop(self, height: int, width: int) -> Crop:
        """See `Polygon.crop`."""


@dataclasses.dataclass(frozen=True)
class Polygon:
    """A filled polygon. Where it overlaps itself, the even-odd rule decides what is inside.

    A pixel centre on a left or upper side is inside, one on a right or lower side is not, so
    polygons that share a side share no pixel.

    Args:
        ys, xs: [P], its corners in pixels, at least 3; kept as arrays of doubles.

    Raises:
        ValueError: fewer than 3 corners, ys and xs of different lengths, or a coordinate that is
            not finite.
    """

    ys: Sequence[float] | Array
    xs: Sequence[float] | Array

    def __post_init__(self) -> None:
        _keep_points(self, "a polygon", fewest=3)

    def crop(self, height: int, width: int) -> Crop:
        """Rasterise the shape within an image.

        Args:
            height, width: size of the image in pixels.

        Returns:
            bool array [h, w] and the (y, x) of its first pixel; empty if outside the image.

        Example:
            >>> from mrcnn.formats.shapes import Polygon
            >>> inside, corner = Polygon(ys=[1, 1, 3, 3], xs=[2, 5, 5, 2]).crop(10, 10)
            >>> inside.shape, corner
            ((2, 3), (1, 2))
        """
        ya, xa = np.asarray(self.ys), np.asarray(self.xs)
        y1, y2 = _pixel_range(ya.min(), ya.max(), height)
        x1, x2 = _pixel_range(xa.min(), xa.max(), width)
        # The side from a to b crosses the rows from the first below its upper end to the last
        # above its lower end.
        start = np.clip(np.ceil(ya - 0.5), y1, y2).astype(np.int64)  # [P]
        end = np.concatenate([start[1:], start[:1]])
        count = np.abs(end - start)
        crossing = np.flatnonzero(count)
        side = np.repeat(crossing, count[crossing])  # [C], one per crossing
        before = np.cumsum(count) - count
        row = np.arange(len(side)) + (np.minimum(start, end) - before)[side]
        yb, xb = np.concatenate([ya[1:], ya[:1]]), np.concatenate([xa[1:], xa[:1]])
        slope = (xb - xa)[crossing] / (yb - ya)[crossing]
        slope = np.repeat(slope, count[crossing])
        x = xa[side] + (row + 0.5 - ya[side]) * slope
        column = np.clip(np.ceil(x - 0.5), x1, x2).astype(np.int64)
        # Every crossing toggles inside and outside for all pixels to its right.
        shape = (y2 - y1, x2 - x1 + 1)
        turns = np.zeros(shape, np.uint8)
        np.add.at(turns.reshape(-1), (row - y1) * shape[1] + column - x1, 1)
        inside = np.add.accumulate(turns, axis=1, out=turns)[:, :-1] & 1
        return inside.view(bool), (y1, x1)

    def box(self, height: int, width: int) -> Extent:
        """The shape's extent, including what lies outside the image.

        Args:
            height, width: size of the image in pixels.

        Returns:
            (y1, x1, y2, x2), floats in pixels.
        """
        return min(self.ys), min(self.xs), max(self.ys), max(self.xs)


@dataclasses.dataclass(frozen=True)
class Ellipse:
    """A filled ellipse or circle.

    Args:
        y, x: centre in pixels.
        radius_y, radius_x: semi-axes in pixels, before rotation.
        turn: rotation in radians, clockwise in the image.

    Raises:
        ValueError: a radius is not positive, or a value is not finite.
    """

    y: float
    x: float
    radius_y: float
    radius_x: float
    turn: float = 0.0

    def __post_init__(self) -> None:
        check_finite(dataclasses.astuple(self))
        if min(self.radius_y, self.radius_x) <= 0:
            raise ValueError(
                f"its radii are {self.radius_y} and {self.radius_x}: they must be positive."
            )

    def crop(self, height: int, width: int) -> Crop:
        """See `Polygon.crop`."""
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        top, left, bottom, right = self.box(height, width)
        y1, y2 = _pixel_range(top, bottom, height)
        x1, x2 = _pixel_range(left, right, width)
        y = np.arange(y1, y2)[:, None] + 0.5 - self.y
        x = np.arange(x1, x2) + 0.5 - self.x
        along, across = x * cos + y * sin, y * cos - x * sin
        return (along / self.radius_x) ** 2 + (across / self.radius_y) ** 2 <= 1, (y1, x1)

    def box(self, height: int, width: int) -> Extent:
        """See `Polygon.box`."""
        cos, sin = math.cos(self.turn), math.sin(self.turn)
        half_height = math.hypot(self.radius_x * sin, self.radius_y * cos)
        half_width = math.hypot(self.radius_x * cos, self.radius_y * sin)
        return (
            *(self.y - half_height, self.x - half_width),
            *(self.y + half_height, self.x + half_width),
        )


@dataclasses.dataclass(frozen=True)
class Rectangle:
    """A filled axis-aligned rectangle.

    Args:
        y1, x1, y2, x2: its sides in pixels.

    Raises:
        ValueError: its width or height is not positive, or a value is not finite.
    """

    is_box: ClassVar[bool] = True  # the file gives a box, which may lie between pixels

    y1: float
    x1: float
    y2: float
    x2: float

    def __post_init__(self) -> None:
        check_finite(dataclasses.astuple(self))
        if self.y2 <= self.y1 or self.x2 <= self.x1:
            raise ValueError(
                f"its width is {self.x2 - self.x1} and its height {self.y2 - self.y1}: both must "
                "be positive."
            )

    def crop(self, height: int, width: int) -> Crop:
        """See `Polygon.crop`; the pixels are those of a polygon with the same corners."""
        y1, y2 = (int(np.clip(np.ceil(y - 0.5), 0, height)) for y in (self.y1, self.y2))
        x1, x2 = (int(np.clip(np.ceil(x - 0.5), 0, width)) for x in (self.x1, self.x2))
        return np.ones((y2 - y1, x2 - x1), bool), (y1, x1)

    def box(self, height: int, width: int) -> Extent:
        """See `Polygon.box`."""
        return self.y1, self.x1, self.y2, self.x2


@dataclasses.dataclass(frozen=True)
class Box(Rectangle):
    """The box of an object that has no outline; its mask is the filled box.

    Args:
        y1, x1, y2, x2: its sides in pixels, as for `Rectangle`.
    """

    is_outline: ClassVar[bool] = False


@dataclasses.dataclass(frozen=True)
class Polyline:
    """A line through points, with round ends.

    Args:
        ys, xs: [P], its points in pixels; a single point is a dot. Kept as arrays of doubles.
        thickness: pixels, at least 1.

    Raises:
        ValueError: no points, a thickness below 1, or a value that is not finite.
    """

    ys: Sequence[float] | Array
    xs: Sequence[float] | Array
    thickness: float = 1.0

    def __post_init__(self) -> None:
        _keep_points(self, "a line", fewest=1)
        check_finite([self.thickness])
        if self.thickness < 1:
            raise ValueError(f"its thickness is {self.thickness}: it must be at least 1 pixel.")

    def crop(self, height: int, width: int) -> Crop:
        """See `Polygon.crop`. A pixel is inside if its centre is within half the thickness."""
        points = list(zip(self.ys, self.xs, strict=True))
        pieces = zip(points, points[1:] or points, strict=False)
        crops, corners = zip(*(self._piece(a, b, height, width) for a, b in pieces), strict=True)
        return union(crops, corners)

    def box(self, height: int, width: int) -> Extent:
        """See `Polygon.box`."""
        reach = self.thickness / 2
        return (
            *(min(self.ys) - reach, min(self.xs) - reach),
            *(max(self.ys) + reach, max(self.xs) + reach),
        )

    def _piece(
        self, a: tuple[float, float], b: tuple[float, float], height: int, width: int
    ) -> Crop:
        """The segment from point a to b, as `crop` returns it."""
        (ya, xa), (yb, xb) = a, b
        reach = self.thickness / 2
        y1, y2 = _pixel_range(min(ya, yb) - reach, max(ya, yb) + reach, height)
        x1, x2 = _pixel_range(min(xa, xb) - reach, max(xa, xb) + reach, width)
        y = np.arange(y1, y2)[:, None] + 0.5 - ya
        x = np.arange(x1, x2) + 0.5 - xa
        dy, dx = yb - ya, xb - xa
        share = np.clip((y * dy + x * dx) / ((dy * dy + dx * dx) or 1), 0, 1)
        return np.hypot(y - share * dy, x - share * dx) <= reach, (y1, x1)


@dataclasses.dataclass(frozen=True)
class Parts:
    """Several shapes that form one instance, such as the visible parts on both sides of a post.

    Args:
        shapes: shapes of this module, at least one.
    """

    shapes: tuple[Shape, ...]

    def crop(self, height: int, width: int) -> Crop:
        """See `Polygon.crop`."""
        crops, corners = zip(*(shape.crop(height, width) for shape in self.shapes), strict=True)
        return union(crops, corners)

    def box(self, height: int, width: int) -> Extent:
        """See `Polygon.box`; around the parts that are in the image, if there are any."""
        return around([box_of(shape, height, width) for shape in self.shapes], height, width)


def box_of(shape: Shape, height: int, width: int) -> Extent:
    """The extent of any shape: its `box`, or the box around its pixels if it has only `crop`.

    Args:
        shape: a shape of this module, or one like them.
        height, width: size of the image in pixels.

    Returns:
        (y1, x1, y2, x2), floats in pixels, see `Polygon.box`.
    """
    if hasattr(shape, "box"):
        return shape.box(height, width)
    crop, corner = shape.crop(height, width)
    y1, x1, y2, x2 = InstanceMasks([crop], [corner], (height, width)).boxes[0].tolist()
    return float(y1), float(x1), float(y2), float(x2)


def around(boxes: Sequence[Extent], height: int, width: int) -> Extent:
    """The box around several parts of an instance.

    Args:
        boxes: (y1, x1, y2, x2) in pixels, at least one.
        height, width: size of the image in pixels. Parts outside it do not count; if all are
            outside, the box is that of the first.

    Returns:
        (y1, x1, y2, x2), floats in pixels.
    """
    seen = [b for b in boxes if b[0] < height and b[1] < width and b[2] > 0 and b[3] > 0]
    y1s, x1s, y2s, x2s = zip(*(seen or boxes[:1]), strict=True)
    return min(y1s), min(x1s), max(y2s), max(x2s)


def number(value: object) -> float:
    """`value` as a float: a number, or a string that holds one, as some tools write it.

    Raises:
        ValueError: `value` is anything else.
    """
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    raise ValueError(f"{value!r:.60} is not a usable number.")


def _keep_points(shape: Polygon | Polyline, name: str, fewest: int) -> None:
    for axis in ("ys", "xs"):
        object.__setattr__(shape, axis, array.array("d", getattr(shape, axis)))
    if len(shape.ys) != len(shape.xs):
        raise ValueError(f"it has {len(shape.xs)} x and {len(shape.ys)} y coordinates.")
    if len(shape.ys) < fewest:
        points = "1 point" if len(shape.ys) == 1 else f"{len(shape.ys)} points"
        raise ValueError(f"it has {points}: {name} needs at least {fewest}.")
    check_finite(shape.ys)
    check_finite(shape.xs)


def check_finite(values: Iterable[float]) -> None:
    """Check that the coordinates `values` are finite and plausible.

    Raises:
        ValueError: one is NaN, infinite or far outside any image.
    """
    for value in values:
        if not -_MAX_COORDINATE <= value <= _MAX_COORDINATE:
            raise ValueError(
                f"it has the coordinate {value}: it must be a finite number of pixels."
            )


def _pixel_range(low: float, high: float, size: int) -> tuple[int, int]:
    """First pixel of the image that a range touches, and the last + 1."""
    first = int(np.clip(np.floor(low), 0, size))
    return first, max(first, int(np.clip(np.ceil(high), 0, size)))
