"""COCO annotations with polygons, for tools that do not read run-length codes."""

from collections.abc import Iterable

from ..types import PathLike
from . import coco
from .coco import gather as gather
from .objects import ImageFacts, Objects


def write(path: PathLike, image: ImageFacts, parts: Iterable[Objects]) -> None:
    """Write the annotations of an image with polygons, for `gather`; see `coco.write`.

    Args:
        path: of the part.
        image: see `ImageFacts`.
        parts: its objects.
    """
    coco.write(path, image, parts, polygons=True)
