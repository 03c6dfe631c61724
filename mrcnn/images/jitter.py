"""Large-scale jitter: an image in a size of its own, cropped or padded to the network's input."""

import numpy as np

from ..geometry.resampling import resize_pixels, scaled_side
from ..types import Array
from .resizing import Padding, Resized


def jitter_image(image: Array, side: int, factor: float, rng: np.random.Generator) -> Resized:
    """Scale an image relative to the input, then crop or pad it at random (Ghiasi et al., 2021).

    Along each axis, an image longer than the input is cropped, and one that is shorter is padded
    with zeros. Every position is equally likely.

    Args:
        image: [H, W, C].
        side: height and width of the input in pixels.
        factor: length of the image's longer side as a fraction of `side`. At 1, the image just
            fits.
        rng: source of the position; y is drawn before x.

    Returns:
        image: [side, side, C] in the input dtype.
        window, scale, padding, crop: see `resize_image`. The crop is one of the scaled and padded
            image.

    Example:
        >>> from mrcnn.images.jitter import jitter_image
        >>> image = np.ones((50, 100, 1), np.uint8)
        >>> jittered, *place = jitter_image(image, 64, 0.5, np.random.default_rng(0))
        >>> jittered.shape, jittered.sum(), place[0], place[1]
        ((64, 64, 1), np.uint64(512), (41, 21, 57, 53), 0.32)
    """
    scale = factor * side / max(image.shape[:2])
    size = scaled_side(image.shape[0], scale), scaled_side(image.shape[1], scale)
    starts, seen, padding = [], [], []
    for length in size:
        offset = int(rng.integers(0, abs(side - length), endpoint=True))
        is_cropped = length > side
        starts.append(offset if is_cropped else 0)
        seen.append(min(length, side))
        before = 0 if is_cropped else offset
        padding.append((before, side - seen[-1] - before))
    (y, x), (height, width) = starts, seen
    pixels = resize_pixels(image, size, (y, x, y + height, x + width))
    margins: Padding = [*padding, (0, 0)]
    top, left = padding[0][0], padding[1][0]
    window = (top, left, top + height, left + width)
    return np.pad(pixels, margins), window, scale, margins, (y, x, side, side)
