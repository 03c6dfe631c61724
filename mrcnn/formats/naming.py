"""Check the class names that a user gives, and apply them to the classes in a file."""

import dataclasses
import logging
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..text import some
from ..types import PathLike

if TYPE_CHECKING:
    from .records import Problems, Record


logger = logging.getLogger(__name__)


def is_background(name: str) -> bool:
    """Whether a class has LabelMe's name for the background: `_background_`, ignoring case."""
    return bool(re.fullmatch(r"_+background_+", name.strip().lower()))


def is_ignored(name: str) -> bool:
    """Whether a class has LabelMe's name for what has no class: `__ignore__`, ignoring case."""
    return bool(re.fullmatch(r"_+ignored?_+", name.strip().lower()))


def without_reserved(
    names: Sequence[str],
    records: "Iterable[Record]",
    asked: Container[str],
    path: PathLike,
) -> list[str]:
    """Leave out the classes whose names LabelMe reserves, and their instances.

    Tools that convert LabelMe's files carry `__ignore__` and `_background_` into other formats.

    Args:
        names: class names in the file.
        records: changed in place.
        asked: names that the user gives in `class_names` or `class_map`: they are kept.
        path: the file, for the warning if there are instances.

    Returns:
        The other names.
    """
    reserved = {n for n in names if n not in asked and (is_background(n) or is_ignored(n))}
    count = 0
    for record in records if reserved else ():
        kept = [i for i in record.instances if i.class_name not in reserved]
        count += len(record.instances) - len(kept)
        record.instances = kept
    if count:
        logger.warning(
            "%s: the %d instances of %s are left out: these names are not classes unless "
            "class_names or class_map lists them.",
            path,
            count,
            some(sorted(reserved)),
        )
    return [name for name in names if name not in reserved]


def checked_names(class_names: Iterable[str] | None) -> list[str]:
    """The `class_names` of a reader as a list, empty for None.

    Raises:
        TypeError: it is not a list of names.
        ValueError: it contains "BG", the name of the background.
    """
    if class_names is None:
        return []
    names = [class_names] if isinstance(class_names, str) else list(class_names)
    if isinstance(class_names, str) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"class_names is {class_names!r}: it must be a list of names.")
    if "BG" in names:
        raise ValueError("class_names has 'BG': leave it out; the background is always class 0.")
    return names


def checked_map(class_map: Mapping[str, str | None] | None) -> dict[str, str | None]:
    """The `class_map` of a reader as a dict, empty for None.

    Raises:
        TypeError: it maps to something other than a name or None.
    """
    checked = dict(class_map or {})
    for old, new in checked.items():
        if new is not None and not isinstance(new, str):
            raise TypeError(f"class_map maps {old!r} to {new!r}: it must be a name or None.")
    return checked


def check_background(
    renamed: Mapping[str, str | None], source_ids: Mapping[str, Any], path: PathLike
) -> None:
    """Check that no class has the background's name.

    Args:
        renamed: class name in the file to its name in the dataset, or None.
        source_ids: class name in the dataset to its id in the source.
        path: the file, for the error.

    Raises:
        ValueError: a class is named "BG".
    """
    if "BG" in source_ids:
        old = next(old for old, new in renamed.items() if new == "BG")
        raise ValueError(
            f"{path}: class {old!r} would be named 'BG', like the background: rename it with "
            f"class_map={{{old!r}: 'other'}}, or leave it out with class_map={{{old!r}: None}}."
        )


def keep_wanted(
    records: "Iterable[Record]",
    renamed: Mapping[str, str | None],
    source_ids: Mapping[str, Any],
    problems: "Problems",
) -> None:
    """Rename the classes of instances, drop unwanted classes and report unknown ones.

    Args:
        records: changed in place.
        renamed, source_ids: see `check_background`.
        problems: unknown classes are added.
    """
    unknown: dict[str, list[Any]] = {}  # class name: the image id of each instance
    for record in records:
        kept = []
        for instance in record.instances:
            name = renamed[instance.class_name]
            if name is None:
                continue
            if name in source_ids:
                kept.append(dataclasses.replace(instance, class_name=name))
            else:
                unknown.setdefault(instance.class_name, []).append(record.id)
        record.instances = kept
    for name, images in unknown.items():
        instances = "1 instance" if len(images) == 1 else f"{len(images)} instances"
        problems.add(
            f"class {name!r}",
            f"{instances}, first in {images[0]}, but the classes are {some(source_ids)}: rename it "
            f"with class_map, or leave it out with class_map={{{name!r}: None}}.",
        )
