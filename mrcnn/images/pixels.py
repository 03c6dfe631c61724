"""Which images are accepted, and how values of other types are scaled to 0..255."""

import logging
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..config_rules.network_rules import nodata_problem, scaling_problem
from ..types import Array
from . import nodata as no_data

logger = logging.getLogger(__name__)

_PIXELS = "the network is trained on pixel values from 0 to 255"
# Percentiles that become black and white. They are common in microscopy (StarDist uses 1 and 99.8),
# and keep dead and hot pixels from setting the range.
PERCENTILES = (1, 99.8)

# The values whose remarks have been logged, for each configuration.
_said: "weakref.WeakKeyDictionary[PixelSettings, set[str]]" = weakref.WeakKeyDictionary()


class PixelSettings(Protocol):
    """The settings of a `Config` that say which images are accepted, and how they are scaled."""

    @property
    def IMAGE_CHANNEL_COUNT(self) -> int:
        """See `Config`."""

    @property
    def IMAGE_SCALING(self) -> Any:
        """See `Config`."""

    @property
    def IMAGE_NODATA(self) -> Any:
        """See `Config`."""


def for_network(image: npt.ArrayLike, config: PixelSettings, name: str = "image") -> Array:
    """`as_channels` with the settings of a configuration; logs each remark on missing data once.

    Args:
        image: [H, W] or [H, W, C], numbers or booleans, possibly masked.
        config: the settings. A remark already logged for the same `config` is not logged again.
        name: the image's name in messages.

    Returns:
        [H, W, IMAGE_CHANNEL_COUNT], uint8 or the input dtype if nothing was scaled.

    Raises:
        TypeError, ValueError: see `as_channels`.
    """
    pixels, remarks = scale(
        image, config.IMAGE_CHANNEL_COUNT, name, config.IMAGE_SCALING, config.IMAGE_NODATA
    )
    said = _said.setdefault(config, set()) if remarks else set()
    for value, remark in remarks.items():
        if value not in said:
            said.add(value)
            logger.warning(remark)
    return pixels


def as_channels(
    image: npt.ArrayLike,
    channels: int,
    name: str = "image",
    scaling: str | Sequence[float] | Array = "auto",
    nodata: str | float | None = "auto",
) -> Array:
    """An image as [H, W, channels] with values in 0..255, or an error that says why not.

    uint8 pixels are never changed, and booleans become 0 and 255. `scaling` decides what happens to
    other types:

    - "auto": 16-bit integers are scaled by "percentile", and so are wider ones if a value is above
      255. Floats in 0..1 are multiplied by 255. Other values in 0..255 stay as they are.
    - "percentile": in each channel of each image, the 1st percentile becomes 0 and the 99.8th
      255. A constant channel becomes 0.
    - "full": 0 stays 0, and the largest value of the unsigned dtype (such as 65535) becomes 255;
      floats must lie in 0..1.
    - (low, high): `low` becomes 0 and `high` 255, such as (0, 4095) for a 12-bit camera.

    Values outside the range are clipped. Scaled images are rounded to uint8, so that augmentation
    and resizing see one type in both training and detection.

    Values that hold no data, namely masked ones, NaN and those that `nodata` stands for, are left
    out of the scaling. They then become the mean of their channel's valid values, rounded, which
    looks like a featureless area to the network; a channel without valid values becomes 0. What a
    user should know about them is logged.

    Args:
        image: [H, W] or [H, W, C], numbers or booleans, possibly masked. Grayscale is repeated and
            an alpha channel dropped when `channels` is 3; three equal channels become one when it
            is 1.
        channels: the configuration's IMAGE_CHANNEL_COUNT.
        name: the image's name in error messages, such as its path.
        scaling: the configuration's IMAGE_SCALING.
        nodata: the configuration's IMAGE_NODATA; `nodata.find` says which values it matches.

    Returns:
        [H, W, channels], uint8 or the input dtype if nothing was scaled.

    Raises:
        TypeError: not an array of numbers or booleans, or the dtype has no range for "full".
        ValueError: wrong rank, no pixels, wrong number of channels, impossible values or scaling.

    Example:
        >>> from mrcnn.images.pixels import as_channels
        >>> camera = np.array([[0, 2048, 4095]], np.uint16)  # 12 bits
        >>> as_channels(camera, channels=1, scaling=(0, 4095)).ravel()
        array([  0, 128, 255], dtype=uint8)
    """
    pixels, remarks = scale(image, channels, name, scaling, nodata)
    for remark in remarks.values():
        logger.warning(remark)
    return pixels


