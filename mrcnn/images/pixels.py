"""Which images are accepted, and how numbers of other types become pixels of 0 to 255."""

from pathlib import Path

import numpy as np

from ..config_rules.network_rules import scaling_problem

_PIXELS = "the network is trained on pixels of 0 to 255"
# Percentiles that become black and white: those customary for microscopy (StarDist's are 1 and
# 99.8), between which neither dead nor hot pixels decide.
_PERCENTILES = (1, 99.8)


def as_channels(image, channels, name="image", scaling="auto"):
    """The image as [H, W, channels] of values 0..255, or a reason why it cannot be.

    Pixels of uint8 are never changed, and booleans become 0 and 255. What becomes of all others
    is said by `scaling`:

    - "auto": integers of 16 bits by "percentile", and wider ones too when a value is above 255.
      Floats in 0..1 are multiplied by 255. Other values in 0..255 stay as they are.
    - "percentile": in each channel of each image, the 1st percentile becomes 0 and the 99.8th
      255. A constant channel becomes 0.
    - "full": 0 becomes 0, and the largest value of the unsigned dtype (65535) 255; floats must
      lie in 0..1.
    - (low, high): `low` becomes 0 and `high` 255, such as (0, 4095) for a camera of 12 bits.

    Values beyond are clipped. What was scaled is rounded to uint8, so that augmentation and
    resizing see one type, in training as in detection.

    Args:
        image: [H, W] or [H, W, C], numbers or booleans. Grayscale is repeated and an alpha
            channel dropped when `channels` is 3; three equal channels become one when it is 1.
        channels: the configuration's IMAGE_CHANNEL_COUNT.
        name: what the errors call the image, for example its path.
        scaling: the configuration's IMAGE_SCALING.

    Returns:
        [H, W, channels], uint8 or the input dtype if nothing was scaled.

    Raises:
        TypeError: the dtype is not one of pixels, or has no range for "full".
        ValueError: wrong rank, no pixels, wrong number of channels, impossible values or scaling.
    """
    if problem := scaling_problem(scaling):
        raise ValueError(f"scaling {problem}")
    if image is None:
        raise TypeError(f"{name} is None: was its file read?")
    if isinstance(image, str | Path):
        raise TypeError(
            f"{name} is the path {str(image)!r}: pixels are accepted, such as those that "
            "mrcnn.images.reading.read_image(path) reads."
        )
    image = np.asarray(image)
    _check(image, name)
    image = _select_channels(image, channels, name)
    image = _scale(image, scaling, name)
    return np.repeat(image, channels, axis=2) if image.shape[2] != channels else image


def _check(image, name):
    if image.dtype.kind not in "buif":
        raise TypeError(
            f"{name} is an array of {image.dtype}: numbers (uint8, uint16, float32, ...) or "
            "booleans are accepted."
        )
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ValueError(
            f"{name} has shape {image.shape}: one image of [height, width] or [height, width, "
            "channels] with at least one pixel is accepted."
        )
    if image.dtype.kind == "f":
        bad = image.size - np.count_nonzero(np.isfinite(image))
        if bad:
            raise ValueError(
                f"{name} has {bad} values that are NaN or infinite: all must be finite."
            )


def _select_channels(image, channels, name):
    """[H, W, channels], or [H, W, 1] where grayscale is to be repeated."""
    if image.ndim == 2:
        image = image[..., None]
    count = image.shape[2]
    if count == channels or (channels == 3 and count == 1):
        return image
    if channels == 3 and count == 4:
        return image[..., :3]
    if channels == 1 and count == 3 and (image == image[..., :1]).all():
        return image[..., :1]
    accepted = {1: "1 (gray) or 3 equal ones", 3: "1 (gray), 3 (RGB) or 4 (RGBA)"}
    first = image.shape[0] == channels
    raise ValueError(
        f"{name} has {count} channels, but IMAGE_CHANNEL_COUNT is {channels}: "
        f"{accepted.get(channels, channels)} would be accepted."
        + (" If its channels come first, use `np.moveaxis(image, 0, -1)`." if first else "")
    )


def _scale(image, scaling, name):
    if image.dtype == np.uint8:
        return image
    if image.dtype == bool:
        return image.astype(np.uint8) * 255
    if isinstance(scaling, str) and scaling == "auto":
        return _scale_by_type(image, name)
    if isinstance(scaling, str) and scaling == "percentile":
        return _stretch_percentiles(image)
    low, high = _full_range(image, name) if isinstance(scaling, str) else scaling
    return _stretch(image, low, high)


def _scale_by_type(image, name):
    low, high = image.min(), image.max()
    integers, wide = image.dtype.kind in "ui", image.dtype.itemsize > 1
    # 16 bits of any value: a dark image must not pass as a full one.
    if low >= 0 and integers and (image.dtype.itemsize == 2 or (wide and high > 255)):
        return _stretch_percentiles(image)
    if low < 0 or high > 255:
        raise ValueError(
            f"{name} is an array of {image.dtype} with values {low} to {high}: {_PIXELS}. Set "
            "IMAGE_SCALING to (low, high), the values that are to become 0 and 255, or to "
            "'percentile', which finds them in each image."
        )
    return _stretch(image, 0, 1) if not integers and 0 < high <= 1 else image


def _full_range(image, name):
    if image.dtype.kind == "u":
        return 0, np.iinfo(image.dtype).max
    low, high = image.min(), image.max()
    if image.dtype.kind == "f" and low >= 0 and high <= 1:
        return 0, 1
    raise TypeError(
        f"{name} is an array of {image.dtype} with values {low} to {high}, and IMAGE_SCALING is "
        "'full': that is the range of unsigned integers, or 0 to 1 of floats. Set it to (low, "
        "high), the values that are to become 0 and 255, or to 'percentile'."
    )


def _stretch_percentiles(image):
    scaled = np.empty(image.shape, np.uint8)
    for index in range(image.shape[2]):
        channel = image[..., index]
        if channel.dtype == np.uint16:
            low, high = _percentiles_of_counts(np.bincount(channel.ravel(), minlength=1))
        else:
            low, high = np.percentile(channel.astype(np.float64), _PERCENTILES)
        if high <= low:  # few pixels differ, or none
            high = channel.max()
        scaled[..., index] = _stretch(channel, low, high)
    return scaled


def _percentiles_of_counts(counts):
    """np.percentile of the values 0, 1, ... that occur so often; several times faster."""
    cumulated = np.cumsum(counts)
    position = np.array(_PERCENTILES) / 100 * (cumulated[-1] - 1)
    below = np.floor(position)
    first, second = (
        np.searchsorted(cumulated, np.minimum(below + step, cumulated[-1] - 1), side="right")
        for step in (0, 1)
    )
    return first + (second - first) * (position - below)


def _stretch(values, low, high):
    """uint8: `low` and less is 0, `high` and more is 255. All 0 if `high` is not above `low`."""
    if values.dtype == np.uint16:
        return _stretch(np.arange(2**16, dtype=np.float64), low, high)[values]
    if not high > low:
        return np.zeros(values.shape, np.uint8)
    values = np.clip(values.astype(np.float64), low, high)
    values -= low
    values /= high - low
    values *= 255
    return np.rint(values, out=values).astype(np.uint8)
