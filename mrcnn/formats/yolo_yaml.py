"""The keys in a YOLO dataset's YAML file that locate its images and name its classes."""

import reprlib
from collections.abc import Callable
from typing import Any

import yaml

from ..types import PathLike

KEYS = ("path", "train", "val", "test", "valid", "validation", "names", "nc")


def read_yaml(text: str, path: PathLike) -> dict[str, Any]:
    """Read the known keys of a YAML file.

    Args:
        text: the file's text.
        path: the file's path, for errors.

    Returns:
        Those of the KEYS that have a value in the file, a str or a list of str; names is a dict of
        class number to name, nc an int.

    Raises:
        ValueError: not a YAML file with keys; unusable value of a key.
    """
    values = {}
    content = _parse(text, path)
    for key in KEYS:
        value = content.get(key, "")
        if value in ("", "~", "null", []):
            continue
        try:
            values[key] = _CHECKS.get(key, _paths)(value)
        except ValueError as error:
            raise ValueError(f"{path}: {key} {error}.") from error
    return values


def _parse(text: str, path: PathLike) -> dict[str, Any]:
    """A file's keys; their values are str, or lists or dicts of such values."""
    try:
        # This loader keeps every value as text: a class may be called no, 7 or 2024-05-01.
        content = yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1
        raise ValueError(f"{path}, line {line}: not valid YAML: {error.problem}.") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ValueError(f"{path}, line {line}: not valid YAML: {error.reason}.") from error
    except RecursionError as error:
        raise ValueError(f"{path}: its lists are nested too deeply to be read.") from error
    if content and not isinstance(content, dict):
        raise ValueError(
            f"{path} is {reprlib.repr(content)}: it must map keys to values (train: images)."
        )
    return content or {}


def _path(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"is {reprlib.repr(value)}: it must be one path")
    return value


def _paths(value: object) -> str | list[str]:
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not all(part and isinstance(part, str) for part in value):
        raise ValueError(f"is {reprlib.repr(value)}: it must be a path or a list of paths")
    return value


def _names(value: Any) -> dict[int, str]:
    if isinstance(value, str):
        raise ValueError(f"is {value!r}: it must be a list of names, or a map of numbers to names")
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    names: dict[int, str] = {}
    for number, name in pairs:
        good = str(number).isdecimal() and name and isinstance(name, str)
        if not good or int(number) in names or name in names.values():
            raise ValueError(
                f"has {number}: {reprlib.repr(name)}: it must have whole numbers, each with a "
                "unique name"
            )
        names[int(number)] = name
    return dict(sorted(names.items()))


def _count(value: object) -> int:
    if not isinstance(value, str) or not value.isdecimal() or len(value) > 5:
        raise ValueError(f"is {reprlib.repr(value)}: it must be the number of classes")
    return int(value)


_CHECKS: dict[str, Callable[[Any], Any]] = {"path": _path, "names": _names, "nc": _count}
