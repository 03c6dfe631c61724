"""Find pixels that hold no data, and set them to the mean of the others."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..types import Array

# The value that means "no data" by convention; others are the extremes of their types.
_CONVENTIONAL = -9999
# Fractions of a channel. Above the first, the largest value of an integer type is taken for no
# data. Above the second, an extreme value is remarked on; one far from the others, above the third,
# because it is then the 99.8th percentile, which becomes white.
_TAKEN, _REMARKED, _FAR_REMARKED = 0.2, 0.01, 0.002
# The fewest values in which an extreme one is taken for no data: in fewer, anything may be chance.
_MANY = 1000
# How far such a value must lie from all others, as a fraction of their range. Bright objects are
# blurred, so values between them and the background occur.
_ABOVE, _BELOW, _GAP = 1, 0.1, 0.01

_TAKEN_TEXT = (
    "They are taken for no data: left out of the scaling and set to the mean. To do so in every "
    "image, set IMAGE_NODATA = {0}; to keep them, IMAGE_NODATA = None."
)
_ASKED = (
    "If they mean no data, set IMAGE_NODATA = {0}, which leaves them out of the scaling; if not, "
    "set IMAGE_NODATA = None."
)


def find(
    image: Array, masked: Array | None, nodata: Any, guess: bool, name: str
) -> tuple[Array, Array | None, dict[str, str]]:
    """Find the values of an image that hold no data: those masked, NaN, or marked by a value.

    A value of 0, and any value in an 8-bit image, marks a pixel only where all its channels have
    it: dark and saturated colours have it in some channels. Any other value counts in each channel.

    Args:
        image: [H, W, C] numbers or booleans.
        masked: bool array [H, W, C], True for no data; None for no mask.
        nodata: the configuration's IMAGE_NODATA.
        guess: whether "auto" may take a value for no data; otherwise it only remarks on it.
        name: of the image, for the remarks.

    Returns:
        image: [H, W, C] with a valid value of the channel in place of each that holds no data.
        missing: bool array [H, W, C], or None if all values hold data.
        remarks: what a user should know, by the value concerned, such as "65535".

    Raises:
        ValueError: values are infinite, or all are NaN.
    """
    missing, remarks = marked(image, masked, nodata, name)
    if missing is None:
        return image, None, remarks
    if nodata == "auto":
        for index, value, remark, certain in guesses(image, missing, guess, name):
            remarks.setdefault(str(value), remark)
            if certain:
                missing[..., index] |= image[..., index] == value
    if not missing.any():
        return image, None, remarks
    if missing.all():
        remarks["all"] = f"{name} has no valid pixel: all its values mean no data."
    return filled(image, missing), missing, remarks


def marked(
    image: Array, masked: Array | None, nodata: Any, name: str, part: bool = False
) -> tuple[Array | None, dict[str, str]]:
    """Find the values that hold no data beyond doubt: those masked, NaN, or equal to `nodata`.

    Args:
        image, masked, nodata, name: see `find`.
        part: whether it is part of a larger image, of which others may hold data.

    Returns:
        missing: bool array [H, W, C]; None if no value of such an image can mean no data.
        remarks: see `find`.

    Raises:
        ValueError: values are infinite, or all are NaN and the image is whole.
    """
    by_value = nodata is not None and not isinstance(nodata, str)
    if masked is None and not by_value and image.dtype.itemsize == 1:
        return None, {}
    missing = np.zeros(image.shape, bool) if masked is None else masked.copy()
    if by_value:
        missing |= equal_to(image, nodata)
    remarks = {}
    if image.dtype.kind == "f" and (strange := ~np.isfinite(image) & ~missing).any():
        count, infinite = np.count_nonzero(strange), np.isinf(image[strange]).any()
        if infinite or (strange.all() and not part):
            raise ValueError(
                f"{name} has {count} values that are NaN or infinite: all must be finite."
            )
        remarks["nan"] = (
            f"{name} has {count} values that are NaN. They are taken for no data: left out of the "
            "scaling and set to the mean."
        )
        missing |= strange
    return missing, remarks


def guesses(
    image: Array, missing: Array, guess: bool, name: str
) -> list[tuple[int, Any, str, bool]]:
    """The values that may mean no data, although nothing says so.

    Args:
        image: [H, W, C] numbers or booleans.
        missing: bool array [H, W, C], what is known to hold no data.
        guess, name: see `find`.

    Returns:
        list of the channel's index, the value, a remark on it, and whether it is taken for no data.
    """
    found: list[tuple[int, Any, str, bool]] = []
    for index in range(image.shape[2] if image.dtype.itemsize > 1 else 0):
        for value, text, certain in _extremes(image[..., index], missing[..., index]):
            certain = certain and guess
            advice = (_TAKEN_TEXT if certain else _ASKED).format(value)
            found.append((index, value, f"{name}: {text} {advice}", certain))
    return found


def equal_to(image: Array, value: float) -> Array:
    """Where an image [H, W, C] has a no-data `value`, bool [H, W, C], see `find`."""
    if image.dtype.kind == "f":
        with np.errstate(over="ignore"):
            found = np.isnan(image) if np.isnan(value) else image == image.dtype.type(value)
    elif image.dtype.kind in "ui" and np.isfinite(value) and value == np.floor(value):
        limits = np.iinfo(image.dtype)
        inside = limits.min <= value <= limits.max
        found = image == int(value) if inside else np.zeros(image.shape, bool)
    else:
        found = np.zeros(image.shape, bool)
    if value == 0 or image.dtype.itemsize == 1:
        found = np.broadcast_to(found.all(axis=2, keepdims=True), image.shape)
    return found


def set_to_mean(image: Array, missing: Array) -> Array:
    """Set values without data to the mean of their channel's valid values, in place.

    Args:
        image: [H, W, C].
        missing: bool array [H, W, C]. A channel without valid values becomes 0.

    Returns:
        `image`.
    """
    for index in range(image.shape[2]):
        hidden = missing[..., index]
        if hidden.any():
            valid = image[..., index][~hidden]
            mean = valid.mean(dtype=np.float64) if valid.size else 0
            image[..., index][hidden] = mean if image.dtype.kind == "f" else np.rint(mean)
    return image


def _extremes(channel: Array, missing: Array) -> Iterator[tuple[Any, str, bool]]:
    """The extreme values of a channel that may mean no data.

    Yields:
        The value, a sentence about it, and whether it is all but certain to mean no data.
    """
    valid = channel[~missing] if missing.any() else channel
    if not valid.size:
        return
    low, high = valid.min(), valid.max()
    candidates = []
    if low < 0 and _is_sentinel(low):
        candidates.append((low, _BELOW, 0.0))
    elif low == 0 and channel.dtype.kind in "ui":
        candidates.append((low, np.inf, 1.0))  # a dark background is as likely: only a remark
    if channel.dtype.kind in "ui" and high == np.iinfo(channel.dtype).max:
        candidates.append((high, _ABOVE, _TAKEN))
    for value, far, often in candidates:
        others = valid[valid != value]
        # An image with two values is black and white.
        if not others.size or others.min() == others.max():
            continue
        first, last = float(others.min()), float(others.max())
        apart = max(first - float(value), float(value) - last)
        gap = apart / (last - first)
        share = 1 - others.size / valid.size
        certain = gap > far and share > often and (value == _CONVENTIONAL or valid.size >= _MANY)
        remarked = share > (_FAR_REMARKED if gap > far else _REMARKED)
        # There is no gap between consecutive whole numbers, however dark the image.
        if certain or (apart > 1 and gap > _GAP and remarked):
            percent = f"{100 * share:.3g}%" if share < 0.999 else "nearly all"
            text = f"{percent} of its values are {value}, the others {first:g} to {last:g}."
            yield value, text, certain


def _is_sentinel(value: Any) -> bool:
    """Whether a negative value means no data by convention, or is the lowest of its type."""
    if value.dtype.kind == "f":
        # Files have float32's lowest number, -3.4e38, with various last digits.
        return value == _CONVENTIONAL or value < -1e38 or value == np.finfo(value.dtype).min
    return value in (_CONVENTIONAL, np.iinfo(value.dtype).min, np.iinfo(np.int16).min)


def filled(image: Array, missing: Array) -> Array:
    """A copy of an image [H, W, C] with a valid value in place of each that is `missing`."""
    filled = image.copy()
    valid = image[~missing]
    for index in range(image.shape[2]):
        hidden = missing[..., index]
        of_channel = image[..., index][~hidden]
        source = of_channel if of_channel.size else valid
        filled[..., index][hidden] = source[0] if source.size else 0
    return filled
