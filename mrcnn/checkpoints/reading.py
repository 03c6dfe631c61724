"""Read a weights file of any project: its first bytes say which format it has."""

import os
import re
from pathlib import Path

from ..files.regular import regular_file
from ..types import PathLike
from . import npz_file, safetensors_file, torch_legacy, torch_zip, zoo_pickle
from .checkpoint import Checkpoint
from .pickle_values import shown
from .zip_members import ZipMembers

_FORMATS = "torch.save (.pth, .pt), safetensors, a pickle of arrays (.pkl) and .npz"

# First bytes of files that are something else, and what to do.
_OTHERS = (
    (b"\x89HDF\r\n\x1a\n", "it is an HDF5 file (.h5), for mrcnn.weights.load"),
    (b"version https://git-lfs", "it is a pointer of Git LFS: fetch the file with git lfs pull"),
    (b"\x1f\x8b", "it is compressed by gzip: unpack it"),
    (b"\x93NUMPY", "it is a single array (.npy), without names: write all with numpy.savez"),
    (b"{", "it is JSON text, not weights"),
)
_PAGES = (b"<!doctype html", b"<html", b"<?xml")
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
# Pickles of protocol 0 and 1 have no mark of their own.
_OLD_PICKLE = re.compile(rb"[(}\]]|c[\w.]+\n[\w.]+\n")


def read(path: PathLike) -> Checkpoint:
    """Read a weights file of PyTorch, torchvision, Detectron2, Caffe2 or NumPy into arrays.

    Nothing in the file is executed, and neither PyTorch nor any other project is needed. The file's
    first bytes decide on its format, not its name. It takes memory for the file and its tensors.

    Args:
        path: of the file.

    Returns:
        `Checkpoint`.

    Raises:
        FileNotFoundError: it does not exist.
        IsADirectoryError: it is a folder.
        OSError: it is not a regular file, or cannot be read.
        ValueError: it is damaged, has another format, or holds something other than tensors; the
            message names the file and what was found.

    Example:
        >>> from mrcnn.checkpoints import read
        >>> np.savez("weights.npz", kernel=np.zeros((3, 2)))
        >>> checkpoint = read("weights.npz")
        >>> checkpoint.format
        'npz'
        >>> checkpoint.tensors["kernel"].dtype
        dtype('float32')
    """
    path = regular_file(Path(os.fspath(path)))
    try:
        return _read(path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}.") from error
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    except MemoryError as error:
        size = path.stat().st_size
        raise ValueError(f"{path} ({size:,} bytes) needs more memory than there is.") from error


def _read(path: Path) -> Checkpoint:
    with open(path, "rb") as file:
        start = file.read(512)
    if not start:
        raise ValueError("it is empty")
    if start.startswith(_ZIP):
        return _zip(path)
    # Its header's length can look like the beginning of any other format.
    if start[4:9] == bytes(4) + b"{":
        return safetensors_file.read(path)
    if torch_legacy.BEGINNING in start[:32]:
        return torch_legacy.read(path)
    if start[:1] == b"\x80" and start[1:2] <= b"\x05":
        return zoo_pickle.read(path)
    for beginning, what in _OTHERS:
        if start.startswith(beginning):
            raise ValueError(what)
    if start.lstrip().lower().startswith(_PAGES):
        raise ValueError("it is a web page, not weights: download the file itself")
    if start[257:262] == b"ustar":
        raise ValueError("it is a tar archive (unpack it), or of PyTorch before 0.1.10")
    if _OLD_PICKLE.match(start):
        return zoo_pickle.read(path)
    if start[8:9] == b"{":
        return safetensors_file.read(path)
    raise ValueError(f"it begins with {shown(start[:16])}, but {_FORMATS} are known")


def _zip(path: Path) -> Checkpoint:
    with ZipMembers(path) as members:
        if torch_zip.pickles_of(members):
            return torch_zip.read(path, members)
        if npz_file.is_npz(members):
            return npz_file.read(path, members)
        if "model.weights.h5" in members.names:
            raise ValueError("it is a .keras file, for keras.saving.load_model")
        found = ", ".join(shown(name) for name in members.names[:5])
        raise ValueError(f"it is a zip file of other things ({found}), but {_FORMATS} are known")
