"""Resizing and mean subtraction: from a loaded image to the network's input pixels."""

import random

import numpy as np

from ..config_rules.network_rules import RESIZE_MODES, multiple_of_64
from ..geometry.resampling import resize_pixels, scaled_side


def resize_image(image, min_dim=None, max_dim=None, min_scale=None, mode="square", rng=None):
    """Scale an image and pad or crop it to the network's input size.

    The image is enlarged by at least `min_scale`, and until its shorter side is `min_dim`; it is
    never reduced to `min_dim`. Integer images are truncated after interpolation (1e-6 is added
    first, so that float noise does not matter).

    Args:
        image: [H, W, C].
        min_dim: target length of the shorter side, pixels.
        max_dim: side of the result in mode "square", pixels; the image is reduced to fit.
        min_scale: minimum scale factor.
        mode: "none": unchanged. "square": padded with zeros to [max_dim, max_dim], centred.
            "pad64": padded with zeros to multiples of 64, centred. "crop": a random
            [min_dim, min_dim] crop.
        rng: source of the crop's position, a `random.Random`, `numpy.random.Generator` or
            `numpy.random.RandomState`; None for Python's global `random`. y is drawn before x.

    Returns:
        image: [h, w, C] in the input dtype.
        window: (y1, x1, y2, x2) pixels, the part of the result that is not padding.
        scale: factor by which the image was resized.
        padding: [(top, bottom), (left, right), (0, 0)] pixels.
        crop: (y, x, height, width) pixels of the scaled image, or None.

    Raises:
        ValueError: the mode is unknown, or a dimension is missing or invalid for the mode.
    """
    _check_mode(mode, min_dim, max_dim)
    height, width = image.shape[:2]
    scale, (height, width), padding = input_geometry(
        height, width, min_dim, max_dim, min_scale, mode
    )
    if mode == "none":
        return image, (0, 0, height, width), scale, padding, None

    if mode == "crop":
        y, x = _draw(rng, height - min_dim), _draw(rng, width - min_dim)
        if scale == 1:
            image = image[y : y + min_dim, x : x + min_dim]
        else:
            image = resize_pixels(image, (height, width), (y, x, y + min_dim, x + min_dim))
        return image, (0, 0, min_dim, min_dim), scale, padding, (y, x, min_dim, min_dim)

    if scale != 1:
        image = resize_pixels(image, (height, width))
    (top, _), (left, _), _ = padding
    image = np.pad(image, padding)
    return image, (top, left, top + height, left + width), scale, padding, None


def input_geometry(height, width, min_dim=None, max_dim=None, min_scale=None, mode="square"):
    """How `resize_image` scales and pads an image of a given size.

    Args:
        height, width: size of the image in pixels.
        min_dim, max_dim, min_scale, mode: see `resize_image`.

    Returns:
        scale: factor by which the image is resized.
        size: (height, width) of the scaled image in pixels, before padding and crop.
        padding: [(top, bottom), (left, right), (0, 0)] pixels.
    """
    if mode == "none":
        return 1, (height, width), [(0, 0), (0, 0), (0, 0)]
    scale = max(1, min_dim / min(height, width)) if min_dim else 1
    if min_scale and scale < min_scale:
        scale = min_scale
    if mode == "square" and round(max(height, width) * scale) > max_dim:
        scale = max_dim / max(height, width)

    size = scaled_side(height, scale), scaled_side(width, scale)
    padded = size
    if mode == "square":
        padded = max_dim, max_dim
    elif mode == "pad64":
        padded = [-(-side // 64) * 64 for side in size]
    top, left = (padded[0] - size[0]) // 2, (padded[1] - size[1]) // 2
    bottom, right = padded[0] - size[0] - top, padded[1] - size[1] - left
    return scale, size, [(top, bottom), (left, right), (0, 0)]


def resize_to_input(image, config, rng=None):
    """`resize_image` with the settings of a configuration.

    Args:
        image: [H, W, C].
        config: IMAGE_MIN_DIM, IMAGE_MAX_DIM, IMAGE_MIN_SCALE, IMAGE_RESIZE_MODE.
        rng: see `resize_image`.

    Returns:
        image, window, scale, padding, crop: see `resize_image`.
    """
    return resize_image(image, **resize_options(config), rng=rng)


def resize_options(config):
    """The arguments of `resize_image` and `input_geometry` that a `Config` sets, a dict."""
    return {
        "min_dim": config.IMAGE_MIN_DIM,
        "max_dim": config.IMAGE_MAX_DIM,
        "min_scale": config.IMAGE_MIN_SCALE,
        "mode": config.IMAGE_RESIZE_MODE,
    }


def mold_image(images, config):
    """Subtract the mean pixel.

    Args:
        images: [..., H, W, C], RGB in 0..255.
        config: MEAN_PIXEL, one value per channel.

    Returns:
        float32 of the same shape.
    """
    molded = np.empty(np.shape(images), np.float32)
    return np.subtract(images, config.MEAN_PIXEL, dtype=np.float64, out=molded)


def unmold_image(normalized_images, config):
    """Add the mean pixel back and round; the inverse of `mold_image`.

    Args:
        normalized_images: [..., H, W, C], as `mold_image` returned them.
        config: MEAN_PIXEL, one value per channel.

    Returns:
        uint8 of the same shape.
    """
    pixels = np.add(normalized_images, config.MEAN_PIXEL, dtype=np.float64)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def _check_mode(mode, min_dim, max_dim):
    if mode not in RESIZE_MODES:
        raise ValueError(f"mode is {mode!r}: it must be 'none', 'square', 'pad64' or 'crop'.")
    if mode == "square" and not max_dim:
        raise ValueError(f"max_dim is {max_dim}: mode 'square' pads to [max_dim, max_dim] pixels.")
    if mode == "crop" and not min_dim:
        raise ValueError(f"min_dim is {min_dim}: mode 'crop' cuts out [min_dim, min_dim] pixels.")
    if mode == "pad64" and min_dim and min_dim % 64:
        raise ValueError(f"min_dim is {min_dim}: mode 'pad64' needs a multiple of 64, or None.")


def _draw(rng, last):
    """A random integer in 0..last, both included."""
    if rng is None:
        return random.randint(0, last)
    if isinstance(rng, random.Random):
        return rng.randint(0, last)
    draw = getattr(rng, "integers", None) or rng.randint
    return int(draw(0, last + 1))


def check_sides(image_shape):
    """Check that a resized image of `image_shape`, (height, width, ...), fits the pyramid.

    Raises:
        ValueError: height or width is not a multiple of 64.
    """
    for side in image_shape[:2]:
        if side % 64:
            raise ValueError(f"an image has a side of {side} pixels: {multiple_of_64(side)}")
