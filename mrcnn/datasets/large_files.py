"""Image files of which a part can be read without the rest."""

import math
import os

from ..images.opening import errors_of, kind_of
from ..images.reading import size_of
from ..images.region_kinds import open_source
from ..images.region_source import ArraySource
from ..images.regions import Regions, open_regions
from ..types import Array, PathLike
from .reading import with_three_channels

# Images of fewer values, height times width times channels, are read as a whole: they are soon
# read, and can be kept for their other parts.
LARGE = 2**26


def image_size(path: PathLike) -> tuple[int, int]:
    """(height, width) of an image in pixels.

    Args:
        path: of an image file, or of a folder of OME-Zarr.

    Raises:
        FileNotFoundError, OSError, ValueError: see `images.image_size`.
    """
    if os.path.isdir(path):
        with open_regions(path) as image:
            height, width = image.shape[:2]
            return height, width
    with errors_of(path):
        return size_of(path)[:2]


def read_part(
    path: PathLike, box: tuple[int, int, int, int], max_pixels: int | None
) -> Array | None:
    """Read a part of a large image.

    Args:
        path: see `image_size`.
        box: (y1, x1, y2, x2) pixels, inside the image.
        max_pixels: the most that may be read as a whole, see `images.read_image`.

    Returns:
        What `Dataset.load_image` would return there; None if the image is to be read as a whole.

    Raises:
        ImportError: reading it needs a package; the message has the command that installs it.
        FileNotFoundError, OSError, ValueError: see `images.open_regions`.
    """
    if not os.path.isdir(path):
        with errors_of(path):
            if kind_of(path) == "other" or math.prod(size_of(path)) < LARGE:
                return None
    y1, x1, y2, x2 = box
    with errors_of(path):
        source = open_source(path, None, None, max_pixels)
    if isinstance(source, ArraySource):  # there was no way but to read it as a whole
        return None
    with Regions(path, source) as image:
        return with_three_channels(image[y1:y2, x1:x2])
