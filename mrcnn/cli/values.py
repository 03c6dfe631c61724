"""Values of settings as text: read as the setting's type in `Config` asks."""

import difflib
import functools
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import yaml

from ..config import Config
from ..config_rules.derived import check_not_derived
from ..config_rules.part_names import part_of_package
from ..startup import start_quietly

_NONE, _BOOLS = ("none", "null", "~"), {"true": True, "false": False}
# A function or class of this package in a run's config.json, see `runs.settings.as_json`.
_OURS = re.compile(r"<mrcnn(?:\.\w+)*\.(\w+)>")

# What a setting of each kind may be, in words.
_WORDS = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a name",
    Mapping: "a dict such as {1: 0.5}",
    Sequence: "numbers separated by commas",
    Callable: "a function (in Python only)",
    type(None): "None",
}


def check_name(name: str) -> None:
    """Check that there is a setting of this name, and that it can be set.

    Raises:
        ValueError: there is none; the message has the closest name.

    Example:
        >>> from mrcnn.cli.values import check_name
        >>> check_name("LEARNIN_RATE")
        Traceback (most recent call last):
        ...
        ValueError: LEARNIN_RATE is not a setting of Config: did you mean LEARNING_RATE?
    """
    check_not_derived(name)
    if name in _hints():
        return
    close = difflib.get_close_matches(name.upper(), _hints(), n=1, cutoff=0.6)
    raise ValueError(
        f"{name} is not a setting of Config"
        + (f": did you mean {close[0]}?" if close else "; mrcnn/config.py lists them all.")
    )


def parse(name: str, text: str) -> Any:
    """The value of a setting from its text on the command line.

    Args:
        name: of the setting.
        text: a number, a name, None, True or False; several values separated by commas; a dict as
            in YAML or Python.

    Returns:
        The value in a type that the setting may have; several values are a tuple.

    Raises:
        ValueError: the setting cannot have a value of this type. `Config.validate` checks the value
            itself.

    Example:
        >>> from mrcnn.cli.values import parse
        >>> parse("LEARNING_RATE", "1e-4"), parse("EMA", "None"), parse("OPTIMIZER", "adamw")
        (0.0001, None, 'adamw')
        >>> parse("RPN_ANCHOR_SCALES", "16,32,64"), parse("HEADS", "box")
        ((16, 32, 64), ('box',))
        >>> parse("DETECTION_MIN_CONFIDENCE", "{1: 0.5, 2: 0.9}")
        {1: 0.5, 2: 0.9}
    """
    text = text.strip()
    if _is_name(name):
        return _checked(name, None if text.lower() in _NONE else text)
    return _checked(name, _plain(_loaded(text)))


def of_file(name: str, value: Any) -> Any:
    """The value of a setting from a YAML or JSON file, in a type that the setting may have.

    Args:
        name: of the setting.
        value: as the file has it. Text is parsed as on the command line: YAML reads neither 1e-4
            nor None as what they mean.

    Raises:
        ValueError: see `parse`; or it is a function that a run's own class had.
    """
    if isinstance(value, int | float) and _is_name(name):
        value = str(value)
    if isinstance(value, str):
        if value.startswith("<") and value.endswith(">"):
            return _ours(name, value)
        return parse(name, value)
    if isinstance(value, list):
        value = [_ours(name, part) if _OURS.fullmatch(str(part)) else part for part in value]
    return _checked(name, _plain(value))


@functools.cache
def _hints() -> dict[str, Any]:
    """Type of each setting by its name."""
    return typing.get_type_hints(Config)


@functools.cache
def _kinds(name: str) -> frozenset[Any]:
    """Which of the keys of `_WORDS` a setting may be."""
    hint = _hints()[name]
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    members = {typing.get_origin(part) or part for part in typing.get_args(hint) or (hint,)}
    members = members if is_union else {typing.get_origin(hint) or hint}
    if isinstance(getattr(Config, name), list | tuple | np.ndarray):
        return frozenset({Sequence})
    if Any in members:
        return frozenset(_WORDS)
    kinds = {Sequence if kind in (list, tuple, np.ndarray) else kind for kind in members}
    return frozenset(kinds & _WORDS.keys())


def _is_name(name: str) -> bool:
    """Whether a setting is text, even if that looks like a number."""
    return _kinds(name) - {type(None)} == {str}


def _loaded(text: str) -> Any:
    """The values in `text` as YAML reads them; text that it cannot read stays as it is."""
    try:
        values = yaml.safe_load(f"[{text.translate(str.maketrans('()', '[]'))}]")
    except (yaml.YAMLError, ValueError, RecursionError):
        return text
    if len(values) == 1:
        return values[0]
    if values and all(isinstance(value, dict) for value in values):
        return {key: part for value in values for key, part in value.items()}
    return values


def _plain(value: Any) -> Any:
    """Text that is a number, a bool or None as such, and lists as tuples, all the way down."""
    if isinstance(value, list | tuple):
        return tuple(_plain(part) for part in value)
    if isinstance(value, dict):
        return {_plain(key): _plain(part) for key, part in value.items()}
    if not isinstance(value, str):
        return value
    if value.lower() in _NONE:
        return None
    if value.lower() in _BOOLS:
        return _BOOLS[value.lower()]
    for number in (int, float):
        try:
            return number(value)
        except ValueError:
            continue
    return value


def _checked(name: str, value: Any) -> Any:
    """The value in the form that the setting has, after a check that it may have this type."""
    kinds = _kinds(name)
    if isinstance(value, float) and float not in kinds and int in kinds and value.is_integer():
        value = int(value)  # 1e3
    is_single = isinstance(value, bool | int | float | str) and _kind_of(value) not in kinds
    if is_single and Sequence in kinds and not isinstance(value, bool):
        value = (value,)
    kind = _kind_of(value)
    fits = kind in kinds or (kind is int and float in kinds)
    if isinstance(value, tuple | dict) and name != "HEADS":
        fits = fits and _holds_numbers(value)
    if not fits:
        raise ValueError(f"{name} is {value!r}: it must be {_accepted(name)}.")
    return value


def _accepted(name: str) -> str:
    """What a setting may be, in words."""
    if name == "HEADS":
        return "names separated by commas"
    if name == "BACKBONE":
        return _WORDS[str]
    *others, last = [words for kind, words in _WORDS.items() if kind in _kinds(name)]
    return f"{', '.join(others)} or {last}" if others else last


def _kind_of(value: Any) -> Any:
    """Which of the keys of `_WORDS` a value is."""
    if isinstance(value, tuple):
        return Sequence
    if isinstance(value, dict):
        return Mapping
    return Callable if callable(value) else type(value)


def _holds_numbers(value: Any) -> bool:
    """Whether all values in a tuple, at any depth, or in a dict are numbers."""
    if isinstance(value, tuple | dict):
        return all(map(_holds_numbers, value.values() if isinstance(value, dict) else value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def _ours(name: str, text: str) -> Any:
    """A function or class of this package by its name in a run's config.json."""
    match = _OURS.fullmatch(text)
    start_quietly()
    part = part_of_package(name, match[1]) if match else None
    if part is None:
        raise ValueError(
            f"{name} is {text}, which is not part of this package: load the weights in Python, "
            "with the class that the run used."
        )
    return part
