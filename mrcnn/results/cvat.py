"""Pre-annotations for CVAT, as "CVAT for images 1.1": https://docs.cvat.ai/docs/other/xml_format."""

import re
from collections.abc import Iterable, Sequence
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import numpy as np

from ..types import Array, PathLike
from .found import Found, colour_of, one_by_one
from .joined import class_names_of, copy_rest, head_of, part_of, text_file
from .objects import ImageFacts, Objects
from .simplified import simplified

# Characters that XML cannot hold, not even escaped.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def write(path: PathLike, image: ImageFacts, parts: Iterable[Objects]) -> None:
    """Write the annotations of an image, for `gather`.

    An object of one piece without holes is a polygon with few corners to drag, see `simplified`.
    CVAT's polygons have neither pieces nor holes, so any other object is a mask, exact and edited
    with a brush. An object without a mask is a box. Each has the attributes "object", its number,
    and "score", which CVAT keeps if the label has such attributes.

    Args:
        path: of the part.
        image: see `ImageFacts`.
        parts: its objects.

    Raises:
        OSError: it cannot be written.
    """
    height, width = image.shape
    with part_of(
        path, class_names=list(image.class_names), name=image.name, width=width, height=height
    ) as file:
        for found in one_by_one(image, parts):
            element = _element(found)
            ElementTree.indent(element, level=2)
            file.write(f"    {ElementTree.tostring(element, encoding='unicode')}\n")


def gather(parts: Iterable[PathLike], path: PathLike) -> None:
    """Join the annotations of several images into one file to upload to a task.

    The task needs the same labels; the file lists them. Images are matched by name.

    Args:
        parts: paths that `write` wrote, in order.
        path: of the file.

    Raises:
        OSError: a part cannot be read, or the file cannot be written.
        ValueError: the parts have different classes.
    """
    parts = list(parts)
    meta = _meta(class_names_of(map(head_of, parts)), len(parts))
    with text_file(path) as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n')
        file.write(f"  <version>1.1</version>\n  {meta}\n")
        for i, part in enumerate(parts):
            head = head_of(part)
            name = quoteattr(_UNWRITABLE.sub("?", head["name"]))
            size = f'width="{head["width"]}" height="{head["height"]}"'
            file.write(f'  <image id="{i}" name={name} {size}>\n')
            copy_rest(part, file)
            file.write("  </image>\n")
        file.write("</annotations>\n")


def _meta(class_names: Sequence[str], count: int) -> str:
    meta = ElementTree.Element("meta")
    task = ElementTree.SubElement(meta, "task")
    ElementTree.SubElement(task, "size").text = str(count)
    ElementTree.SubElement(task, "mode").text = "annotation"
    labels = ElementTree.SubElement(task, "labels")
    for i, name in enumerate(class_names):
        if i:
            label = ElementTree.SubElement(labels, "label")
            ElementTree.SubElement(label, "name").text = _UNWRITABLE.sub("?", name)
            colour = "#{:02x}{:02x}{:02x}".format(*colour_of(i))
            ElementTree.SubElement(label, "color").text = colour
            ElementTree.SubElement(label, "type").text = "any"
            ElementTree.SubElement(label, "attributes")
    ElementTree.indent(meta, level=1)
    return ElementTree.tostring(meta, encoding="unicode")


def _element(found: Found) -> ElementTree.Element:
    kind, place = _shape(found)
    label = _UNWRITABLE.sub("?", found.class_name)
    common = {"label": label, "source": "auto", "occluded": "0"}
    element = ElementTree.Element(kind, common | place | {"z_order": "0"})
    for name, value in (("object", found.number), ("score", found.score)):
        ElementTree.SubElement(element, "attribute", name=name).text = str(value)
    return element


def _shape(found: Found) -> tuple[str, dict[str, str]]:
    """The kind of an element, and the attributes that say where it is."""
    if found.crop is None:
        y1, x1, y2, x2 = found.box
        sides: dict[str, Any] = {"xtl": x1, "ytl": y1, "xbr": x2, "ybr": y2}
        return "box", {name: f"{value:.2f}" for name, value in sides.items()}
    outlines = found.outlines()
    if len(outlines) == 1 and not outlines[0].holes:
        [outline] = simplified(outlines)
        return "polygon", {"points": ";".join(f"{x:.2f},{y:.2f}" for x, y in outline.ring.tolist())}
    (height, width), (y, x) = found.crop.shape, found.corner
    runs = ", ".join(map(str, _runs(found.crop)))
    place = {"left": x, "top": y, "width": width, "height": height}
    return "mask", {"rle": runs, **{name: str(value) for name, value in place.items()}}


def _runs(crop: Array) -> list[int]:
    """Run lengths of a mask, row by row, from the first run outside on."""
    pixels = crop.ravel()
    changes = np.flatnonzero(np.diff(pixels, prepend=False))
    return np.diff(changes, prepend=0, append=len(pixels)).tolist()