def scale(
    image: npt.ArrayLike,
    channels: int,
    name: str = "image",
    scaling: str | Sequence[float] | Array = "auto",
    nodata: str | float | None = "auto",
) -> tuple[Array, dict[str, str]]:
    """`as_channels` without logging.

    Args:
        image, channels, name, scaling, nodata: see `as_channels`.

    Returns:
        The image [H, W, channels], and the remarks that `as_channels` logs, see `nodata.find`.

    Raises:
        TypeError, ValueError: see `as_channels`.
    """
    if problem := scaling_problem(scaling):
        raise ValueError(f"scaling {problem}")
    if problem := nodata_problem(nodata):
        raise ValueError(f"nodata {problem}")
    if image is None:
        raise TypeError(f"{name} is None: was its file read?")
    if isinstance(image, str | Path):
        raise TypeError(
            f"{name} is the path {str(image)!r}: it must be an array of pixels, such as "
            "mrcnn.images.reading.read_image(path) returns."
        )
    values = np.asarray(np.ma.getdata(image))
    mask = np.ma.getmaskarray(np.ma.asarray(image)) if np.ma.is_masked(image) else None
    _check(values, name)
    values = _select_channels(values, channels, name)
    if mask is not None:
        mask = np.atleast_3d(mask)[..., : values.shape[2]]
    by_image = isinstance(scaling, str)  # the image's own values set the range
    values, missing, remarks = no_data.find(
        values, mask, nodata if by_image or nodata != "auto" else None, scaling != "full", name
    )
    pixels = _scale(values, scaling, name, missing)
    if missing is not None:
        pixels = no_data.set_to_mean(pixels, missing)
    pixels = np.repeat(pixels, channels, axis=2) if pixels.shape[2] != channels else pixels
    return pixels, remarks


def _check(image: Array, name: str) -> None:
    if image.dtype.kind not in "buif":
        raise TypeError(
            f"{name} is an array of {image.dtype}: it must hold numbers (uint8, uint16, float32, "
            "...) or booleans."
        )
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ValueError(
            f"{name} has shape {image.shape}: it must be one image, [height, width] or [height, "
            "width, channels], with at least one pixel."
        )


def _select_channels(image: Array, channels: int, name: str) -> Array:
    """[H, W, channels], or [H, W, 1] if grayscale is still to be repeated."""
    if image.ndim == 2:
        image = image[..., None]
    count = image.shape[2]
    if count == channels or (channels == 3 and count == 1):
        return image
    if channels == 3 and count == 4:
        return image[..., :3]
    # NaN, which means no data, is equal to nothing.
    nan = image != image
    if channels == 1 and count == 3 and ((image == image[..., :1]) | nan & nan[..., :1]).all():
        return image[..., :1]
    accepted = {1: "1 (gray) or 3 equal ones", 3: "1 (gray), 3 (RGB) or 4 (RGBA)"}
    first = image.shape[0] == channels
    raise ValueError(
        f"{name} has {count} channels, but IMAGE_CHANNEL_COUNT is {channels}: "
        f"{accepted.get(channels, channels)} would be accepted."
        + (" If its channels come first, use `np.moveaxis(image, 0, -1)`." if first else "")
    )


def _scale(image: Array, scaling: Any, name: str, missing: Array | None) -> Array:
    if image.dtype == np.uint8:
        return image
    if image.dtype == bool:
        return image.astype(np.uint8) * 255
    if isinstance(scaling, str) and scaling == "auto":
        return _scale_by_type(image, name, missing)
    if isinstance(scaling, str) and scaling == "percentile":
        return _stretch_percentiles(image, missing)
    low, high = _full_range(image, name) if isinstance(scaling, str) else scaling
    return _stretch(image, low, high)


def _scale_by_type(image: Array, name: str, missing: Array | None) -> Array:
    low, high = image.min(), image.max()
    integers, wide = image.dtype.kind in "ui", image.dtype.itemsize > 1
    # 16 bits whatever the values: a dark image must not pass for an 8-bit one.
    if low >= 0 and integers and (image.dtype.itemsize == 2 or (wide and high > 255)):
        return _stretch_percentiles(image, missing)
    if low < 0 or high > 255:
        raise ValueError(
            f"{name} is an array of {image.dtype} with values {low} to {high}: {_PIXELS}. Set "
            "IMAGE_SCALING to (low, high), the values that should become 0 and 255, or to "
            "'percentile', which finds them in each image."
        )
    return _stretch(image, 0, 1) if not integers and 0 < high <= 1 else image


def _full_range(image: Array, name: str) -> tuple[float, float]:
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


def _stretch_percentiles(image: Array, missing: Array | None) -> Array:
    scaled = np.empty(image.shape, np.uint8)
    for index in range(image.shape[2]):
        channel = valid = image[..., index]
        if missing is not None and not missing[..., index].all():
            valid = channel[~missing[..., index]]
        if channel.dtype == np.uint16:
            low, high = _percentiles_of_counts(np.bincount(valid.ravel(), minlength=1))
        else:
            low, high = np.percentile(valid.astype(np.float64), PERCENTILES)
        if high <= low:  # few pixels differ, or none
            high = valid.max()
        scaled[..., index] = _stretch(channel, low, high)
    return scaled


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
