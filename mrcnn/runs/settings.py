"""Settings in JSON types, as files hold them, and back."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar, overload

import numpy as np

from ..config import Config
from ..config_rules.part_names import named, part_of_package

# The file of a run that holds its settings.
CONFIG = "config.json"

# A function or an object of this package, see `as_json`.
_OURS = re.compile(r"<mrcnn\.(?:\w+\.)*(\w+)>")

_Config = TypeVar("_Config", bound=Config)


def as_json(value: Any) -> Any:
    """A setting's `value` in JSON types: arrays become lists, functions and objects their names."""
    if isinstance(value, np.ndarray | np.generic):
        return as_json(value.tolist())
    if isinstance(value, dict):
        return {str(key): as_json(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(entry) for entry in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    kind = value if hasattr(value, "__qualname__") else type(value)
    return f"<{kind.__module__}.{kind.__qualname__}>"


def is_same(value: Any, other: Any) -> bool:
    """Whether two settings, as `as_json` returns them, are the same.

    Objects of this package are compared by name only, because they may have moved to another
    module.

    Args:
        value, other: a current setting, and one from a file that may be older.
    """
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(is_same, value, other))
    if isinstance(value, str) and isinstance(other, str):
        name, other_name = (_OURS.fullmatch(text) for text in (value, other))
        if name and other_name:
            return name[1] == other_name[1]
    return value == other


def stored(config: Config) -> dict[str, Any]:
    """All settings of a `config` by name, in JSON types.

    A part of the network that the package has a name for, such as the object RESNET50, gets that
    name, so that it can be restored.
    """
    return {name: as_json(named(name, value)) for name, value in config.to_dict().items()}


@overload
def restored(settings: Mapping[str, Any], *, where: str = ..., advice: str = ...) -> Config: ...


@overload
def restored(
    settings: Mapping[str, Any],
    config_class: type[_Config],
    where: str = ...,
    advice: str = ...,
) -> _Config: ...


def restored(
    settings: Mapping[str, Any],
    config_class: type[Config] = Config,
    where: str = "settings",
    advice: str = "pass the class that has it",
) -> Config:
    """The configuration that `as_json` or `stored` described.

    Args:
        settings: value of each setting by its name, in JSON types. They may come from a file that
            is not to be trusted: of the objects that they name, only parts of this package are
            used.
        config_class: the class that had these settings. It supplies what JSON cannot hold, such as
            a BACKBONE function.
        where: what holds the settings, for messages.
        advice: what to do about an object that `config_class` does not have, for messages.

    Returns:
        An instance of `config_class`.

    Raises:
        ValueError: a setting is a function or an object that `config_class` does not have, or the
            values cannot be assigned. `Config.validate` checks whether they can work.

    Example:
        >>> from mrcnn.runs.settings import restored
        >>> restored({"NAME": "cells", "RPN_ANCHOR_SCALES": [8, 16, 32, 64, 128]}).NAME
        'cells'
    """
    own, decoded = config_class().to_dict(), {}
    for name, value in settings.items():
        attribute = getattr(config_class, name, None)
        if name.startswith("_") or isinstance(attribute, property):
            continue
        if callable(attribute) and not name.isupper():
            raise ValueError(f"{where}: {name} is a method, not a setting.")
        if name in own and is_same(as_json(own[name]), value):
            decoded[name] = own[name]
            continue
        known = _known_part(name, value)
        if missing := _first_object(known):
            raise ValueError(
                f"{where}: {name} is {missing}, which {config_class.__name__} does not have: "
                f"{advice}."
            )
        decoded[name] = _like(own.get(name), known)
    try:
        return config_class.from_dict(decoded)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{where}: the settings cannot be used: {error}.") from error


def holds_objects(value: Any) -> bool:
    """Whether a setting's `value`, as `as_json` returns it, names a function or an object."""
    return _first_object(value) is not None


def _known_part(name, value):
    """The `value` of the setting `name`, with the objects of this package in place of their names.

    What is a list in JSON may hold several.
    """
    if isinstance(value, list):
        return [_known_part(name, entry) for entry in value]
    found = _OURS.fullmatch(value) if isinstance(value, str) else None
    part = part_of_package(name, found[1]) if found else None
    return value if part is None else part


def _first_object(value):
    """The first name of an object in a setting in JSON types, or None."""
    entries = value if isinstance(value, list) else [value]
    return next((entry for entry in entries if isinstance(entry, str) and entry[:1] == "<"), None)


def _like(own, value):
    """A value from JSON in the type that the class uses."""
    if isinstance(own, np.ndarray) and isinstance(value, list):
        return np.array(value)
    if isinstance(own, tuple) and isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict):  # JSON keys cannot be numbers, such as class ids
        return {int(key) if key.isdecimal() else key: entry for key, entry in value.items()}
    return value
