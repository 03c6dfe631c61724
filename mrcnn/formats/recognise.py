"""Recognise the format of a dataset by its files, and read it.

    dataset = read_any("cells")

Nothing is guessed: files that fit no format, or several, are an error that says what was seen.
"""

import collections
import inspect
import os
from pathlib import Path
from typing import Any

from ..text import some
from ..types import PathLike
from . import evidence
from .coco import CocoDataset
from .coco_keypoints import CocoKeypointsDataset
from .evidence import Sign
from .finding import IMAGE_SUFFIXES, given_path, why_unreadable
from .index_pngs import IndexPngDataset
from .instance_pngs import InstancePngDataset
from .label_images import LabelImageDataset
from .labelme import LabelMeDataset
from .records import AnnotatedDataset
from .via import ViaDataset
from .voc_xml import VocDataset
from .yolo import YoloDataset

FORMATS: dict[str, type[AnnotatedDataset]] = {
    "coco": CocoDataset,
    "coco-keypoints": CocoKeypointsDataset,
    "labelme": LabelMeDataset,
    "via": ViaDataset,
    "yolo": YoloDataset,
    "voc": VocDataset,
    "label-images": LabelImageDataset,
    "instance-pngs": InstancePngDataset,
    "index-pngs": IndexPngDataset,
}

# What the files of each format look like, for those whose files fit none.
LOOKS = {
    "coco": "a .json with images, annotations and categories",
    "coco-keypoints": "the same, with keypoints in its categories",
    "labelme": "a .json beside each image, from LabelMe",
    "via": "a .json or .csv from the VGG Image Annotator",
    "yolo": "data.yaml, or images/ and labels/ with a .txt for each image",
    "voc": "a .xml for each image, beside it or in Annotations/",
    "label-images": "images/ and masks/, or cell.png and cell_mask.png: a number for each object",
    "instance-pngs": "<id>/images/ and <id>/masks/, with a .png for each object",
    "index-pngs": "JPEGImages/ and SegmentationClass/",
}

# Files beside a dataset's only folder that say something about it, and hold none of it.
_TEXTS = {"", ".md", ".txt", ".rst", ".html", ".pdf"}


def recognise(path: PathLike) -> type[AnnotatedDataset]:
    """The class that reads the dataset at a path.

    Args:
        path: a file of annotations, or a folder; if that holds nothing but one other folder, the
            inner one counts.

    Returns:
        One of the classes in `FORMATS`.

    Raises:
        FileNotFoundError: no such file or folder.
        ValueError: the files fit no format, or several; the message says what was seen.

    Example:
        >>> import json, pathlib
        >>> from mrcnn.formats.recognise import recognise
        >>> pathlib.Path("cells").mkdir()
        >>> _ = pathlib.Path("cells/1.json").write_text(json.dumps({"shapes": []}))
        >>> recognise("cells").__name__
        'LabelMeDataset'
    """
    return FORMATS[find_sign(path).format]


def read_any(path: PathLike, format: str | None = None, **options: Any) -> AnnotatedDataset:
    """Read a dataset of any format.

    Args:
        path: a file of annotations, or a folder.
        format: a name in `FORMATS`; None recognises it by its files.
        **options: arguments of the `read` of its class, such as `class_names` or `images`.

    Returns:
        a prepared dataset.

    Raises:
        FileNotFoundError, OSError, ValueError: see `recognise`, and the `load` of the class.
        TypeError: an option that the format does not have.

    Example:
        >>> import pathlib
        >>> from mrcnn.formats.recognise import read_any
        >>> pathlib.Path("yolo").mkdir()
        >>> pathlib.Path("yolo/1.png").touch()
        >>> _ = pathlib.Path("yolo/1.txt").write_text("0 0.5 0.5 0.2 0.4")
        >>> read_any("yolo", class_names=["cell"]).class_names
        ['BG', 'cell']
    """
    sign = find_sign(path, format)
    return read_sign(sign, **options)


def read_sign(sign: Sign, **options: Any) -> AnnotatedDataset:
    """Read what a sign stands for.

    Args:
        sign: from `find_sign`.
        **options: see `read_any`; they take precedence over those of the sign.

    Returns:
        a prepared dataset.

    Raises:
        OSError, ValueError, TypeError: see `read_any`.
    """
    kind = FORMATS[sign.format]
    given = arguments(sign, **options)
    return kind.read(given.pop("path"), **given)


