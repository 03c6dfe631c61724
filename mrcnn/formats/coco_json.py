"""Parse a COCO instances file: images, categories and annotations become records."""

import logging
import os
from collections.abc import Callable, Container, Iterator
from typing import Any

from ..text import some
from ..types import Array
from .coco_masks import (
    MAX_SIDE,
    BadEntryError,
    Outline,
    kind_of,
    read_area,
    read_box,
    read_shape,
)
from .records import Instance, Problems, Record
from .shapes import Rectangle

logger = logging.getLogger(__name__)

# What reads the keypoints of an annotation, see `Instance`; it may raise `BadEntryError`.
KeypointReader = Callable[[dict[str, Any]], Array | None]


def parse_instances(
    content: Any,
    problems: Problems,
    asked: Container[object] = (),
    ignore_sizes: bool = False,
    read_keypoints: KeypointReader | None = None,
) -> tuple[list[Record], dict[str, int | str], dict[int | str, str]]:
    """The records of an instances file.

    Args:
        content: the parsed JSON. Its annotations are released one by one to save memory.
        problems: unusable entries are added to it.
        asked: names and ids of categories to keep even if they are only the parents of others.
        ignore_sizes: whether the images' heights and widths are ignored.
        read_keypoints: function that returns the keypoints of an annotation, see `Instance`, or
            raises `BadEntryError`. None reads none.

    Returns:
        The records, each with its file name as the path; category name to id, sorted by id; image
        id to link, for images that have one.

    Raises:
        ValueError: the list of images, annotations or categories is missing.
    """
    if not isinstance(content, dict):
        raise ValueError(
            f"{problems.path} holds {kind_of(content)}: it must hold an object with lists "
            "of images, annotations and categories."
        )
    for key in ("images", "annotations", "categories"):
        if not isinstance(content.get(key), list):
            raise ValueError(
                f"{problems.path} has no list of {key}: it must hold an object with lists "
                "of images, annotations and categories."
            )
    records, links = _images(content["images"], problems)
    for record in records.values() if ignore_sizes else ():
        record.height = record.width = None
    used = _used_categories(content["annotations"])
    names = _categories(content["categories"], used, problems)
    _drop_parents(names, content["categories"], used, asked, problems)
    _drop_background(names, used, asked, problems)
    _annotations(content["annotations"], records, names, problems, read_keypoints)
    ordered = sorted(names, key=lambda key: (isinstance(key, str), key))
    return list(records.values()), {names[key]: key for key in ordered}, links


def _entries(
    entries: list[Any], kind: str, problems: Problems
) -> Iterator[tuple[int, dict[str, Any], str]]:
    """Yield each entry that is an object, with its index and a name for messages."""
    for number, entry in enumerate(entries):
        if isinstance(entry, dict):
            key = entry.get("id")
            yield number, entry, f"{kind} {key}" if _is_id(key) else f"{kind} number {number + 1}"
        else:
            problems.add(f"{kind} number {number + 1}", f"is {kind_of(entry)}, not an object.")


def _images(
    entries: list[Any], problems: Problems
) -> tuple[dict[int | str, Record], dict[int | str, str]]:
    """Image id to `Record`, and image id to link."""
    records: dict[int | str, Record] = {}
    links: dict[int | str, str] = {}
    for _, entry, where in _entries(entries, "image", problems):
        try:
            key, name = _id(entry, "id"), entry.get("file_name")
            if not isinstance(name, str) or not name or "\0" in name:
                raise BadEntryError(
                    f"file_name is {name!r}: it must be the name of the image file."
                )
            if key in records:
                raise BadEntryError(
                    f"{name} has the same id as {records[key].path}: ids must be unique."
                )
            height, width = (_side(entry, side) for side in ("height", "width"))
        except BadEntryError as error:
            problems.add(where, error)
            continue
        # Some tools write Windows separators.
        path = name.replace("\\", "/") if os.sep == "/" else name
        records[key] = Record(key, path, [], height, width)
        url = entry.get("coco_url")
        if isinstance(url, str) and url:
            official = "cocodataset.org" in url
            links[key] = f"http://cocodataset.org/#explore?id={key}" if official else url
    return records, links


def _categories(
    entries: list[Any], used: set[int | str], problems: Problems
) -> dict[int | str, str]:
    """Category id to name; `used` are the ids that annotations refer to."""
    names: dict[int | str, str] = {}
    for _, entry, where in _entries(entries, "category", problems):
        try:
            key, name = _id(entry, "id"), entry.get("name")
            if not isinstance(name, str) or not name:
                raise BadEntryError(f"name is {name!r}: it must be a non-empty string.")
            if key in names:
                raise BadEntryError(
                    f"{name!r} has the same id as {names[key]!r}: ids must be unique."
                )
        except BadEntryError as error:
            problems.add(where, error)
            continue
        names[key] = name
    if len(set(names.values())) < len(names):
        _drop_namesakes(names, used, problems)
    return names


