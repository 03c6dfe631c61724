"""What files say about the format of a dataset: their names, first bytes and JSON keys."""

import csv
import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..files.regular import regular_file
from .finding import IMAGE_SUFFIXES, files_below, read_json
from .instance_pngs import subfolder
from .label_images import IMAGE_FOLDERS, LABEL_ENDINGS, LABEL_FOLDERS
from .voc_folders import VOC_IMAGE_FOLDERS
from .yolo_yaml import read_yaml

# How many of many files of a kind are opened.
_SAMPLED = 12
# A JSON file is parsed up to this size in bytes; of a larger one, both ends are searched.
_PARSED, _END = 8 << 20, 1 << 20
_BYTES = 4096  # of a text file

_JSON_FOLDERS = ("annotations", "labels", "json", "jsons")
_XML_FOLDERS = ("Annotations", "xmls")
# Of the folders that `IndexPngDataset` accepts, those that hold nothing else.
_INDEX_FOLDERS = ("SegmentationClass", "SegmentationClassPNG")
_YOLO_FILES = ("data.yaml", "data.yml", "dataset.yaml")
_NUMBER = r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?"


@dataclasses.dataclass(frozen=True)
class Sign:
    """Files that belong to a format.

    Attributes:
        format: its name in `recognise.FORMATS`.
        seen: the files, in words.
        path: what the format's `read` is given.
        options: further arguments of `read`.
    """

    format: str
    seen: str
    path: Path
    options: dict[str, Any] = dataclasses.field(default_factory=dict)


def of_file(path: Path) -> list[Sign]:
    """The signs in a single file.

    Args:
        path: of a file that exists.

    Returns:
        Signs, at most one; none for a file of another kind.

    Raises:
        OSError, ValueError: a JSON file that cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix == ".json":
        kind = json_kind(path)
        return [Sign(kind, path.name, path)] if kind else []
    if suffix == ".csv" and _is_via_csv(path):
        return [Sign("via", path.name, path)]
    if suffix == ".xml" and _is_voc(path):
        return [Sign("voc", path.name, path)]
    if suffix in (".yaml", ".yml") and _is_yolo_yaml(path):
        return [Sign("yolo", path.name, path)]
    return []


def of_folder(folder: Path) -> list[Sign]:
    """The signs in a folder, one for each format that its files fit.

    Args:
        folder: of a dataset, or of one of its splits.
    """
    files = [entry for entry in visible(folder) if entry.is_file()]
    signs = _json_signs(files, folder)
    images = subfolder(folder, IMAGE_FOLDERS)
    for name in _JSON_FOLDERS:
        inside = subfolder(folder, (name,))
        if inside is not None:
            signs += _json_signs(visible(inside), inside, images)
    signs += [
        Sign("via", f.name, f) for f in files if f.suffix.lower() == ".csv" and _is_via_csv(f)
    ]
    signs += [*_voc_signs(folder, files), *_yolo_signs(folder, files)]
    signs += [*_index_signs(folder), *_instance_signs(folder), *_label_signs(folder, files)]
    first: dict[str, Sign] = {}
    for sign in signs:
        first.setdefault(sign.format, sign)
    return list(first.values())


def of_subfolders(folder: Path) -> list[Sign]:
    """The sign of LabelMe files in subfolders, such as `mrcnn detect` writes; none for others.

    Args:
        folder: without signs of its own.
    """
    signs = _json_signs(files_below(folder, ".json"), folder)
    return signs if [sign.format for sign in signs] == ["labelme"] else []


def visible(folder: Path) -> list[Path]:
    """A folder's entries, sorted by name, without hidden ones and those that macOS adds."""
    return sorted(p for p in folder.iterdir() if not p.name.startswith((".", "__MACOSX")))


def json_kind(path: Path) -> str | None:
    """The format of a JSON file: "coco", "coco-keypoints", "labelme", "via" or None.

    Args:
        path: of the file.

    Raises:
        OSError, ValueError: it cannot be read.
    """
    if path.stat().st_size > _PARSED:
        return _kind_of_ends(path)
    content = read_json(path)
    if isinstance(content, dict):
        if all(isinstance(content.get(k), list) for k in ("images", "annotations", "categories")):
            rows = content["categories"]
            has_points = any(isinstance(row, dict) and row.get("keypoints") for row in rows)
            return "coco-keypoints" if has_points else "coco"
        if isinstance(content.get("shapes"), list):
            return "labelme"
        if "_via_img_metadata" in content:
            return "via"
    images = list(content.values()) if isinstance(content, dict) else content
    if isinstance(images, list) and images and all(map(_is_via_image, images)):
        return "via"
    return None


def _kind_of_ends(path: Path) -> str | None:
    with open(regular_file(path), "rb") as file:
        text = file.read(_END)
        file.seek(max(0, path.stat().st_size - _END))
        text += file.read()
    if all(re.search(rb'"%b"\s*:\s*\[' % key, text) for key in (b"images", b"categories")):
        return "coco-keypoints" if re.search(rb'"keypoints"\s*:\s*\[\s*"', text) else "coco"
    if re.search(rb'"shapes"\s*:\s*\[', text):
        return "labelme"
    is_via = b'"_via_img_metadata"' in text or (b'"filename"' in text and b'"regions"' in text)
    return "via" if is_via else None


def _is_via_image(image: Any) -> bool:
    return isinstance(image, dict) and "filename" in image and "regions" in image


