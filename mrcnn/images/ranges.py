"""Which values of an image become black and white."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..types import Array

# Percentiles that become black and white. They are common in microscopy (StarDist uses 1 and 99.8),
# and keep dead and hot pixels from setting the range.
PERCENTILES = (1, 99.8)

_PIXELS = "the network is trained on pixel values from 0 to 255"

# The values that become 0 and 255.
Range = tuple[float, float]


def find(image: Array, scaling: Any, name: str, missing: Array | None) -> list[Range] | None:
    """The range of each channel, see `pixels.as_channels`.

    Args:
        image: [H, W, C] numbers or booleans, all finite.
        scaling: the configuration's IMAGE_SCALING.
        name: of the image, for error messages.
        missing: bool array [H, W, C], the values to leave out; None for none.

    Returns:
        C pairs of the values that become 0 and 255; None if the values are to stay as they are.

    Raises:
        TypeError: the dtype has no range for "full".
        ValueError: values that cannot be scaled.

    Example:
        >>> from mrcnn.images import ranges
        >>> ranges.find(np.array([[[0.1], [0.5]]]), "auto", "image", missing=None)
        [(0, 1)]
    """
    count = image.shape[2]
    if image.dtype == np.uint8:
        return None
    if image.dtype == bool:
        return [(0, 1)] * count
    if isinstance(scaling, str) and scaling == "auto":
        scaling = _by_type(image, name)
    if scaling is None:
        return None
    if isinstance(scaling, str) and scaling == "percentile":
        return _percentiles(image, missing)
    low, high = _full(image, name) if isinstance(scaling, str) else scaling
    return [(low, high)] * count


def stretch(image: Array, ranges: Sequence[Range] | None) -> Array:
    """Scale each channel of an image so that its range becomes 0 to 255.

    Args:
        image: [H, W, C].
        ranges: from `find`.

    Returns:
        uint8 [H, W, C], with values outside the range clipped; `image` itself if `ranges` is None.
    """
    if ranges is None:
        return image
    if len(set(ranges)) == 1:
        return _stretch(image, *ranges[0])
    scaled = np.empty(image.shape, np.uint8)
    for index, (low, high) in enumerate(ranges):
        scaled[..., index] = _stretch(image[..., index], low, high)
    return scaled


def _by_type(image: Array, name: str) -> Any:
    """What "auto" means for an image: "percentile", (0, 1), or None."""
    low, high = image.min(), image.max()
    integers, wide = image.dtype.kind in "ui", image.dtype.itemsize > 1
    # 16 bits whatever the values: a dark image must not pass for an 8-bit one.
    if low >= 0 and integers and (image.dtype.itemsize == 2 or (wide and high > 255)):
        return "percentile"
    if low < 0 or high > 255:
        raise ValueError(
            f"{name} is an array of {image.dtype} with values {low} to {high}: {_PIXELS}. Set "
            "IMAGE_SCALING to (low, high), the values that should become 0 and 255, or to "
            "'percentile', which finds them in each image."
        )
    return (0, 1) if not integers and 0 < high <= 1 else None


def _full(image: Array, name: str) -> Range:
    if image.dtype.kind == "u":
        return 0, np.iinfo(image.dtype).max
    low, high = image.min(), image.max()
    if image.dtype.kind == "f" and low >= 0 and high <= 1:
        return 0, 1
    raise TypeError(
        f"{name} is an array of {image.dtype} with values {low} to {high}, and IMAGE_SCALING is "
        "'full', which needs unsigned integers, or floats from 0 to 1. Set it to (low, high), the "
        "values that should become 0 and 255, or to 'percentile'."
    )


def _percentiles(image: Array, missing: Array | None) -> list[Range]:
    ranges = []
    for index in range(image.shape[2]):
        valid = image[..., index]
        if missing is not None and not missing[..., index].all():
            valid = valid[~missing[..., index]]
        if valid.dtype == np.uint16:
            low, high = _percentiles_of_counts(np.bincount(valid.ravel(), minlength=1))
        else:
            low, high = np.percentile(valid.astype(np.float64), PERCENTILES)
        if high <= low:  # few pixels differ, or none
            high = valid.max()
        ranges.append((low, high))
    return ranges


def _percentiles_of_counts(counts: Array) -> Array:
    """np.percentile of values 0, 1, ... that occur `counts` times each; several times faster."""
    cumulated = np.cumsum(counts)
    position = np.array(PERCENTILES) / 100 * (cumulated[-1] - 1)
    below = np.floor(position)
    first, second = (
        np.searchsorted(cumulated, np.minimum(below + step, cumulated[-1] - 1), side="right")
        for step in (0, 1)
    )
    return first + (second - first) * (position - below)


def _stretch(values: Array, low: float, high: float) -> Array:
    """`values` as uint8: `low` becomes 0 and `high` 255. All 0 unless `high` is above `low`."""
    if values.dtype == np.uint16:
        return _stretch(np.arange(2**16, dtype=np.float64), low, high)[values]
    if not high > low:
        return np.zeros(values.shape, np.uint8)
    values = np.clip(values.astype(np.float64), low, high)
    values -= low
    values /= high - low
    values *= 255
    return np.rint(values, out=values).astype(np.uint8)
