"""Which images are accepted: their dtype, values, rank and channels."""

import logging

import numpy as np

logger = logging.getLogger(__name__)

_PIXELS = "the network is trained on pixels of 0 to 255"


def as_channels(image, channels, name="image"):
    """The image as [H, W, channels] of values 0..255, or a reason why it cannot be.

    Args:
        image: [H, W] or [H, W, C]. uint8, float in 0..255, or other integers (but of 16 bits)
            if all of them lie in 0..255. Grayscale is repeated and an alpha channel dropped when
            `channels` is 3.
        channels: the configuration's IMAGE_CHANNEL_COUNT.
        name: what the errors call the image, for example its path.

    Returns:
        [H, W, channels] in the input dtype.

    Raises:
        TypeError: the dtype is not one of pixels.
        ValueError: wrong rank, no pixels, wrong number of channels, or impossible values.
    """
    if image is None:
        raise TypeError(f"{name} is None: was its file read?")
    image = np.asarray(image)
    _check_pixels(image, name)
    if image.ndim == 2:
        image = image[..., None]
    if channels == 3 and image.shape[2] == 1:
        image = np.repeat(image, 3, axis=2)
    if channels == 3 and image.shape[2] == 4:
        image = image[..., :3]
    if image.shape[2] != channels:
        accepted = "1 (gray), 3 (RGB) or 4 (RGBA)" if channels == 3 else str(channels)
        raise ValueError(
            f"{name} has {image.shape[2]} channels, but IMAGE_CHANNEL_COUNT is {channels}: "
            f"{accepted} would be accepted."
        )
    return image


def _check_pixels(image, name):
    kind, dtype = image.dtype.kind, image.dtype
    if kind == "b":
        raise TypeError(f"{name} is boolean: {_PIXELS}. Use `image.astype('uint8') * 255`.")
    if kind not in "uif":
        raise TypeError(f"{name} is an array of {dtype}: uint8 or float pixels are accepted.")
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ValueError(
            f"{name} has shape {image.shape}: one image of [height, width] or [height, width, "
            "channels] with at least one pixel is accepted."
        )
    if kind == "f":
        _check_float_pixels(image, name)
    elif dtype.itemsize == 2:  # values up to 255 too: a dark image must not pass as a full one
        raise TypeError(
            f"{name} is an array of {dtype} with values {image.min()} to {image.max()}: {_PIXELS}. "
            "Rescale it by the white level of its camera, for example `(image / 65535 * "
            "255).astype('uint8')`; if its values are 0 to 255 already, use "
            "`image.astype('uint8')`."
        )
    elif dtype != np.uint8 and (image.min() < 0 or image.max() > 255):
        raise ValueError(
            f"{name} is an array of {dtype} with values {image.min()} to {image.max()}: {_PIXELS}. "
            "Rescale it to 0 to 255."
        )


def _check_float_pixels(image, name):
    bad = image.size - np.count_nonzero(np.isfinite(image))
    if bad:
        raise ValueError(f"{name} has {bad} values that are NaN or infinite: all must be finite.")
    if image.max() <= 1:
        logger.warning(
            "%s is a float array with no value above 1, so it looks like 0..1: %s, and it would "
            "be almost black. Multiply it by 255.",
            name,
            _PIXELS,
        )
