"""JSON and CSV files of the VGG Image Annotator (VIA), versions 1 and 2."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..files.regular import regular_file
from ..text import some
from ..types import PathLike
from .finding import read_json, why_unreadable

# An image: its file name, and (key, region) of each region; none of it is checked.
Entry = tuple[Any, list[tuple[Any, Any]]]

# The annotation file of the balloon dataset.
_DEFAULT_NAME = "via_region_data.json"


def find_file(path: PathLike) -> Path:
    """Find the VIA file at a path.

    Args:
        path: the file, or a folder with one.

    Returns:
        The file.

    Raises:
        FileNotFoundError: no such file or folder.
        ValueError: the folder has no VIA file, or several.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no such file or folder: {path}.")
    if not path.is_dir():
        return path
    if (path / _DEFAULT_NAME).is_file():
        return path / _DEFAULT_NAME
    files = [file for file in sorted(path.iterdir()) if file.is_file()]
    files = [file for file in files if file.suffix.lower() in (".json", ".csv")]
    found = [file for file in files if _is_via(file)]
    if not found:
        raise ValueError(f"{path} has no VIA file; .json and .csv files found: {_names(files)}.")
    if len(found) > 1:
        raise ValueError(f"{path} has several VIA files: {_names(found)}. Name the one to read.")
    return found[0]


def _is_via(file: Path) -> bool:
    try:
        read_entries(file)
    except ValueError:
        return False
    return True


def _names(files: Sequence[Path]) -> str:
    return some([file.name for file in files])


def read_entries(path: PathLike) -> tuple[list[Entry], list[Path]]:
    """Read the images of a VIA file, without checking their regions.

    Args:
        path: a JSON or CSV file.

    Returns:
        entries: (file name, list of (region key, region)) of each image; a valid region has
            "shape_attributes" and "region_attributes".
        folders: those that may hold the images.

    Raises:
        ValueError: not a VIA file.
    """
    path = Path(path)
    if path.suffix.lower() == ".csv":
        return _csv_entries(path), [path.parent]
    data = read_json(path)
    folders = [path.parent]
    if isinstance(data, dict) and "_via_img_metadata" in data:
        settings = _dict_in(_dict_in(data, "_via_settings"), "core")
        if isinstance(settings.get("default_filepath"), str):
            # It may be a Windows path, and may lack a trailing slash.
            folders.append(path.parent / settings["default_filepath"].replace("\\", "/"))
        data = data["_via_img_metadata"]
    images = list(data.values()) if isinstance(data, dict) else data
    if not isinstance(images, list) or not all(_is_image(image) for image in images):
        raise ValueError(
            f"{path} is not a VIA file: it must have a 'filename' and 'regions' for every image, "
            "as VIA 1 and 2 write them (Annotation > Export as json, or Project > Save)."
        )
    return [(image.get("filename"), _regions(image.get("regions"))) for image in images], folders


def _dict_in(data: dict[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _is_image(image: object) -> bool:
    return isinstance(image, dict) and ("filename" in image or "regions" in image)


def _regions(regions: Any) -> list[tuple[Any, Any]]:
    """(key, region) pairs from a dict (VIA 1) or a list (VIA 2)."""
    if isinstance(regions, dict):
        return list(regions.items())
    if isinstance(regions, list):
        return list(enumerate(regions))
    return [] if regions is None else [("?", regions)]


def _csv_entries(path: Path) -> list[Entry]:
    try:
        with open(regular_file(path), encoding="utf-8-sig", newline="") as file:
            header = file.readline()
            delimiter = max(",;\t", key=header.count)  # spreadsheets may change it
            columns = next(csv.reader([header], delimiter=delimiter), [])
            columns = [column.strip().lstrip("#").lower() for column in columns]
            rows = list(csv.DictReader(file, columns, delimiter=delimiter))
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path} is not a CSV file: {why_unreadable(path, error)}.") from error
    if not {"filename", "region_shape_attributes"} <= {*columns}:
        raise ValueError(
            f"{path} is not a VIA file: it has the columns {some(columns)}, but filename and "
            "region_shape_attributes are required."
        )
    images: dict[str, list[tuple[Any, Any]]] = {}
    for row in rows:
        regions = images.setdefault(row["filename"], [])
        shape = _cell(row["region_shape_attributes"])
        if shape:  # else the row stands for an image without regions
            attributes = _cell(row.get("region_attributes"))
            region = {"shape_attributes": shape, "region_attributes": attributes}
            regions.append((row.get("region_id") or len(regions), region))
    return list(images.items())


def _cell(text: str | None) -> Any:
    """A cell's JSON value, or its text if it is not JSON."""
    try:
        return json.loads(text or "{}")
    except (ValueError, RecursionError):
        return text
