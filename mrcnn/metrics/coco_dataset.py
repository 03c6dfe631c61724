"""COCO's figures of detections in a `Dataset`.

The ground truth is what the data set gives: boxes and areas are those of the masks, where COCO's
own files have those of polygons, in fractions of a pixel. On COCO's sample of 100 images that moves
the AP of boxes from 0.505 to 0.486 and that of masks by nothing. `evaluate_coco` gives the official
figures for the official file. Where no masks are read, the boxes are those of the file, and the
area of an instance is that of its box.
"""

import numpy as np

from ..datasets.coco_export import annotation
from ..datasets.reading import read_instances
from ..instances import InstanceBoxes
from .coco import KINDS, MAX_DETECTIONS, CocoAP
from .comparison import as_arrays


def coco_ap(dataset, results, image_ids, max_detections=MAX_DETECTIONS, kinds=KINDS):
    """COCO's figures of detections.

    Args:
        dataset: a prepared `Dataset`.
        results: iterable of what `MaskRCNN.detect` gives for an image.
        image_ids: the image of each, an index in the data set.
        max_detections, kinds: see `CocoMetrics`.

    Returns:
        dict, see `CocoMetrics.compute`.

    Raises:
        ValueError: see `CocoMetrics`.
    """
    metrics = CocoMetrics(dataset, max_detections, kinds)
    for image_id, result in zip(image_ids, results, strict=True):
        metrics.add(image_id, result)
    return metrics.compute()


class CocoMetrics:
    """COCO's figures of boxes and masks, collected image by image, and again after `reset`.

    The truth of the images stays, as boxes or run-length codes, for the next time they are detected
    in.

    Args:
        dataset: a prepared `Dataset`. In an image only the classes of its source count: nobody
            looked for the others there.
        max_detections: detections of a class and image that count, best first. COCO's 100 makes
            figures comparable; images with more instances than that need more.
        kinds: "bbox", "segm" or both. With "bbox" alone neither the data set nor the detections
            need masks, and the truth is what `Dataset.load_boxes` gives.

    Attributes:
        kinds: tuple of these.
        field: "masks" or "boxes", what is read of the instances.

    Raises:
        ValueError: an unknown kind, or none.
    """

    def __init__(self, dataset, max_detections=MAX_DETECTIONS, kinds=KINDS):
        self.dataset = dataset
        self.max_detections = max_detections
        self.kinds = as_kinds(kinds)
        self.field = "masks" if "segm" in self.kinds else "boxes"
        self._truth = {}  # image id to (height, width) or None, and annotations
        self._metrics = {
            kind: CocoAP(dataset.class_ids[1:], kind, max_detections) for kind in self.kinds
        }

    def reset(self):
        """Forget the detections, and keep the truth."""
        for metric in self._metrics.values():
            metric.reset()

    def add(self, image_id, result):
        """Take the detections of an image; those it had before are forgotten.

        Args:
            image_id: index of the image in the data set.
            result: dict of `rois` int [N, 4] pixels, `class_ids` int [N], `scores` float [N] and,
                unless the kind is "bbox" alone, `masks` bool [H, W, N] or an `InstanceMasks`.

        Raises:
            ValueError: there are no masks, they are not of the size of the image's, or the result
                has not as many of one thing as of another.
        """
        image_id = int(image_id)
        shape, truth = self._read(image_id)
        if self.field == "boxes":
            result = {name: result[name] for name in ("rois", "class_ids", "scores")}
        elif result.get("masks") is None:
            raise ValueError(
                f"image {image_id}: the result has no masks: kinds=('bbox',) is for boxes alone."
            )
        result = as_arrays(result)
        if self.field == "masks":
            masks = result["masks"]
            shape = shape or masks.shape[:2]
            if masks.shape[:2] != shape:
                raise ValueError(
                    f"image {image_id} is {shape[0]}x{shape[1]} pixels, but masks of its "
                    f"detections are {masks.height}x{masks.width} (height x width): they must be "
                    "of its size."
                )
        source = self.dataset.image_info[image_id]["source"]
        known = self.dataset.source_class_ids[source]
        shape = shape or (0, 0)  # of boxes it does not matter
        rows = found_annotations(result, shape)
        rows = [row for row in rows if row["category_id"] in known]
        for metric in self._metrics.values():
            metric.add(image_id, shape, truth, rows)

    def read_truth(self, image_id, shape):
        """Read the instances of an image, once, and see that they fit it.

        `over_dataset` takes this as its `read`: an image whose truth is wrong is left out before
        anything is detected in it. `add` reads what was not read before.

        Args:
            image_id: index of the image in the data set.
            shape: (height, width) of the image; further entries are ignored.

        Raises:
            Exception: that of the data set, or see `read_instances`.
        """
        self._read(int(image_id), shape)

    def _read(self, image_id, shape=None):
        """(height, width) of the instances, None if nobody said it, and their annotations."""
        if image_id not in self._truth:
            if shape is not None:
                instances = read_instances(self.dataset, image_id, shape, (self.field,))
                values, class_ids = instances.fields[self.field], instances.class_ids
            elif self.field == "masks":
                values, class_ids = self.dataset.load_instances(image_id)
            else:
                values, class_ids = self.dataset.load_boxes(image_id)
            shape = values.shape[:2] if all(values.shape[:2]) else None
            self._truth[image_id] = shape, truth_annotations(values, class_ids, shape)
        return self._truth[image_id]

    def compute(self):
        """The figures over the images that were added.

        Returns:
            dict of float, `CocoFigures.figures` with "bbox_" or "segm_" before their names, by IoU
            of boxes or masks.
        """
        return {
            f"{kind}_{name}": value
            for kind, metric in self._metrics.items()
            for name, value in metric.accumulate().figures().items()
        }


