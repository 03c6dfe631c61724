"""The shape of a COCO annotation: polygons, a run-length code or just a box."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from pycocotools import mask

from ..instances.rle import crop_of, read_counts
from ..types import Array
from .shapes import Crop, Extent, Rectangle, around

# Longest side of an image: pycocotools counts pixels in 32 bits.
MAX_SIDE = 65535


# Advice for a run-length code whose height and width are the image's, swapped.
_TURNED = (
    " The image looks turned by EXIF: if the code is for the upright image, read the file "
    "with ignore_file_sizes=True."
)
_UNTURNED = (
    " The image looks turned by EXIF, but the code is for the image before the rotation: "
    "save the image without its EXIF orientation."
)


class BadEntryError(Exception):
    """An entry of a file cannot be used; the message says why."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Outline:
    """Polygons that form one instance, filled as pycocotools fills them.

    Args:
        polygons: float64 arrays [2 * P] of x, y, x, y, ... in pixels.
        slivers: number of parts left out because they had fewer than three corners.
    """

    polygons: tuple[Array, ...]
    slivers: int = 0

    def crop(self, height: int, width: int) -> Crop:
        """See `shapes.Polygon.crop`."""
        # Drawn in the whole image: moved to its own box, a polygon may round differently.
        codes = mask.frPyObjects(list(self.polygons), height, width)
        code = mask.merge(codes) if len(codes) > 1 else codes[0]
        return crop_of(read_counts(code["counts"]), height)

    def box(self, height: int, width: int) -> Extent:
        """See `shapes.Polygon.box`; it ignores polygons outside the image, unless all are."""
        corners = [polygon.reshape(-1, 2)[:, ::-1] for polygon in self.polygons]  # y, x
        boxes = [(*c.min(axis=0).tolist(), *c.max(axis=0).tolist()) for c in corners]
        return around(boxes, height, width)


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class RunLengths:
    """A run-length code.

    Args:
        height, width: of the image that it encodes.
        counts: the compressed code, or its run lengths as a uint32 array [R].
    """

    height: int
    width: int
    counts: str | Array

    def crop(self, height: int, width: int) -> Crop:
        """See `shapes.Polygon.crop`.

        Raises:
            ValueError: the image has a different size.
        """
        return crop_of(self._runs(height, width), height)

    def box(self, height: int, width: int) -> Extent:
        """The box around its pixels, zeros if it has none, see `shapes.Polygon.box`.

        Raises:
            ValueError: the image has a different size.
        """
        ends = np.cumsum(self._runs(height, width), dtype=np.int64)
        first, last = ends[:-1:2], ends[1::2] - 1  # pixels of each run, column by column
        seen = last >= first
        first, last = first[seen], last[seen]
        if not len(first):
            return 0.0, 0.0, 0.0, 0.0
        (x1, y1), (x2, y2) = np.divmod(first, height), np.divmod(last, height)
        # A run that continues in the next column has pixels in the last row and the first.
        top, bottom = (0, height - 1) if (x1 != x2).any() else (y1.min(), y2.max())
        return float(top), float(x1[0]), float(bottom + 1), float(x2[-1] + 1)

    def _runs(self, height: int, width: int) -> Array:
        """Its run lengths [R], after checking that its size matches the image's."""
        if (height, width) != (self.height, self.width):
            turned = (height, width) == (self.width, self.height)
            raise ValueError(
                f"the run-length code is {self.height}x{self.width} and the image {height}x{width} "
                f"(height x width): the sizes must agree.{_UNTURNED if turned else ''}"
            )
        return read_counts(self.counts) if isinstance(self.counts, str) else self.counts


def read_shape(
    entry: Mapping[str, Any], height: int | None, width: int | None
) -> Outline | RunLengths | Rectangle:
    """The shape of an annotation.

    Args:
        entry: the annotation.
        height, width: of its image in pixels, or None if unknown.

    Returns:
        `Outline`, `RunLengths`, or, without a segmentation, the `Rectangle` of the bbox.

    Raises:
        BadEntryError: the annotation cannot be used.
    """
    drawn = entry.get("segmentation")
    if isinstance(drawn, dict):
        return _run_lengths(drawn, height, width)
    if drawn is None or drawn == []:
        return _rectangle(entry)
    if not isinstance(drawn, list):
        raise BadEntryError(
            f"segmentation is {kind_of(drawn)}: it must be a list of polygons or a run-length code."
        )
    # A single polygon without the enclosing list is also accepted.
    parts = drawn if isinstance(drawn[0], list) else [drawn]
    numbered = [(number, part) for number, part in enumerate(parts, 1) if not _is_sliver(part)]
    # Tools leave slivers beside the polygon they were cut from; on their own they are a mistake.
    numbered = numbered or list(enumerate(parts, 1))
    polygons = tuple(_polygon(part, number, height, width) for number, part in numbered)
    return Outline(polygons, len(parts) - len(polygons))


