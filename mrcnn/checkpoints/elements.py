"""Element types of tensors, and their bytes as arrays.

A kind is numpy's code without the byte order, such as "f4", or "bf16".
"""

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..types import Array
from .limits import MAX_DIMENSIONS, MAX_ELEMENTS

_NUMPY_CODE = re.compile(r"([<>=|]?)(f[248]|[iu][1248]|b1)")


def kind_of(code: str) -> tuple[str, str]:
    """The kind and the byte order ("<" or ">") of a numpy type code.

    Args:
        code: such as "<f4" or "|b1".

    Raises:
        ValueError: it is not a plain number: an object, a string, a structure or another type.
    """
    match = _NUMPY_CODE.fullmatch(code)
    if not match:
        raise ValueError(f"refused: elements of type {code[:40]!r}, which are not plain numbers")
    return match[2], ">" if match[1] == ">" else "<"


def item_size(kind: str) -> int:
    """Bytes of an element of this kind."""
    return 2 if kind == "bf16" else int(kind[1:])


def element_count(shape: Sequence[Any]) -> int:
    """The number of elements of a tensor.

    Args:
        shape: as a file declares it.

    Raises:
        ValueError: it is not a shape.
    """
    if len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"a tensor of {len(shape)} dimensions; {MAX_DIMENSIONS} are possible")
    if not all(type(size) is int and 0 <= size <= MAX_ELEMENTS for size in shape):
        raise ValueError("the shape of a tensor is not made of plausible sizes")
    if math.prod(max(size, 1) for size in shape) > MAX_ELEMENTS:
        raise ValueError(f"a tensor of implausible shape {tuple(shape)}")
    return math.prod(shape)


def as_elements(raw: Any, kind: str, order: str) -> Array:
    """Bytes as stored elements, without copying.

    Args:
        raw: bytes, or uint8 [B]; B is a multiple of the element size.
        kind: see this module; bfloat16 and booleans are shown as unsigned integers.
        order: "<" or ">".

    Returns:
        Array [N].
    """
    dtype = np.dtype(order + {"bf16": "u2", "b1": "u1"}.get(kind, kind))
    return np.frombuffer(raw, dtype) if len(raw) else np.empty(0, dtype)


def finished(values: Array, kind: str) -> Array:
    """Stored elements as `Checkpoint.tensors` has them; copies only what is stored otherwise.

    Args:
        values: array of any shape and strides, see `as_elements`.
        kind: of its elements.
    """
    if kind == "bf16":
        wide = values.astype(np.uint32)
        wide <<= 16
        values = wide.view(np.float32)
    elif kind == "b1":
        values = values != 0
    elif kind.startswith("f"):
        # A double beyond the range becomes infinite, which is for the loader to judge.
        with np.errstate(over="ignore", invalid="ignore"):
            values = values.astype(np.float32, copy=False)
    else:
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
    result = np.require(values, requirements=["C", "A"]).view()
    result.flags.writeable = False
    return result
