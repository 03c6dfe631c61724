"""A small picture of an image of any size."""

from ..types import Array, PathLike
from .regions import Regions, open_regions


def preview(image: Regions | PathLike, side: int = 2048) -> Array:
    """A thinned copy of an image, without smoothing.

    It is taken from the file's smaller copies if there are any, so it takes less than a second for
    a slide. Otherwise all of the image is read once, in bands.

    Args:
        image: [H, W] or [H, W, C], from `open_regions`; or the path of an image of one plane.
        side: the most pixels of the longer side.

    Returns:
        [h, w] or [h, w, C] in the image's dtype, perhaps a masked array. The whole image, if it is
        not larger.

    Raises:
        FileNotFoundError, ImportError, OSError, ValueError: see `open_regions`.

    Example:
        >>> from mrcnn.images.preview import preview
        >>> np.save("large.npy", np.zeros((3000, 4000), np.uint8))
        >>> preview("large.npy", side=500).shape
        (375, 500)
    """
    if side < 1:
        raise ValueError(f"side is {side}: it must be at least 1 pixel.")
    if not isinstance(image, Regions):
        with open_regions(image) as regions:
            return preview(regions, side)
    return _thinned(image, side)


def _thinned(image: Regions, side: int) -> Array:
    levels = [image, *image.levels()]
    # The smallest that is large enough, and the next one, which is smoother.
    enough = max(i for i, level in enumerate(levels) if i == 0 or max(level.shape[:2]) >= side)
    best = max(reversed(levels[enough : enough + 2]), key=lambda level: _sides(level, side))
    step = _step(best, side)
    return best[::step, ::step]


def _step(image: Regions, side: int) -> int:
    """Of how many pixels one is taken."""
    return -(-max(image.shape[:2]) // side)


def _sides(image: Regions, side: int) -> int:
    """The longer side of what is taken."""
    return -(-max(image.shape[:2]) // _step(image, side))
