"""The size of an image whose shorter side gets a given length: IMAGE_RESIZE_MODE "short_side"."""

import math

from ..geometry.resampling import scaled_side


def short_side_size(
    height: int, width: int, short: float, longest: float | None, resampling: str = "reference"
) -> tuple[float, tuple[int, int]]:
    """The scale at which the shorter side becomes `short`, unless the longer would be too long.

    Args:
        height, width: size of the image in pixels.
        short: length of the shorter side in pixels.
        longest: maximum length of the longer side in pixels; None: no limit.
        resampling: whose rounding to use, see IMAGE_RESAMPLING. "reference" rounds to the nearest
            pixel, "torchvision" rounds down, "detectron2" rounds 0.5 up.

    Returns:
        The scale, and (height, width) of the result in pixels.

    Example:
        >>> from mrcnn.images.short_side import short_side_size
        >>> short_side_size(300, 420, short=384, longest=512, resampling="torchvision")[1]
        (365, 512)
        >>> short_side_size(300, 420, short=384, longest=512, resampling="detectron2")[1]
        (366, 512)
    """
    shorter, longer = min(height, width), max(height, width)
    limit = math.inf if longest is None else longest
    scale = min(short / shorter, limit / longer)
    if resampling == "torchvision":
        # A product such as 49 * (1 / 49) is below 1: a side may become a pixel shorter, there too.
        return scale, _at_least_1(math.floor(height * scale), math.floor(width * scale))
    if resampling == "detectron2":
        # The limit comes second, which rounds differently.
        scale = float(short) / shorter
        sides = [short if side == shorter else scale * side for side in (height, width)]
        if max(sides) > limit:
            shrink = limit / max(sides)
            scale, sides = scale * shrink, [side * shrink for side in sides]
        return scale, _at_least_1(*(int(side + 0.5) for side in sides))
    return scale, (scaled_side(height, scale), scaled_side(width, scale))


def _at_least_1(height: int, width: int) -> tuple[int, int]:
    return max(1, height), max(1, width)
