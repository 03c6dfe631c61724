"""Annotations of the VGG Image Annotator (VIA), versions 1 and 2."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ..text import some
from ..types import PathLike
from .finding import Listing, find_image, given_path
from .mixed_boxes import warn_of_boxes
from .records import AnnotatedDataset, Instance, Problems, Record
from .shapes import Ellipse, Polygon, Polyline, Rectangle, Shape, number
from .via_files import Entry, find_file, read_entries

logger = logging.getLogger(__name__)

_LINE_WIDTH = 10  # pixels


class ViaDataset(AnnotatedDataset):
    """Images with regions drawn in VIA.

    A region's class is the value of one of its attributes. Images without regions are kept as
    background. An image's id is its file name in VIA.
    """

    SOURCE = "via"

    def load(
        self,
        path: PathLike,
        images: PathLike | None = None,
        class_attribute: str | None = None,
        line_width: float | None = None,
        class_names: Sequence[str] | None = None,
        class_map: Mapping[str, str | None] | None = None,
        strict: bool = True,
    ) -> None:
        """Add the images and classes of a VIA file.

        Args:
            path: a project, annotations exported as JSON or CSV, or a folder with one such file
                (if there are several, `via_region_data.json` is used).
            images: folder of the images; None for the folder of the file.
            class_attribute: name of the region attribute that holds the class. None uses the only
                one that is filled in. If regions have no attributes at all, their class is the
                single name in `class_names`, or "object".
            line_width: thickness in pixels of open polylines, whose ends do not meet; 0 fills them
                like polygons. None is 10, with a warning. Closed polylines are always filled.
            class_names, class_map, strict: see `add_records`.

        Raises:
            FileNotFoundError: no such file.
            ValueError: not a VIA file; unusable regions; several attributes that may hold the
                class.

        Example:
            >>> import json, pathlib
            >>> from mrcnn.formats import ViaDataset
            >>> circle = {"name": "circle", "cx": 5, "cy": 5, "r": 3}
            >>> region = {"shape_attributes": circle, "region_attributes": {"type": "cell"}}
            >>> content = [{"filename": "1.png", "regions": [region]}]
            >>> _ = pathlib.Path("via.json").write_text(json.dumps(content))
            >>> ViaDataset.read("via.json").class_names
            ['BG', 'cell']
        """
        path = find_file(given_path(path))
        entries, folders = read_entries(path)
        folders = folders if images is None else [given_path(images, "images")]
        attribute = _choose_attribute(entries, class_attribute, path)
        names = list(class_names or [])
        only_class = names[0] if len(names) == 1 else "object"
        problems, records = Problems(path), []
        listed: Listing = {}
        for filename, regions in entries:
            if not isinstance(filename, str) or not filename.strip():
                problems.add(f"image {filename!r:.60}", "it must have a file name.")
                continue
            record = Record(filename, find_image(filename, *folders, listed=listed), [])
            for key, region in regions:
                try:
                    name = _class_of(region, attribute) or only_class
                    shape = parse_shape(region, _LINE_WIDTH if line_width is None else line_width)
                    record.instances.append(Instance(name, shape))
                except ValueError as error:
                    problems.add(f"{filename}, region {key}", error)
            records.append(record)
        if line_width is None:
            _warn_about_open_polylines(path, records)
        self.add_records(records, problems, class_names, class_map, strict)
        warn_of_boxes(records, "regions", path)


def _choose_attribute(entries: Sequence[Entry], wanted: str | None, path: PathLike) -> str | None:
    """Name of the attribute that holds the class; None if no region has attributes."""
    regions = [region for _, regions in entries for _, region in regions]
    values: dict[str, list[Any]] = {}  # attribute name to its values
    for attributes in map(_attributes, regions):
        for key, value in attributes.items() if isinstance(attributes, dict) else ():
            values.setdefault(key, []).append(value)
    if wanted is not None:
        if regions and wanted not in values:
            raise ValueError(
                f"{path}: class_attribute is {wanted!r}, but no region has this attribute: they "
                f"have {some(values)}."
            )
        return wanted
    filled = [key for key in values if any(not _is_empty(value) for value in values[key])]
    candidates = filled or list(values)
    if len(candidates) > 1:
        raise ValueError(
            f"{path}: regions have the attributes {some(candidates)}: name the one that holds the "
            f"class, for example class_attribute={candidates[0]!r}."
        )
    return candidates[0] if candidates else None


def _attributes(region: Any) -> Any:
    """A region's attributes, or whatever is in their place if it is not a dict."""
    return (region.get("region_attributes") if isinstance(region, dict) else None) or {}


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or value in ({}, [])


