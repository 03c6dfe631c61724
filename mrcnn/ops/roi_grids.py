"""Where the RoI operators sample a feature map, one axis at a time.

All positions are in cells: 0 is the centre of the first cell of a map. The sampling points of a bin
are numbered from 0 along each axis.
"""

import dataclasses
from collections.abc import Callable

from keras import ops

from ..types import Tensor

# A function (start [n], stop [n], extent [n]) -> `Axis`: a RoI's first and last edge in cells, and
# the number of cells that its map has along this axis. All are float tensors.
Sampling = Callable[[Tensor, Tensor, Tensor], "Axis"]


@dataclasses.dataclass(frozen=True)
class Axis:
    """The sampling points of n RoIs along one axis.

    Attributes:
        at: function (i, an int32 scalar) -> (position, counted, inside), each [n, bins], of point i
            of every bin. `position` is a float tensor in 0..extent - 1. `counted` is 1.0 if the bin
            has such a point, and `inside` is 1.0 if the map also has a value there; both are 0.0
            otherwise.
        points: float tensor [n], the number of points in a bin, for an average.
        steps: int32 tensor [n], the largest number of points in any bin of a RoI.
    """

    at: Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]
    points: Tensor
    steps: Tensor


def align_axis(bins: int, sampling_ratio: int, aligned: bool) -> Sampling:
    """RoIAlign (Mask R-CNN, section 3): evenly spaced points in each bin, nothing rounded.

    A point up to one cell outside the map has the value of the nearest cell; further out it is 0.

    Args:
        bins: number of bins.
        sampling_ratio: points per bin; 0 for as many as the bin has cells, rounded up.
        aligned: whether coordinates are shifted by half a cell, so that an edge at 0 is the outer
            edge of the first cell. Otherwise, an edge at 0 is the centre of the first cell, and a
            RoI is at least one cell long.
    """

    def sampling(start, stop, extent):
        if aligned:
            start, stop = start - 0.5, stop - 0.5
        length = stop - start
        return _evenly(
            start,
            length if aligned else ops.maximum(length, 1.0),
            extent,
            bins,
            sampling_ratio,
        )

    return sampling


def warp_axis(bins: int, sampling_ratio: int, aligned: bool) -> Sampling:
    """RoIWarp (MNC; Mask R-CNN, section 4.1): the RoI is rounded to cells, the bins are not.

    The points lie as in RoIAlign, but in the cells that RoIPool would divide.

    Args:
        bins, sampling_ratio, aligned: see `align_axis`.
    """

    def sampling(start, stop, extent):
        start, length = _whole_cells(start, stop)
        shift = 0.5 if aligned else 0.0
        return _evenly(start - shift, length, extent, bins, sampling_ratio)

    return sampling


def pool_axis(bins: int) -> Sampling:
    """RoIPool (Fast R-CNN, section 2.1): RoI and bins are rounded; each cell is a point.

    A bin's cells reach from its first edge, rounded down, to its last, rounded up, so that
    neighbouring bins may share cells. Points that a bin does not have are at its last cell, where
    they do not change a maximum.

    Args:
        bins: number of bins.
    """

    def sampling(start, stop, extent):
        start, length = _whole_cells(start, stop)
        size = _divide(length, bins)[:, None]
        number = ops.arange(bins, dtype="float32")
        last = extent[:, None]
        first = ops.clip(ops.floor(number * size) + start[:, None], 0.0, last)  # [n, bins]
        end = ops.clip(ops.ceil((number + 1.0) * size) + start[:, None], 0.0, last)

        def at(i):
            position = first + ops.cast(i, "float32")
            inside = ops.cast(position < end, "float32")
            return ops.clip(ops.minimum(position, end - 1.0), 0.0, last - 1.0), inside, inside

        points = ops.max(end - first, axis=1, initial=0.0)  # a level may have no RoI
        return Axis(at, points, ops.cast(points, "int32"))

    return sampling


def _evenly(start, length, extent, bins, sampling_ratio):
    size = _divide(length, bins)  # [n]
    points = ops.ones_like(size) * sampling_ratio if sampling_ratio else ops.ceil(size)
    points = ops.maximum(points, 0.0)
    edges = start[:, None] + ops.arange(bins, dtype="float32") * size[:, None]  # [n, bins]
    last = extent[:, None]
    spacing = ops.maximum(points, 1.0)

    def at(i):
        i = ops.cast(i, "float32")
        position = edges + ((i + 0.5) * size / spacing)[:, None]
        counted = ops.cast(i < points, "float32")[:, None] * ops.ones_like(position)
        inside = counted * ops.cast((position >= -1.0) & (position <= last), "float32")
        return ops.clip(position, 0.0, last - 1.0), counted, inside

    return Axis(at, points, ops.cast(points, "int32"))


def _divide(length, bins):
    """Length / bins, rounded correctly.

    Compilers multiply by 1 / bins instead. In float32, 14 * (1 / 7) is more than 2, so that a bin
    of two cells would get three.
    """
    divisor = ops.where(length < float("inf"), float(bins), 1.0)  # a constant only in practice
    return length / divisor


def _whole_cells(start, stop):
    """The first cell of a RoI and its number of cells, at least 1."""
    first = _round(start)
    return first, ops.maximum(_round(stop) - first + 1.0, 1.0)


def _round(x):
    """Round halves away from zero, as C does and the frameworks' `round` does not."""
    down = ops.floor(ops.abs(x))
    return ops.sign(x) * (down + ops.cast(ops.abs(x) - down >= 0.5, "float32"))
