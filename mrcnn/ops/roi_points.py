"""The average or the maximum of each bin's sampling points, and its gradient.

RoIs are processed in chunks whose intermediate results fit into the cache. The number of points is
only known at run time, so they are visited in a loop; its length is that of the largest bin of the
chunk. Sampling reads each corner with a gather; the gradient adds to each corner.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from keras import ops

from ..types import Tensor
from .roi_grids import Sampling

CHUNK = 64  # RoIs; 3 MB of features of 7 x 7 x 256
# Points of a bin whose gradients are added together, 50 MB of them for a chunk; the second, if each
# point has one corner instead of four.
_TOGETHER, _TOGETHER_WHOLE = 4, 16
# Finite: see `normalising.PADDING`.
_LOWEST = -3e38


@dataclasses.dataclass(frozen=True)
class Operator:
    """What distinguishes the RoI operators.

    Attributes:
        rows, columns: the sampling points along y and x.
        size: (height, width) of the result, in bins.
        maximum: whether a bin is the maximum of its points, else their average. A point outside
            the map counts as 0.
        points: the number of points per bin and axis, if it is the same for all; else 0.
        whole: whether all points are centres of cells, so that nothing needs interpolating.
    """

    rows: Sampling
    columns: Sampling
    size: tuple[int, int]
    maximum: bool
    points: int = 0
    whole: bool = False


@dataclasses.dataclass(frozen=True)
class Places:
    """Where each RoI's map is in the pixels of all maps.

    Attributes:
        first: int32 tensor [n], index of the map's first pixel.
        heights, widths: float tensors [n], the map's size in cells.
    """

    first: Tensor
    heights: Tensor
    widths: Tensor


def reduce_points(
    operator: Operator,
    boxes: Tensor,
    places: Places,
    sample: Callable[[Tensor, Tensor], Tensor],
    channels: int,
    choose: bool = True,
) -> tuple[Tensor, Tensor]:
    """The bins of n RoIs.

    Args:
        operator: the RoI operator.
        boxes: float tensor [n, 4] in pixels of their map (cells).
        places: the RoIs' maps.
        sample: function (y [n, rows], x [n, columns]) -> [n, rows, columns, channels] float32.
        channels: of the maps.
        choose: whether the second result is needed.

    Returns:
        bins: float32 tensor [n, height, width, channels].
        chosen: int32 tensor of the same shape, the number of the point that is the maximum, -1 for
            none; a single -1 for an average, or if not needed.
    """
    rows, columns, steps, per_row = _axes(operator, boxes, places)
    shape = (ops.shape(boxes)[0], *operator.size, channels)

    def point(number):
        (y, counted_y, inside_y), (x, counted_x, inside_x) = _at(rows, columns, number, per_row)
        return sample(y, x) * _outer(inside_y, inside_x), _outer(counted_y, counted_x)

    none = ops.full((1,), -1, "int32")
    if not operator.maximum:
        [total] = _loop(steps, lambda n, total: (total + point(n)[0],), ops.zeros(shape, "float32"))
        return total * _share(rows, columns), none

    def masked(number):
        value, counted = point(number)
        return ops.where(counted > 0, value, _LOWEST), counted > 0

    def cell(number):  # points that a bin lacks repeat its last cell, see `pool_axis`
        (y, _, _), (x, _, _) = _at(rows, columns, number, per_row)
        return sample(y, x), True

    def maximum(number, best):
        return (ops.maximum(best, candidate(number)[0]),)

    def larger(number, best, chosen):
        value, counted = candidate(number)
        # The first point always counts as larger than none.
        take = ((chosen < 0) & counted) | (value > best)
        return ops.where(take, value, best), ops.where(take, number, chosen)

    candidate = cell if operator.whole else masked
    if choose:
        start = ops.full(shape, _LOWEST, "float32"), ops.full(shape, -1, "int32")
        best, chosen = _loop(steps, larger, *start)
    else:
        [best] = _loop(steps, maximum, ops.full(shape, _LOWEST, "float32"))
        chosen = none
    if operator.whole:
        filled = _filled(rows, columns)
        return ops.where(filled, best, 0.0), ops.where(filled, chosen, -1) if choose else none
    return ops.where(best == _LOWEST, 0.0, best), chosen


def add_gradient(
    operator: Operator,
    boxes: Tensor,
    places: Places,
    chosen: Tensor,
    upstream: Tensor,
    gradient: Tensor,
) -> Tensor:
    """Add the gradient of n RoIs' bins to that of the pixels of all maps.

    Args:
        operator, boxes, places: see `reduce_points`.
        chosen: its second result.
        upstream: float tensor [n, height, width, channels], the gradient of its first result.
        gradient: float32 tensor [P, channels].

    Returns:
        float32 tensor [P, channels].
    """
    rows, columns, steps, per_row = _axes(operator, boxes, places)
    if not operator.maximum:
        upstream = upstream * _share(rows, columns)

    def of_point(number):
        (y, _, inside_y), (x, _, inside_x) = _at(rows, columns, number, per_row)
        flow = upstream * _outer(inside_y, inside_x)
        if operator.maximum:
            flow = ops.where(chosen == number, flow, 0.0)
        return [
            (ops.reshape(pixels, (-1,)), ops.reshape(flow * weight, (-1, flow.shape[-1])))
            for pixels, weight in corners(places, y, x, operator.whole)
        ]

    # TensorFlow copies the whole gradient each time it adds to it, so several points are added
    # together. Points that a bin does not have add 0.
    group = _TOGETHER_WHOLE if operator.whole else _TOGETHER
    group = min(group, operator.points**2) if operator.points else group

    def add(turn, gradient):
        pairs = [pair for point in range(group) for pair in of_point(turn * group + point)]
        pixels, added = zip(*pairs, strict=True)
        indices, updates = ops.concatenate(pixels, axis=0), ops.concatenate(added, axis=0)
        return (ops.scatter_update(gradient, indices[:, None], updates, reduction="add"),)

    return _loop((steps + group - 1) // group, add, gradient)[0]


def corners(places: Places, y: Tensor, x: Tensor, whole: bool) -> list[tuple[Tensor, Any]]:
    """The pixels around positions on a lattice, and their weights in bilinear interpolation.

    Args:
        places: the maps of n RoIs.
        y: float tensor [n, rows] in cells, within the map.
        x: float tensor [n, columns].
        whole: whether all positions are centres of cells.

    Returns:
        Four pairs, or one if `whole`: int32 tensor [n, rows, columns], indices of pixels; float
        tensor [n, rows, columns, 1], or 1.0 if `whole`.
    """
    step = ops.cast(places.widths, "int32")[:, None]
    top, left = ops.floor(y), ops.floor(x)

    def pixels(row, column):
        lines = places.first[:, None] + ops.cast(row, "int32") * step
        return lines[:, :, None] + ops.cast(column, "int32")[:, None, :]

    if whole:
        return [(pixels(top, left), 1.0)]
    bottom = ops.minimum(top + 1.0, places.heights[:, None] - 1.0)
    right = ops.minimum(left + 1.0, places.widths[:, None] - 1.0)
    down, across = y - top, x - left
    return [
        (pixels(row, column), _outer(weight_y, weight_x))
        for row, weight_y in ((top, 1.0 - down), (bottom, down))
        for column, weight_x in ((left, 1.0 - across), (right, across))
    ]


def steps_of(operator: Operator, boxes: Tensor, places: Places) -> Tensor:
    """The number of points in the largest bin of each RoI.

    Args:
        operator: the RoI operator.
        boxes: float tensor [n, 4] in pixels of their map (cells).
        places: the RoIs' maps.

    Returns:
        int32 tensor [n].
    """
    y1, x1, y2, x2 = (boxes[:, index] for index in range(4))
    rows = operator.rows(y1, y2, places.heights)
    return rows.steps * operator.columns(x1, x2, places.widths).steps


def _axes(operator, boxes, places):
    y1, x1, y2, x2 = (boxes[:, index] for index in range(4))
    rows = operator.rows(y1, y2, places.heights)
    columns = operator.columns(x1, x2, places.widths)
    # With no RoIs there is no maximum, nor anything to visit.
    per_column, per_row = (ops.max(ops.append(axis.steps, 0)) for axis in (rows, columns))
    return rows, columns, per_column * per_row, per_row


def _at(rows, columns, number, per_row):
    return rows.at(number // per_row), columns.at(number % per_row)


def _filled(rows, columns):
    """Whether a bin has any point, bool [n, height, width, 1]."""
    first = ops.zeros((), "int32")
    (_, row, _), (_, column, _) = rows.at(first), columns.at(first)
    return _outer(row, column) > 0


def _share(rows, columns):
    return (1.0 / ops.maximum(rows.points * columns.points, 1.0))[:, None, None, None]


def _outer(rows, columns):
    return (rows[:, :, None] * columns[:, None, :])[..., None]


def _loop(steps, body, *start):
    """Apply `body` to (number, *values) for each number below `steps`."""
    return ops.while_loop(
        lambda number, *values: number < steps,
        lambda number, *values: (number + 1, *body(number, *values)),
        (ops.zeros((), "int32"), *start),
    )[1:]
