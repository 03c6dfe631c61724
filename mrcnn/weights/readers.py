"""Readers of weights files, by file extension, or by their first bytes."""

import re
from collections.abc import Callable
from pathlib import Path

from ..types import PathLike
from . import zoo
from .catalogue import FOREIGN_SUFFIXES, KERAS_SUFFIXES
from .foreign import open_foreign
from .keras_h5 import WeightsFile
from .source import WeightsSource

# File extension, and the `WeightsSource` that reads such files.
READERS: dict[str, Callable[[PathLike], WeightsSource]] = {
    **dict.fromkeys(KERAS_SUFFIXES, WeightsFile),
    **dict.fromkeys(FOREIGN_SUFFIXES, open_foreign),
}
# First bytes of what `checkpoints.read` takes: zip files, pickles and safetensors.
_FOREIGN = re.compile(rb"PK\x03\x04|\x80[\x02-\x05]|.{4}\x00{4}\{", re.DOTALL)


def open_source(filepath: PathLike) -> WeightsSource:
    """The open `WeightsSource` of a file.

    If the extension is unknown, the first bytes decide; in doubt, it is taken for HDF5.

    Args:
        filepath: the file.

    Raises:
        FileNotFoundError, TypeError, ValueError: see the reader.
    """
    suffix = _suffix(filepath)
    if suffix in READERS:
        return READERS[suffix](filepath)
    return (open_foreign if _begins_foreign(filepath) else WeightsFile)(filepath)


def is_foreign(filepath: PathLike) -> bool:
    """Whether a file, as `open_source` tells, or a name is of another project.

    Args:
        filepath: of a file, which need not exist; or a name of `weights/zoo.py`.

    Example:
        >>> from mrcnn.weights.readers import is_foreign
        >>> is_foreign("model_final.pkl"), is_foreign("torchvision:resnet50"), is_foreign("a.h5")
        (True, True, False)
    """
    suffix = _suffix(filepath)
    if zoo.is_name(filepath) or READERS.get(suffix) is open_foreign:
        return True
    return suffix not in READERS and _begins_foreign(filepath)


def _begins_foreign(filepath):
    """Whether there is a file that begins as those of other projects."""
    try:
        path = Path(filepath).expanduser()
        if not path.is_file():
            return False
        with open(path, "rb") as file:
            return bool(_FOREIGN.match(file.read(9)))
    except (OSError, RuntimeError, TypeError, ValueError):  # no path, or it cannot be read
        return False


def _suffix(filepath):
    is_path = hasattr(filepath, "__fspath__") or isinstance(filepath, str)
    return Path(filepath).suffix.lower() if is_path else ""
