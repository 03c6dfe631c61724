"""Text for messages and the screen."""

import numpy as np


def some(names, limit=8):
    """List the first `limit` names and how many more there are, or "none"."""
    names = [str(name) for name in names]
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return (", ".join(names[:limit]) or "none") + more


def log(text, array=None):
    """Print a text and, if an array is given, its shape, minimum, maximum and dtype."""
    if array is not None:
        low, high = (_short(array.min()), _short(array.max())) if array.size else ("", "")
        text = (
            f"{text:25}  shape: {array.shape!s:20}  min: {low:>10}  max: {high:>10}  {array.dtype}"
        )
    print(text)


def _short(number):
    """Format a number; floats get five significant digits."""
    return f"{number:.5g}" if isinstance(number, np.floating) else str(number)
