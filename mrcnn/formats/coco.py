"""Datasets in COCO's instances format: https://cocodataset.org/#format-data."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..text import some
from ..types import PathLike
from .coco_json import KeypointReader, parse_instances
from .finding import Listing, find_image, given_path, read_json
from .naming import checked_map, checked_names
from .records import AnnotatedDataset, Instance, Problems, Record

# How many of a file's images to look for when searching for their folder.
_MAX_PROBED = 20


class CocoDataset(AnnotatedDataset):
    """Images and instances of COCO, or of any tool that exports its format.

        train = CocoDataset.read("coco/annotations/instances_train2017.json")
        pets = CocoDataset.read("coco/annotations/instances_val2017.json", only=["cat", "dog"])

    Masks match those of pycocotools pixel for pixel. Classes are numbered in the order of their
    category ids; `map_source_class_id("coco.12")` is the class id of category 12. An annotation
    without a segmentation becomes the rectangle of its bbox. One with iscrowd 1 is a crowd, with a
    negative class id, unless `crowds_as_instances` is set.
    """

    SOURCE = "coco"
    HAS_FILE_SIZES = True
    CROWD_HELP = (
        "Training ignores crowds. Some tools (CVAT) write iscrowd 1 for every brush mask: "
        "crowds_as_instances=True makes crowds ordinary instances."
    )

    def load(
        self,
        path: PathLike,
        images: PathLike | None = None,
        class_names: Sequence[str] | None = None,
        class_map: Mapping[str, str | None] | None = None,
        strict: bool = True,
        *,
        only: str | Iterable[str | int] | None = None,
        ignore_file_sizes: bool = False,
        crowds_as_instances: bool = False,
    ) -> None:
        """Add the images and categories of an instances file.

        Args:
            path: the JSON file, or a folder with exactly one.
            images: folder that the file names are relative to, or that holds the files by their
                bare names. None searches beside the JSON file, in the split's folder (`val2017` for
                `instances_val2017.json`), in `images`, and in the same places one folder up.
            class_names: class names in order; None orders the categories by id, and leaves out
                those without annotations that are only the `supercategory` of others, or are the
                background (id 0).
            class_map: maps a category name to a class name, or to None to drop its instances.
            strict: whether unusable entries are an error, or are skipped with a warning.
            only: names or ids of the categories to keep, in the order of the classes. Other
                categories are dropped, and so are images with none of those kept.
            ignore_file_sizes: whether the heights and widths in the file are ignored. Set it if
                they describe the images before their EXIF rotation, but the annotations were drawn
                on the upright images. Images are always read upright.
            crowds_as_instances: whether annotations with iscrowd 1 are instances like all others.

        Raises:
            FileNotFoundError: the file or the images' folder does not exist.
            ValueError: not an instances file; unusable entries; `only` names an unknown category.

        Example:
            >>> import json, pathlib
            >>> from mrcnn.formats import CocoDataset
            >>> images = [{"id": 7, "file_name": "7.jpg"}]
            >>> categories = [{"id": 18, "name": "dog"}]
            >>> dog = {"image_id": 7, "category_id": 18, "segmentation": [[0, 0, 9, 0, 9, 9]]}
            >>> content = {"images": images, "categories": categories, "annotations": [dog]}
            >>> _ = pathlib.Path("coco.json").write_text(json.dumps(content))
            >>> CocoDataset.read("coco.json", images=".").class_names
            ['BG', 'dog']
        """
        path = _json_file(given_path(path))
        problems = Problems(path)
        names = [only] if isinstance(only, str) else list(only or [])
        asked = [*names, *checked_names(class_names), *checked_map(class_map)]
        content = read_json(path)
        records, found, links = parse_instances(
            content, problems, asked, ignore_file_sizes, self._keypoint_reader(content, path)
        )
        for instance in _instances(records) if crowds_as_instances else ():
            instance.crowd = False
        if only is not None:
            records, class_names, class_map = _select(
                records, found, names, class_names, class_map or {}, path
            )
        listed: Listing = {}
        if images is None:
            folder = _images_folder(path, records, listed)
        else:
            folder = given_path(images, "images")
        if not folder.is_dir():
            raise FileNotFoundError(f"no such images folder: {folder}.")
        prefix = os.fspath(folder)
        for record in records:
            record.path = find_image(record.path, prefix, listed=listed)
        self.add_records(records, problems, class_names, class_map, strict, found)
        for info in self.image_info[len(self.image_info) - len(records) :]:
            info["link"] = links.get(info["id"], "")

    def _keypoint_reader(self, content: Any, path: Path) -> KeypointReader | None:
        """See `parse_instances`; None for a dataset without keypoints."""
        return None

    def image_reference(self, image_id: int) -> str:
        """The page of a COCO image, or the URL given in the file; "" if there is none."""
        return self.image_info[image_id].get("link", "")


def _instances(records: Iterable[Record]) -> Iterator[Instance]:
    return (instance for record in records for instance in record.instances)


def _select(
    records: list[Record],
    found: Mapping[str, Any],
    only: Sequence[Any],
    class_names: Sequence[str] | None,
    class_map: Mapping[str, str | None],
    path: Path,
) -> tuple[list[Record], list[str], dict[str, str | None]]:
    """Records with at least one of the categories, and the names and map that drop the others."""
    by_id = {key: name for name, key in found.items()}
    only = [wanted if wanted in found else by_id.get(wanted, wanted) for wanted in only]
    unknown = [name for name in only if name not in found]
    if unknown or not only:
        raise ValueError(
            f"{path}: `only` names {some(unknown)}: the categories are {some(found, 100)}."
        )
    names: Sequence[str | None] = class_names or [class_map.get(name, name) for name in only]
    new_names = {name: class_map.get(name, name) if name in only else None for name in found}
    records = [r for r in records if any(i.class_name in only for i in r.instances)]
    if not records:
        raise ValueError(f"{path}: no image has an annotation of {some(only)}.")
    return records, [name for name in names if name is not None], new_names


def _json_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    files = sorted(file for file in path.glob("*.json") if file.is_file())
    if len(files) != 1:
        raise FileNotFoundError(
            f"{path} is a folder with these JSON files: {some([file.name for file in files])}. "
            "Give the path of the one to read."
        )
    return files[0]


def _images_folder(path: Path, records: Sequence[Record], listed: Listing) -> Path:
    """The images folder of a JSON file: where one of its first images is found."""
    json_folder = path.absolute().parent
    split = path.stem.rsplit("_", 1)[-1]
    roots = (json_folder, json_folder.parent)
    candidates = [root / folder for root in roots for folder in ("", split, "images")]
    candidates.append(json_folder.parent / "images" / split)
    names = [record.path for record in records[:_MAX_PROBED]]
    for folder in candidates:
        if any(os.path.isfile(folder / name) for name in names):
            return folder
    for folder in candidates:
        if any(os.path.isfile(find_image(name, folder, listed=listed)) for name in names):
            return folder
    if not names:
        return json_folder
    raise FileNotFoundError(
        f"{path}: image {names[0]} is in none of {some(candidates, len(candidates))}: pass the "
        "images folder as `images`."
    )