def _is_sliver(part: object) -> bool:
    """Whether a part is a list of x and y for fewer than three corners."""
    return isinstance(part, list) and len(part) in (0, 2, 4) and all(map(_is_number, part))


def _polygon(part: Any, number: int, height: int | None, width: int | None) -> Array:
    polygon: Array | None
    try:
        polygon = np.array(part, np.float64)
    except (TypeError, ValueError, OverflowError):
        polygon = None
    if polygon is not None and polygon.ndim == 2 and polygon.shape[1] == 2:  # pairs
        polygon = polygon.ravel()
    if polygon is None or polygon.ndim != 1:
        raise BadEntryError(f"polygon {number} is not a list of numbers x, y, x, y, ...")
    if polygon.size < 6 or polygon.size % 2:
        raise BadEntryError(
            f"polygon {number} has {polygon.size} numbers: it must have x and y for at least three "
            "corners."
        )
    # Too far out for a slip of the hand, and drawing time grows with the distance.
    for axis, values, side in (("x", polygon[::2], width), ("y", polygon[1::2], height)):
        side = side or MAX_SIDE
        if not (values.min() >= -side and values.max() <= 2 * side):  # rejects NaN, too
            worst = max(values.tolist(), key=lambda v: abs(v) if v == v else math.inf)
            raise BadEntryError(
                f"polygon {number} has {axis} {worst:g}, far outside the image, which is "
                f"{height}x{width} (height x width)."
            )
    return polygon


def _run_lengths(code: Mapping[str, Any], height: int | None, width: int | None) -> RunLengths:
    size, counts = code.get("size"), code.get("counts")
    if (
        not isinstance(size, list)
        or len(size) != 2
        or not all(type(side) is int and 0 < side <= MAX_SIDE for side in size)
    ):
        raise BadEntryError(f"its run-length code has size {size!r}: it must be [height, width].")
    if any(known not in (None, side) for known, side in zip((height, width), size, strict=True)):
        turned = [height, width] == size[::-1]
        raise BadEntryError(
            f"its run-length code is {size[0]}x{size[1]} and its image {height}x{width} "
            f"(height x width): the sizes must agree.{_TURNED if turned else ''}"
        )
    if isinstance(counts, str):
        try:
            runs = read_counts(counts)
        except ValueError as error:
            raise BadEntryError(f"{error}.") from error
    elif isinstance(counts, list) and all(type(run) is int for run in counts):
        runs = np.array(counts)
    else:
        raise BadEntryError(
            f"the counts of its run-length code are {kind_of(counts)}: they must be a string or a "
            "list of integers."
        )
    pixels = size[0] * size[1]
    if not runs.size or runs.min() < 0 or runs.max() > pixels or runs.sum() != pixels:
        raise BadEntryError(
            f"the counts of its run-length code do not add up to the {pixels} pixels of "
            f"{size[0]}x{size[1]}."
        )
    return RunLengths(
        size[0], size[1], counts if isinstance(counts, str) else runs.astype(np.uint32)
    )


def _rectangle(entry: Mapping[str, Any]) -> Rectangle:
    box = read_box(entry)
    if box is None:
        raise BadEntryError(
            f"it has no segmentation, and its bbox is {entry.get('bbox')!r}: it needs polygons, a "
            "run-length code, or a bbox [x, y, width, height] with an area."
        )
    return Rectangle(*box)


def read_box(entry: Mapping[str, Any]) -> Extent | None:
    """The bbox of an annotation.

    Args:
        entry: the annotation.

    Returns:
        (y1, x1, y2, x2), floats in pixels; None without a bbox that has an area.
    """
    box: Any = entry.get("bbox")
    numbers = isinstance(box, list) and len(box) == 4 and all(map(_is_number, box))
    if not numbers or box[2] <= 0 or box[3] <= 0:
        return None
    x, y, width, height = map(float, box)
    return y, x, y + height, x + width


def read_area(entry: Mapping[str, Any]) -> float | None:
    """The area of an annotation, `entry`, in square pixels; None unless it is positive."""
    area = entry.get("area")
    return float(area) if area is not None and _is_number(area) and area > 0 else None


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e9  # false for NaN


def kind_of(value: object) -> str:
    """The kind of a JSON value, in words."""
    words = {dict: "an object", list: "a list", str: "a string", type(None): "missing"}
    return words.get(type(value), repr(value)[:40])
