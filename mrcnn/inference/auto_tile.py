"""Whether to detect in tiles, and in which."""

import math
from collections.abc import Sequence
from typing import Any

from ..config import Config

# Sides in pixels as the network sees them: of a tile, and the longest of an image that is
# detected as a whole, which takes about 2 GB of memory.
_TILE, _WHOLE = 1024, 2048
# The least factor by which IMAGE_MAX_DIM may reduce an image that is detected as a whole.
_REDUCED = 0.5
# The overlap of tiles, in median sides of an object, which few objects exceed; and its least and
# greatest part of a tile.
_OBJECTS, _LEAST, _MOST = 2, 1 / 8, 1 / 4
# The part of a tile that crowded objects cover.
_CROWDED = 0.5


def auto_tile(
    model: Any,
    shape: Sequence[int],
    object_size: float | None = None,
    scale: float | None = None,
) -> tuple[int, int] | None:
    """Choose tiles for an image that is better not detected as a whole.

    Such an image is one that IMAGE_MAX_DIM reduces to less than half its size or, if nothing
    reduces it, one with a side of more than 2048 pixels as the network sees it. Tiles have the side
    of the network's input, at most 1024 pixels, and less if more crowded objects than
    DETECTION_MAX_INSTANCES would fit in.

    Args:
        model: a `MaskRCNN`, a `Detector`, or their `Config`.
        shape: (height, width) of the image in pixels; further entries are ignored.
        object_size: median side of the objects in pixels as the network sees them, such as
            `Card.object_size`; None: unknown.
        scale: factor by which tiles are enlarged for the network; None: that of the settings.

    Returns:
        `tile` and `overlap` for `tiling.tiled`, in pixels of the image; None: the image should be
        detected as a whole.

    Example:
        >>> from mrcnn.config import Config
        >>> from mrcnn.inference.auto_tile import auto_tile
        >>> auto_tile(Config(), (1500, 2000))  # IMAGE_MAX_DIM is 1024
        >>> auto_tile(Config(), (20000, 20000))
        (1024, 128)
    """
    config: Config = getattr(model, "config", model)
    limit = config.IMAGE_MAX_DIM if config.IMAGE_RESIZE_MODE == "square" else None
    scale = scale or max(1, config.IMAGE_MIN_SCALE or 0)
    longest = max(shape[:2]) * scale
    if longest <= (limit / _REDUCED if limit else _WHOLE):
        return None
    side = min(limit or _TILE, _TILE)
    if object_size:
        fitting = object_size * (config.DETECTION_MAX_INSTANCES / _CROWDED) ** 0.5
        # IMAGE_MIN_DIM enlarges what is smaller.
        least = max(config.IMAGE_MIN_DIM or 0, _OBJECTS / _MOST * object_size)
        side = min(side, max(fitting, least))
    overlap = min(max(_OBJECTS * (object_size or 0), _LEAST * side), _MOST * side)
    return round(side / scale), math.ceil(overlap / scale)
