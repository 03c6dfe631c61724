"""HDF5 files: opened with a clear message, made in memory and written by Python.

When a write fails, as on a full disk, the HDF5 library can neither close its file nor forget it: it
raises errors other than OSError, and often crashes the process.
"""

import contextlib
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import h5py

from ..types import PathLike
from .whole import replacing

_CHUNK = 1 << 20


@contextlib.contextmanager
def new_hdf5(path: PathLike) -> Iterator[h5py.File]:
    """Make an HDF5 file that appears at `path`, complete, when the `with` block ends.

    Until then it is held in memory, where it takes as many bytes as on disk: there is no copy.

    Args:
        path: see `replacing`.

    Yields:
        `h5py.File`, empty and open for writing.

    Raises:
        OSError: the file cannot be written, for instance because the disk is full; the message
            names it, and an existing file is kept.

    Example:
        >>> import h5py
        >>> from mrcnn.files.hdf5 import new_hdf5
        >>> with new_hdf5("numbers.h5") as file:
        ...     file["primes"] = [2, 3, 5]
        >>> with h5py.File("numbers.h5") as file:
        ...     file["primes"][:].tolist()
        [2, 3, 5]
    """
    try:
        with replacing(path) as part:
            memory = io.BytesIO()
            with h5py.File(memory, "w") as file:
                yield file
            memory.seek(0)
            with open(part, "wb") as out:
                shutil.copyfileobj(memory, out, _CHUNK)
    except OSError as error:
        raise OSError(f"{path} cannot be written: {error.strerror or error}.") from error


def open_hdf5(path: PathLike) -> h5py.File:
    """Open an HDF5 file for reading.

    Args:
        path: of an existing file.

    Raises:
        FileNotFoundError: it does not exist.
        ValueError: it is truncated, or another kind of file.
    """
    path = Path(path)
    size = path.stat().st_size
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise ValueError(
            f"{path} ({size} bytes) cannot be read as an HDF5 file: it is truncated (download or "
            "copy it again) or another kind of file (a .keras archive, a PyTorch checkpoint). HDF5 "
            f"says: {error}."
        ) from error
