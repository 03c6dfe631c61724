"""Ratios and means that are NaN where there is nothing to divide by."""

import numpy as np


def ratio(part, whole):
    """`part` / `whole`, numbers or arrays of equal shape, as float64; NaN where `whole` is 0."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole != 0)


def mean(values):
    """Mean of the `values`, [N], that are not NaN, as a float; NaN if there are none."""
    values = np.asarray(values, np.float64)
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else float("nan")
