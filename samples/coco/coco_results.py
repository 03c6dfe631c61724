"""Detections as COCO takes them: https://cocodataset.org/#format-results."""

import contextlib
import functools
import json

from tqdm import tqdm

from mrcnn.files.whole import replacing
from mrcnn.inference.detector import detect_crops
from mrcnn.inference.over_dataset import over_dataset
from mrcnn.instances.masks import as_instances
from mrcnn.metrics.coco_dataset import found_annotations

# The files to submit, and what they have of a detection beside its ids and score. They are two,
# for of a detection with a box COCO takes the area of the box for that of the mask.
RESULT_FILES = {"results.json": "segmentation", "results_bbox.json": "bbox"}


def build_coco_results(dataset, image_ids, rois, class_ids, scores, masks):
    """The detections of an image in COCO's format.

    Args:
        dataset: a prepared `CocoDataset`.
        image_ids: COCO's ids of the image; a list of one.
        rois: int [N, (y1, x1, y2, x2)] pixels, or None for no detection.
        class_ids: int [N], ids here.
        scores: float [N].
        masks: bool [H, W, N] or `InstanceMasks`.

    Returns:
        list of dicts of image_id, category_id (COCO's), bbox [x, y, width, height] in pixels,
        score and segmentation, a run-length code of str; plain numbers all, for JSON.
    """
    if rois is None:
        return []
    masks = as_instances(masks)
    found = {"rois": rois, "class_ids": class_ids, "scores": scores, "masks": masks}
    rows = found_annotations(found, masks.shape[:2])
    return [
        {
            "image_id": image_id,
            "category_id": dataset.get_source_class_id(row["category_id"], dataset.SOURCE),
            "bbox": row["bbox"],
            "score": row["score"],
            "segmentation": row["segmentation"],
        }
        for image_id in image_ids
        for row in rows
    ]


@contextlib.contextmanager
def result_files(folder):
    """The files to submit, which are there when the block ends, if all went well.

    Args:
        folder: where to write `RESULT_FILES`.

    Yields:
        function that takes the rows of an image, see `build_coco_results`.
    """
    with contextlib.ExitStack() as stack:
        files = {}
        for name, field in RESULT_FILES.items():
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
    """Detect in the images that can be read, one after the other.

    Args:
        model: a `MaskRCNN` in inference mode.
        dataset: a prepared `CocoDataset`.
        image_ids: indices in it.
        unread: list to add to, a dict of image_id (COCO's), path and reason for each image that
            cannot be read, or has not the size that its annotations say. A line tells of it, too.

    Yields:
        index of the image, image [H, W, 3] and what `detect_crops` finds in it.
    """
    left_out = []
    for each in over_dataset(
        functools.partial(detect_crops, model),
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


def _check_size(dataset, image_id, image_shape):
    info = dataset.image_info[image_id]
    said, found = (info.get("height"), info.get("width")), tuple(image_shape[:2])
    if said not in ((None, None), found):
        sizes = [f"{height}x{width}" for height, width in (found, said)]
        raise ValueError(f"it is {sizes[0]}, but its annotations say {sizes[1]} (height x width)")