def _json_signs(files: Iterable[Path], folder: Path, images: Path | None = None) -> list[Sign]:
    """Signs in JSON files of one folder; `images` is the folder of images beside it, if any."""
    files = [file for file in files if file.suffix.lower() == ".json"]
    found: dict[str, list[Path]] = {}
    for file in files[:_SAMPLED]:
        try:
            kind = json_kind(file)
        except (OSError, ValueError):  # the reader explains it, if other files show the format
            continue
        if kind:
            found.setdefault(kind, []).append(file)
    signs = []
    for kind, own in found.items():
        if kind == "labelme":
            seen = f"{len(files)} .json files with shapes" if len(files) > 1 else own[0].name
            options = {} if images is None else {"images": images}
            signs.append(Sign(kind, seen, folder, options))
        else:
            only = own[0] if len(own) == 1 else folder
            signs.append(Sign(kind, ", ".join(file.name for file in own), only))
    return signs


def _start(path: Path) -> str:
    """The first characters of a text file; "" if it cannot be read."""
    try:
        with open(regular_file(path), "rb") as file:
            return file.read(_BYTES).decode("utf-8-sig", "ignore")
    except (OSError, ValueError):
        return ""


def _is_via_csv(path: Path) -> bool:
    header = next(iter(_start(path).splitlines()), "")
    columns = next(csv.reader([header], delimiter=max(",;\t", key=header.count)), [])
    return {"filename", "region_shape_attributes"} <= {c.strip(" #").lower() for c in columns}


def _is_voc(path: Path) -> bool:
    return bool(re.match(r"(<\?.*?\?>|<!--.*?-->|\s)*<annotation[\s>]", _start(path), re.DOTALL))


def _is_yolo_yaml(path: Path) -> bool:
    try:
        keys = read_yaml(_start(path), path)
    except ValueError:
        return False
    return "train" in keys or {"names", "val"} <= keys.keys()


def _voc_signs(folder: Path, files: list[Path]) -> list[Sign]:
    inside = subfolder(folder, _XML_FOLDERS)
    places = [(folder, files), *([(inside, visible(inside))] if inside else [])]
    for place, entries in places:
        xml = [entry for entry in entries if entry.suffix.lower() == ".xml"]
        if any(map(_is_voc, xml[:_SAMPLED])):
            where = "" if place is folder else f"{place.name}/"
            return [Sign("voc", f"{where}*.xml", folder)]
    return []


def _yolo_signs(folder: Path, files: list[Path]) -> list[Sign]:
    named = [file for file in files if file.name in _YOLO_FILES and _is_yolo_yaml(file)]
    if named:
        return [Sign("yolo", named[0].name, named[0])]
    labels, images = subfolder(folder, ("labels",)), subfolder(folder, ("images",))
    if labels and images and any(map(_is_yolo_label, _some(labels.rglob("*.txt")))):
        return [Sign("yolo", "images/ and labels/*.txt", folder)]
    stems = {file.stem for file in files if _is_image(file)}
    beside = [file for file in files if file.suffix.lower() == ".txt" and file.stem in stems]
    if any(map(_is_yolo_label, beside[:_SAMPLED])):
        return [Sign("yolo", "a .txt beside each image", folder)]
    return []


def _some(paths: Iterable[Path]) -> list[Path]:
    """A few of the paths that are files."""
    found: list[Path] = []
    for path in paths:
        if len(found) == _SAMPLED:
            break
        if path.name != "classes.txt":
            found.append(path)
    return found


def _is_yolo_label(path: Path) -> bool:
    """Whether the first line of a file is a class number and at least two pairs of numbers."""
    words = next((line.split() for line in _start(path).splitlines() if line.strip()), [])
    are_numbers = all(re.fullmatch(_NUMBER, word) for word in words)
    return len(words) >= 5 and words[0].isdecimal() and are_numbers


def _index_signs(folder: Path) -> list[Sign]:
    inside = subfolder(folder, _INDEX_FOLDERS)
    if inside is None or subfolder(folder, VOC_IMAGE_FOLDERS) is None:
        return []
    return [Sign("index-pngs", f"{inside.name}/", folder)]


def _instance_signs(folder: Path) -> list[Sign]:
    """A folder for each image, as in the Data Science Bowl."""
    inside = [entry for entry in visible(folder) if entry.is_dir()][:_SAMPLED]
    pairs = [(subfolder(p, ("images", "image")), subfolder(p, ("masks", "mask"))) for p in inside]
    whole = [images for images, masks in pairs if images and masks]
    if not whole or not all(len(_images_in(images)) == 1 for images in whole):
        return []
    return [Sign("instance-pngs", "<id>/images/ and <id>/masks/", folder)]


def _label_signs(folder: Path, files: list[Path]) -> list[Sign]:
    own = [file for file in files if _is_image(file)]
    images, labels = subfolder(folder, IMAGE_FOLDERS), subfolder(folder, LABEL_FOLDERS)
    if labels and _images_in(labels) and (own or (images and _images_in(images))):
        where = "the images" if images is None else f"{images.name}/"
        return [Sign("label-images", f"{where} and images in {labels.name}/", folder)]
    names = {_name(file) for file in own}
    for file in own:
        name = _name(file).lower()
        ending = next((e for e in LABEL_ENDINGS if name.endswith(e)), None)
        if ending and _name(file)[: -len(ending)] in names:
            return [Sign("label-images", f"images with {ending!r} in their names", folder)]
    return []


def _name(path: Path) -> str:
    return path.stem.removesuffix(".ome")


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES


def _images_in(folder: Path) -> list[Path]:
    return [entry for entry in visible(folder) if _is_image(entry)]
