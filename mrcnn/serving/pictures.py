"""`POST /preview`: an image as a picture that any browser shows."""

import io

import numpy as np
from PIL import Image

from ..images.pixels import PixelSettings, for_network
from ..types import Array
from ..visualize.pictures import as_rgb

# Of the longer side of a picture: browsers draw no larger canvas reliably.
_LONGEST = 4096


def picture(pixels: Array, config: PixelSettings, name: str = "image") -> tuple[bytes, float]:
    """A picture of an image as the network sees it: 8-bit RGB, with its contrast.

    Args:
        pixels: [H, W] or [H, W, C] of any type.
        config: of the model.
        name: of the image, for messages.

    Returns:
        A PNG, and the factor by which it is smaller than the image, such as 0.5; 1 if it is not.

    Raises:
        TypeError, ValueError: the network does not take the image.

    Example:
        >>> from mrcnn.config import Config
        >>> from mrcnn.serving.pictures import picture
        >>> png, factor = picture(np.zeros((40, 60), np.uint16), Config())
        >>> png[:4], factor
        (b'\\x89PNG', 1.0)
    """
    step = -(-max(pixels.shape[:2]) // _LONGEST)
    seen = for_network(pixels, config, name)[::step, ::step]
    if seen.shape[2] != 3 or seen.dtype != np.uint8:
        seen = as_rgb(seen, name)
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(seen)).save(out, "PNG", compress_level=1)
    return out.getvalue(), 1 / step
