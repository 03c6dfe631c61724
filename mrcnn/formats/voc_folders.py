"""Pascal VOC's folders: where they are, and which images belong to a split."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from ..text import some
from ..types import PathLike
from .finding import existing_folder
from .index_colours import read_lines
from .instance_pngs import subfolder
from .label_images import IMAGE_FOLDERS

VOC_IMAGE_FOLDERS = ("JPEGImages", *IMAGE_FOLDERS)

_FLAGGED = re.compile(r"\S+\s+(-1|0|1)")


def find_root(path: PathLike, names: Sequence[str]) -> Path:
    """Find the folder that contains one of the named folders: `path`, or the only one below it.

    Args:
        path: the folder to search.
        names: folder names. The first is also searched for up to two levels below.

    Returns:
        Path of the folder found.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: there are several.
    """
    path = existing_folder(path)
    if subfolder(path, names):
        return path
    roots = sorted({p.parent for deep in ("*", "*/*") for p in path.glob(f"{deep}/{names[0]}")})
    if not roots:
        raise FileNotFoundError(
            f"no such folder: {path / names[0]}. Give the folder that holds JPEGImages and "
            f"{names[0]}."
        )
    if len(roots) > 1:
        raise ValueError(f"{path} holds several datasets: give one of {some(roots)}.")
    return roots[0]


def split_ids(root: Path, section: str, split: str | None, known: Collection[str]) -> list[str]:
    """The image ids of a split.

    Args:
        root: folder that holds ImageSets.
        section: a folder in ImageSets, such as "Main".
        split: name of a file in it, such as "train"; None for all of `known`.
        known: ids of the images that have annotations.

    Returns:
        The ids; those from a split file may have no annotations.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file has a flag on each line, or is not UTF-8 text.
    """
    if split is None:
        return sorted(known)
    folder = root / "ImageSets" / section
    path = folder / f"{str(split).removesuffix('.txt')}.txt"
    if not path.is_file():
        splits = some(sorted(p.stem for p in folder.glob("*.txt")))
        raise FileNotFoundError(f"no such file: {path}. The splits are {splits}.")
    ids = [line.strip() for line in read_lines(path) if line.strip()]
    flagged = next((line for line in ids if line not in known and _FLAGGED.fullmatch(line)), None)
    if flagged is not None:
        raise ValueError(
            f"{path} has the line {flagged!r}, with a flag, like the lists in ImageSets/Main that "
            "say which images show a class: each line must be an image's name."
        )
    # Some tools write the image's file name.
    return [line if line in known else Path(line).stem for line in ids]
