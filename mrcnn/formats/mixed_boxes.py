"""Warn of boxes among outlines: the mask of a box is a rectangle."""

import logging
from collections.abc import Iterable

from ..types import PathLike
from .records import Record

logger = logging.getLogger(__name__)


def warn_of_boxes(records: Iterable[Record], things: str, path: PathLike) -> None:
    """Log, once, that some annotations are boxes and others outlines.

    Args:
        records: all that were read from `path`.
        things: what the format calls annotations, such as "lines".
        path: the file or folder.
    """
    where = [(record, instance.shape) for record in records for instance in record.instances]
    boxes = [record for record, shape in where if getattr(shape, "is_box", False)]
    if 0 < len(boxes) < len(where):
        logger.warning(
            "%s: %d of %d %s are boxes: their masks are rectangles. The first is in image %s. Draw "
            "their outlines or, if boxes are enough, train with HEADS = ('box',).",
            path,
            len(boxes),
            len(where),
            things,
            boxes[0].id,
        )
