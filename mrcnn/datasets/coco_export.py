"""Export any dataset as a COCO instances file."""

import json
import math
import os
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from ..files.whole import replacing
from ..instances.annotated import countable
from ..instances.rle import encode
from ..types import Array, PathLike
from .prepared import prepared_ids

if TYPE_CHECKING:
    from .dataset import Dataset


def to_coco(dataset: "Dataset", path: PathLike | None = None) -> dict[str, list[dict[str, Any]]]:
    """Return a dataset's images, classes and instances in COCO's format.

    `CocoDataset.read(path, images=folder)` reads it back, where `folder` is the nearest common
    folder of the images.

    Args:
        dataset: a prepared `Dataset`.
        path: JSON file to write, in full or not at all; its folder must exist. None: no file.

    Returns:
        A dict with three keys.
        images: list of id, file_name, height and width. The ids are the source's if all are
            different whole numbers, else 1, 2, ... The file name is relative to the common folder;
            for an image that is not a file, it is built from the id.
        annotations: id from 1, image_id, category_id, segmentation (a compressed run-length code;
            omitted where an image's instances have only boxes), area, bbox [x, y, width, height],
            iscrowd (1 for a negative class id). Area and bbox are those of the file that the
            dataset was read from, if it gives any. Instances without pixels are left out.
            Where the dataset has keypoints, also keypoints [x, y, visibility, ...], in pixels with
            0 at the centre of the first, and num_keypoints, how many are labelled.
        categories: id, which is the class id in `dataset`, and name. Where classes share a name,
            the later ones are called "name (source)". Where the dataset has keypoints, also
            keypoints (their names) and skeleton (pairs of their numbers, from 1).

    Raises:
        RuntimeError: the dataset is not prepared.
        OSError: an image or `path` cannot be opened.
    """
    ids = _image_ids(dataset)
    names = _file_names([dataset.image_info[i].get("path") for i in dataset.image_ids], ids)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for i, image_id, name in zip(dataset.image_ids, ids, names, strict=True):
        (height, width), instances = _instances(dataset, i)
        images.append({"id": image_id, "file_name": name, "height": height, "width": width})
        for instance in instances:
            number = {"id": len(annotations) + 1, "image_id": image_id}
            annotations.append({**number, **instance})
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [
            {"id": i, "name": name, **_layout(dataset.keypoint_layout)}
            for i, name in enumerate(_category_names(dataset.class_info))
            if i
        ],
    }
    if path is not None:
        text = json.dumps(content)
        with replacing(path) as part:
            part.write_text(text, encoding="utf-8")
    return content


def _image_ids(dataset):
    ids = [dataset.image_info[i]["id"] for i in prepared_ids(dataset)]
    kept = all(_is_integer(i) for i in ids) and len(set(ids)) == len(ids)
    return [int(i) for i in ids] if kept else list(range(1, len(ids) + 1))


def _is_integer(value):
    return hasattr(value, "__index__") and not isinstance(value, bool)


def _file_names(paths, ids):
    """Return the paths relative to their common folder, with forward slashes."""
    full = [os.path.abspath(path) if path else None for path in paths]
    folders = [os.path.dirname(path) for path in full if path]
    common = os.path.commonpath(folders) if folders else ""
    return [
        PurePath(os.path.relpath(path, common)).as_posix() if path else f"{image_id}.png"
        for path, image_id in zip(full, ids, strict=True)
    ]


def _category_names(class_info):
    """Return unique names: where classes share one, the later ones include their source."""
    names = []
    for info in class_info:
        name, source = info["name"], info["source"]
        choices = (name, f"{name} ({source})", f"{name} ({source}.{info['id']})")
        names.append(next((c for c in choices if c not in names), choices[-1]))
    return names


