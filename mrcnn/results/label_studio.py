"""Pre-annotations for Label Studio: https://labelstud.io/guide/predictions."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import numpy as np

from .. import __version__
from ..types import PathLike
from .bridges import one_ring
from .found import Found, colour_of, one_by_one
from .joined import class_names_of, copy_rest, head_of, part_of, text_file
from .objects import ImageFacts, Objects
from .simplified import simplified

# How Label Studio's local storage addresses a file: a path relative to LOCAL_FILES_DOCUMENT_ROOT.
_LOCAL = "/data/local-files/?d="
# The tags of the labelling interface that hold the classes, by type of region.
_TAGS = {"polygonlabels": "PolygonLabels", "rectanglelabels": "RectangleLabels"}


def write(path: PathLike, image: ImageFacts, parts: Iterable[Objects]) -> None:
    """Write the task of an image, for `gather`.

    Every object is a region with its score, and its number as a text of the region. It is a polygon
    with few corners to drag, see `simplified`, or a rectangle without a mask. Bridges without width
    join several pieces, and holes, to one polygon, as Label Studio has neither.

    The task finds its image in Label Studio's local storage, whose root must be the folder that
    the image's name is relative to.

    Args:
        path: of the part.
        image: see `ImageFacts`.
        parts: its objects.

    Raises:
        OSError: it cannot be written.
    """
    with part_of(path, class_names=list(image.class_names)) as file:
        data = {"image": _LOCAL + quote(image.name, errors="surrogateescape")}
        version = {"model_version": f"mask-rcnn {__version__}"}
        # The list of regions comes last, so that they can be written one by one.
        start = json.dumps({"data": data, "predictions": [{**version, "result": []}]})
        file.write(start.removesuffix("]}]}"))
        separator = "\n"
        for found in one_by_one(image, parts):
            file.write(separator + json.dumps(_region(found, image.shape)))
            separator = ",\n"
        file.write("\n]}]}\n")


def gather(parts: Iterable[PathLike], path: PathLike) -> None:
    """Join the tasks of several images into one file to import.

    The labelling interface to set up the project with is written beside it, with the suffix
    ".xml"; import it first.

    Args:
        parts: paths that `write` wrote, in order.
        path: of the file.

    Raises:
        OSError: a part cannot be read, or the file cannot be written.
        ValueError: the parts have different classes.
    """
    parts = list(parts)
    interface = labelling_interface(class_names_of(map(head_of, parts)))
    with text_file(path) as file:
        file.write("[")
        for i, part in enumerate(parts):
            file.write(",\n" if i else "\n")
            copy_rest(part, file)
        file.write("]\n")
    with text_file(Path(path).with_suffix(".xml")) as file:
        file.write(interface)


def labelling_interface(class_names: Sequence[str]) -> str:
    """The labelling interface of a project, as XML.

    Args:
        class_names: from the background's at 0.

    Example:
        >>> from mrcnn.results.label_studio import labelling_interface
        >>> print(labelling_interface(["BG", "cell"]))
        <View>
          <Image name="image" value="$image" />
          <PolygonLabels name="polygonlabels" toName="image">
            <Label value="cell" background="#e61717" />
          </PolygonLabels>
          <RectangleLabels name="rectanglelabels" toName="image">
            <Label value="cell" background="#e61717" />
          </RectangleLabels>
        </View>
        <BLANKLINE>
    """
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Image", name="image", value="$image")
    for name, tag in _TAGS.items():
        labels = ElementTree.SubElement(view, tag, name=name, toName="image")
        for i, class_name in enumerate(class_names):
            if i:
                colour = "#{:02x}{:02x}{:02x}".format(*colour_of(i))
                ElementTree.SubElement(labels, "Label", value=class_name, background=colour)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def _region(found: Found, shape: tuple[int, int]) -> dict[str, Any]:
    height, width = shape
    percent = 100 / np.array([width, height])
    value: dict[str, Any]
    if found.crop is None:
        kind = "rectanglelabels"
        y1, x1, y2, x2 = found.box
        corner, size = np.array([x1, y1]) * percent, np.array([x2 - x1, y2 - y1]) * percent
        value = dict(zip(("x", "y", "width", "height"), _rounded([*corner, *size]), strict=True))
        value["rotation"] = 0
    else:
        kind = "polygonlabels"
        ring = one_ring(simplified(found.outlines())) * percent
        value = {"points": [_rounded(point) for point in ring], "closed": True}
    value[kind] = [found.class_name]
    return {
        "id": str(found.number),
        "type": kind,
        "from_name": kind,
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": value,
        "score": found.score,
        "meta": {"text": [f"object {found.number}"]},
    }


def _rounded(values: Iterable[float]) -> list[float]:
    """Percentages, exact to a thousandth of a pixel in images of up to 100,000."""
    return [round(float(value), 6) for value in values]
