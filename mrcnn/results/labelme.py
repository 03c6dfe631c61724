"""Files for LabelMe, to correct the objects and train on them."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import Any

from ..types import Array, PathLike
from .corrections import KEY, check_replaceable, record_of
from .found import Found, one_by_one
from .joined import text_file
from .objects import ImageFacts, Objects
from .polygons import Outline, mask_of
from .simplified import simplified

# Of the format, which has not changed since.
_VERSION = "5.5.0"
_HOLE = "_background_"


def write(path: PathLike, image: ImageFacts, parts: Iterable[Objects]) -> None:
    """Write the LabelMe file of an image.

    An object is a polygon with few corners to drag, see `simplified`, labelled with its class, or a
    rectangle without a mask. Its description has its number and score. The shapes of an object with
    several pieces or holes share a group_id, its number; holes are labelled `_background_`.
    `LabelMeDataset` reads all of this back, and `corrections` counts what was changed.

    Args:
        path: of the file. If it exists and was corrected, or was not written by this function, it
            is not replaced.
        image: see `ImageFacts`. The file refers to the image by a relative path.
        parts: its objects.

    Raises:
        FileExistsError: work by hand would be lost.
        OSError: it cannot be written.
    """
    check_replaceable(path)
    height, width = image.shape
    written: list[dict[str, Any]] = []
    with text_file(path) as file:
        file.write(f'{{"version": "{_VERSION}", "flags": {{}}, "shapes": [')
        separator = "\n"
        for found in one_by_one(image, parts):
            outlines = found.outlines() if found.crop is None else simplified(found.outlines())
            for shape in _shapes(found, outlines):
                file.write(separator + json.dumps(shape))
                separator = ",\n"
            written.append(record_of(found.class_name, *mask_of(outlines, height, width)))
        rest = {
            "imagePath": _relative(image, Path(path)),
            "imageData": None,
            "imageHeight": height,
            "imageWidth": width,
            KEY: {"size": [height, width], "objects": written},
        }
        file.write(f"\n], {json.dumps(rest).removeprefix('{')}\n")


def _shapes(found: Found, outlines: list[Outline]) -> Iterator[dict[str, Any]]:
    """Yield the shapes of an object."""
    if found.crop is None:
        y1, x1, y2, x2 = found.box
        yield _shape(found, "rectangle", [[x1, y1], [x2, y2]])
        return
    grouped = len(outlines) > 1 or bool(outlines[0].holes)
    for outline in outlines:
        yield _shape(found, "polygon", outline.ring, grouped)
    for outline in outlines:
        for hole in outline.holes:
            yield {
                **_shape(found, "polygon", hole, grouped),
                "label": _HOLE,
                "flags": {"hole": True},
            }


def _shape(
    found: Found, shape_type: str, points: Array | list[list[float]], grouped: bool = False
) -> dict[str, Any]:
    return {
        "label": found.class_name,
        "points": points if isinstance(points, list) else points.tolist(),
        "group_id": found.number if grouped else None,
        "description": f"object {found.number}, score {found.score:.2f}",
        "shape_type": shape_type,
        "flags": {},
        "mask": None,
        "score": found.score,
    }


def _relative(image: ImageFacts, path: Path) -> str:
    """The path of the image from the folder of the file at `path`, with forward slashes."""
    if image.path is None:
        return image.name
    # Through a folder that is a link, ".." leads out of the folder that it points to.
    folder = os.path.realpath(path.parent)
    place = os.path.join(os.path.realpath(image.path.parent), image.path.name)
    try:
        return PurePath(os.path.relpath(place, folder)).as_posix()
    except ValueError:  # on another drive of Windows
        return PurePath(place).as_posix()
