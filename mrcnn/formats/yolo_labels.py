"""YOLO's label files: one line per instance, a class number and coordinates as fractions."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from ..types import Array
from .records import Instance, Problems
from .shapes import Crop, Extent, Polygon, Rectangle, Shape

# How far an annotation may lie outside the image, as a fraction of its side: tools round.
_SLACK = 0.01

# The highest class number if the names are unknown.
_MAX_CLASS = 9999


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class ShareOutline:
    """A polygon in fractions of the image's sides.

    Args:
        corners: float64 array [P, (x, y)], fractions from 0 to 1.
    """

    corners: Array

    def crop(self, height: int, width: int) -> Crop:
        """See `shapes.Polygon.crop`."""
        return self._in_pixels(height, width).crop(height, width)

    def box(self, height: int, width: int) -> Extent:
        """See `shapes.Polygon.box`."""
        return self._in_pixels(height, width).box(height, width)

    def _in_pixels(self, height: int, width: int) -> Polygon:
        return Polygon(self.corners[:, 1] * height, self.corners[:, 0] * width)


@dataclasses.dataclass(frozen=True, slots=True)
class ShareBox:
    """An axis-aligned rectangle in fractions of the image's sides.

    Args:
        x, y, width, height: its centre and size, fractions from 0 to 1.
    """

    x: float
    y: float
    width: float
    height: float

    is_box: ClassVar[bool] = True  # see `shapes.Rectangle`

    def crop(self, height: int, width: int) -> Crop:
        """See `shapes.Polygon.crop`."""
        return Rectangle(*self.box(height, width)).crop(height, width)

    def box(self, height: int, width: int) -> Extent:
        """See `shapes.Polygon.box`."""
        y, half_height = self.y * height, self.height * height / 2
        x, half_width = self.x * width, self.width * width / 2
        return y - half_height, x - half_width, y + half_height, x + half_width


def parse_labels(
    text: str, where: str, names: Mapping[int, str] | None, problems: Problems
) -> list[Instance]:
    """The instances of a label file.

    Args:
        text: the file's text. Each line is a class number, followed by x y of three or more
            corners, or by x y width height of a box. Four numbers are a box, never a polygon.
        where: the file's name in error messages.
        names: class number to name; None if unknown: the numbers are then the names.
        problems: unusable lines are added.
    """
    instances = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                class_name, shape = _parse_line(line.split(), names)
            except ValueError as error:
                problems.add(f"{where}, line {number}", error)
                continue
            instances.append(Instance(class_name, shape))
    return instances


def _parse_line(words: list[str], names: Mapping[int, str] | None) -> tuple[str, Shape]:
    try:
        numbers = np.array([float(word) for word in words])
    except ValueError:
        raise ValueError(
            f"{' '.join(words)[:60]!r} is not a list of numbers: it must be a class number and "
            "coordinates, separated by spaces."
        ) from None
    number, places = numbers[0], numbers[1:]
    if not (0 <= number <= _MAX_CLASS and number == int(number)) or (
        names is not None and int(number) not in names
    ):
        known = (
            f"0 to {_MAX_CLASS}"
            if names is None
            else f"one of the classes {min(names)} to {max(names)}"
        )
        raise ValueError(f"its class is {words[0]}: it must be {known}.")
    if len(places) < 4 or len(places) % 2:
        raise ValueError(
            f"it has {len(places)} numbers after the class: they must be x y width height of a "
            "box, or x y of three or more corners."
        )
    outside = ~((places >= -_SLACK) & (places <= 1 + _SLACK))  # NaN counts as outside
    if outside.any():
        raise ValueError(
            f"{words[1 + int(outside.argmax())]} is outside the image: coordinates must be "
            "fractions of its width and height, 0 to 1."
        )
    class_name = str(int(number)) if names is None else names[int(number)]
    if len(places) > 4:
        return class_name, ShareOutline(places.reshape(-1, 2))
    if places[2] <= 0 or places[3] <= 0:
        raise ValueError(f"its box is {words[3]} wide and {words[4]} high: both must be positive.")
    return class_name, ShareBox(*places.tolist())
