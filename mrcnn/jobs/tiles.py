"""The tiles of an image of a job."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .job import DetectJob

if TYPE_CHECKING:
    from ..inference.scaled import ScaledDetector


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
    from ..inference.auto_tile import auto_tile, overlap_of

    if job.tile == "auto":
        tiles = auto_tile(detector, shape, object_size)
    elif job.tile is None or max(shape[:2]) <= job.tile:
        tiles = None
    else:
        tiles = job.tile, overlap_of(detector, job.tile, object_size)
    return (tiles[0], job.overlap) if tiles and job.overlap is not None else tiles