def _instances(dataset, image_id):
    """Return an image's (height, width) in pixels, and dicts of its instances."""
    if not dataset.has("masks", image_id):
        boxes, class_ids = dataset.load_boxes(image_id)
        box_rows = zip(boxes.boxes.tolist(), class_ids.tolist(), strict=True)
        rows = [_box_annotation(box, class_id) for box, class_id in box_rows]
        _add_keypoints(rows, dataset, image_id)
        return _size(dataset, image_id, boxes), _as_in_file(rows, boxes, countable(boxes))
    masks, class_ids = dataset.load_instances(image_id)
    height, width = _size(dataset, image_id, masks)
    parts = zip(masks.crops, masks.boxes.tolist(), class_ids.tolist(), strict=True)
    rows = [annotation(*part, (height, width)) for part in parts]
    _add_keypoints(rows, dataset, image_id)
    return (height, width), _as_in_file(rows, masks, masks.visible)


def _add_keypoints(rows, dataset, image_id):
    """Add the instances' keypoints to their annotations, if the dataset has any."""
    if dataset.keypoint_layout is not None and dataset.has("keypoints", image_id):
        points = dataset.load_keypoints(image_id).points
        for row, of_instance in zip(rows, points, strict=True):
            row |= keypoints_annotation(of_instance)


def keypoints_annotation(points: Array) -> dict[str, Any]:
    """Return an instance's keypoints in COCO's format.

    Args:
        points: float array [K, 3] of (y, x, visibility) in pixels, see `InstanceKeypoints`.

    Returns:
        A dict of keypoints and num_keypoints, see `to_coco`.
    """
    flat = [
        value
        for y, x, v in np.asarray(points, np.float64).tolist()
        for value in ((_plain(x - 0.5), _plain(y - 0.5), int(v)) if v else (0, 0, 0))
    ]
    return {"keypoints": flat, "num_keypoints": sum(v > 0 for v in flat[2::3])}


def _layout(layout):
    """Return what a category says about its keypoints."""
    if layout is None:
        return {}
    lines = [[first + 1, second + 1] for first, second in layout.skeleton]
    return {"keypoints": list(layout.names), "skeleton": lines}


def _as_in_file(rows, instances, wanted):
    """Return the rows marked in `wanted`, bool [N], with the file's boxes and areas, if any."""
    given = instances.annotated
    if given is not None:
        for row, box, area in zip(rows, given.boxes.tolist(), given.areas.tolist(), strict=True):
            if not math.isnan(box[0]):
                y1, x1, y2, x2 = box
                row["bbox"] = [_plain(side) for side in (x1, y1, x2 - x1, y2 - y1)]
                if "segmentation" not in row:
                    row["area"] = _plain((y2 - y1) * (x2 - x1))
            if not math.isnan(area):
                row["area"] = _plain(area)
    return [row for row, is_wanted in zip(rows, wanted.tolist(), strict=True) if is_wanted]


def _plain(value):
    """Return a number rounded to millionths, as an int if it is whole."""
    value = round(value, 6)
    return int(value) if value == int(value) else value


def _size(dataset, image_id, shapes):
    """(height, width) of an image in pixels."""
    if shapes.height and shapes.width:
        return shapes.height, shapes.width
    # Without instances, `shapes` does not know the size.
    height, width = dataset.load_image(image_id).shape[:2]
    return height, width


def annotation(
    crop: Array, box: Sequence[int], class_id: int, shape: Sequence[int]
) -> dict[str, Any]:
    """Return an instance in COCO's format, without its id and its image's id.

    Args:
        crop: bool array [h, w], the instance's pixels.
        box: (y1, x1, y2, x2) in pixels, the position of the crop in the image.
        class_id: negative for a crowd.
        shape: (height, width) of the image.

    Returns:
        An entry of the annotations, see `to_coco`.
    """
    y1, x1, y2, x2 = box
    return {
        "category_id": abs(class_id),
        "segmentation": encode(crop, (y1, x1), shape),
        "area": int(crop.sum()),
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "iscrowd": int(class_id < 0),
    }


def _box_annotation(box, class_id):
    """Return a box (y1, x1, y2, x2) of float pixels in COCO's format, rounded to thousandths."""
    y1, x1, y2, x2 = box
    bbox = [round(side, 3) for side in (x1, y1, x2 - x1, y2 - y1)]
    return {
        "category_id": abs(class_id),
        "area": round(bbox[2] * bbox[3], 3),
        "bbox": bbox,
        "iscrowd": int(class_id < 0),
    }
