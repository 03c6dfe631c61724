"""The folders of Pascal VOC: where they are, and which images are of a split."""

import re
from pathlib import Path

from ..text import some
from .finding import existing_folder
from .index_colours import read_lines
from .instance_pngs import subfolder
from .label_images import IMAGE_FOLDERS

VOC_IMAGE_FOLDERS = ("JPEGImages", *IMAGE_FOLDERS)

_FLAGGED = re.compile(r"\S+\s+(-1|0|1)")


def find_root(path, names):
    """The folder that has a folder of one of these names: `path`, or the only one below it.

    Args:
        path: the folder.
        names: of folders. The first one is looked for up to two levels below, too.

    Returns:
        `Path`.

    Raises:
        FileNotFoundError: there is none.
        ValueError: there are several.
    """
    path = existing_folder(path)
    if subfolder(path, names):
        return path
    roots = sorted({p.parent for deep in ("*", "*/*") for p in path.glob(f"{deep}/{names[0]}")})
    if not roots:
        raise FileNotFoundError(
            f"there is no folder {path / names[0]}: give the folder that holds JPEGImages and "
            f"{names[0]}."
        )
    if len(roots) > 1:
        raise ValueError(f"{path} holds several data sets: give one of {some(roots)}.")
    return roots[0]


def split_ids(root, section, split, known):
    """The ids of the images of a split.

    Args:
        root: `Path` of the folder that holds ImageSets.
        section: the folder in ImageSets, such as "Main".
        split: name of a file in it, such as "train"; None takes all images.
        known: ids of the images that have annotations.

    Returns:
        list of str; those of a file may lack annotations.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is a list with flags, or no text in UTF-8.
    """
    if split is None:
        return sorted(known)
    folder = root / "ImageSets" / section
    path = folder / f"{str(split).removesuffix('.txt')}.txt"
    if not path.is_file():
        splits = some(sorted(p.stem for p in folder.glob("*.txt")))
        raise FileNotFoundError(f"there is no file {path}: the splits are {splits}.")
    ids = [line.strip() for line in read_lines(path) if line.strip()]
    flagged = next((line for line in ids if line not in known and _FLAGGED.fullmatch(line)), None)
    if flagged is not None:
        raise ValueError(
            f"{path} has the line {flagged!r}, with a flag, as in the lists of ImageSets/Main that "
            "say which images have a class: a name of an image in each line is accepted."
        )
    # Some tools write the image's file name.
    return [line if line in known else Path(line).stem for line in ids]
