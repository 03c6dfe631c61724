"""Objects that extend through the planes of a stack, such as depths or times."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..geometry.boxes import compute_overlaps
from ..instances.overlaps import iou
from ..types import Array
from .label_image import painted
from .objects import Objects


def link_planes(
    results: Iterable[Mapping[str, Any] | Objects], min_iou: float = 0.5
) -> list[Array]:
    """Number the objects of all planes so that an object has one number in all of its planes.

    Each plane is linked to the one before it, one to one and whatever the classes: the two objects
    that overlap best are the same, then the best of the others, and so on down to `min_iou`. An
    object that is missing in a plane has another number after it.

    Args:
        results: of `MaskRCNN.detect`, or `Objects`, for each plane in order, of images of one size.
            They are compared by their masks, or by their boxes if one of two planes has no masks.
        min_iou: the least intersection over union of the same object in two neighbouring planes,
            above 0, at most 1.

    Returns:
        For each plane, int64 [N]: the numbers of its objects in the stack, from 1 in order of
        appearance.

    Raises:
        ValueError: `min_iou` is out of range.

    Example:
        >>> from mrcnn.results import Objects, link_planes
        >>> first = Objects([1], [1], [0.9], [[0, 0, 10, 10]])
        >>> second = Objects([1, 2], [1, 1], [0.9, 0.8], [[20, 20, 30, 30], [0, 0, 10, 9]])
        >>> link_planes([first, second])
        [array([1]), array([2, 1])]
    """
    if not 0 < min_iou <= 1:
        raise ValueError(f"min_iou is {min_iou}: it must be above 0 and at most 1.")
    numbers: list[Array] = []
    before: Objects | None = None
    count = 0
    for result in results:
        plane = _objects(result)
        linked = np.zeros(len(plane), np.int64)
        if before is not None:
            for i, j in _pairs(_overlaps(before, plane), min_iou):
                linked[j] = numbers[-1][i]
        new = linked == 0
        linked[new] = np.arange(count + 1, count + 1 + new.sum())
        count += int(new.sum())
        numbers.append(linked)
        before = plane
    return numbers


def label_volume(
    results: Iterable[Mapping[str, Any] | Objects],
    numbers: Sequence[Array],
    shape: tuple[int, int],
) -> Iterator[Array]:
    """Yield the label images of the planes of a stack.

    Args:
        results: see `link_planes`.
        numbers: from `link_planes`.
        shape: (height, width) of a plane.

    Yields:
        int [H, W] for each plane: 0 is background. A pixel of several objects belongs to the one
        with the highest score.

    Example:
        >>> from mrcnn.results import Objects, link_planes
        >>> from mrcnn.results.planes import label_volume
        >>> planes = [Objects([1], [1], [0.9], [[0, 1, 1, 3]])] * 2
        >>> np.stack(list(label_volume(planes, link_planes(planes), (1, 4)))).tolist()
        [[[0, 1, 1, 0]], [[0, 1, 1, 0]]]
    """
    for result, own in zip(results, numbers, strict=True):
        plane = _objects(result)
        renumbered = Objects(own, plane.class_ids, plane.scores, plane.boxes, plane.masks)
        yield painted(renumbered, shape)


def _objects(result: Mapping[str, Any] | Objects) -> Objects:
    return result if isinstance(result, Objects) else Objects.of_result(result)


def _overlaps(first: Objects, second: Objects) -> Array:
    """Intersection over union of the objects of two planes, [N, M]."""
    if first.masks is not None and second.masks is not None:
        return iou(first.masks, second.masks)
    return compute_overlaps(first.boxes, second.boxes)


def _pairs(overlaps: Array, least: float) -> Iterator[tuple[int, int]]:
    """Yield the pairs of rows and columns, each in one pair at most, the best ones first."""
    rows, columns = np.nonzero(overlaps >= least)
    best = np.argsort(-overlaps[rows, columns], kind="stable")
    taken_rows, taken_columns = set(), set()
    for i, j in zip(rows[best].tolist(), columns[best].tolist(), strict=True):
        if i not in taken_rows and j not in taken_columns:
            taken_rows.add(i)
            taken_columns.add(j)
            yield i, j
