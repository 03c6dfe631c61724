"""Resizing: from a loaded image to the size of the network's input."""

import random
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ..config_rules.network_rules import RESIZE_MODES, multiple_of_64
from ..config_rules.values import either
from ..geometry.resampling import scaled_side
from ..types import Array
from .interpolation import interpolate
from .short_side import short_side_size

# A source of random numbers; None is Python's global `random`.
Rng = random.Random | np.random.Generator | np.random.RandomState | None

# What `resize_image` returns, see there.
Window = tuple[int, int, int, int]
Padding = list[tuple[int, int]]
Crop = tuple[int, int, int, int] | None
Resized = tuple[Array, Window, float, Padding, Crop]


class ResizeSettings(Protocol):
    """The settings of a `Config` that say how images are resized."""

    @property
    def IMAGE_MIN_DIM(self) -> int | None:
        """See `Config`."""

    @property
    def IMAGE_MAX_DIM(self) -> int | None:
        """See `Config`."""

    @property
    def IMAGE_MIN_SCALE(self) -> float | None:
        """See `Config`."""

    @property
    def IMAGE_RESIZE_MODE(self) -> str:
        """See `Config`."""

    @property
    def IMAGE_SIDE_MULTIPLE(self) -> int:
        """See `Config`."""

    @property
    def IMAGE_RESAMPLING(self) -> str:
        """See `Config`."""

    @property
    def BOX_COORDINATES(self) -> str:
        """See `Config`."""


def resize_image(
    image: Array,
    min_dim: int | None = None,
    max_dim: int | None = None,
    min_scale: float | None = None,
    mode: str = "square",
    rng: Rng = None,
    short_side: int | None = None,
    multiple: int = 1,
    resampling: str = "reference",
) -> Resized:
    """Scale an image and pad or crop it to the network's input size.

    The image is enlarged by at least `min_scale`, and until its shorter side is `min_dim`; except
    in mode "short_side", it is never reduced to `min_dim`. Integer images are truncated after
    interpolation (1e-6 is added first, so that float noise does not matter).

    Args:
        image: [H, W, C].
        min_dim: target length of the shorter side, pixels.
        max_dim: side of the result in mode "square", pixels; the image is reduced to fit.
        min_scale: minimum scale factor.
        mode: "none": unchanged. "square": padded with zeros to [max_dim, max_dim], centred.
            "pad64": padded with zeros to multiples of 64, centred. "crop": a random
            [min_dim, min_dim] crop. "short_side": the shorter side becomes `min_dim`, or less if
            the longer one would exceed `max_dim`; padded with zeros below and on the right.
        rng: source of the crop's position; None for Python's global `random`. y is drawn before x.
        short_side: length in pixels to which the shorter side is enlarged or reduced, in place of
            `min_dim` and `min_scale`, as far as `max_dim` allows in the modes "square" and
            "short_side"; None: not used.
        multiple: in mode "short_side", the sides are padded to multiples of this many pixels.
        resampling: see `interpolate` and `short_side_size`.

    Returns:
        image: [h, w, C] in the input dtype, or as `interpolate` returns it.
        window: (y1, x1, y2, x2) pixels, the part of the result that is not padding.
        scale: factor by which the image was resized.
        padding: [(top, bottom), (left, right), (0, 0)] pixels.
        crop: (y, x, height, width) pixels of the scaled image, or None.

    Raises:
        ValueError: the mode is unknown, or a dimension is missing or invalid for the mode.

    Example:
        >>> from mrcnn.images.resizing import resize_image
        >>> image = np.zeros((100, 200, 3), np.uint8)
        >>> resized, window, scale, padding, crop = resize_image(image, max_dim=100)
        >>> resized.shape, window, scale
        ((100, 100, 3), (25, 0, 75, 100), 0.5)
    """
    _check_mode(mode, min_dim)
    height, width = image.shape[:2]
    scale, (height, width), padding = input_geometry(
        height, width, min_dim, max_dim, min_scale, mode, short_side, multiple, resampling
    )
    if mode == "none":
        return image, (0, 0, height, width), scale, padding, None

    if mode == "crop":
        if not min_dim:
            raise ValueError(
                f"min_dim is {min_dim}: mode 'crop' cuts out [min_dim, min_dim] pixels."
            )
        y, x = _draw(rng, height - min_dim), _draw(rng, width - min_dim)
        if scale == 1:
            image = image[y : y + min_dim, x : x + min_dim]
        else:
            place = (y, x, y + min_dim, x + min_dim)
            image = interpolate(image, (height, width), resampling, place)
        return image, (0, 0, min_dim, min_dim), scale, padding, (y, x, min_dim, min_dim)

    if scale != 1:
        image = interpolate(image, (height, width), resampling)
    (top, _), (left, _), _ = padding
    image = np.pad(image, padding)
    return image, (top, left, top + height, left + width), scale, padding, None


