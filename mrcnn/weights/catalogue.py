"""The models that come with the package, and the one place where a name becomes a file."""

import dataclasses
import difflib
import errno
import os
from pathlib import Path

from ..types import PathLike
from . import zoo

_FOLDER = Path(__file__).resolve().parents[1] / "models"
# Endings of weights files: in Keras's layout, and of torchvision and Detectron2.
KERAS_SUFFIXES = (".h5", ".hdf5")
FOREIGN_SUFFIXES = (".pth", ".pt", ".pkl", ".safetensors", ".npz")
_SUFFIXES = KERAS_SUFFIXES + FOREIGN_SUFFIXES


@dataclasses.dataclass(frozen=True)
class Packaged:
    """A model that comes with the package.

    Attributes:
        file: its file in `mrcnn/models`; a .json beside it tells how it was made and measured.
        finds: what it finds, in words.
        measured: how well, and on what.
    """

    file: str
    finds: str
    measured: str

    @property
    def path(self) -> Path:
        """The file."""
        return _FOLDER / self.file


MODELS = {
    "nuclei": Packaged(
        "nuclei.h5",
        "cell nuclei in fluorescence and bright-field microscopy",
        "F1 0.85 at IoU 0.5 and mask AP 0.52, on 25 images with 1502 nuclei (BBBC038) that were "
        "in no training set",
    ),
}


def find(name_or_path: PathLike) -> Path:
    """The weights file that a name or a path stands for.

    Args:
        name_or_path: a path ("~" is the home folder), a name in `MODELS`, or one of weights that
            torchvision or Detectron2 publish, see `zoo.entry`, which are downloaded. If a file of
            that name exists, it is meant.

    Returns:
        Path of a file.

    Raises:
        FileNotFoundError: there is no such file or model; the message has names that are close.
        IsADirectoryError: it is a folder.
        TypeError: it is not a path.
        ConnectionError, ValueError: see `zoo.published_weights`.

    Example:
        >>> from mrcnn.weights.catalogue import find
        >>> find("nuclei").name
        'nuclei.h5'
    """
    if not isinstance(name_or_path, str | os.PathLike):
        raise TypeError(f"filepath is {name_or_path!r}: it must be the path of a weights file.")
    name = os.fspath(name_or_path)
    path = Path(name).expanduser()
    if path.is_file():
        return path
    if name in MODELS:
        return MODELS[name].path
    if zoo.is_name(name):
        return zoo.published_weights(name)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: pass a weights file inside it.")
    if path.exists():
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    raise FileNotFoundError(f"no such weights file: {path}.{_advice(name, path)}")


def _advice(name: str, path: Path) -> str:
    """What may have been meant, as sentences that follow another; "" without an idea."""
    is_name = path.name == name and path.suffix not in _SUFFIXES
    choice = [*(MODELS if is_name else ()), *_weights_in(path.parent)]
    close = difflib.get_close_matches(path.name, choice)
    texts = [f"Did you mean {' or '.join(close)}?"] if close else []
    if is_name:
        texts.append(f"Models that come with the package: {', '.join(MODELS)}.")
    return "".join(f" {text}" for text in texts)


def _weights_in(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir() if path.suffix in _SUFFIXES]
    except OSError:
        return []
