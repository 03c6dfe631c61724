"""Whether an image goes in tiles, and in which."""

from collections.abc import Sequence

from .scaled import ScaledDetector

# Sides in pixels as the network sees them: of a tile, and the longest of an image that a model
# which does not shrink images takes whole.
_TILE, _WHOLE = 1024, 3072
# A model that shrinks images to its input has learnt objects that were shrunk: it still finds them
# if images are shrunk up to this much.
_SHRUNK = 4
# The overlap of tiles, in median sides of an object, which few objects exceed; and its least part
# of a tile.
_OBJECTS, _LEAST = 2, 1 / 8
# The part of a tile that crowded objects cover.
_CROWDED = 0.5


def auto_tile(
    detector: ScaledDetector, shape: Sequence[int], object_size: float | None = None
) -> tuple[int, int] | None:
    """Choose tiles for an image that is better not detected as a whole.

    Such an image is one that IMAGE_MAX_DIM shrinks to less than a quarter, or, if nothing shrinks
    it, one with a side of more than 3072 pixels as the network sees it. Tiles have the side of the
    network's input, by default 1024 pixels, and less if more crowded objects than
    DETECTION_MAX_INSTANCES would fit in.

    Args:
        detector: of the model, at the scale of choice.
        shape: (height, width, ...) of the image in pixels.
        object_size: median side of the objects in pixels as the network sees them, such as
            `Card.object_size`; None: unknown.

    Returns:
        `tile` and `overlap` for `tiling.tiled`, in pixels of the image; None: the image should be
        detected as a whole.

    Example:
        >>> from mrcnn.inference.auto_tile import auto_tile
        >>> from mrcnn.inference.scaled import ScaledDetector
        >>> auto_tile(ScaledDetector(model), (1500, 2000))  # doctest: +SKIP
        >>> auto_tile(ScaledDetector(model), (20000, 20000))  # doctest: +SKIP
        (1024, 128)
    """
    if _fits(detector, shape):
        return None
    tile = _side(detector, object_size)
    return None if max(shape[:2]) <= tile else (tile, overlap_of(detector, tile, object_size))


def overlap_of(detector: ScaledDetector, tile: int, object_size: float | None = None) -> int:
    """Choose the overlap of tiles: twice the size of the objects, and at least an eighth of a tile.

    Args:
        detector, object_size: see `auto_tile`.
        tile: their side in pixels of the image.

    Returns:
        The overlap in pixels of the image, less than half a tile.
    """
    objects = (object_size or 0) / detector.scale_of((tile, tile))
    return min(max(int(tile * _LEAST), round(_OBJECTS * objects)), (tile - 1) // 2)


def _fits(detector: ScaledDetector, shape: Sequence[int]) -> bool:
    """Whether the network can take the whole image."""
    limit, longer = _limit(detector), max(shape[:2])
    if limit and detector.is_own_scale:
        return detector.scale_of(shape) * _SHRUNK >= 1
    return round(longer * detector.scale_of(shape)) <= (limit or _WHOLE)


def _side(detector: ScaledDetector, object_size: float | None) -> int:
    """Side of a tile in pixels of the image."""
    limit, config = _limit(detector), detector.config
    if limit and config.IMAGE_RESIZE_MODE == "short_side":
        limit = config.IMAGE_MIN_DIM  # the side that a square tile gets
    side = limit or _TILE
    scale = 1.0 if limit and detector.is_own_scale else detector.scale_of((side, side))
    if object_size:
        fitting = object_size * (config.DETECTION_MAX_INSTANCES / _CROWDED) ** 0.5
        # IMAGE_MIN_DIM enlarges what is smaller; and the overlap takes at most half a tile.
        least = max(config.IMAGE_MIN_DIM or 0, 2 * _OBJECTS * object_size)
        side = min(side, round(max(fitting, least)))
    return max(64, int(side / scale))


def _limit(detector: ScaledDetector) -> int | None:
    """The side to which the model shrinks images; None if it shrinks none."""
    config = detector.config
    shrinks = config.IMAGE_RESIZE_MODE in ("square", "short_side")
    return config.IMAGE_MAX_DIM if shrinks else None
