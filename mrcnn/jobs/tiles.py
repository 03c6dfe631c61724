"""Which images are detected in tiles, and how large the tiles are."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .job import DetectJob

if TYPE_CHECKING:
    from ..inference.scaled import ScaledDetector

# Pixels of the network's input. A larger side goes in tiles, if the model does not shrink images.
WHOLE, TILE = 3072, 1024
# A model that shrinks images to its input has learnt objects that were shrunk: it still finds them
# if images are shrunk up to this much.
SHRUNK = 4


def tiles_of(
    job: DetectJob, shape: Sequence[int], detector: "ScaledDetector", object_size: float | None
) -> tuple[int, int] | None:
    """The tiles of an image.

    Args:
        job: its `tile` and `overlap`.
        shape: (height, width, ...) of the image in pixels.
        detector: of the model.
        object_size: see `weights.card.Card`.

    Returns:
        side of the tiles and their overlap in pixels of the image; None for the whole image.
    """
    longer = max(shape[:2])
    if job.tile is None:
        return None
    if job.tile == "auto":
        if _fits(longer, shape, detector):
            return None
        tile = _auto_tile(detector)
    else:
        tile = job.tile
    if longer <= tile:
        return None
    objects = (object_size or 0) / detector.scale_of((tile, tile))
    overlap = min(max(tile // 8, round(2 * objects)), (tile - 1) // 2)
    return tile, overlap if job.overlap is None else job.overlap


def _fits(longer: int, shape: Sequence[int], detector: "ScaledDetector") -> bool:
    """Whether the network can take the whole image."""
    config, scale = detector.config, detector.scale_of(shape)
    if config.IMAGE_RESIZE_MODE != "square" or not config.IMAGE_MAX_DIM:
        return longer * scale <= WHOLE
    if detector.is_own_scale:
        return longer <= config.IMAGE_MAX_DIM * SHRUNK
    return round(longer * scale) <= config.IMAGE_MAX_DIM


def _auto_tile(detector: "ScaledDetector") -> int:
    """Side of the largest tile that fits the network's input, in pixels of the image."""
    config = detector.config
    square = config.IMAGE_RESIZE_MODE == "square" and config.IMAGE_MAX_DIM
    side = config.IMAGE_MAX_DIM if square and config.IMAGE_MAX_DIM else TILE
    if square and detector.is_own_scale:
        return side
    scale = detector.scale_of((side, side))
    return max(64, int(side / scale))
