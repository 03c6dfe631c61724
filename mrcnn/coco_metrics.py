"""COCO's average precision and recall over a data set, computed by pycocotools.

The ground truth is what the data set gives: boxes and areas are those of the masks, where COCO's
own files have those of polygons, in fractions of a pixel. On COCO's sample of 100 images that moves
the AP of boxes from 0.505 to 0.486 and that of masks by nothing. `evaluate` gives the official
figures for the official file.
"""

import contextlib
import io

import numpy as np
from pycocotools import mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from .coco_export import annotation
from .instance_masks import InstanceMasks

KINDS = ("bbox", "segm")
# Of an image, by score, COCO counts so many of a class.
MAX_DETECTIONS = 100


def coco_ap(dataset, results, image_ids, max_detections=MAX_DETECTIONS):
    """COCO's figures of detections.

    Args:
        dataset: a prepared `Dataset`.
        results: iterable of what `MaskRCNN.detect` gives for an image.
        image_ids: the image of each, an index in the data set.
        max_detections: see `CocoMetrics`.

    Returns:
        dict, see `CocoMetrics.compute`.

    Raises:
        ValueError: see `CocoMetrics`.
    """
    metrics = CocoMetrics(dataset, max_detections)
    for image_id, result in zip(image_ids, results, strict=True):
        metrics.add(image_id, result)
    return metrics.compute()


class CocoMetrics:
    """COCO's figures, collected image by image: only run-length codes of the masks are kept.

    Args:
        dataset: a prepared `Dataset`. In an image only the classes of its source count: nobody
            looked for the others there.
        max_detections: detections of a class and image that count, best first. COCO's 100 makes
            figures comparable; images with more instances than that need more.
    """

    def __init__(self, dataset, max_detections=MAX_DETECTIONS):
        self.dataset = dataset
        self.max_detections = max_detections
        self._truth = {}  # image id to (height, width) and annotations; it outlives `reset`
        self._found = {}  # image id to annotations

    def reset(self):
        """Forget the detections."""
        self._found.clear()

    def add(self, image_id, result):
        """Take the detections of an image; those it had before are forgotten.

        Args:
            image_id: index of the image in the data set.
            result: dict of `rois` int [N, 4] pixels, `class_ids` int [N], `scores` float [N] and
                `masks` bool [H, W, N] or an `InstanceMasks`.

        Raises:
            ValueError: the masks are not of the size of the image's.
        """
        image_id = int(image_id)
        masks = result["masks"]
        masks = masks if isinstance(masks, InstanceMasks) else InstanceMasks.from_dense(masks)
        shape = self.read_truth(image_id, masks.shape)
        if masks.shape[:2] != shape:
            raise ValueError(
                f"image {image_id} is {shape[0]}x{shape[1]} pixels, but masks of its detections "
                f"are {masks.height}x{masks.width} (height x width): they must be of its size."
            )
        source = self.dataset.image_info[image_id]["source"]
        known = self.dataset.source_class_ids[source]
        self._found[image_id] = [
            {**annotation(crop, box, class_id, shape), "bbox": [x1, y1, x2 - x1, y2 - y1]}
            | {"score": score}
            for crop, box, (y1, x1, y2, x2), class_id, score in zip(
                masks.crops,
                masks.boxes.tolist(),
                np.asarray(result["rois"]).tolist(),
                np.asarray(result["class_ids"]).tolist(),
                np.asarray(result["scores"]).tolist(),
                strict=True,
            )
            if class_id in known
        ]

    def read_truth(self, image_id, shape):
        """Read the instances of an image, once.

        Args:
            image_id: index of the image in the data set.
            shape: (height, width) of the image; further entries are ignored.

        Returns:
            (height, width) of the masks, or else of the image.

        Raises:
            Exception: that of `Dataset.load_instances`.
        """
        image_id = int(image_id)
        if image_id not in self._truth:
            self._truth[image_id] = self._annotations(image_id, shape[:2])
        return self._truth[image_id][0]

    def _annotations(self, image_id, shape):
        """(height, width), and the annotations of the instances that have a pixel."""
        masks, class_ids = self.dataset.load_instances(image_id)
        if masks.height and masks.width:
            shape = masks.shape[:2]
        return shape, [
            annotation(crop, box, class_id, shape)
            for crop, box, class_id in zip(
                masks.crops, masks.boxes.tolist(), class_ids.tolist(), strict=True
            )
            if crop.size
        ]

    def compute(self):
        """The figures over the images that were added.

        Returns:
            dict of float, with "bbox_" or "segm_" before these names, by IoU of boxes or masks:

            AP: average precision, the mean over IoU 0.50, 0.55, ... 0.95 and over the classes;
                AP50, AP75: at one IoU; APs, APm, APl: of instances of less than 32x32 pixels of
                area, up to 96x96, and more.
            AR: average recall, the mean over the same; AR1, AR10: of the best 1 and 10 detections
                of a class and image; ARs, ARm, ARl: by area.

            NaN where there is nothing to find, such as large instances; COCO says -1.
        """
        images = [
            {"id": i, "height": self._truth[i][0][0], "width": self._truth[i][0][1]}
            for i in self._found
        ]
        content = {
            "images": images,
            "annotations": _numbered((i, self._truth[i][1]) for i in self._found),
            "categories": [{"id": int(i)} for i in self.dataset.class_ids[1:]],
        }
        detections = _numbered(self._found.items())
        return {
            f"{kind}_{name}": value
            for kind in KINDS
            for name, value in evaluate(content, detections, kind, self.max_detections).items()
        }


