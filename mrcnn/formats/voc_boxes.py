"""Boxes from Pascal VOC's XML files, for objects whose masks are in PNGs."""

from collections.abc import Sequence
from pathlib import Path

from ..geometry.boxes import compute_overlaps
from ..instances.annotated import Annotated
from ..types import Array
from .instance_pngs import subfolder
from .shapes import box_of
from .voc_xml import FOLDERS, parse_object, read_annotation

# A box whose IoU with its mask's box is lower belongs to another object.
_MIN_IOU = 0.5


def xml_of(root: Path, stem: str) -> str | None:
    """The XML file of an image, or None if there is none.

    Args:
        root: folder that may hold Annotations.
        stem: name of the image without its suffix.
    """
    folder = subfolder(root, FOLDERS)
    path = folder / f"{stem}.xml" if folder else None
    return str(path) if path and path.is_file() else None


def annotated_boxes(
    path: str, numbers: Sequence[int], names: Sequence[str], boxes: Array
) -> Annotated | None:
    """The boxes that an XML file gives for the objects of an object PNG.

    Object 1 of the PNG is the first in the file. Boxes are left out where the classes differ or the
    boxes hardly overlap: the numbers then mean something else.

    Args:
        path: the XML file.
        numbers: N numbers of objects in the PNG.
        names: N names of their classes, as the file has them.
        boxes: [N, 4] pixels, around the objects' pixels.

    Returns:
        `Annotated` of N instances; None if the file gives none of their boxes.
    """
    try:
        entries = read_annotation(path).findall("object")
        found = {number: parse_object(entry) for number, entry in enumerate(entries, 1)}
    except (OSError, ValueError):
        return None
    rows: list[tuple[tuple[float, float, float, float] | None, float | None]] = []
    for number, name, box in zip(numbers, names, boxes, strict=True):
        instance = found.get(int(number))
        given = box_of(instance.shape, 0, 0) if instance and instance.class_name == name else None
        if given and compute_overlaps([given], [box])[0, 0] < _MIN_IOU:
            given = None
        rows.append((given, None))
    return Annotated.of(rows)
