"""What COCO's metrics need from a file, derived where the tool that wrote the file left it out.

pycocotools asks for `area`, `iscrowd` and `bbox` in every annotation, and for the sizes of images
with polygons. Many tools write less.
"""

import collections
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from pycocotools import mask

from ..instances.rle import encode
from ..text import some
from ..types import Array

# How many unusable entries an error quotes.
_QUOTED = 5

Row = Mapping[str, Any]


def by_image(
    content: Mapping[str, Any], detections: Iterable[Row], kind: str
) -> list[tuple[Any, tuple[int, int], list[dict[str, Any]], list[dict[str, Any]]]]:
    """Group a file's annotations, and detections, by image, each with what `CocoAP.add` needs.

    Args:
        content, detections, kind: see `evaluate_coco`.

    Returns:
        (image id, (height, width) in pixels or zeros if unknown and not needed, annotations,
        detections) of each image, in the file's order.

    Raises:
        ValueError: a list is missing; an entry lacks what cannot be derived; a detection refers to
            an image that is not in `content`.
    """
    problems: list[str] = []
    images = {row["id"]: row for row in _checked(content, "images", ("id",), problems)}
    truth = _grouped(_checked(content, "annotations", ("image_id", "category_id"), problems))
    needed = ("image_id", "category_id", "score")
    found = _grouped(_checked({"detections": [*detections]}, "detections", needed, problems))
    _raise(problems)
    unknown = found.keys() - images.keys()
    if unknown:
        raise ValueError(
            f"image_id of a detection is {min(unknown, key=str)}: it must be one of the ground "
            f"truth's {len(images)} images."
        )
    parts = []
    for key, image in images.items():
        size = _size(image, found[key], truth[key])
        rows: dict[str, list[dict[str, Any]]] = {"annotation": [], "detection": []}
        for name, given, derive in (
            ("annotation", truth[key], completed),
            ("detection", found[key], _completed_detection),
        ):
            for number, row in enumerate(given, 1):
                try:
                    rows[name].append(derive(row, size, kind))
                except ValueError as error:
                    problems.append(f"{_name(name, number, row)} of image {key}: {error}")
        parts.append((key, size, rows["annotation"], rows["detection"]))
    _raise(problems)
    return parts


def completed(row: Row, size: tuple[int, int], kind: str) -> dict[str, Any]:
    """An annotation with `iscrowd`, `area`, `bbox` and what the kind of metric compares.

    A box is derived from the corners of polygons, the pixels of a run-length code or the visible
    keypoints; an area is the number of pixels, or that of the box if there is no segmentation; a
    segmentation is the filled box.

    Args:
        row: the annotation.
        size: (height, width) of its image in pixels; zeros if unknown, which is enough unless
            `kind` is "segm".
        kind: "bbox", "segm" or "keypoints".

    Returns:
        A copy that keeps what the annotation has. A box or area of zero counts as missing.

    Raises:
        ValueError: something cannot be derived.
    """
    row = {**row, "iscrowd": row.get("iscrowd") or 0}
    drawn = _drawn(row.get("segmentation"))
    row["bbox"] = box = _box(row, drawn)
    if not _is_number(row.get("area")) or row["area"] <= 0:
        row["area"] = _area(row, drawn, box, size)
    if kind == "segm":
        row["segmentation"] = _filled(box, size) if drawn is None else drawn
    if kind == "keypoints":
        if not isinstance(row.get("keypoints"), Sequence | np.ndarray):
            raise ValueError("it has no keypoints.")
        row.setdefault("num_keypoints", int(np.count_nonzero(np.array(row["keypoints"])[2::3])))
    return row


