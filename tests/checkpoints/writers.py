"""Files as PyTorch and others write them, and pickles of anything, made by hand."""

import json
import pickle
import struct
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np

STORAGES = {
    "float16": "HalfStorage",
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "int8": "CharStorage",
    "int16": "ShortStorage",
    "int32": "IntStorage",
    "int64": "LongStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
}


@dataclass
class Name:
    """A name that a pickle mentions."""

    module: str
    name: str


@dataclass
class Call:
    """A call of anything, and the state that its result is given."""

    function: Any
    arguments: Any
    state: Any = None


@dataclass
class Persistent:
    """A persistent id."""

    value: Any


@dataclass
class Raw:
    """Steps of a pickle as they are."""

    data: bytes


def steps(value):
    """The steps of a pickle that make a value."""
    match value:
        case Name():
            return f"c{value.module}\n{value.name}\n".encode()
        case Call():
            made = steps(value.function) + steps(value.arguments) + b"R"
            return made + steps(value.state) + b"b" if value.state is not None else made
        case Persistent():
            return steps(value.value) + b"Q"
        case dict():
            items = b"".join(steps(key) + steps(item) for key, item in value.items())
            return b"}(" + items + b"u"
        case list():
            return b"](" + b"".join(map(steps, value)) + b"e"
        case tuple():
            return b"(" + b"".join(map(steps, value)) + b"t"
        case Raw():
            return value.data
        case str():
            return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
        case bytes():
            return b"B" + struct.pack("<I", len(value)) + value
    return pickle.dumps(value, protocol=3)[2:-1]


def pickled(value, protocol=3):
    """A pickle of a value."""
    return b"\x80" + bytes([protocol]) + steps(value) + b"."


def ordered(items, state=None):
    """An ordered dict, as PyTorch's state dicts are."""
    pairs = [list(pair) for pair in items.items()]
    return Call(Name("collections", "OrderedDict"), (pairs,), state)


def storage(kind, key, count, *view):
    """A reference to a storage."""
    return Persistent(("storage", Name("torch", kind), key, "cpu", count, *view))


def tensor(stored, offset, shape, strides):
    """A tensor of a storage."""
    hooks = Call(Name("collections", "OrderedDict"), ())
    arguments = (stored, offset, shape, strides, False, hooks)
    return Call(Name("torch._utils", "_rebuild_tensor_v2"), arguments)


def tensors_of(arrays, *view):
    """Tensors of whole storages, and the arrays of the storages by key.

    Args:
        arrays: dict by name.
        view: what follows a storage's size in its id.
    """
    tensors, storages = {}, {}
    for number, (name, array) in enumerate(arrays.items()):
        array = np.array(array, order="C")
        strides = tuple(step // array.itemsize for step in array.strides)
        stored = storage(STORAGES[array.dtype.name], str(number), array.size, *view)
        tensors[name] = tensor(stored, 0, array.shape, strides)
        storages[str(number)] = array
    return tensors, storages


def write_zip(path, value, storages, byteorder="little", root="archive", **kwargs):
    """Write a zip as `torch.save` does.

    Args:
        path: of the file.
        value: that its pickle makes, see `steps`.
        storages: arrays or bytes by key.
        byteorder: of the storages, "little" or "big"; None leaves out its member.
        root: folder in the zip.
        kwargs: of `zipfile.ZipFile`.
    """
    with zipfile.ZipFile(path, "w", **kwargs) as archive:
        archive.writestr(f"{root}/data.pkl", pickled(value, 2))
        if byteorder is not None:
            archive.writestr(f"{root}/byteorder", byteorder)
        for key, array in storages.items():
            archive.writestr(f"{root}/data/{key}", _bytes(array, byteorder))
        archive.writestr(f"{root}/version", "3\n")
    return path


def write_legacy(path, value, storages, keys=None):
    """Write a file as `torch.save` did before 1.6; see `write_zip`."""
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    keys = list(storages) if keys is None else keys
    with open(path, "wb") as file:
        for part in (0x1950A86A20F9469CFC6C, 1001, system, value, keys):
            file.write(pickled(part, 2))
        for array in storages.values():
            file.write(struct.pack("<q", array.size) + _bytes(array, "little"))
    return path


def write_safetensors(path, header, data=b"", length=None):
    """Write a safetensors file.

    Args:
        path: of the file.
        header: a dict, or bytes as they are.
        data: that follows.
        length: of the header, as the file declares it; None for the true one.
    """
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    declared = len(text) if length is None else length
    path.write_bytes(struct.pack("<Q", declared) + text + data)
    return path


def _bytes(array, byteorder):
    if isinstance(array, bytes):
        return array
    return array.astype(array.dtype.newbyteorder(">" if byteorder == "big" else "<")).tobytes()
