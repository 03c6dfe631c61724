"""Readers of weights files, by file extension."""

from collections.abc import Callable
from pathlib import Path

from ..types import PathLike
from .foreign import open_foreign
from .keras_h5 import WeightsFile
from .source import WeightsSource

# File extension, and the `WeightsSource` that reads such files.
READERS: dict[str, Callable[[PathLike], WeightsSource]] = {
    ".h5": WeightsFile,
    ".hdf5": WeightsFile,
    ".pth": open_foreign,
    ".pt": open_foreign,
    ".pkl": open_foreign,
    ".safetensors": open_foreign,
    ".npz": open_foreign,
}


def open_source(filepath: PathLike) -> WeightsSource:
    """The open `WeightsSource` of a file; an unknown extension is taken for HDF5.

    Args:
        filepath: the file.

    Raises:
        FileNotFoundError, TypeError, ValueError: see the reader.
    """
    is_path = hasattr(filepath, "__fspath__") or isinstance(filepath, str)
    suffix = Path(filepath).suffix.lower() if is_path else ""
    return READERS.get(suffix, WeightsFile)(filepath)
