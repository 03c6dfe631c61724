"""The training and validation parts of a dataset, where its files tell them apart."""

import re
from collections.abc import Iterable
from pathlib import Path

from ..types import PathLike
from .evidence import Sign, json_kind
from .finding import given_path
from .instance_pngs import subfolder
from .recognise import find_sign, only_folder, signs_at
from .yolo_yaml import read_yaml

# What folders and files call the parts.
NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
# Pascal VOC's lists of images.
_LISTS = {"voc": "Main", "index-pngs": "Segmentation"}


def find_subsets(path: PathLike, format: str | None = None) -> dict[str, Sign]:
    """Find the parts of a dataset.

    Training and validation images are told apart by folders (`train`, `val`), by the names of
    COCO's files (`instances_train2017.json`), by the keys of YOLO's `data.yaml`, or by Pascal VOC's
    lists (`ImageSets/Main/train.txt`). Test images are left out: often they have no annotations.

    Args:
        path: a file of annotations, or a folder.
        format: a name in `recognise.FORMATS`; None recognises it by the files.

    Returns:
        dict of "train" and "val" to what `recognise.read_sign` reads; or of "all", if the dataset
        is one whole.

    Raises:
        FileNotFoundError, ValueError: see `recognise.find_sign`; or the two parts have different
            formats.

    Example:
        >>> import json, pathlib
        >>> from mrcnn.formats.subsets import find_subsets
        >>> for part in ("train", "val"):
        ...     pathlib.Path("cells", part).mkdir(parents=True)
        ...     pathlib.Path("cells", part, "1.json").write_text(json.dumps({"shapes": []}))
        14
        14
        >>> {part: sign.format for part, sign in find_subsets("cells").items()}
        {'train': 'labelme', 'val': 'labelme'}
    """
    path = given_path(path)
    if path.is_dir() and not signs_at(path):
        while not _folders(path) and (inside := only_folder(path)):
            path = inside
        folders = _folders(path)
        if "train" in folders:
            return _of_folders(folders, format)
    sign = find_sign(path, format)
    return _inside(sign) or {"all": sign}


def _of_folders(folders: dict[str, Path], format: str | None) -> dict[str, Sign]:
    signs: dict[str, Sign] = {
        part: find_sign(folders[part], format) for part in ("train", "val") if part in folders
    }
    if len(signs) == 1:
        return {"all": signs["train"]}
    formats = [sign.format for sign in signs.values()]
    if len(set(formats)) > 1:
        raise ValueError(
            f"{folders['train']} has the format {formats[0]}, {folders['val']} {formats[1]}: they "
            "must be the same."
        )
    return signs


def _folders(path: Path) -> dict[str, Path]:
    """The folders in a folder that are named after a part, by part."""
    found = {part: subfolder(path, names) for part, names in NAMES.items()}
    return {part: folder for part, folder in found.items() if folder is not None}


def _inside(sign: Sign) -> dict[str, Sign]:
    """The parts that the files of one dataset name; {} if they do not."""
    if sign.format in ("coco", "coco-keypoints") and sign.path.is_dir():
        files = [file for file in sorted(sign.path.glob("*.json")) if _is(file, sign.format)]
        parts = {part: file for file in files if (part := _part_of(file.stem))}
        signs = {part: Sign(sign.format, file.name, file) for part, file in parts.items()}
        if len(files) > len(parts) or "train" not in parts:
            return {}
        if "val" not in parts:
            return {"all": signs["train"]}
        return {part: signs[part] for part in ("train", "val")}
    splits = _splits(sign)
    return _both(sign, splits) if len(splits) == 2 else {}


def _is(file: Path, format: str) -> bool:
    try:
        return json_kind(file) == format
    except (OSError, ValueError):
        return False


def _part_of(name: str) -> str | None:
    """The part that a file's name stands for, such as "train" for instances_train2017."""
    words = re.findall(r"[a-z]+", name.lower())
    found = [part for part, names in NAMES.items() if {*words} & {*names}]
    return found[0] if len(found) == 1 else None


def _splits(sign: Sign) -> dict[str, str]:
    """Names of the splits that a format's own `split` option takes, by part."""
    if sign.format in _LISTS:
        folder = sign.path / "ImageSets" / _LISTS[sign.format]
        return _by_part(file.stem for file in folder.glob("*.txt") if file.is_file())
    if sign.format != "yolo":
        return {}
    if sign.path.is_file():
        return _by_part(read_yaml(sign.path.read_text(encoding="utf-8-sig"), sign.path))
    images = subfolder(sign.path, ("images",))
    return {} if images is None else _by_part(p.name for p in images.iterdir() if p.is_dir())


def _by_part(names: Iterable[str]) -> dict[str, str]:
    names = [*names]
    found = {part: [n for n in NAMES[part] if n in names] for part in ("train", "val")}
    return {part: own[0] for part, own in found.items() if own}


def _both(sign: Sign, splits: dict[str, str]) -> dict[str, Sign]:
    return {
        part: Sign(sign.format, f"{sign.seen}, {name}", sign.path, {**sign.options, "split": name})
        for part, name in splits.items()
    }