def as_kinds(kinds, name="kinds"):
    """What COCO's figures go by, as a tuple.

    Args:
        kinds: "bbox", "segm" or a sequence of these.
        name: of the argument, for the message.

    Returns:
        tuple of str.

    Raises:
        ValueError: an unknown kind, or none.
    """
    kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    if not kinds or set(kinds) - set(KINDS):
        raise ValueError(f"{name} is {kinds}: some of {KINDS} are accepted.")
    return kinds


def truth_annotations(truth, class_ids, shape):
    """The instances of an image as COCO's files have them, see `CocoAP.add`.

    Args:
        truth: `InstanceMasks` or `InstanceBoxes`; those of which nothing can be seen are left out.
            Boxes have no segmentation, and the area is theirs.
        class_ids: int [G], negative for a crowd.
        shape: (height, width) of the image; of boxes it is not used.

    Returns:
        list of dicts.
    """
    boxes, class_ids = truth.boxes.tolist(), np.asarray(class_ids).tolist()
    if isinstance(truth, InstanceBoxes):
        return [
            {
                "category_id": abs(class_id),
                "area": area,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "iscrowd": int(class_id < 0),
            }
            for (y1, x1, y2, x2), area, class_id in zip(
                boxes, truth.areas.tolist(), class_ids, strict=True
            )
            if area
        ]
    return [
        annotation(crop, box, class_id, shape)
        for crop, box, class_id in zip(truth.crops, boxes, class_ids, strict=True)
        if crop.size
    ]


def found_annotations(result, shape):
    """The detections of an image as COCO's result files have them, see `CocoAP.add`.

    Args:
        result: see `CocoMetrics.add`; masks are an `InstanceMasks`, or are missing, for boxes only.
        shape: (height, width) of the image.

    Returns:
        list of dicts.
    """
    boxes, class_ids, scores = (
        np.asarray(result[name]).tolist() for name in ("rois", "class_ids", "scores")
    )
    masks = result.get("masks")
    if masks is None:
        rows = [{"category_id": class_id} for class_id in class_ids]
    else:
        parts = zip(masks.crops, masks.boxes.tolist(), class_ids, strict=True)
        rows = [annotation(*part, shape) for part in parts]
    return [
        {**row, "bbox": [x1, y1, x2 - x1, y2 - y1], "score": score}
        for row, (y1, x1, y2, x2), score in zip(rows, boxes, scores, strict=True)
    ]
