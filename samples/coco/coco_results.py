"""Detections in COCO's results format: https://cocodataset.org/#format-results."""

import contextlib
import functools
import json
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mrcnn.datasets.reading import turned_by_exif
from mrcnn.files.whole import replacing
from mrcnn.inference.detector import detect_crops, with_score
from mrcnn.inference.over_dataset import over_dataset
from mrcnn.instances.masks import as_instances
from mrcnn.metrics.coco import KINDS
from mrcnn.metrics.coco_dataset import found_annotations
from mrcnn.text import some

# The files to submit, and the field that each has besides a detection's ids and score. There are
# two because, where a detection has a box, COCO uses the box's area as the mask's.
RESULT_FILES = {"results.json": "segmentation", "results_bbox.json": "bbox"}


def kinds_of(model):
    """What is measured and written: ("bbox", "segm"), or ("bbox",) if a model finds no masks."""
    return KINDS if "masks" in getattr(model, "fields", ("masks",)) else ("bbox",)


def known_classes(model, dataset):
    """The dataset's id of each class that a model finds.

    Args:
        model: a `MaskRCNN`. Without `class_names`, its classes are the dataset's.
        dataset: a prepared `CocoDataset`.

    Returns:
        int [NUM_CLASSES], -1 for a class that the dataset has not; or None for the same classes.

    Raises:
        ValueError: the dataset has none of the model's classes.
    """
    names = getattr(model, "class_names", None)
    if names is None or list(names) == list(dataset.class_names):
        return None
    ids = {name: i for i, name in enumerate(dataset.class_names)}
    known = np.array([ids.get(name, -1) for name in names])
    if (known[1:] < 1).all():
        raise ValueError(
            f"the model finds {some(names[1:])}, none of which the dataset has: "
            f"{some(dataset.class_names[1:])}."
        )
    return known


def detector(model, dataset):
    """A model's `detect_crops`, with the dataset's class ids; other classes are left out.

    Args:
        model, dataset: see `known_classes`.

    Returns:
        function from images to a result for each.
    """
    known = known_classes(model, dataset)
    if known is None:
        return lambda images: detect_crops(model, images)
    least = np.where(known >= 1, 0, np.inf)

    def detect(images):
        kept = [with_score(found, least) for found in detect_crops(model, images)]
        return [{**found, "class_ids": known[found["class_ids"]]} for found in kept]

    return detect


def build_coco_results(
    dataset, image_ids, rois, class_ids, scores, masks=None, truncated="", keypoints=None
):
    """Convert an image's detections to COCO's format.

    Args:
        dataset: a prepared `CocoDataset`.
        image_ids: COCO's id of the image, in a list of one.
        rois: int [N, (y1, x1, y2, x2)] pixels, or None for no detections.
        class_ids: int [N], the dataset's class ids.
        scores: float [N].
        masks: bool [H, W, N] or `InstanceMasks`, or None.
        truncated: not used; lets callers pass a whole result.
        keypoints: float [N, K, (y, x, score)] in pixels, or None.

    Returns:
        list of dicts of image_id, category_id (COCO's), bbox [x, y, width, height] in pixels,
        score, and with masks segmentation (run lengths as a str), with keypoints keypoints [x, y,
        score, ...], in plain Python types for JSON.
    """
    if rois is None:
        return []
    masks = None if masks is None else as_instances(masks)
    found = {"rois": rois, "class_ids": class_ids, "scores": scores, "masks": masks}
    found["keypoints"] = keypoints
    fields = ("bbox", "score", "segmentation", "keypoints")
    rows = found_annotations(found, (0, 0) if masks is None else masks.shape[:2])
    return [
        {
            "image_id": image_id,
            "category_id": dataset.get_source_class_id(row["category_id"], dataset.SOURCE),
            **{name: row[name] for name in fields if name in row},
        }
        for image_id in image_ids
        for row in rows
    ]


@contextlib.contextmanager
def result_files(folder, kinds=KINDS):
    """Open the files to submit; they appear when the block ends without an error.

    Args:
        folder: where to write `RESULT_FILES`.
        kinds: see `kinds_of`.

    Yields:
        function that writes an image's rows, see `build_coco_results`.
    """
    with contextlib.ExitStack() as stack:
        files = {}
        for name, field in RESULT_FILES.items():
            if field == "segmentation" and "segm" not in kinds:
                continue
            part = stack.enter_context(replacing(folder / name))
            files[field] = stack.enter_context(open(part, "w", encoding="ascii"))
            files[field].write("[")
        comma = ""

        def write(rows):
            nonlocal comma
            for row in rows:
                for field, file in files.items():
                    names = ("image_id", "category_id", field, "score")
                    text = json.dumps({name: row[name] for name in names}, allow_nan=False)
                    file.write(f"{comma}\n{text}")
                comma = ","

        yield write
        for file in files.values():
            file.write("\n]\n")


def detections(model, dataset, image_ids, unread):
    """Detect objects in the images that can be read, one by one.

    Args:
        model: a `MaskRCNN` in inference mode.
        dataset: a prepared `CocoDataset`.
        image_ids: indices in it.
        unread: list that gets a dict of image_id (COCO's), path and reason for each image that
            cannot be read or is not the size that its annotations give. Each is also printed.

    Yields:
        image index, image [H, W, 3] and the result of `detect_crops`.

    Raises:
        ValueError: two images have the same id, although ids tell the results apart.
    """
    left_out, first = [], {}
    for i in image_ids:
        info = dataset.image_info[i]
        twin = first.setdefault(info["id"], info)
        if twin is not info:
            raise ValueError(
                f"{info['path']} has the id {info['id']!r}, like {twin['path']}: ids tell images "
                "apart in the results, so use one annotation file at a time."
            )
    for each in over_dataset(
        detector(model, dataset),
        dataset,
        image_ids,
        read=functools.partial(_check_size, dataset),
        config=model.config,
        batch_size=1,
        unread=left_out,
    ):
        yield each.image_id, each.image, each.result
    for row in left_out:
        row["image_id"] = dataset.image_info[row["image_id"]]["id"]
        tqdm.write("image {image_id} ({path}) is left out: {reason}".format(**row))
        unread.append(row)


def counted(model, dataset, counts):
    """Detect objects in a dataset's images, one by one; images that fail get a row in a table.

    Args:
        model: a `MaskRCNN` in inference mode.
        dataset: a prepared `CocoDataset`.
        counts: `CountsTable`.

    Yields:
        `Detected`.
    """
    yield from counts.detect(
        detector(model, dataset),
        dataset,
        functools.partial(file_name, dataset),
        config=model.config,
        read=functools.partial(_check_size, dataset),
        progress=True,
    )


def file_name(dataset, image_id):
    """Name of an image's file."""
    return Path(dataset.image_info[image_id]["path"]).name


def _check_size(dataset, image_id, image_shape):
    info = dataset.image_info[image_id]
    said, found = (info.get("height"), info.get("width")), tuple(image_shape[:2])
    if said not in ((None, None), found):
        sizes = [f"{height}x{width}" for height, width in (found, said)]
        raise ValueError(
            f"it is {sizes[0]}, but its annotations say {sizes[1]} (height x width)"
            + ("." + hint if (hint := turned_by_exif(dataset, said, found)) else "")
        )
