"""PyTorch's files since version 1.6: a zip of a pickle and storages."""

import functools
import io
from pathlib import Path

from ..types import Array
from .checkpoint import Checkpoint
from .limits import tensor_budget
from .pickle_stream import PickleStream
from .pickles import load
from .state_dict import about, read_tensors, weights_in
from .torch_objects import Storages, storage, torch_names
from .zip_members import ZipMembers

_PICKLE = "data.pkl"


def pickles_of(members: ZipMembers) -> list[str]:
    """The members that make a zip file one of PyTorch: exactly one, if it is a sound one."""
    return [name for name in members.names if name.rsplit("/", 1)[-1] == _PICKLE]


def read(path: Path, members: ZipMembers) -> Checkpoint:
    """Read a file that `torch.save` wrote.

    Args:
        path: of the file.
        members: the same file, open.

    Returns:
        `Checkpoint`.

    Raises:
        ValueError: it is damaged, holds something other than tensors, or is a TorchScript archive.
    """
    names = pickles_of(members)
    if len(names) != 1:
        raise ValueError(f"damaged: it has {len(names)} pickles, {_PICKLE}")
    folder = names[0].removesuffix(_PICKLE)
    if any(name.startswith((f"{folder}constants.pkl", f"{folder}code/")) for name in members.names):
        raise ValueError(
            "it is a TorchScript archive, a program. Save its weights alone with PyTorch: "
            'torch.save(torch.jit.load(PATH).state_dict(), "weights.pth")'
        )
    storages = _Members(members, folder)
    data = members.read(names[0]).tobytes()
    stream = PickleStream(io.BytesIO(data), len(data))
    value = load(stream, torch_names(len(data)), functools.partial(storage, storages))
    if stream.left:
        raise ValueError(f"damaged: {stream.left:,} bytes follow its pickle")
    budget = tensor_budget(max(members.total, path.stat().st_size))
    tensors = read_tensors(weights_in(value), budget)
    return Checkpoint(path, "torch", tensors, *about(value))


class _Members(Storages):
    def __init__(self, members, folder):
        super().__init__(_byte_order(members, f"{folder}byteorder"))
        self._zip, self._folder = members, f"{folder}data/"

    def byte_count(self, key: str) -> int:
        return self._zip.size(self._folder + key)

    def fetch(self, key: str) -> Array:
        return self._zip.read(self._folder + key)


def _byte_order(members, name):
    if name not in members.names:
        return "<"
    text = members.read(name).tobytes() if members.size(name) < 16 else b"something long"
    orders = {b"little": "<", b"big": ">"}
    if text not in orders:
        raise ValueError(f"damaged: its byte order is {text!r}, neither little nor big")
    return orders[text]
