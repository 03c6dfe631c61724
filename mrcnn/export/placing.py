"""Moving what was exported to where it belongs."""

import os
import shutil
from pathlib import Path

from ..runtime.sidecar import sidecar_of


def check_place(path: Path) -> None:
    """Check that a model can be written to a path.

    Args:
        path: of a file or folder, which may exist.

    Raises:
        FileExistsError: something else than an exported model is there.
    """
    if path.is_dir() and not sidecar_of(path).is_file() and any(path.iterdir()):
        raise FileExistsError(f"{path} is a folder with other content: choose another path.")


def place(folder: Path, path: Path) -> None:
    """Move all files of a folder next to a path, in place of older ones.

    The main file comes last but for its sidecar, so that a reader never finds it without what it
    needs; each file appears whole.

    Args:
        folder: with the model, named as `path` is, and the files that belong to it.
        path: where the model belongs; on the same disk.

    Raises:
        OSError: a file cannot be moved.
    """
    last = (path.name, sidecar_of(folder / path.name).name)
    names = sorted(os.listdir(folder), key=lambda name: (name in last, name))
    for name in names:
        _replace(folder / name, path.with_name(name))


def _replace(source: Path, target: Path) -> None:
    if not source.is_dir():
        os.replace(source, target)
        return
    # A folder can only replace an empty one.
    old = source.with_name(f"{source.name}.old")
    if target.exists():
        os.replace(target, old)
    os.replace(source, target)
    shutil.rmtree(old, ignore_errors=True)
