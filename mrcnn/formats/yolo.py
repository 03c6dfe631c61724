"""Data sets in the format of YOLO's segmentation: a text file per image, and a YAML file for all.

The format: https://docs.ultralytics.com/datasets/segment.
"""

import logging
import os
from pathlib import Path

from ..text import some
from .finding import IMAGE_SUFFIXES, given_path, in_any_case, why_unreadable
from .records import AnnotatedDataset, Problems, Record
from .yolo_labels import parse_labels
from .yolo_yaml import read_yaml

logger = logging.getLogger(__name__)

# An array beside an image is the trainer's cache of it.
_SUFFIXES = tuple(suffix for suffix in IMAGE_SUFFIXES if suffix != ".npy")

# Of label files, which have the suffix of all texts.
_NO_LABELS = ("classes.txt", "train.txt", "val.txt", "valid.txt", "test.txt")

_SAME_SPLIT = {"val": ("val", "valid", "validation"), "valid": ("valid", "val")}


class YoloDataset(AnnotatedDataset):
    """Images with a label file each, as YOLO's trainers take them.

        train = YoloDataset.read("cells/data.yaml", "train")
        val = YoloDataset.read("cells/data.yaml", "val")

    An image without a label file, or with an empty one, is background. A line of a class and four
    numbers is a box, and its mask a rectangle; with more it is a polygon. The class ids here are
    one above the numbers in the files, unless `class_names` orders them otherwise.
    """

    SOURCE = "yolo"

    def load(
        self,
        path,
        split=None,
        images=None,
        labels=None,
        class_names=None,
        class_map=None,
        strict=True,
    ):
        """Add the images and classes of a YAML file or a folder.

        Args:
            path: the YAML file (keys path, train, val, test, names, nc); or a folder with the
                folders `images` and `labels` and, for the names, `classes.txt` or `data.yaml`.
            split: "train", "val" or "test"; None takes all images of a folder, and of a YAML file
                the only split that it has.
            images: folder of the images, or text file with a path a line; None takes what `path`
                says, or what is found in the folder.
            labels: folder of the label files; None looks in `labels` where the path of an image has
                `images`, and then beside the image.
            class_names: names of the classes in their order; None takes those of the format. Where
                it has none, these are the names of the numbers 0, 1, ...; without either, the
                number is the name.
            class_map: dict of a name in the format to the name it gets here, or to None to leave
                its instances out.
            strict: whether entries that cannot be used are an error, or left out with a warning.

        Raises:
            FileNotFoundError: a file or folder is not there.
            ValueError: the YAML file or the split cannot be used; entries that cannot be used; not
                one image has a label file.
        """
        path = given_path(path)
        if path.is_dir() and split is not None and images is None and _yaml_of(path):
            path = _yaml_of(path)
        problems = Problems(path)
        if path.is_dir():
            root, names, keys = path, _folder_names(path), {}
            places = [_given(images, root)] if images else [_images_folder(root, split)]
        else:
            keys = _yaml_keys(path)
            root, names = _root(keys, path), keys.get("names") or _listed_names(path.parent)
            places = [_given(images, root)] if images else _split_places(keys, root, path, split)
        if names is None:
            names = dict(enumerate(class_names or map(str, range(keys.get("nc", 0))))) or None
        labels = _given(labels, root) if labels else None
        records = _records(places, root, labels, names, problems)
        self.add_records(
            records, problems, class_names, class_map, strict, _numbers(names, records)
        )


def _records(places, root, labels, names, problems):
    records, found, without, listed = {}, set(), 0, {}
    for place in places:
        for image in _images(place, root):
            key = image.relative_to(root) if image.is_relative_to(root) else image
            key = key.as_posix()
            if key in records:
                problems.add(key, "is listed twice: each image is accepted once.")
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
        image = next(iter(records.values())).path
        looked = " and ".join(map(str, _label_places(Path(image), places[0], labels)))
        raise ValueError(
            f"{problems.path}: none of {len(records)} images has a label file; that of {image} "
            f"would be {looked}. Give their folder as labels. An image without objects may have an "
            "empty label file."
        )
    # Of the label files in a folder, a list of images may leave some to another split.
    others = [] if any(place.is_file() for place in places) else _others(found)
    texts = [f"{without} of {len(records)} images have no label file"] if without else []
    texts += [f"{len(others)} label files have no image: {some(others)}"] if others else []
    if texts:
        logger.warning("%s: %s.", problems.path, "; ".join(texts))
    return list(records.values())


def _numbers(names, records):
    """dict of class name to number, without a gap where only the labels have told them."""
    if names is None:
        used = [int(i.class_name) for record in records for i in record.instances]
        names = {number: str(number) for number in range(max(used, default=-1) + 1)}
    return {name: number for number, name in names.items()}


def _images(place, root):
    """Paths of the images of a folder and those in it, or of a text file that lists them."""
    if place.suffix.lower() == ".txt":
        lines = (line.strip() for line in _read_strictly(place).splitlines())
        return [_listed(line.replace("\\", "/"), place.parent, root) for line in lines if line]
    if not place.is_dir():
        raise FileNotFoundError(f"there is no folder {place}, where the images should be.")
    images = sorted(
        file
        for file in place.rglob("*")
        if file.suffix.lower() in _SUFFIXES and not file.name.startswith(".")
    )
    if not images:
        raise ValueError(f"{place} has no images ({', '.join(_SUFFIXES)}).")
    return images


