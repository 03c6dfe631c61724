"""COCO annotations of all images in one file, with scores: https://cocodataset.org/#format-data."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..datasets.coco_export import keypoints_annotation
from ..instances.keypoint_layout import PERSON_NAMES, PERSON_SKELETON
from ..instances.rle import encode
from ..types import Array, PathLike
from .bridges import one_ring
from .found import Found, one_by_one
from .joined import class_names_of, head_of, part_of, rest_of, text_file
from .objects import ImageFacts, Objects

# Run lengths have 32 bits in pycocotools.
_MOST_PIXELS = 2**32 - 1
_VISIBLE = 2


def write(
    path: PathLike, image: ImageFacts, parts: Iterable[Objects], polygons: bool = False
) -> None:
    """Write the annotations of an image, for `gather`.

    An annotation has category_id (the class id), segmentation, area and bbox [x, y, width, height]
    in pixels, iscrowd 0, and two keys of ours: score, and object, its number. The bbox is the
    detected one; the area is that of the mask. An object without a mask has no segmentation. With
    keypoints, there are keypoints, all visible, num_keypoints and, as a key of ours,
    keypoint_scores.

    Args:
        path: of the part.
        image: see `ImageFacts`.
        parts: its objects.
        polygons: whether the segmentation is a list of polygons, exact and one per piece, instead
            of a compressed run-length code. Images of 2^32 pixels or more always have polygons.

    Raises:
        OSError: it cannot be written.
    """
    height, width = image.shape
    polygons = polygons or height * width > _MOST_PIXELS
    with part_of(
        path,
        image={"file_name": image.name, "height": height, "width": width},
        class_names=list(image.class_names),
        keypoints=_keypoint_count(parts),
    ) as file:
        for found in one_by_one(image, parts):
            file.write(json.dumps(_annotation(found, image.shape, polygons)) + "\n")


def gather(parts: Iterable[PathLike], path: PathLike) -> None:
    """Join the annotations of several images into one file.

    `CocoDataset` and pycocotools read it. Images and annotations are numbered from 1, and the
    categories are the classes.

    Args:
        parts: paths that `write` wrote, in order.
        path: of the file.

    Raises:
        OSError: a part cannot be read, or the file cannot be written.
        ValueError: the parts have different classes.
    """
    parts = list(parts)
    class_names = class_names_of(map(head_of, parts))
    keypoints = max((head_of(part)["keypoints"] for part in parts), default=0)
    with text_file(path) as file:
        file.write('{"images": [')
        for i, part in enumerate(parts):
            entry = {"id": i + 1, **head_of(part)["image"]}
            file.write(("," if i else "") + "\n" + json.dumps(entry))
        file.write('\n],\n"annotations": [')
        number = 0
        for i, part in enumerate(parts):
            with rest_of(part) as rows:
                for row in rows:
                    file.write("," if number else "")
                    number += 1
                    file.write(f'\n{{"id": {number}, "image_id": {i + 1}, {row.strip()[1:]}')
        file.write('\n],\n"categories": ')
        file.write(json.dumps(_categories(class_names, keypoints)) + "}\n")


def _annotation(found: Found, shape: Sequence[int], polygons: bool) -> dict[str, Any]:
    y1, x1, y2, x2 = found.box
    row: dict[str, Any] = {"category_id": found.class_id}
    if found.crop is not None and polygons:
        row["segmentation"] = [one_ring([each]).ravel().tolist() for each in found.outlines()]
    elif found.crop is not None:
        row["segmentation"] = encode(found.crop, found.corner, shape)
    row |= {
        "area": _plain(found.area),
        "bbox": [_plain(side) for side in (x1, y1, x2 - x1, y2 - y1)],
        "iscrowd": 0,
        "score": found.score,
        "object": found.number,
    }
    if found.keypoints is not None:
        row |= _keypoints(found.keypoints)
    return row


def _keypoints(points: Array) -> dict[str, Any]:
    """The keypoints [K, 3] of (y, x, score) of an object."""
    visible = np.concatenate([points[:, :2], np.full((len(points), 1), _VISIBLE)], axis=1)
    return {
        **keypoints_annotation(visible),
        "keypoint_scores": [float(str(score)) for score in points[:, 2].astype(np.float32)],
    }


def _categories(class_names: Sequence[str], keypoints: int) -> list[dict[str, Any]]:
    return [
        {"id": i, "name": name, **_layout(keypoints)} for i, name in enumerate(class_names) if i
    ]


def _layout(count: int) -> dict[str, Any]:
    """What a category says about its keypoints; their names are known only for people's 17."""
    if not count:
        return {}
    if count == len(PERSON_NAMES):
        lines = [[first + 1, second + 1] for first, second in PERSON_SKELETON]
        return {"keypoints": PERSON_NAMES, "skeleton": lines}
    return {"keypoints": [f"point {i + 1}" for i in range(count)], "skeleton": []}


def _keypoint_count(parts: Iterable[Objects]) -> int:
    counts = (0 if p.keypoints is None else p.keypoints.shape[1] for p in parts)
    return max(counts, default=0)


def _plain(value: float) -> float:
    """A number rounded to thousandths, as an int if it is whole."""
    value = round(value, 3)
    return int(value) if value == int(value) else value