def arguments(sign: Sign, **options: Any) -> dict[str, Any]:
    """The arguments of `read` for what a sign stands for.

    Args:
        sign: from `find_sign`.
        **options: see `read_any`.

    Returns:
        Its path under "path", and the other arguments by name.

    Raises:
        TypeError: an option that the format does not have.
    """
    kind = FORMATS[sign.format]
    _, _, *others = inspect.signature(kind.load).parameters  # without self and the path
    unknown = [name for name in options if name not in others]
    if unknown:
        raise TypeError(
            f"{sign.path}: the reader of {sign.format} has no argument {some(unknown)}: it has "
            f"{some(others, len(others))}."
        )
    return {"path": sign.path, **sign.options, **options}


def find_sign(path: PathLike, format: str | None = None) -> Sign:
    """Find the files of a dataset and their format.

    Args:
        path: see `recognise`.
        format: a name in `FORMATS`, if the user knows it; None recognises it.

    Returns:
        The format, and what its `read` is given.

    Raises:
        FileNotFoundError: no such file or folder.
        ValueError: see `recognise`; or `format` is not a name in `FORMATS`.
    """
    path = given_path(path)
    if not path.exists():
        raise FileNotFoundError(f"no such file or folder: {path}.")
    if format is not None and format not in FORMATS:
        raise ValueError(f"format is {format!r}: it must be one of {', '.join(FORMATS)}.")
    signs = signs_at(path)
    if not signs and path.is_dir():
        signs = evidence.of_subfolders(path)
    own = [sign for sign in signs if format is None or sign.format == format]
    if len(own) == 1:
        return own[0]
    if format is not None:
        # The format's reader looks in more places, and says what it misses.
        return Sign(format, path.name, path)
    if signs:
        fits = " and ".join(f"{sign.format} ({sign.seen})" for sign in signs)
        raise ValueError(
            f"{path} fits {len(signs)} formats: {fits}. Choose one with --format "
            f"{' or --format '.join(sign.format for sign in signs)}."
        )
    raise ValueError(_unrecognised(path))


def signs_at(path: Path) -> list[Sign]:
    """The signs at a path, or in the folder that is all that it holds.

    Args:
        path: of an existing file or folder.
    """
    if path.is_file():
        return evidence.of_file(path)
    signs = evidence.of_folder(path)
    while not signs and (inside := only_folder(path)):
        path = inside
        signs = evidence.of_folder(path)
    return signs


def only_folder(path: Path) -> Path | None:
    """The folder that is all that the folder `path` holds, but for texts such as a README."""
    entries = evidence.visible(path)
    folders = [entry for entry in entries if entry.is_dir()]
    others = {entry.suffix.lower() for entry in entries if entry.is_file()}
    return folders[0] if len(folders) == 1 and others <= _TEXTS else None


def _unrecognised(path: Path) -> str:
    """The message for files that fit no format."""
    head = f"{path}: the format of this dataset is not recognised."
    if path.is_file():
        reason = why_unreadable(path, ValueError(""))
        if reason:
            return f"{path} is not a dataset: {reason}."
    else:
        head += f" It holds {_contents(path)}."
        inside = [entry for entry in evidence.visible(path) if entry.is_dir()]
        named = [f"{entry} ({signs[0].format})" for entry in inside if (signs := signs_at(entry))]
        if named:
            return f"{head} Give the path of a folder inside it: {' or '.join(named)}."
        entries = evidence.visible(path)
        if entries and all(entry.suffix.lower() in IMAGE_SUFFIXES for entry in entries):
            return (
                f"{path} holds {len(entries)} images without annotations: outline the objects in "
                "LabelMe, which writes a .json beside each image; or let a model find them with "
                "`mrcnn detect --to labelme`, and correct what it finds."
            )
    known = "".join(f"\n- {name}: {looks}" for name, looks in LOOKS.items())
    return f"{head} Known formats, one of which --format may name:{known}"


def _contents(path: Path) -> str:
    """What a folder holds, in words."""
    entries = evidence.visible(path)
    folders = [entry.name + os.sep for entry in entries if entry.is_dir()]
    suffixes = collections.Counter(e.suffix.lower() or e.name for e in entries if e.is_file())
    files = [f"{count} {suffix}" for suffix, count in suffixes.most_common()]
    return some([*folders, *files]).replace("none", "nothing")
