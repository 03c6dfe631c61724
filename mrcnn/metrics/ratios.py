"""Ratios and means that are NaN where there is nothing to divide by."""

import numpy as np
import numpy.typing as npt

from ..types import Array


def ratio(part: npt.ArrayLike, whole: npt.ArrayLike) -> Array:
    """`part` / `whole`, numbers or arrays of equal shape, as float64; NaN where `whole` is 0."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole != 0)


def mean(values: npt.ArrayLike) -> float:
    """Mean of the `values`, [N], that are not NaN; NaN if there are none."""
    numbers = np.asarray(values, np.float64)
    numbers = numbers[~np.isnan(numbers)]
    return float(numbers.mean()) if numbers.size else float("nan")
