"""Indices of images that are read in parts: numbers, slices and "..."."""

import operator
from typing import Any

import numpy as np


def ranges(key: Any, shape: tuple[int, ...]) -> tuple[list[range], tuple[Any, ...]]:
    """What an index asks for of each axis.

    Args:
        key: as numpy would get it.
        shape: of the array, (H, W) or (H, W, C).

    Returns:
        One range of positions per axis, perhaps empty or descending, and the index that makes
        numpy's result of the array of these positions: 0 for an axis that a number selects, or a
        full slice.

    Raises:
        IndexError: a number is out of bounds, there are too many of them, or one of them is neither
            a number nor a slice nor "...".

    Example:
        >>> from mrcnn.images.slicing import ranges
        >>> ranges((slice(2, 9), -1), (6, 8))
        ([range(2, 6), range(7, 8)], (slice(None, None, None), 0))
    """
    keys = list(key) if isinstance(key, tuple) else [key]
    dots = [i for i, each in enumerate(keys) if each is ...]
    missing = len(shape) - len(keys) + len(dots)
    if len(dots) > 1 or missing < 0:
        raise IndexError(f"too many indices, {len(keys)}: the image has {len(shape)} axes.")
    at = dots[0] if dots else len(keys)
    keys[at : at + len(dots)] = [slice(None)] * missing
    found: list[range] = []
    rest: list[Any] = []
    for axis, (each, size) in enumerate(zip(keys, shape, strict=True)):
        if isinstance(each, slice):
            found.append(range(size)[each])
            rest.append(slice(None))
            continue
        index = _number(each)
        if not -size <= index < size:
            raise IndexError(f"index {index} is out of bounds for axis {axis} of size {size}.")
        found.append(range(index % size, index % size + 1))
        rest.append(0)
    return found, tuple(rest)


def ascending(positions: range) -> range:
    """The same positions with a step above 0."""
    return positions if positions.step > 0 else positions[::-1]


def _number(each: Any) -> int:
    if isinstance(each, bool | np.bool_):
        raise IndexError(f"an image that is read in parts cannot be indexed with {each}.")
    try:
        return operator.index(each)
    except TypeError as error:
        raise IndexError(
            "an image that is read in parts is indexed with numbers, slices and ..., not with a "
            f"{type(each).__name__}: make it an array first, with image[:]."
        ) from error
