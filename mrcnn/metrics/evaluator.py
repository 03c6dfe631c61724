"""All figures of a detector at once, collected image by image.

Nothing of an image is kept but counts, sums and, for COCO's AP, some bytes a detection.
"""

import numpy as np

from ..instances.masks import as_instances
from .coco import KINDS, MAX_DETECTIONS, CocoAP
from .coco_dataset import found_annotations, truth_annotations
from .comparison import Comparison, as_arrays
from .confusion import ConfusionMatrix
from .hausdorff import HausdorffDistance
from .jaccard import AggregatedJaccard
from .objects import ObjectScores
from .panoptic import PanopticQuality
from .pixel_classes import PixelScores
from .ratios import mean, ratio

# Name in the result, and what collects it from a `Comparison`.
_COLLECTORS = {
    "objects": ObjectScores,
    "panoptic": PanopticQuality,
    "pixels": PixelScores,
    "aji": AggregatedJaccard,
    "hausdorff": HausdorffDistance,
    "confusion": ConfusionMatrix,
}
METRICS = ("coco", *_COLLECTORS)
# Those that need no masks.
_OF_BOXES = ("coco", "objects", "confusion")


class Evaluator:
    """All figures of a detector, collected image by image: `evaluate` without the detecting.

    Args:
        dataset: a prepared `Dataset`; of it only the classes and the sources of images are used.
        metrics, iou_types, min_score, max_detections: see `evaluate`.

    Raises:
        ValueError: an unknown metric or type, or one that needs masks where there are none.
    """

    def __init__(
        self,
        dataset,
        *,
        metrics=None,
        iou_types=KINDS,
        min_score=0.0,
        max_detections=MAX_DETECTIONS,
    ):
        iou_types = (iou_types,) if isinstance(iou_types, str) else tuple(iou_types)
        if not iou_types or set(iou_types) - set(KINDS):
            raise ValueError(f"iou_types is {iou_types}: some of {KINDS} are accepted.")
        possible = METRICS if "segm" in iou_types else _OF_BOXES
        metrics = possible if metrics is None else tuple(np.atleast_1d(metrics).tolist())
        if set(metrics) - set(possible):
            masks = "" if possible == METRICS else ", without 'segm' in iou_types"
            raise ValueError(f"metrics is {metrics}: some of {possible} are accepted{masks}.")
        self.dataset = dataset
        self.overlap = "segm" if "segm" in iou_types else "bbox"
        self.settings = {
            "metrics": list(metrics),
            "iou_types": list(iou_types),
            "min_score": float(min_score),
            "max_detections": int(max_detections),
        }
        class_ids = dataset.class_ids[1:].tolist()
        coco = iou_types if "coco" in metrics else ()
        self._coco = {kind: CocoAP(class_ids, kind, max_detections) for kind in coco}
        self._collectors = {n: _COLLECTORS[n](class_ids) for n in _COLLECTORS if n in metrics}
        self._counts = {"images": 0, "instances": 0, "crowds": 0, "detections": 0}
        self._per_image = []

    def add(self, image_id, truth_masks, truth_class_ids, result):
        """Take an image; each one once.

        Args:
            image_id: index of the image in the data set.
            truth_masks: `InstanceMasks` or bool [H, W, G].
            truth_class_ids: int [G], negative for a crowd.
            result: dict of `rois` int [N, 4] pixels, `class_ids` int [N], `scores` float [N] and
                `masks` bool [H, W, N] or an `InstanceMasks`.

        Raises:
            ValueError: the result has no masks, or they are not of the size of the truth's, or it
                has not as many of one thing as of another.
        """
        image_id = int(image_id)
        truth_masks = as_instances(truth_masks)
        try:
            result = self._of_known_classes(image_id, result)
            comparison = Comparison(
                truth_masks,
                truth_class_ids,
                result,
                overlap=self.overlap,
                min_score=self.settings["min_score"],
            )
        except ValueError as error:
            raise ValueError(f"image {image_id}: {error}") from None
        if self._coco:
            shape = comparison.height, comparison.width
            truth = truth_annotations(truth_masks, np.asarray(truth_class_ids), shape)
            found = found_annotations(result, shape)
            for metric in self._coco.values():
                metric.add(image_id, shape, truth, found)
        row = {
            "image_id": image_id,
            "instances": len(comparison.truth),
            "detections": len(comparison.found),
        }
        for name, collector in self._collectors.items():
            counts = collector.add(comparison)
            if name == "objects":
                tp, fp, fn = counts.T
                row["dsb_score"] = mean(ratio(tp, tp + fp + fn))
        self._counts["images"] += 1
        self._counts["instances"] += row["instances"]
        self._counts["crowds"] += len(comparison.crowds)
        self._counts["detections"] += row["detections"]
        self._per_image.append(row)

    def _of_known_classes(self, image_id, result):
        """The detections of classes of the image's source, masks as `InstanceMasks` or missing."""
        result = as_arrays(result)
        if self.overlap == "bbox":
            result.pop("masks", None)
        elif "masks" not in result:
            raise ValueError("the result has no masks: iou_types=('bbox',) is for boxes alone.")
        source = self.dataset.image_info[image_id]["source"]
        known = np.isin(result["class_ids"], self.dataset.source_class_ids[source])
        return {name: values[known] for name, values in result.items()}

    def compute(self):
        """The figures over the images that were added.

        Returns:
            dict of numbers, strings, lists and dicts of these, NaN where there is nothing to
            divide by; per_class dicts are by the name of the class.
            images, instances, crowds, detections: how many there are, the detections of at least
                min_score.
            settings: dict of the arguments.
            classes: names of the classes but the background.
            coco: dict of "bbox" and "segm" to `CocoFigures.figures` and per_class.
            objects, panoptic, pixels, aji, hausdorff, confusion: what `compute` of `ObjectScores`,
                `PanopticQuality`, `PixelScores`, `AggregatedJaccard`, `HausdorffDistance` and
                `ConfusionMatrix` give; the last has classes, names, for class_ids.
            curves: dict of "bbox" and "segm" to `CocoFigures.curves`.
            per_image: list of dicts of image_id, instances, detections, and dsb_score of the image
                with `objects`.
            What was not asked for is missing.
        """
        names = _names(self.dataset.class_info)
        by_kind = {kind: metric.accumulate() for kind, metric in self._coco.items()}
        result = {**self._counts, "settings": dict(self.settings), "classes": names[1:]}
        if by_kind:
            result["coco"] = {
                kind: {**figures.figures(), "per_class": _named(figures.per_class(), names)}
                for kind, figures in by_kind.items()
            }
        for name, collector in self._collectors.items():
            part = collector.compute()
            if "per_class" in part:
                part["per_class"] = _named(part["per_class"], names)
            if "class_ids" in part:
                part = {**part, "classes": [names[i] for i in part["class_ids"]]}
                del part["class_ids"]
            result[name] = part
        if by_kind:
            result["curves"] = {kind: figures.curves() for kind, figures in by_kind.items()}
            for curves in result["curves"].values():
                curves["per_class"] = _named(curves["per_class"], names)
        return {**result, "per_image": list(self._per_image)}


def _names(class_info):
    """Names of the classes; of those of one name, the later ones say their source."""
    names = []
    for info in class_info:
        name = info["name"]
        names.append(name if name not in names else f"{name} ({info['source']}.{info['id']})")
    return names


def _named(by_class, names):
    return {names[class_id]: value for class_id, value in by_class.items()}
