"""Datasets in YOLO's segmentation format: one text file per image, and one YAML file for all.

The format: https://docs.ultralytics.com/datasets/segment.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..files.regular import regular_file
from ..text import some
from ..types import PathLike
from .finding import IMAGE_SUFFIXES, Listing, given_path, in_any_case, why_unreadable
from .mixed_boxes import warn_of_boxes
from .records import AnnotatedDataset, Problems, Record
from .yolo_labels import parse_labels
from .yolo_yaml import read_yaml

logger = logging.getLogger(__name__)

# A .npy file beside an image is YOLO's cache of it.
_SUFFIXES = tuple(suffix for suffix in IMAGE_SUFFIXES if suffix != ".npy")

# Text files among the label files that hold no labels.
_NOT_LABELS = ("classes.txt", "train.txt", "val.txt", "valid.txt", "test.txt")

_SAME_SPLIT = {"val": ("val", "valid", "validation"), "valid": ("valid", "val")}


class YoloDataset(AnnotatedDataset):
    """Images with one label file each, as YOLO's trainers expect them.

        train = YoloDataset.read("cells/data.yaml", "train")
        val = YoloDataset.read("cells/data.yaml", "val")

    An image without a label file, or with an empty one, is background. A line with a class and four
    numbers is a box, and its mask a rectangle; a line with more numbers is a polygon. If there are
    both, a warning says how many. Class ids are the class numbers in the files plus one, unless
    `class_names` sets another order.
    """

    SOURCE = "yolo"

    def load(
        self,
        path: PathLike,
        split: str | None = None,
        images: PathLike | None = None,
        labels: PathLike | None = None,
        class_names: Sequence[str] | None = None,
        class_map: Mapping[str, str | None] | None = None,
        strict: bool = True,
    ) -> None:
        """Add the images and classes of a YAML file or a folder.

        Args:
            path: the YAML file (keys path, train, val, test, names, nc); or a folder that holds
                `images`, `labels` and, for the names, `classes.txt` or `data.yaml`.
            split: "train", "val" or "test"; None uses all images of a folder, or a YAML file's only
                split.
            images: folder of the images, or text file with one path per line; None uses what `path`
                says or the folder holds.
            labels: folder of the label files; None replaces `images` by `labels` in an image's
                path, and then looks beside the image.
            class_names: class names in order; None uses the dataset's names. If the dataset has no
                names, class_names gives those of the numbers 0, 1, ...; without either, the numbers
                are the names.
            class_map: maps a name in the dataset to a class name, or to None to drop its instances.
            strict: whether unusable entries are an error, or are skipped with a warning.

        Raises:
            FileNotFoundError: a file or folder does not exist.
            ValueError: an unusable YAML file, split or entry; none of the images has a label file.

        Example:
            >>> import pathlib
            >>> from mrcnn.formats import YoloDataset
            >>> pathlib.Path("yolo").mkdir()
            >>> pathlib.Path("yolo/1.png").touch()
            >>> _ = pathlib.Path("yolo/1.txt").write_text("0 0.5 0.5 0.2 0.4")
            >>> YoloDataset.read("yolo", class_names=["cell"]).class_names
            ['BG', 'cell']
        """
        path = given_path(path)
        if path.is_dir() and split is not None and images is None:
            path = _yaml_of(path) or path
        problems = Problems(path)
        if path.is_dir():
            root, names, keys = path, _folder_names(path), {}
            places = [_resolve(images, root)] if images else [_images_folder(root, split)]
        else:
            keys = _yaml_keys(path)
            root, names = _root(keys, path), keys.get("names") or _listed_names(path.parent)
            places = [_resolve(images, root)] if images else _split_places(keys, root, path, split)
        if names is None:
            names = dict(enumerate(class_names or map(str, range(keys.get("nc", 0))))) or None
        labels = _resolve(labels, root) if labels else None
        records = _records(places, root, labels, names, problems)
        self.add_records(
            records, problems, class_names, class_map, strict, _numbers(names, records)
        )
        warn_of_boxes(records, "lines", problems.path)


def _records(
    places: Sequence[Path],
    root: Path,
    labels: Path | None,
    names: Mapping[int, str] | None,
    problems: Problems,
) -> list[Record]:
    records: dict[str, Record] = {}
    found: set[str] = set()
    listed: Listing = {}
    without = 0
    for place in places:
        for image in _images(place, root):
            inside = image.relative_to(root) if image.is_relative_to(root) else image
            key = inside.as_posix()
            if key in records:
                problems.add(key, "is listed twice: each image must be listed once.")
                continue
            label = _label(image, place, labels, listed)
            instances = []
            without += not label
            if label:
                found.add(label)
                text = _read_text(label, problems)
                instances = parse_labels(text, label, names, problems)
            records[key] = Record(key, os.fspath(image), instances)
    if records and not found:
        first = next(iter(records.values())).path
        looked = " or ".join(map(str, _label_places(Path(first), places[0], labels)))
        raise ValueError(
            f"{problems.path}: none of the {len(records)} images has a label file; {first} "
            f"should have {looked}. Pass the label folder as labels. An image without objects may "
            "have an empty label file."
        )
    # With a list of images, other label files in the folder may belong to another split.
    others = [] if any(place.is_file() for place in places) else _unmatched_labels(found)
    texts = [f"{without} of {len(records)} images have no label file"] if without else []
    texts += [f"{len(others)} label files have no image: {some(others)}"] if others else []
    if texts:
        logger.warning("%s: %s.", problems.path, "; ".join(texts))
    return list(records.values())


def _numbers(names: Mapping[int, str] | None, records: Sequence[Record]) -> dict[str, int]:
    """Class name to number; without gaps if the numbers come from the labels only."""
    if names is None:
        used = [int(i.class_name) for record in records for i in record.instances]
        names = {number: str(number) for number in range(max(used, default=-1) + 1)}
    return {name: number for number, name in names.items()}


def _images(place: Path, root: Path) -> list[Path]:
    """Paths of the images in a folder and its subfolders, or listed in a text file."""
    if place.suffix.lower() == ".txt":
        lines = (line.strip() for line in _read_utf8(place).splitlines())
        return [_listed(line.replace("\\", "/"), place.parent, root) for line in lines if line]
    if not place.is_dir():
        raise FileNotFoundError(f"no such images folder: {place}.")
    images = sorted(
        file
        for file in place.rglob("*")
        if file.suffix.lower() in _SUFFIXES and not file.name.startswith(".")
    )
    if not images:
        raise ValueError(f"{place} has no images ({', '.join(_SUFFIXES)}).")
    return images


def _listed(line: str, folder: Path, root: Path) -> Path:
    """The image that a line names: relative to the list's folder, to the root, or as given."""
    candidates = [folder / line, root / line, Path(line)]
    return next((image for image in candidates if os.path.isfile(image)), candidates[0])