def _class_of(region: Any, attribute: str | None) -> str | None:
    """A region's class name; None if no attribute holds it.

    Raises:
        ValueError: the attribute does not hold exactly one name.
    """
    attributes = _attributes(region)
    if not isinstance(attributes, dict):
        raise ValueError(f"its region_attributes are {attributes!r:.60}: they must be an object.")
    if attribute is None:
        return None
    value = attributes.get(attribute)
    if _is_empty(value):
        raise ValueError(f"its attribute {attribute!r} is not filled in.")
    if isinstance(value, dict):  # checkboxes
        ticked = [str(name) for name, on in value.items() if on in (True, "true")]
        if len(ticked) != 1:
            raise ValueError(
                f"{some(ticked)} of its checkboxes {attribute!r} are ticked: exactly one must be."
            )
        value = ticked[0]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"its attribute {attribute!r} is {value!r:.60}: it must be a name.")
    return str(value).strip()


def parse_shape(region: Any, line_width: float) -> Shape:
    """Parse the shape of a region.

    Args:
        region: as `read_entries` returns it.
        line_width: thickness of open polylines in pixels; 0 to fill them.

    Raises:
        ValueError: the shape cannot be used; the error says why.
    """
    shape = region.get("shape_attributes") if isinstance(region, dict) else region
    if not isinstance(shape, dict):
        raise ValueError(f"its shape is {shape!r:.60}: shape_attributes must be an object.")
    # Other tools that write VIA's format omit the name, as they have only polygons.
    name = shape.get("name", "polygon" if "all_points_x" in shape else None)
    if name in ("polygon", "polyline"):
        ys, xs = _coordinates(shape, "all_points_y"), _coordinates(shape, "all_points_x")
        if name == "polyline" and line_width and (ys[:1], xs[:1]) != (ys[-1:], xs[-1:]):
            return Polyline(ys, xs, line_width)
        return Polygon(ys, xs)
    if name == "rect":
        x, y, width, height = (_number(shape, key) for key in ("x", "y", "width", "height"))
        return Rectangle(y, x, y + height, x + width)
    if name == "circle":
        x, y, radius = (_number(shape, key) for key in ("cx", "cy", "r"))
        return Ellipse(y, x, radius, radius)
    if name == "ellipse":
        x, y, radius_x, radius_y = (_number(shape, key) for key in ("cx", "cy", "rx", "ry"))
        return Ellipse(y, x, radius_y, radius_x, _number({"theta": 0, **shape}, "theta"))
    if name == "point":
        raise ValueError("a point has no area: leave it out, or draw an outline.")
    raise ValueError(
        f"its shape is {name!r:.60}: it must be polygon, polyline, rect, circle or ellipse."
    )


def _number(shape: Mapping[str, Any], key: str) -> float:
    if key not in shape:
        raise ValueError(f"its {shape.get('name')} has no {key!r}.")
    return number(shape[key])


def _coordinates(shape: Mapping[str, Any], key: str) -> list[float]:
    values = shape.get(key)
    if not isinstance(values, list):
        raise ValueError(f"its {key} is {values!r:.60}: it must be a list of numbers.")
    return [number(value) for value in values]


def _warn_about_open_polylines(path: PathLike, records: Sequence[Record]) -> None:
    shapes = [instance.shape for record in records for instance in record.instances]
    lines = sum(isinstance(shape, Polyline) for shape in shapes)
    if lines:
        logger.warning(
            "%s: %d open polylines are drawn as lines %d pixels thick: set line_width, or "
            "line_width=0 to fill them.",
            path,
            lines,
            _LINE_WIDTH,
        )
