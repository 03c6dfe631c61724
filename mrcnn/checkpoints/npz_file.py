"""NumPy's .npz: a zip of arrays, each with a header of its own."""

import re
from pathlib import Path

from ..types import Array
from .checkpoint import Checkpoint
from .elements import as_elements, element_count, finished, item_size, kind_of
from .pickle_values import shown
from .zip_members import ZipMembers

_ENDING = ".npy"
_MAGIC = b"\x93NUMPY"
_LONGEST = 1 << 12

# numpy evaluates the header as Python; these are the only forms that plain numbers need.
_TYPE = re.compile(rb"'descr'\s*:\s*'([^']*)'")
_FORTRAN = re.compile(rb"'fortran_order'\s*:\s*(True|False)")
_SIZE = re.compile(rb"[0-9]{1,18}L?")
_SHAPE = re.compile(rb"'shape'\s*:\s*\(([0-9L,\s]*)\)")


def is_npz(members: ZipMembers) -> bool:
    """Whether the members of a zip file are arrays alone."""
    return all(name.endswith(_ENDING) for name in members.names)


def read(path: Path, members: ZipMembers) -> Checkpoint:
    """Read an .npz file.

    Args:
        path: of the file.
        members: the same file, open.

    Returns:
        `Checkpoint`.

    Raises:
        ValueError: it is damaged, or has arrays of something other than numbers.
    """
    if not members.names:
        raise ValueError("it holds no tensors")
    tensors = {}
    for name in members.names:
        short = name.removesuffix(_ENDING)
        try:
            tensors[short] = _array(members.read(name))
        except ValueError as error:
            raise ValueError(f"{shown(short)}: {error}") from error
    return Checkpoint(path, "npz", tensors)


def _array(data: Array) -> Array:
    start = data[:12].tobytes()
    if not start.startswith(_MAGIC) or len(start) < 12 or start[6] not in (1, 2, 3):
        raise ValueError("damaged: it is not an array of a known version")
    ahead = 10 if start[6] == 1 else 12
    length = int.from_bytes(start[8:ahead], "little")
    if length > min(_LONGEST, len(data) - ahead):
        raise ValueError(f"damaged: a header of {length:,} bytes in {len(data):,}")
    kind, order, fortran, shape = _header(data[ahead : ahead + length].tobytes())
    raw = data[ahead + length :]
    expected = element_count(shape) * item_size(kind)
    if len(raw) != expected:
        raise ValueError(f"damaged: shape {shape} has {len(raw):,} bytes, not {expected:,}")
    values = as_elements(raw, kind, order).reshape(shape, order="F" if fortran else "C")
    return finished(values, kind)


def _header(text):
    dtype, fortran, shape = _TYPE.search(text), _FORTRAN.search(text), _SHAPE.search(text)
    if not (dtype and fortran and shape):
        raise ValueError("refused: its header is not that of plain numbers")
    kind, order = kind_of(dtype[1].decode("latin-1"))
    sizes = [size for part in shape[1].split(b",") if (size := part.strip())]
    if not all(_SIZE.fullmatch(size) for size in sizes):
        raise ValueError("damaged: its shape is not made of plausible sizes")
    return kind, order, fortran[1] == b"True", tuple(int(size.rstrip(b"L")) for size in sizes)
