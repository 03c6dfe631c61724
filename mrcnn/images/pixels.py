"""Which images are accepted, and how values of other types are scaled to 0..255."""

import logging
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..config_rules.network_rules import nodata_problem, scaling_problem
from ..types import Array
from . import nodata as no_data
from . import ranges

logger = logging.getLogger(__name__)

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
    log_once(remarks, config)
    return pixels


def log_once(remarks: Mapping[str, str], config: PixelSettings) -> None:
    """Log remarks on missing data that were not logged for a configuration before.

    Args:
        remarks: by the value concerned, see `nodata.find`.
        config: the settings.
    """
    said = _said.setdefault(config, set()) if remarks else set()
    for value, remark in remarks.items():
        if value not in said:
            said.add(value)
            logger.warning(remark)


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
    values, mask = parts(image, channels, name)
    by_image = isinstance(scaling, str)  # the image's own values set the range
    values, missing, remarks = no_data.find(
        values, mask, nodata if by_image or nodata != "auto" else None, scaling != "full", name
    )
    pixels = ranges.stretch(values, ranges.find(values, scaling, name, missing))
    if missing is not None:
        pixels = no_data.set_to_mean(pixels, missing)
    pixels = np.repeat(pixels, channels, axis=2) if pixels.shape[2] != channels else pixels
    return pixels, remarks


def parts(image: npt.ArrayLike, channels: int, name: str) -> tuple[Array, Array | None]:
    """The values and the mask of an image, after checks.

    Args:
        image, channels, name: see `as_channels`.

    Returns:
        values: [H, W, channels], or [H, W, 1] if grayscale is still to be repeated.
        mask: bool array of the same shape, True for no data; None if nothing is masked.

    Raises:
        TypeError, ValueError: see `as_channels`.
    """
    values = np.asarray(np.ma.getdata(image))
    mask = np.ma.getmaskarray(np.ma.asarray(image)) if np.ma.is_masked(image) else None
    _check(values, name)
    values = _select_channels(values, channels, name)
    return values, None if mask is None else np.atleast_3d(mask)[..., : values.shape[2]]


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