def input_geometry(
    height: int,
    width: int,
    min_dim: int | None = None,
    max_dim: int | None = None,
    min_scale: float | None = None,
    mode: str = "square",
    short_side: int | None = None,
    multiple: int = 1,
    resampling: str = "reference",
) -> tuple[float, tuple[int, int], Padding]:
    """How `resize_image` scales and pads an image of a given size.

    Args:
        height, width: size of the image in pixels.
        min_dim, max_dim, min_scale, mode, short_side, multiple, resampling: see `resize_image`.

    Returns:
        scale: factor by which the image is resized.
        size: (height, width) of the scaled image in pixels, before padding and crop.
        padding: [(top, bottom), (left, right), (0, 0)] pixels.

    Raises:
        ValueError: `max_dim` is missing in mode "square", or `min_dim` in mode "short_side".
    """
    if mode == "none":
        return 1, (height, width), [(0, 0), (0, 0), (0, 0)]
    if mode == "short_side":
        if not (short := short_side or min_dim):
            raise ValueError(
                f"min_dim is {min_dim}: mode 'short_side' gives the shorter side this length."
            )
        fitted, size = short_side_size(height, width, short, max_dim, resampling)
        rows, columns = (-side % multiple for side in size)
        return fitted, size, [(0, rows), (0, columns), (0, 0)]
    scale: float = max(1, min_dim / min(height, width)) if min_dim else 1
    if min_scale and scale < min_scale:
        scale = min_scale
    if short_side:
        scale = short_side / min(height, width)
    if mode == "square":
        if not max_dim:
            raise ValueError(
                f"max_dim is {max_dim}: mode 'square' pads to [max_dim, max_dim] pixels."
            )
        if round(max(height, width) * scale) > max_dim:
            scale = max_dim / max(height, width)

    size = padded = scaled_side(height, scale), scaled_side(width, scale)
    if mode == "square" and max_dim:
        padded = max_dim, max_dim
    elif mode == "pad64":
        padded = -(-size[0] // 64) * 64, -(-size[1] // 64) * 64
    top, left = (padded[0] - size[0]) // 2, (padded[1] - size[1]) // 2
    bottom, right = padded[0] - size[0] - top, padded[1] - size[1] - left
    return scale, size, [(top, bottom), (left, right), (0, 0)]


def resize_to_input(
    image: Array,
    config: ResizeSettings,
    rng: Rng = None,
    short_side: int | None = None,
    pad: bool = True,
) -> Resized:
    """`resize_image` with the settings of a configuration.

    Args:
        image: [H, W, C].
        config: the settings.
        rng, short_side: see `resize_image`.
        pad: False leaves out the padding of mode "short_side".

    Returns:
        image, window, scale, padding, crop: see `resize_image`.
    """
    options = resize_options(config) | ({} if pad else {"multiple": 1})
    return resize_image(image, **options, rng=rng, short_side=short_side)


def resize_options(config: ResizeSettings) -> dict[str, Any]:
    """The arguments of `resize_image` and `input_geometry` that a `config` sets."""
    return {
        "min_dim": config.IMAGE_MIN_DIM,
        "max_dim": config.IMAGE_MAX_DIM,
        "min_scale": config.IMAGE_MIN_SCALE,
        "mode": config.IMAGE_RESIZE_MODE,
        "multiple": config.IMAGE_SIDE_MULTIPLE,
        "resampling": config.IMAGE_RESAMPLING,
    }


def _check_mode(mode: str, min_dim: int | None) -> None:
    if mode not in RESIZE_MODES:
        raise ValueError(f"mode is {mode!r}: it must be {either(RESIZE_MODES)}.")
    if mode == "pad64" and min_dim and min_dim % 64:
        raise ValueError(f"min_dim is {min_dim}: mode 'pad64' needs a multiple of 64, or None.")


def _draw(rng: Rng, last: int) -> int:
    """A random integer in 0..last, both included."""
    if rng is None:
        return random.randint(0, last)
    if isinstance(rng, random.Random):
        return rng.randint(0, last)
    draw = rng.integers if hasattr(rng, "integers") else rng.randint
    return int(draw(0, last + 1))


def check_sides(image_shape: Sequence[int] | Array, mode: str = "square") -> None:
    """Check that a resized image of `image_shape`, (height, width, ...), fits the pyramid.

    Args:
        image_shape: (height, width, ...) in pixels.
        mode: IMAGE_RESIZE_MODE. With "short_side", IMAGE_SIDE_MULTIPLE has made the sides fit.

    Raises:
        ValueError: height or width is not a multiple of 64.
    """
    if mode == "short_side":
        return
    for side in image_shape[:2]:
        if side % 64:
            raise ValueError(f"an image has a side of {side} pixels: {multiple_of_64(side)}")
