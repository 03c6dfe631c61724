"""State dicts in files that PyTorch reads, written without it."""

import json
import math
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...files.whole import replacing
from ...types import Array, PathLike

# NumPy's type of a tensor, PyTorch's storage, and the name in safetensors.
_TYPES = {"float32": ("FloatStorage", "F32"), "int64": ("LongStorage", "I64")}
SUFFIXES = (".pth", ".pt", ".safetensors", ".npz")


def write(tensors: Mapping[str, Array], path: PathLike) -> None:
    """Write a state dict in a file that appears only when it is complete.

    Args:
        tensors: float32 or int64 arrays of any shape, by name.
        path: its ending chooses the format: .pth or .pt, for `torch.load`; .safetensors; or .npz. A
            `~` stands for the home folder.

    Raises:
        ValueError: another ending.
        OSError: the file cannot be written.

    Example:
        >>> from mrcnn.checkpoints import read
        >>> from mrcnn.weights.foreign.torch_file import write
        >>> write({"conv.weight": np.ones((2, 3, 1, 1), np.float32)}, "weights.pth")
        >>> read("weights.pth").tensors["conv.weight"].shape
        (2, 3, 1, 1)
    """
    path = Path(path).expanduser()
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{path} ends in {suffix!r}: it must end in {', '.join(SUFFIXES)}.")
    plain = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    with replacing(path) as part:
        if suffix == ".npz":
            with open(part, "wb") as file:
                np.savez(file, **plain)  # type: ignore[arg-type]
        elif suffix == ".safetensors":
            _write_safetensors(plain, part)
        else:
            _write_zip(plain, part)


def _write_zip(tensors: Mapping[str, Array], path: PathLike) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", state_dict_pickle(tensors))
        archive.writestr("archive/byteorder", "little")
        for index, array in enumerate(tensors.values()):
            data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
            archive.writestr(f"archive/data/{index}", data)
        archive.writestr("archive/version", "3\n")


def state_dict_pickle(tensors: Mapping[str, Array]) -> bytes:
    """The pickle of an OrderedDict of tensors, whose values are in the files data/0, data/1, ...

    Args:
        tensors: C-contiguous float32 or int64 arrays of any shape, by name.
    """
    empty_dict = b"ccollections\nOrderedDict\n)R"
    parts = [b"\x80\x02", empty_dict, b"("]
    for index, (name, array) in enumerate(tensors.items()):
        storage = _TYPES[array.dtype.name][0].encode()
        strides = [math.prod(array.shape[axis + 1 :]) for axis in range(array.ndim)]
        parts += [_text(name), b"ctorch._utils\n_rebuild_tensor_v2\n(("]
        parts += [_text("storage"), b"ctorch\n" + storage + b"\n", _text(str(index)), _text("cpu")]
        parts += [_integer(array.size), b"tQ", _integer(0)]
        parts += [_tuple(array.shape), _tuple(strides), b"\x89", empty_dict, b"tR"]
    return b"".join([*parts, b"u."])


def _text(text: str) -> bytes:
    data = text.encode()
    return pickle.BINUNICODE + struct.pack("<I", len(data)) + data


def _integer(number: int) -> bytes:
    return pickle.BININT + struct.pack("<i", number)


def _tuple(numbers: tuple[int, ...] | list[int]) -> bytes:
    return b"(" + b"".join(map(_integer, numbers)) + b"t"


def _write_safetensors(tensors: Mapping[str, Array], path: PathLike) -> None:
    header, start = {}, 0
    for name, array in tensors.items():
        end = start + array.nbytes
        kind = _TYPES[array.dtype.name][1]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [start, end]}
        start = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in tensors.values():
            file.write(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
