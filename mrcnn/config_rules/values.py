"""Checks of numbers in settings and arguments, and the accepted values in words."""

import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np


def is_positive(value: Any) -> bool:
    """Whether a value is a number above 0."""
    return is_number(value) and value > 0


def is_number(value: Any) -> bool:
    """Whether a value is a real number and not a bool."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def either(values: Iterable[Any]) -> str:
    """List the values of which a setting must be one.

    Args:
        values: at least one.

    Returns:
        Their reprs, separated by commas, the last by "or".

    Example:
        >>> from mrcnn.config_rules.values import either
        >>> print(either(["fpn", "c4", None]))
        'fpn', 'c4' or None
    """
    *others, last = map(repr, values)
    return f"{', '.join(others)} or {last}" if others else last


def check_fraction(name: str, value: float) -> None:
    """Raise ValueError unless `value`, the argument called `name`, lies in [0, 1]."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value!r}: it must lie in [0, 1].")


def is_integer(value: Any) -> bool:
    """Whether a value is an int and not a bool."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