def _listed(line, folder, root):
    """The image of a line: relative to the list's own folder, to the root, or as it is."""
    near = [folder / line, root / line, Path(line)]
    return next((image for image in near if os.path.isfile(image)), near[0])


def _label(image, place, labels, listed):
    """Path of the label file of an image, be it .txt or .TXT; None without one."""
    places = _label_places(image, place, labels)
    found = (p if os.path.isfile(p) else in_any_case(p, listed) for p in places)
    return next((os.fspath(p) for p in found if p and os.path.isfile(p)), None)


def _others(found):
    """Names of the label files beside those found."""
    return [
        name
        for folder in sorted({os.path.dirname(label) for label in found})
        for name in sorted(os.listdir(folder))
        if name.lower().endswith(".txt")
        and name.lower() not in _NO_LABELS
        and os.path.join(folder, name) not in found
    ]


def _label_places(image, place, labels):
    """Where the label file of an image may be."""
    if labels is not None:
        inside = image.is_relative_to(place)
        return [labels / (image.relative_to(place) if inside else image.name).with_suffix(".txt")]
    beside = image.with_suffix(".txt")
    parts = list(beside.parts)
    if "images" not in parts[:-1]:
        return [beside]
    last = len(parts) - 1 - parts[::-1].index("images")
    parts[last] = "labels"
    return [Path(*parts), beside]


def _yaml_of(folder):
    files = [folder / name for name in ("data.yaml", "data.yml", "dataset.yaml")]
    return next((file for file in files if file.is_file()), None)


def _yaml_keys(path):
    if path.suffix.lower() not in (".yaml", ".yml"):
        if not path.exists():
            raise FileNotFoundError(f"there is no file or folder {path}.")
        raise ValueError(f"{path} is no YAML file: data.yaml or a folder is accepted.")
    keys = read_yaml(_read_strictly(path), path)
    if "nc" in keys and "names" in keys and keys["nc"] != len(keys["names"]):
        raise ValueError(
            f"{path}: nc is {keys['nc']}, but there are {len(keys['names'])} names: they must "
            "agree."
        )
    return keys


def _root(keys, path):
    """The folder that the paths of a YAML file start from."""
    home = path.absolute().parent
    near = [home / keys.get("path", "."), Path(keys.get("path", ".")).absolute()]
    return next((folder for folder in near if folder.is_dir()), home)


def _split_places(keys, root, path, split):
    """The folders and lists of a split."""
    splits = [key for key in ("train", "val", "valid", "validation", "test") if key in keys]
    if split is None and len(splits) == 1:
        split = splits[0]
    known = next((key for key in _SAME_SPLIT.get(split, (split,)) if key in splits), None)
    if known is None:
        raise ValueError(f"{path}: split is {split!r}: one of {some(splits)} is accepted.")
    value = keys[known]
    return [_place(v, root, path) for v in (value if isinstance(value, list) else [value])]


def _place(value, root, path):
    """The folder or list that a YAML file means."""
    home = path.absolute().parent
    value = value.replace("\\", "/")
    # Some exports write ../train/images for what is beside the file.
    inside = value.removeprefix("../")
    near = [root / value, home / value, root / inside, home / inside]
    for place in near:
        if place.exists():
            return Path(os.path.normpath(place))
    raise FileNotFoundError(f"{path}: there is no {some(dict.fromkeys(near))} with the images.")


def _images_folder(root, split):
    """The folder of the images in a folder."""
    if split is None:
        near = [root / "images", root]
    else:
        same = _SAME_SPLIT.get(split, (split,))
        near = [p for s in same for p in (root / "images" / s, root / s / "images", root / s)]
    for folder in near:
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"there is no folder {some(near)} with the images of {split}.")


def _folder_names(folder):
    """dict of class number to name, or None."""
    names = _listed_names(folder)
    file = _yaml_of(folder)
    return names or (_yaml_keys(file).get("names") if file else None)


def _listed_names(folder):
    for file in (folder / "classes.txt", folder / "labels" / "classes.txt"):
        if file.is_file():
            names = [line.strip() for line in _read_strictly(file).splitlines() if line.strip()]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{file} has {some(twice)} twice: names must be unique.")
            return dict(enumerate(names)) or None
    return None


def _given(value, root):
    """A path as given, or relative to the root."""
    value = given_path(value)
    return value if value.exists() or not (root / value).exists() else root / value


def _read_strictly(path):
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise FileNotFoundError(f"there is no file {path}.") from error
    except UnicodeDecodeError as error:
        reason = why_unreadable(path, error)
        raise ValueError(f"{path} is no text file in UTF-8: {reason}.") from error


def _read_text(path, problems):
    try:
        return _read_strictly(path)
    except ValueError:
        problems.add(path, "is no text file in UTF-8.")
        return ""