def _label(image: Path, place: Path, labels: Path | None, listed: Listing) -> str | None:
    """Path of an image's label file, .txt or .TXT; None if there is none."""
    places = _label_places(image, place, labels)
    found = (p if os.path.isfile(p) else in_any_case(p, listed) for p in places)
    return next((os.fspath(p) for p in found if p and os.path.isfile(p)), None)


def _unmatched_labels(found: set[str]) -> list[str]:
    """Names of the other label files in the folders of those found."""
    return [
        name
        for folder in sorted({os.path.dirname(label) for label in found})
        for name in sorted(os.listdir(folder))
        if name.lower().endswith(".txt")
        and name.lower() not in _NOT_LABELS
        and os.path.join(folder, name) not in found
    ]


def _label_places(image: Path, place: Path, labels: Path | None) -> list[Path]:
    """Paths where an image's label file may be."""
    if labels is not None:
        inside = image.is_relative_to(place)
        below = image.relative_to(place) if inside else Path(image.name)
        return [labels / below.with_suffix(".txt")]
    beside = image.with_suffix(".txt")
    parts = list(beside.parts)
    if "images" not in parts[:-1]:
        return [beside]
    last = len(parts) - 1 - parts[::-1].index("images")
    parts[last] = "labels"
    return [Path(*parts), beside]


