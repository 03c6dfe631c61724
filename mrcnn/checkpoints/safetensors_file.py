"""The safetensors format: a header in JSON, then the bytes of all tensors."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from .checkpoint import Checkpoint
from .elements import as_elements, element_count, finished, item_size
from .limits import MAX_DIRECTORY
from .pickle_values import shown
from .pickles import add_item

_KINDS = {
    "BOOL": "b1",
    "U8": "u1",
    "I8": "i1",
    "U16": "u2",
    "I16": "i2",
    "U32": "u4",
    "I32": "i4",
    "U64": "u8",
    "I64": "i8",
    "F16": "f2",
    "BF16": "bf16",
    "F32": "f4",
    "F64": "f8",
}


def read(path: Path) -> Checkpoint:
    """Read a safetensors file.

    Args:
        path: of the file.

    Returns:
        `Checkpoint`.

    Raises:
        ValueError: it is damaged: the tensors must follow each other without gaps and end with the
            file.
    """
    size = path.stat().st_size
    arrays = {}
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(MAX_DIRECTORY, size - 8):
            raise ValueError(f"damaged: a header of {length:,} bytes in a file of {size:,}")
        entries = _header(file.read(length))
        places = {name: _place(name, entry) for name, entry in entries.items()}
        _check(places, size - 8 - length)
        for name, (kind, shape, start, end) in places.items():
            raw = np.empty(end - start, np.uint8)
            file.seek(8 + length + start)
            if file.readinto(raw.data) != len(raw):
                raise ValueError(f"damaged: {shown(name)} could not be read")
            arrays[name] = finished(as_elements(raw, kind, "<").reshape(shape), kind)
    return Checkpoint(path, "safetensors", arrays)


def _header(text: bytes) -> dict[str, Any]:
    try:
        entries = json.loads(text.decode(), object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"damaged: the header cannot be read ({error})") from error
    if not isinstance(entries, dict):
        raise ValueError("damaged: the header is not an object")
    entries.pop("__metadata__", None)
    if not entries:
        raise ValueError("it holds no tensors")
    return entries


def _object(pairs):
    made: dict[str, Any] = {}
    for name, value in pairs:
        add_item(made, name, value)
    return made


def _place(name, entry):
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(start), int(end)]}:
            if dtype not in _KINDS:
                raise ValueError(f"refused: {shown(name)} has elements of type {shown(dtype)}")
            kind = _KINDS[dtype]
            expected = element_count(shape) * item_size(kind)
            if end - start != expected:
                raise ValueError(
                    f"damaged: {shown(name)} of shape {shape} has {end - start:,} bytes, not "
                    f"{expected:,}"
                )
            return kind, shape, start, end
    raise ValueError(f"damaged: {shown(name)} lacks a type, a shape or a place")


def _check(places, size):
    place = 0
    for name, (_, _, start, end) in sorted(places.items(), key=lambda item: item[1][2:]):
        if start != place:
            raise ValueError(f"damaged: {shown(name)} begins at byte {start:,}, not {place:,}")
        place = end
    if place != size:
        raise ValueError(f"damaged: its tensors have {place:,} bytes, but {size:,} are there")