def _numbered(by_image):
    """Annotations of all images in one list, with their own number and the image's."""
    rows = ((image_id, row) for image_id, rows in by_image for row in rows)
    # pycocotools takes a match with number 0 for none.
    return [{**row, "id": n, "image_id": image_id} for n, (image_id, row) in enumerate(rows, 1)]


def evaluate(content, detections, kind, max_detections=MAX_DETECTIONS):
    """COCO's twelve figures of one kind.

    Args:
        content: ground truth as COCO's instances file has it: dict of images, annotations and
            categories.
        detections: list of dicts of image_id, category_id, score, and bbox [x, y, width, height]
            or segmentation (a run-length code), as COCO's result files have them.
        kind: "bbox" or "segm".
        max_detections: see `CocoMetrics`.

    Returns:
        dict of float, see `CocoMetrics.compute`.
    """
    truth, found = COCO(), COCO()
    # pycocotools writes into the annotations.
    truth.dataset = {**content, "annotations": [dict(row) for row in content["annotations"]]}
    found.dataset = {**content, "annotations": _as_annotations(detections, kind)}
    with contextlib.redirect_stdout(io.StringIO()):  # it prints at every step
        truth.createIndex()
        found.createIndex()
        evaluator = COCOeval(truth, found, kind)
        evaluator.params.maxDets = [1, 10, max_detections]
        evaluator.evaluate()
        evaluator.accumulate()
    return _summary(evaluator)


def _as_annotations(detections, kind):
    """With numbers, and the area that decides whether a detection is small, medium or large."""
    rows = []
    for number, row in enumerate(detections, 1):
        if kind == "segm":
            area = int(mask.area(row["segmentation"]))
        else:
            area = row["bbox"][2] * row["bbox"][3]
        rows.append({**row, "id": number, "area": area, "iscrowd": 0})
    return rows


def _summary(evaluator):
    """The twelve figures; `COCOeval.summarize` takes 100 detections for granted."""
    precision = evaluator.eval["precision"]  # [IoU, recall, class, area, detections]
    recall = evaluator.eval["recall"]  # [IoU, class, area, detections]
    iou50, iou75 = (np.isclose(evaluator.params.iouThrs, value) for value in (0.5, 0.75))
    areas = {"s": 1, "m": 2, "l": 3}
    figures = {
        "AP": precision[:, :, :, 0, -1],
        "AP50": precision[iou50, :, :, 0, -1],
        "AP75": precision[iou75, :, :, 0, -1],
        **{f"AP{name}": precision[:, :, :, area, -1] for name, area in areas.items()},
        "AR1": recall[:, :, 0, 0],
        "AR10": recall[:, :, 0, 1],
        "AR": recall[:, :, 0, -1],
        **{f"AR{name}": recall[:, :, area, -1] for name, area in areas.items()},
    }
    return {name: _mean(values[values > -1]) for name, values in figures.items()}


def _mean(values):
    return float(values.mean()) if values.size else float("nan")
