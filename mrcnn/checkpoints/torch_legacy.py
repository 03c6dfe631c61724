"""PyTorch's files before version 1.6: five pickles in a row, then the storages."""

import functools
from io import BufferedReader
from pathlib import Path

import numpy as np

from ..types import Array
from .checkpoint import Checkpoint
from .elements import item_size
from .limits import tensor_budget
from .pickle_stream import PickleStream
from .pickle_values import shown
from .pickles import load
from .state_dict import about, read_tensors, weights_in
from .torch_objects import Storages, storage, torch_names

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001

# The first pickle, without what precedes the number.
BEGINNING = b"\x8a\x0a" + _MAGIC.to_bytes(10, "little")


def read(path: Path) -> Checkpoint:
    """Read a file that `torch.save` wrote before version 1.6, or with
    `_use_new_zipfile_serialization=False`.

    Args:
        path: of the file.

    Returns:
        `Checkpoint`.

    Raises:
        ValueError: it is damaged, or holds something other than tensors.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        stream = PickleStream(file, size)
        magic, protocol, _ = load(stream, {}), load(stream, {}), load(stream, {})
        if magic != _MAGIC or protocol != _PROTOCOL:
            raise ValueError(f"PyTorch's file protocol {shown(protocol)} is unknown")
        storages = _Places(file)
        value = load(stream, torch_names(size), functools.partial(_note, storages))
        storages.find(stream, load(stream, {}))
        if stream.left:
            raise ValueError(f"damaged: {stream.left:,} bytes follow its storages")
        tensors = read_tensors(weights_in(value), tensor_budget(size))
    return Checkpoint(path, "torch (before 1.6)", tensors, *about(value))


class _Places(Storages):
    """Storages that follow each other in a file, little-endian whatever the machine was."""

    def __init__(self, file: BufferedReader) -> None:
        super().__init__("<")
        self._file = file
        self.kinds: dict[str, str] = {}
        self._places: dict[str, tuple[int, int]] = {}

    def find(self, stream, keys):
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise ValueError("damaged: its list of storages is none")
        for key in keys:
            if key in self._places or key not in self.kinds:
                raise ValueError(
                    f"damaged: no tensor needs storage {shown(key)}, or it comes twice"
                )
            count = stream.number("<q") * item_size(self.kinds[key])
            self._places[key] = stream.skip(count), count

    def byte_count(self, key: str) -> int:
        if key not in self._places:
            raise ValueError(f"damaged: it lacks storage {shown(key)}")
        return self._places[key][1]

    def fetch(self, key: str) -> Array:
        place, count = self._places[key]
        data = np.empty(count, np.uint8)
        self._file.seek(place)
        if self._file.readinto(data.data) != count:
            raise ValueError(f"damaged: storage {shown(key)} could not be read")
        return data


def _note(storages, arguments):
    found = storage(storages, arguments)
    if storages.kinds.setdefault(found.key, found.kind) != found.kind:
        raise ValueError(f"damaged: storage {shown(found.key)} has two types")
    return found