def _completed_detection(row: Row, size: tuple[int, int], kind: str) -> dict[str, Any]:
    """A detection with what the kind of metric compares."""
    row = dict(row)
    if kind == "segm":
        drawn = _drawn(row.get("segmentation"))
        if drawn is None:
            raise ValueError("it has no segmentation: it needs a run-length code.")
        row["segmentation"] = _encoded(drawn, size)
    elif kind == "bbox":
        row["bbox"] = _box(row, _drawn(row.get("segmentation")))
    elif row.get("keypoints") is None:
        raise ValueError("it has no keypoints.")
    return row


def _checked(
    content: Mapping[str, Any], name: str, needed: Sequence[str], problems: list[str]
) -> list[Row]:
    """The entries of a list that have the needed keys; others are added to `problems`."""
    entries = content.get(name) if isinstance(content, Mapping) else None
    if not isinstance(entries, list | tuple):
        raise ValueError(
            f"the ground truth has no list of {name}: it must have lists of images, annotations "
            "and categories."
        )
    usable = []
    for number, row in enumerate(entries, 1):
        missing = [key for key in needed if not isinstance(row, Mapping) or row.get(key) is None]
        if missing:
            kind = "category" if name == "categories" else name[:-1]
            problems.append(f"{_name(kind, number, row)}: it has no {' and no '.join(missing)}.")
        else:
            usable.append(row)
    return usable


def _grouped(rows: Iterable[Row]) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = collections.defaultdict(list)
    for row in rows:
        groups[row["image_id"]].append(row)
    return groups


def _name(kind: str, number: int, row: Any) -> str:
    key = row.get("id") if isinstance(row, Mapping) else None
    return f"{kind} number {number}" if key is None else f"{kind} {key}"


def _raise(problems: Sequence[str]) -> None:
    if len(problems) == 1:
        raise ValueError(problems[0])
    if problems:
        more = len(problems) - _QUOTED
        lines = [*problems[:_QUOTED], *([f"and {more} more"] if more > 0 else [])]
        listed = "\n".join(f"- {line}" for line in lines)
        raise ValueError(f"{len(problems)} entries cannot be used:\n{listed}")


def _size(image: Row, *groups: Sequence[Row]) -> tuple[int, int]:
    """(height, width) of an image: as given, or a run-length code's, or else large enough."""
    known: tuple[Any, Any] = (image.get("height"), image.get("width"))
    if all(_is_number(side) and side > 0 for side in known):
        return int(known[0]), int(known[1])
    shapes = [row.get("segmentation") for rows in groups for row in rows]
    codes = [shape for shape in shapes if isinstance(shape, Mapping) and "size" in shape]
    if codes:
        height, width = codes[0]["size"]
        return int(height), int(width)
    # Without a code in the detections, only areas depend on the size.
    boxes = [row["bbox"] for rows in groups for row in rows if _is_box(row.get("bbox"))]
    for shape in shapes:
        try:
            boxes += [_around(drawn)] if (drawn := _drawn(shape)) else []
        except ValueError:
            continue  # reported where it is used
    ends = [(y + h, x + w) for x, y, w, h in boxes]
    return (
        math.ceil(max([y for y, _ in ends], default=0)),
        math.ceil(max([x for _, x in ends], default=0)),
    )


def _drawn(segmentation: Any) -> Any:
    """A segmentation as pycocotools accepts it: list of polygons, or a code; None without one."""
    if segmentation is None or (isinstance(segmentation, list | tuple) and not len(segmentation)):
        return None
    if isinstance(segmentation, Mapping):
        size, counts = segmentation.get("size"), segmentation.get("counts")
        if not isinstance(size, Sequence) or len(size) != 2 or counts is None:
            raise ValueError("its run-length code must have size, [height, width], and counts.")
        if not isinstance(counts, str | bytes) and sum(counts) != size[0] * size[1]:
            raise ValueError(
                f"the counts of its run-length code do not add up to {size[0]}x{size[1]} pixels."
            )
        return segmentation
    parts = segmentation
    if isinstance(segmentation, list | tuple) and _is_number(segmentation[0]):
        parts = [segmentation]  # a single polygon without the enclosing list
    try:
        polygons = [np.asarray(part, np.float64).ravel() for part in parts]
    except (TypeError, ValueError):
        polygons = [np.zeros(0)]
    # pycocotools takes four numbers for a box.
    polygons = [p for p in polygons if p.size >= 6 and p.size % 2 == 0 and np.isfinite(p).all()]
    if not polygons:
        raise ValueError(
            f"its segmentation is {segmentation!s:.60}: it must be a run-length code, or "
            "polygons, lists of x, y, x, y, ... for at least three corners."
        )
    return [polygon.tolist() for polygon in polygons]


