"""Several planes of one place as one picture."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..types import Array

PROJECTIONS = ("max", "mean", "sum")


def check_projection(projection: str | None) -> None:
    """Check the name of a projection.

    Raises:
        ValueError: it is neither None nor one of `PROJECTIONS`.
    """
    if projection is not None and projection not in PROJECTIONS:
        raise ValueError(f'projection is {projection!r}: it must be "max", "mean" or "sum".')


def projected(planes: Iterable[Array], projection: str) -> Array:
    """Combine planes, of which two at a time are in memory.

    Args:
        planes: arrays of one shape and dtype; values that are masked in some are left out.
        projection: "max", "mean" or "sum".

    Returns:
        An array of their shape, masked where all planes are. The maximum and the mean have the
        planes' dtype; a mean of whole numbers is rounded. The sum of whole numbers has at least 32
        bits.

    Raises:
        ValueError: there are no planes, or no such projection.

    Example:
        >>> from mrcnn.images.projections import projected
        >>> planes = np.array([[0, 10], [1, 30], [250, 20]], np.uint8)
        >>> projected(planes, "mean")
        array([84, 20], dtype=uint8)
    """
    check_projection(projection)
    total, valid = None, 0
    for plane in planes:
        values, dtype = np.ma.getdata(plane), plane.dtype
        has_value: Any = 1
        if isinstance(plane, np.ma.MaskedArray):
            has_value = ~np.ma.getmaskarray(plane)
            values = np.where(has_value, values, _least(dtype) if projection == "max" else 0)
        if total is None:
            total = values.astype(_accumulator(dtype, projection))
        elif projection == "max":
            np.maximum(total, values, out=total)
        else:
            total += values
        valid = valid + has_value
    if total is None:
        raise ValueError("there are no planes to combine.")
    if projection == "mean":
        total /= np.maximum(valid, 1)
        total = np.rint(total).astype(dtype) if dtype.kind in "ui" else total.astype(dtype)
    elif dtype.kind == "f":
        total = total.astype(dtype)
    return np.ma.MaskedArray(total, valid == 0) if np.any(np.equal(valid, 0)) else total


def projected_dtype(dtype: np.dtype[Any], projection: str | None) -> np.dtype[Any]:
    """The dtype that `projected` returns.

    Args:
        dtype: of the planes.
        projection: see `projected`, or None for a single plane.
    """
    return projected([np.zeros(1, dtype)], projection).dtype if projection else dtype


def _accumulator(dtype, projection):
    if projection == "max":
        return dtype
    if projection == "sum" and dtype.kind in "ui":
        return np.dtype(f"{dtype.kind}{4 if dtype.itemsize < 4 else 8}")
    return np.result_type(dtype, np.float64)


def _least(dtype):
    return np.iinfo(dtype).min if dtype.kind in "ui" else dtype.type(-np.inf)
