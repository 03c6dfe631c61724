"""Readers of weights files, by file extension."""

from collections.abc import Callable
from pathlib import Path

from ..types import PathLike
from . import zoo
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
    return READERS.get(_suffix(filepath), WeightsFile)(filepath)


def is_foreign(filepath: PathLike) -> bool:
    """Whether a file, by its extension, or a name is of another project.

    Args:
        filepath: of a file, which need not exist; or a name of `weights/zoo.py`.

    Example:
        >>> from mrcnn.weights.readers import is_foreign
        >>> is_foreign("model_final.pkl"), is_foreign("torchvision:resnet50"), is_foreign("a.h5")
        (True, True, False)
    """
    return zoo.is_name(filepath) or READERS.get(_suffix(filepath)) is open_foreign


def _suffix(filepath):
    is_path = hasattr(filepath, "__fspath__") or isinstance(filepath, str)
    return Path(filepath).suffix.lower() if is_path else ""