def _encoded(drawn: Any, size: Sequence[int]) -> Any:
    """A segmentation, see `_drawn`, as a compressed code."""
    if isinstance(drawn, Mapping):
        if isinstance(drawn["counts"], str | bytes):
            return drawn
        return mask.frPyObjects({**drawn, "counts": list(drawn["counts"])}, *drawn["size"])
    return mask.merge(mask.frPyObjects(drawn, *size))


def _around(drawn: Any) -> list[float]:
    """The box [x, y, width, height] around a segmentation."""
    if isinstance(drawn, Mapping):
        return mask.toBbox(_encoded(drawn, drawn["size"])).tolist()
    return _around_points(np.concatenate(drawn).reshape(-1, 2))


def _around_points(points: Array) -> list[float]:
    """The box [x, y, width, height] around points [N, (x, y)]."""
    (x1, y1), (x2, y2) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return [x1, y1, x2 - x1, y2 - y1]


def _box(row: Row, drawn: Any) -> Any:
    """The box of an annotation or detection."""
    if _is_box(row.get("bbox")):
        return row["bbox"]
    if drawn is not None:
        return _around(drawn)
    points = np.asarray(row.get("keypoints") or [], np.float64).reshape(-1, 3)
    points = points[points[:, 2] > 0, :2]
    if not len(points):
        raise ValueError(
            f"it has no segmentation, and its bbox is {row.get('bbox')!r}: it needs polygons, a "
            "run-length code, or a bbox [x, y, width, height]."
        )
    return _around_points(points)


def _area(row: Row, drawn: Any, box: Sequence[float], size: tuple[int, int]) -> float:
    if drawn is None:
        return float(box[2] * box[3])
    if not isinstance(drawn, Mapping) and not all(size):
        size = math.ceil(box[1] + box[3]), math.ceil(box[0] + box[2])
    return float(mask.area(_encoded(drawn, size)))


def _filled(box: Sequence[float], size: tuple[int, int]) -> dict[str, Any]:
    """The code of a filled box: a pixel is inside if its centre is."""
    x, y, width, height = box
    ys = np.clip(np.ceil(np.array([y, y + height]) - 0.5), 0, size[0]).astype(int)
    xs = np.clip(np.ceil(np.array([x, x + width]) - 0.5), 0, size[1]).astype(int)
    return encode(np.ones((ys[1] - ys[0], xs[1] - xs[0]), bool), (ys[0], xs[0]), size)


def _is_box(value: Any) -> bool:
    there = isinstance(value, list | tuple | np.ndarray) and len(value) == 4
    return there and all(map(_is_number, value)) and value[2] > 0 and value[3] > 0


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float | np.number)
        and not isinstance(value, bool)
        and math.isfinite(value)
    )


def category_ids(content: Mapping[str, Any]) -> list[Any]:
    """The ids of a file's categories.

    Args:
        content: see `evaluate_coco`.

    Raises:
        ValueError: there is no list of categories, or one has no id.
    """
    problems: list[str] = []
    ids = [row["id"] for row in _checked(content, "categories", ("id",), problems)]
    _raise(problems)
    twice = [key for key, count in collections.Counter(ids).items() if count > 1]
    if twice:
        raise ValueError(f"categories {some(twice)} are listed twice: ids must be unique.")
    return ids
