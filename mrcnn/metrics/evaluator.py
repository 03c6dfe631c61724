"""All metrics of a detector in one pass, accumulated image by image.

For each image, only counts, sums and, for COCO's AP, a few bytes per detection are kept.
"""

import collections
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..config_rules.detection_rules import Confidence, by_class, confidence_problems
from ..datasets.dataset import Dataset
from ..instances import InstanceBoxes, InstanceKeypoints, InstanceMasks
from ..instances.annotated import true_boxes
from ..instances.masks import as_instances
from ..types import Array
from .coco import KINDS, MAX_DETECTIONS
from .coco_dataset import as_kinds, found_annotations, metrics_of, of_kind, truth_annotations
from .comparison import Comparison, as_arrays
from .confusion import ConfusionMatrix
from .hausdorff import HausdorffDistance
from .jaccard import AggregatedJaccard
from .keypoints import KEYPOINTS, keypoint_areas
from .objects import ObjectScores
from .panoptic import PanopticQuality
from .pixel_classes import PixelScores
from .ratios import mean, ratio
from .voc import VocAP

# Name in the result, and the class that accumulates it from `Comparison`s.
_COLLECTORS: dict[str, Callable[[list[int]], Any]] = {
    "objects": ObjectScores,
    "panoptic": PanopticQuality,
    "pixels": PixelScores,
    "aji": AggregatedJaccard,
    "hausdorff": HausdorffDistance,
    "confusion": ConfusionMatrix,
}
METRICS = ("coco", "voc", *_COLLECTORS)
# The metrics that need no masks, and the one for boxes only.
_WITHOUT_MASKS = ("coco", "voc", "objects", "confusion")
_BOXES_ONLY = "voc"