def _used_categories(annotations: list[Any]) -> set[int | str]:
    """Ids of the categories that annotations refer to."""
    ids: list[Any] = [a.get("category_id") for a in annotations if isinstance(a, dict)]
    return {key for key in ids if _is_id(key)}


def _drop_parents(
    names: dict[int | str, str],
    entries: list[Any],
    used: set[int | str],
    asked: Container[object],
    problems: Problems,
) -> None:
    """Drop categories that only group others: some tools export the project as their parent."""
    listed = [e for e in entries if isinstance(e, dict) and isinstance(e.get("name"), str)]
    parents = [e.get("supercategory") for e in listed if e.get("supercategory") != e["name"]]
    wanted = [key for key, name in names.items() if key in used or key in asked or name in asked]
    dropped = {key: name for key, name in names.items() if name in parents and key not in wanted}
    if not dropped or len(dropped) == len(names):
        return
    for key in dropped:
        del names[key]
    logger.warning(
        "%s: no class for %s: other categories name it as their supercategory, and no annotation "
        "uses it. List it in class_names to keep it.",
        problems.path,
        some(f"category {name!r}" for name in dropped.values()),
    )


def _drop_background(
    names: dict[int | str, str], used: set[int | str], asked: Container[object], problems: Problems
) -> None:
    """Drop an unused category 0 for the background, which is class 0 without a category."""
    name = names.get(0, "")
    if name.strip().lower() not in ("background", "bg") or len(names) == 1:
        return
    if 0 in used or 0 in asked or name in asked:
        return
    del names[0]
    logger.warning(
        "%s: no class for category %r: it is the background, and no annotation uses it. List it in "
        "class_names to keep it.",
        problems.path,
        name,
    )


def _drop_namesakes(names: dict[int | str, str], used: set[int | str], problems: Problems) -> None:
    """Keep one category per name: some tools export an unused parent with the same name."""
    kept: dict[str, int | str] = {}
    for key in sorted(names, key=lambda key: key not in used):
        other = kept.setdefault(names[key], key)
        if other == key:
            continue
        if key in used:
            problems.add(
                f"category {key}",
                f"has the same name as category {other}, {names[key]!r}, and both have "
                "annotations: names must be unique.",
            )
        del names[key]


def _annotations(
    entries: list[Any],
    records: dict[int | str, Record],
    names: dict[int | str, str],
    problems: Problems,
    read_keypoints: KeypointReader | None,
) -> None:
    """Add the instances to the records."""
    seen: set[int | str | None] = set()
    boxed, slivers, count = 0, 0, len(entries)
    for number, entry, where in _entries(entries, "annotation", problems):
        entries[number] = None
        try:
            if entry.get("id") is not None and _id(entry, "id") in seen:
                raise BadEntryError("its id is already taken: ids must be unique.")
            seen.add(entry.get("id"))
            record = records.get(_id(entry, "image_id"))
            if record is None:
                raise BadEntryError(f"image_id is {entry['image_id']}: no image has this id.")
            where = f"{where} of {record.path}"
            name = names.get(_id(entry, "category_id"))
            if name is None:
                raise BadEntryError(
                    f"category_id is {entry['category_id']}: the categories are {some(names)}."
                )
            crowd = entry.get("iscrowd") or 0
            if crowd not in (0, 1):
                raise BadEntryError(f"iscrowd is {crowd!r}: it must be 0 or 1.")
            shape = read_shape(entry, record.height, record.width)
            keypoints = read_keypoints(entry) if read_keypoints else None
        except BadEntryError as error:
            problems.add(where, error)
            continue
        boxed += isinstance(shape, Rectangle)
        slivers += isinstance(shape, Outline) and shape.slivers
        box = read_box(entry)
        if box is None and isinstance(shape, Outline):
            # COCO's convention: around the corners, not around the pixels.
            box = shape.box(record.height or MAX_SIDE, record.width or MAX_SIDE)
        record.instances.append(
            Instance(name, shape, bool(crowd), box, read_area(entry), keypoints)
        )
    if boxed:
        logger.warning(
            "%s: %d of %d annotations have a bbox but no segmentation: their masks are rectangles.",
            problems.path,
            boxed,
            count,
        )
    if slivers:
        logger.warning(
            "%s: %d polygons with fewer than three corners are left out; their annotations have "
            "others.",
            problems.path,
            slivers,
        )


def _id(entry: dict[str, Any], key: str) -> int | str:
    value: Any = entry.get(key)
    if not _is_id(value):
        raise BadEntryError(f"{key} is {kind_of(value)}: it must be an integer or a string.")
    return value


def _is_id(value: object) -> bool:
    return type(value) in (int, str)


def _side(entry: dict[str, Any], key: str) -> int | None:
    value = entry.get(key)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None or (type(value) is int and 0 < value <= MAX_SIDE):
        return value
    raise BadEntryError(f"{key} is {value!r}: it must be 1 to {MAX_SIDE} pixels.")