def _yaml_of(folder: Path) -> Path | None:
    files = [folder / name for name in ("data.yaml", "data.yml", "dataset.yaml")]
    return next((file for file in files if file.is_file()), None)


def _yaml_keys(path: Path) -> dict[str, Any]:
    if path.suffix.lower() not in (".yaml", ".yml"):
        if not path.exists():
            raise FileNotFoundError(f"no such file or folder: {path}.")
        raise ValueError(f"{path} is not a YAML file: give data.yaml or a folder.")
    keys = read_yaml(_read_utf8(path), path)
    if "nc" in keys and "names" in keys and keys["nc"] != len(keys["names"]):
        raise ValueError(
            f"{path}: nc is {keys['nc']}, but there are {len(keys['names'])} names: they must "
            "agree."
        )
    return keys


def _root(keys: Mapping[str, Any], path: Path) -> Path:
    """The folder that a YAML file's paths are relative to."""
    yaml_folder = path.absolute().parent
    candidates = [yaml_folder / keys.get("path", "."), Path(keys.get("path", ".")).absolute()]
    return next((folder for folder in candidates if folder.is_dir()), yaml_folder)


def _split_places(keys: Mapping[str, Any], root: Path, path: Path, split: str | None) -> list[Path]:
    """The image folders and lists of a split."""
    splits = [key for key in ("train", "val", "valid", "validation", "test") if key in keys]
    if split is None and len(splits) == 1:
        split = splits[0]
    same = _SAME_SPLIT.get(split, (split,)) if split else ()
    known = next((key for key in same if key in splits), None)
    if known is None:
        raise ValueError(f"{path}: split is {split!r}: it must be one of {some(splits)}.")
    value = keys[known]
    return [_place(v, root, path) for v in (value if isinstance(value, list) else [value])]


def _place(value: str, root: Path, path: Path) -> Path:
    """The image folder or list that a path in a YAML file refers to."""
    yaml_folder = path.absolute().parent
    value = value.replace("\\", "/")
    # Some exports write ../train/images for a folder beside the file.
    inside = value.removeprefix("../")
    candidates = [root / value, yaml_folder / value, root / inside, yaml_folder / inside]
    for place in candidates:
        if place.exists():
            return Path(os.path.normpath(place))
    unique = dict.fromkeys(candidates)
    raise FileNotFoundError(f"{path}: no images folder or list at {some(unique)}.")


def _images_folder(root: Path, split: str | None) -> Path:
    """The images folder of a dataset folder."""
    if split is None:
        candidates = [root / "images", root]
    else:
        same = _SAME_SPLIT.get(split, (split,))
        kinds = [(root / "images" / s, root / s / "images", root / s) for s in same]
        candidates = [folder for kind in kinds for folder in kind]
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"no folder with the images of {split} at {some(candidates)}.")


def _folder_names(folder: Path) -> dict[int, str] | None:
    """Class number to name, or None."""
    names = _listed_names(folder)
    file = _yaml_of(folder)
    return names or (_yaml_keys(file).get("names") if file else None)


def _listed_names(folder: Path) -> dict[int, str] | None:
    for file in (folder / "classes.txt", folder / "labels" / "classes.txt"):
        if file.is_file():
            names = [line.strip() for line in _read_utf8(file).splitlines() if line.strip()]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{file} has {some(twice)} twice: names must be unique.")
            return dict(enumerate(names)) or None
    return None


def _resolve(value: PathLike, root: Path) -> Path:
    """A path as given, or relative to the root."""
    value = given_path(value)
    return value if value.exists() or not (root / value).exists() else root / value


def _read_utf8(path: PathLike) -> str:
    try:
        return Path(regular_file(path)).read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise FileNotFoundError(f"no such file: {path}.") from error
    except UnicodeDecodeError as error:
        reason = why_unreadable(path, error)
        raise ValueError(f"{path} is not a UTF-8 text file: {reason}.") from error


def _read_text(path: PathLike, problems: Problems) -> str:
    try:
        return _read_utf8(path)
    except ValueError:
        problems.add(path, "is not a UTF-8 text file.")
        return ""