class Evaluator:
    """All metrics of a detector, accumulated image by image: `evaluate` without the detection.

    Args:
        dataset: a prepared `Dataset`; only its classes and its images' sources are used.
        metrics, iou_types, min_score, max_detections: see `evaluate`.

    Raises:
        ValueError: a metric or type is unknown, `min_score` names a class that does not exist, or
            the types do not allow a metric: those that need masks require "segm", and "voc"
            requires "bbox".
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        metrics: str | Sequence[str] | None = None,
        iou_types: str | Sequence[str] = KINDS,
        min_score: Confidence = 0.0,
        max_detections: int = MAX_DETECTIONS,
    ) -> None:
        iou_types = as_kinds(iou_types, "iou_types")
        metrics = _choose(metrics, iou_types)
        if isinstance(min_score, Mapping):
            for problem in confidence_problems("min_score", min_score, len(dataset.class_ids)):
                raise ValueError(problem)
        self._least = by_class(min_score, len(dataset.class_ids))
        self.dataset = dataset
        self.overlap = "segm" if "segm" in iou_types else "bbox"
        self.settings: dict[str, Any] = {
            "metrics": list(metrics),
            "iou_types": list(iou_types),
            "min_score": _plain(min_score),
            "max_detections": int(max_detections),
        }
        class_ids = dataset.class_ids[1:].tolist()
        coco = iou_types if "coco" in metrics else ()
        self._coco = metrics_of(dataset, coco, max_detections)
        self._voc = VocAP(class_ids) if "voc" in metrics else None
        self._collectors = {n: _COLLECTORS[n](class_ids) for n in _COLLECTORS if n in metrics}
        self._counts = {"images": 0, "instances": 0, "crowds": 0, "detections": 0}
        self._truncated: collections.Counter[str] = collections.Counter()  # by limit
        self._per_image: list[dict[str, Any]] = []

    def add(
        self,
        image_id: int,
        truth: InstanceMasks | InstanceBoxes | Array,
        truth_class_ids: npt.ArrayLike,
        result: Mapping[str, Any],
        keypoints: InstanceKeypoints | None = None,
    ) -> None:
        """Add an image; each one may be added only once.

        Args:
            image_id: index of the image in the dataset.
            truth: `InstanceMasks`, bool [H, W, G] or, without "segm" in iou_types, `InstanceBoxes`.
                If it has boxes `annotated` in a file, detected boxes are compared with these.
            truth_class_ids: int [G], negative for a crowd.
            result: dict of `rois` int [N, 4] pixels, `class_ids` int [N], `scores` float [N] and,
                with "segm" in iou_types, `masks` bool [H, W, N] or an `InstanceMasks`. It may have
                `truncated`, see `Detections`, and needs `keypoints` with "keypoints" in iou_types.
            keypoints: the true ones, with "keypoints" in iou_types.

        Raises:
            ValueError: result or ground truth has no masks although "segm" needs them, their masks
                differ in size, or the result's arrays differ in length.
        """
        image_id = int(image_id)
        truth = truth if isinstance(truth, InstanceBoxes) else as_instances(truth)
        truncated = str(result.get("truncated") or "")
        try:
            result = self._drop_other_classes(image_id, result)
            comparison = Comparison(
                truth,
                truth_class_ids,
                result,
                overlap=self.overlap,
                min_score=self._least,
            )
        except ValueError as error:
            raise ValueError(f"image {image_id}: {error}") from None
        if self._coco:
            shape = comparison.height, comparison.width
            areas = None
            if KEYPOINTS in self._coco:
                self._check_keypoints(image_id, result, keypoints)
                areas = keypoint_areas(self.dataset, image_id, truth)
            instances = truth_annotations(truth, truth_class_ids, shape, keypoints, areas)
            found = found_annotations(result, shape)
            for kind, metric in self._coco.items():
                metric.add(image_id, shape, of_kind(instances, kind), found)
        if self._voc:
            self._voc.add(image_id, true_boxes(truth), truth_class_ids, result)
        row: dict[str, Any] = {
            "image_id": image_id,
            "instances": len(comparison.truth),
            "detections": len(comparison.found),
            "truncated": truncated,
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
        self._truncated.update([truncated] if truncated else [])
        self._per_image.append(row)

    def _check_keypoints(self, image_id, result, keypoints):
        """Check that both the result and the ground truth of an image have keypoints."""
        what = "ground truth" if keypoints is None else "result"
        if keypoints is None or "keypoints" not in result:
            raise ValueError(
                f"image {image_id}: the {what} has no keypoints: leave 'keypoints' out of "
                "iou_types."
            )

    def _drop_other_classes(self, image_id: int, result: Mapping[str, Any]) -> dict[str, Any]:
        """The detections of the image source's classes; masks are `InstanceMasks` or missing."""
        if self.overlap == "bbox":
            result = {name: part for name, part in result.items() if name != "masks"}
        result = as_arrays(result)
        if self.overlap == "segm" and "masks" not in result:
            raise ValueError("the result has no masks: iou_types must be ('bbox',) without them.")
        source = self.dataset.image_info[image_id]["source"]
        known = np.isin(result["class_ids"], self.dataset.source_class_ids[source])
        return {name: values[known] for name, values in result.items()}

    def compute(self) -> dict[str, Any]:
        """Compute the metrics over the images added so far.

        Returns:
            dict of numbers, strings, lists and dicts of these, NaN where there is nothing to
            divide by; per_class dicts have class names as keys.
            images, instances, crowds, detections: how many there are, counting only detections
                that score at least min_score.
            settings: dict of the arguments.
            classes: class names without the background.
            coco: dict of "bbox", "segm" and "keypoints" to `CocoFigures.figures` and per_class.
            voc, objects, panoptic, pixels, aji, hausdorff, confusion: what `compute` returns for
                `VocAP`, `ObjectScores`, `PanopticQuality`, `PixelScores`, `AggregatedJaccard`,
                `HausdorffDistance` and `ConfusionMatrix`, but the last has classes, a list of
                names, in place of class_ids.
            curves: dict of "bbox", "segm" and "keypoints" to `CocoFigures.curves`.
            per_image: list of dicts of image_id, instances, detections, truncated (the limit that
                cut them, or "") and, with `objects`, the image's dsb_score.
            Metrics that were not requested are missing.
        """
        names = _names(self.dataset.class_info)
        by_kind = {kind: metric.accumulate() for kind, metric in self._coco.items()}
        result: dict[str, Any] = {
            **self._counts,
            "settings": dict(self.settings),
            "classes": names[1:],
        }
        if by_kind:
            result["coco"] = {
                kind: {**figures.figures(), "per_class": _named(figures.per_class(), names)}
                for kind, figures in by_kind.items()
            }
        voc = {"voc": self._voc} if self._voc else {}
        for name, collector in {**voc, **self._collectors}.items():
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

    def limit_note(self) -> str:
        """See `CocoAP.limit_note`; "" without COCO's metrics."""
        return next((metric.limit_note() for metric in self._coco.values()), "")

    @property
    def truncated(self) -> int:
        """Number of images in which a limit cut the detections."""
        return self._truncated.total()

    def notes(self) -> list[str]:
        """A list of sentences, one for each limit that cut detections."""
        notes = [
            f"{limit} cut the detections in {count} of {self._counts['images']} images: raise it."
            for limit, count in self._truncated.items()
        ]
        return [note for note in (self.limit_note(), *notes) if note]


def _choose(metrics: str | Sequence[str] | None, iou_types: Sequence[str]) -> tuple[str, ...]:
    """Names of the metrics to compute."""
    possible, why = METRICS, ""
    if "segm" not in iou_types:
        possible = _WITHOUT_MASKS
        why = ": without 'segm' in iou_types there are no masks to compare"
    elif "bbox" not in iou_types:
        possible = tuple(name for name in METRICS if name != _BOXES_ONLY)
        why = f": {_BOXES_ONLY!r} compares boxes and needs 'bbox' in iou_types"
    metrics = possible if metrics is None else tuple(np.atleast_1d(metrics).tolist())
    if set(metrics) - set(possible):
        why = why if set(metrics) <= set(METRICS) else ""
        raise ValueError(f"metrics is {metrics}: it must be one or more of {possible}{why}.")
    return metrics


def _plain(min_score: Confidence) -> float | dict[int, float]:
    """A threshold, or those by class, for JSON."""
    if isinstance(min_score, Mapping):
        return {int(class_id): float(score) for class_id, score in min_score.items()}
    return float(min_score or 0)


def _names(class_info: Iterable[Mapping[str, Any]]) -> list[str]:
    """Class names; a repeated name gets its source appended."""
    names: list[str] = []
    for info in class_info:
        name = info["name"]
        names.append(name if name not in names else f"{name} ({info['source']}.{info['id']})")
    return names


def _named(by_class: Mapping[int, Any], names: Sequence[str]) -> dict[str, Any]:
    return {names[class_id]: value for class_id, value in by_class.items()}
