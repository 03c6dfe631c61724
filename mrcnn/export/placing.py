"""Moving what was exported to where it belongs."""

import os
from collections.abc import Sequence
from pathlib import Path

from ..runtime.sidecar import sidecar_of


def check_place(path: Path, companions: Sequence[Path] = ()) -> None:
    """Check that a model that is a file can be written.

    Args:
        path: of the file, which may exist.
        companions: other files that belong to it, except the sidecar.

    Raises:
        FileExistsError: a folder is in the way, or a companion that belongs to something else.
    """
    beside = path.with_name(f"{path.name}.json")
    for each in (path, beside, *companions):
        if each.is_dir():
            raise FileExistsError(f"{each} is a folder: choose another path.")
    for companion in companions:
        if companion.exists() and not beside.is_file():
            raise FileExistsError(
                f"{companion} exists, and does not belong to a model {path.name}: choose another "
                "path."
            )


def check_folder(path: Path) -> None:
    """Check that a model that is a folder can be written.

    Args:
        path: of the folder, which may exist.

    Raises:
        FileExistsError: something else than an exported model is there.
    """
    if path.is_dir():
        if any(path.iterdir()) and not sidecar_of(path).is_file():
            raise FileExistsError(f"{path} is a folder with other content: choose another path.")
    elif path.exists():
        raise FileExistsError(f"{path} is a file: choose another path for the folder.")


def place(folder: Path, path: Path) -> None:
    """Move all files of a folder next to a path, in place of older ones: all of them, or none.

    Args:
        folder: with the model, named as `path` is, and the files that belong to it. The older ones
            end up there.
        path: where the model belongs; on the same disk.

    Raises:
        OSError: a file cannot be moved.
    """
    done: list[tuple[Path, Path]] = []  # each move, as (from, to)

    def move(source: Path, target: Path) -> None:
        os.replace(source, target)
        done.append((source, target))

    # The model comes after what it needs, so that a reader finds all of it.
    for name in sorted(os.listdir(folder), key=lambda name: (name == path.name, name)):
        target = path.with_name(name)
        try:
            if target.exists():
                move(target, folder / f"{name}.old")
            move(folder / name, target)
        except OSError:
            for source, moved in reversed(done):
                os.replace(moved, source)
            raise
