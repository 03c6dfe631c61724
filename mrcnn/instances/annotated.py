"""The boxes and areas that an annotation file gives besides its masks, for evaluation.

A polygon from 10.4 to 15.6 has the box 10.4 to 15.6 in its file and 10 to 16 around its pixels.
Training learns the pixels' box; a metric compares detections with the file's.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any, Protocol, Self

import numpy as np

from ..types import Array
from .instances import Chosen


@dataclasses.dataclass(frozen=True, eq=False)
class Annotated:
    """What a file says about N instances of one image.

    Attributes:
        boxes: float64 [N, 4] pixels, not clipped to the image; NaN where the file gives no box.
        areas: float64 [N] square pixels; NaN where the file gives no area.
    """

    boxes: Array
    areas: Array

    @classmethod
    def of(cls, rows: Iterable[tuple[Any, float | None]]) -> Self | None:
        """Build from what is given for each instance.

        Args:
            rows: (box, area) of each instance. The box is (y1, x1, y2, x2) in pixels, the area is
                in square pixels; either may be None.

        Returns:
            None if nothing is given.
        """
        rows = list(rows)
        if all(box is None and area is None for box, area in rows):
            return None
        boxes = [(np.nan,) * 4 if box is None else box for box, _ in rows]
        areas = [np.nan if area is None else area for _, area in rows]
        return cls(np.array(boxes, np.float64).reshape(-1, 4), np.array(areas, np.float64))

    def __getitem__(self, chosen: Chosen) -> Self:
        """The instances selected by a slice, a bool array [N] or an array of indices."""
        return type(self)(self.boxes[chosen], self.areas[chosen])


class _WithAnnotated(Protocol):
    """`InstanceMasks` or `InstanceBoxes`."""

    height: int
    width: int
    boxes: Array
    annotated: Annotated | None

    @property
    def areas(self) -> Array: ...

    @property
    def visible(self) -> Array: ...


def true_boxes(instances: _WithAnnotated) -> Array:
    """The boxes to compare detections with.

    Args:
        instances: N instances, as `InstanceMasks` or `InstanceBoxes`.

    Returns:
        [N, 4] pixels, float64 if any comes from the file: the file's box, or, where there is none,
        that of the masks or boxes.
    """
    if instances.annotated is None:
        return instances.boxes
    given = instances.annotated.boxes
    return np.where(np.isnan(given[:, :1]), instances.boxes, given)


def true_areas(instances: _WithAnnotated) -> Array:
    """The areas by which metrics call instances small, medium or large.

    Args:
        instances: see `true_boxes`.

    Returns:
        [N] square pixels: the file's area, or, where there is none, that of the masks or boxes.
    """
    if instances.annotated is None:
        return instances.areas
    given = instances.annotated.areas
    return np.where(np.isnan(given), instances.areas, given)


def countable(instances: _WithAnnotated) -> Array:
    """Which instances a metric on boxes expects to be detected, bool [N].

    Those that are visible, and those whose box in the file reaches into the image.

    Args:
        instances: see `true_boxes`.
    """
    if instances.annotated is None:
        return instances.visible
    boxes = instances.annotated.boxes
    starts = np.maximum(boxes[:, :2], 0)
    ends = np.minimum(boxes[:, 2:], [instances.height, instances.width])
    return instances.visible | (ends > starts).all(axis=1)  # NaN is not greater
