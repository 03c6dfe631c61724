"""Text for messages and the screen."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from .types import Array


def some(names: Iterable[Any], limit: int = 8) -> str:
    """The first `limit` names and how many more there are, or "none"."""
    texts = [str(name) for name in names]
    more = f" and {len(texts) - limit} more" if len(texts) > limit else ""
    return (", ".join(texts[:limit]) or "none") + more


def log(text: str, array: Array | None = None) -> None:
    """Print `text` and, if an array is given, its shape, minimum, maximum and dtype.

    An array of text has neither minimum nor maximum.
    """
    if array is not None:
        has_range = array.size and array.dtype.kind != "U"
        low, high = (_short(array.min()), _short(array.max())) if has_range else ("", "")
        text = (
            f"{text:25}  shape: {array.shape!s:20}  min: {low:>10}  max: {high:>10}  {array.dtype}"
        )
    print(text)


def _short(number: Any) -> str:
    """Format a number; floats get five significant digits."""
    return f"{number:.5g}" if isinstance(number, np.floating) else str(number)
