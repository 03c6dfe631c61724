"""COCO metrics for detections in a `Dataset`.

The ground truth comes from the dataset. Boxes and areas are those of the annotation file, if it
gives any, so for COCO's files the results are the official ones. Otherwise boxes and areas are
those of the masks or, where no masks are read, of the dataset's boxes.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..datasets.coco_export import annotation
from ..datasets.dataset import Dataset
from ..datasets.reading import read_instances
from ..instances import InstanceBoxes, InstanceKeypoints, InstanceMasks
from ..instances.annotated import countable, true_areas, true_boxes
from ..instances.rle import crop_of, encode, read_counts
from ..types import Array
from .coco import KINDS, MAX_DETECTIONS, CocoAP
from .comparison import as_arrays
from .keypoints import (
    KEYPOINTS,
    add_found_keypoints,
    add_true_keypoints,
    as_keypoint_truth,
    keypoint_areas,
    keypoint_metric,
)

logger = logging.getLogger(__name__)


def coco_ap(
    dataset: Dataset,
    results: Iterable[Mapping[str, Any]],
    image_ids: Iterable[int],
    max_detections: int = MAX_DETECTIONS,
    kinds: str | Sequence[str] = KINDS,
) -> dict[str, float]:
    """Compute COCO metrics for detections in a dataset.

    Args:
        dataset: a prepared `Dataset`.
        results: from `MaskRCNN.detect`, one per image.
        image_ids: each result's image, an index in the dataset.
        max_detections, kinds: see `CocoMetrics`.

    Returns:
        dict, see `CocoMetrics.compute`.

    Raises:
        ValueError: see `CocoMetrics`.

    Example:
        >>> from mrcnn.metrics.coco_dataset import coco_ap
        >>> results = model.detect([dataset.load_image(i) for i in (0, 1)])  # doctest: +SKIP
        >>> coco_ap(dataset, results, image_ids=[0, 1])["segm_AP"]  # doctest: +SKIP
    """
    metrics = CocoMetrics(dataset, max_detections, kinds)
    for image_id, result in zip(image_ids, results, strict=True):
        metrics.add(image_id, result)
    return metrics.compute()


class CocoMetrics:
    """COCO metrics for boxes, masks and keypoints, accumulated image by image.

    `reset` starts another evaluation. The ground truth is kept for it, as boxes or run-length
    codes.

    Args:
        dataset: a prepared `Dataset`. In each image only the classes of its source count, because
            the others were not annotated there.
        max_detections: detections counted per class and image, best first. COCO's 100 keeps
            results comparable; images with more instances than that need more.
        kinds: one or more of "bbox", "segm" and "keypoints". Without "segm", neither the dataset
            nor the detections need masks, and the ground truth comes from `Dataset.load_boxes`.

    Attributes:
        kinds: tuple of the kinds.
        field: "masks" or "boxes", the instance field that is read.

    Raises:
        ValueError: a kind is unknown, there are none, or the dataset has no keypoints for
            "keypoints".
    """

    def __init__(
        self,
        dataset: Dataset,
        max_detections: int = MAX_DETECTIONS,
        kinds: str | Sequence[str] = KINDS,
    ) -> None:
        self.dataset = dataset
        self.max_detections = max_detections
        self.kinds = as_kinds(kinds)
        self.field = "masks" if "segm" in self.kinds else "boxes"
        # Image id to (height, width) or None, and annotations.
        self._truth: dict[int, tuple[tuple[int, int] | None, list[dict[str, Any]]]] = {}
        self._metrics = metrics_of(dataset, self.kinds, max_detections)
        self._has_warned = False

    def reset(self) -> None:
        """Forget the detections but keep the ground truth."""
        for metric in self._metrics.values():
            metric.reset()

    def add(self, image_id: int, result: Mapping[str, Any]) -> None:
        """Add the detections of an image, replacing any earlier ones.

        Args:
            image_id: index of the image in the dataset.
            result: dict of `rois` int [N, 4] pixels, `class_ids` int [N], `scores` float [N] and,
                unless the only kind is "bbox", `masks` bool [H, W, N] or an `InstanceMasks`; and,
                for the kind "keypoints", `keypoints` float [N, K, 3], see `Detections`.

        Raises:
            ValueError: masks or keypoints are missing, masks differ in size from the image, or the
                result's arrays differ in length.
        """
        image_id = int(image_id)
        shape, truth = self._read(image_id)
        if self.field == "boxes":
            result = {name: values for name, values in result.items() if name != "masks"}
        elif result.get("masks") is None:
            raise ValueError(
                f"image {image_id}: the result has no masks: kinds must be ('bbox',) without them."
            )
        if KEYPOINTS in self.kinds and result.get("keypoints") is None:
            raise ValueError(
                f"image {image_id}: the result has no keypoints: leave 'keypoints' out of kinds."
            )
        result = as_arrays(result)
        if self.field == "masks":
            masks = result["masks"]
            shape = shape or masks.shape[:2]
            if masks.shape[:2] != shape:
                raise ValueError(
                    f"image {image_id} is {shape[0]}x{shape[1]} pixels, but the masks of its "
                    f"detections are {masks.height}x{masks.width} (height x width): they must have "
                    "the same size."
                )
        source = self.dataset.image_info[image_id]["source"]
        known = self.dataset.source_class_ids[source]
        shape = shape or (0, 0)  # boxes do not need it
        rows = found_annotations(result, shape)
        rows = [row for row in rows if row["category_id"] in known]
        for kind, metric in self._metrics.items():
            metric.add(image_id, shape, of_kind(truth, kind), rows)

    def read_truth(self, image_id: int, shape: Sequence[int]) -> None:
        """Read an image's instances once and check that they fit the image.

        Pass this to `over_dataset` as `read` to skip images with invalid ground truth before
        detection. `add` reads what has not been read yet.

        Args:
            image_id: index of the image in the dataset.
            shape: (height, width) of the image; further entries are ignored.

        Raises:
            Exception: whatever the dataset raises, or see `read_instances`.
        """
        self._read(int(image_id), shape)

    def instances(self, image_id: int) -> int:
        """Number of instances of an image, without crowds; `image_id` is its dataset index."""
        return sum(not row["iscrowd"] for row in self._read(int(image_id))[1])

    def truth_masks(self, image_id: int) -> tuple[InstanceMasks, Array]:
        """The instances of an image, from what is kept of them; only with the kind "segm".

        Args:
            image_id: index of the image in the dataset.

        Returns:
            `InstanceMasks` of the G instances with a visible pixel, and their class ids, int [G],
            negative for a crowd.
        """
        size, rows = self._read(int(image_id))
        rows = [row for row in rows if "segmentation" in row]
        height, width = size or (0, 0)
        found = [crop_of(read_counts(row["segmentation"]["counts"]), height) for row in rows]
        crops, corners = [crop for crop, _ in found], [corner for _, corner in found]
        ids = [row["category_id"] * (-1 if row["iscrowd"] else 1) for row in rows]
        return InstanceMasks(crops, corners, (height, width)), np.array(ids, np.int64)

    def _read(
        self, image_id: int, shape: Sequence[int] | None = None
    ) -> tuple[tuple[int, int] | None, list[dict[str, Any]]]:
        """(height, width) of the instances, None if unknown, and their annotations."""
        if image_id not in self._truth:
            keypoints = None
            if shape is not None:
                fields = (self.field, *([KEYPOINTS] if KEYPOINTS in self.kinds else []))
                instances = read_instances(self.dataset, image_id, shape, fields)
                values, class_ids = instances.fields[self.field], instances.class_ids
                keypoints = instances.fields.get(KEYPOINTS)
            elif self.field == "masks":
                values, class_ids = self.dataset.load_instances(image_id)
            else:
                values, class_ids = self.dataset.load_boxes(image_id)
            if shape is None and KEYPOINTS in self.kinds:
                keypoints = self.dataset.load_keypoints(image_id)  # type: ignore[attr-defined]
            size = values.shape[:2]
            areas = None
            if keypoints is not None:
                areas = keypoint_areas(self.dataset, image_id, values)
            annotations = truth_annotations(values, class_ids, size, keypoints, areas)
            self._truth[image_id] = (size if all(size) else None), annotations
        return self._truth[image_id]

    def compute(self) -> dict[str, float]:
        """Compute the metrics over the images added so far.

        It logs once if `max_detections` left detections out.

        Returns:
            `CocoFigures.figures` with "bbox_", "segm_" or "keypoints_" before each name, for box
            IoU, mask IoU or keypoint similarity.
        """
        note = self._metrics[self.kinds[0]].limit_note()
        if note and not self._has_warned:
            logger.warning(note)
            self._has_warned = True
        return {
            f"{kind}_{name}": value
            for kind, metric in self._metrics.items()
            for name, value in metric.accumulate().figures().items()
        }


def metrics_of(dataset: Dataset, kinds: Sequence[str], max_detections: int) -> dict[str, CocoAP]:
    """A `CocoAP` for each kind of metric.

    Args:
        dataset: a prepared `Dataset`.
        kinds: see `as_kinds`.
        max_detections: detections counted per class and image, see `keypoint_metric` for keypoints.

    Raises:
        ValueError: the dataset has no keypoints for the kind "keypoints".
    """
    return {
        kind: keypoint_metric(dataset, max_detections)
        if kind == KEYPOINTS
        else CocoAP(dataset.class_ids[1:], kind, max_detections)
        for kind in kinds
    }


def as_kinds(kinds: str | Sequence[str], name: str = "kinds") -> tuple[str, ...]:
    """Check the kinds of COCO metrics and return them as a tuple.

    Args:
        kinds: "bbox", "segm", "keypoints" or a sequence of these.
        name: the argument's name, for the error message.

    Returns:
        the kinds.

    Raises:
        ValueError: a kind is unknown, or there are none.
    """
    kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    known = (*KINDS, KEYPOINTS)
    if not kinds or set(kinds) - set(known):
        raise ValueError(f"{name} is {kinds}: it must be one or more of {known}.")
    return kinds


def truth_annotations(
    truth: InstanceMasks | InstanceBoxes,
    class_ids: npt.ArrayLike,
    shape: tuple[int, int],
    keypoints: InstanceKeypoints | None = None,
    areas: npt.ArrayLike | None = None,
) -> list[dict[str, Any]]:
    """Convert an image's instances to COCO annotations, see `CocoAP.add`.

    Args:
        truth: `InstanceMasks` or `InstanceBoxes`. An instance without a visible pixel is left out,
            unless the file gives its box; it then has no segmentation. Boxes have none either.
        class_ids: int [G], negative for a crowd.
        shape: (height, width) of the image; not used for boxes.
        keypoints: those of the instances, if they are to be compared.
        areas: [G] square pixels, with keypoints; see `keypoint_areas`.

    Returns:
        list of dicts. Boxes and areas are the file's where it gives any.
    """
    ids = np.asarray(class_ids).tolist()
    rows: list[dict[str, Any]] = [
        {
            "category_id": abs(class_id),
            "area": area,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "iscrowd": int(class_id < 0),
        }
        for (y1, x1, y2, x2), area, class_id in zip(
            true_boxes(truth).tolist(), true_areas(truth).tolist(), ids, strict=True
        )
    ]
    if isinstance(truth, InstanceMasks):
        for row, crop, (y, x, *_) in zip(rows, truth.crops, truth.boxes.tolist(), strict=True):
            if crop.size:
                row["segmentation"] = encode(crop, (y, x), shape)
    if keypoints is not None and areas is not None:
        add_true_keypoints(rows, keypoints, areas)
    return [row for row, counts in zip(rows, countable(truth).tolist(), strict=True) if counts]


def of_kind(truth: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The annotations that a kind of metric compares.

    Args:
        truth: as `truth_annotations` returned them.
        kind: "bbox" for all, "segm" for those with a segmentation, "keypoints" for those with
            keypoints, which OKS compares by their own area.
    """
    if kind == KEYPOINTS:
        return as_keypoint_truth([row for row in truth if "keypoints" in row])
    return [row for row in truth if kind == "bbox" or "segmentation" in row]


def found_annotations(result: Mapping[str, Any], shape: tuple[int, int]) -> list[dict[str, Any]]:
    """Convert an image's detections to COCO results, see `CocoAP.add`.

    Args:
        result: see `CocoMetrics.add`; `masks` is an `InstanceMasks`, or missing for boxes only.
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
    rows = [
        {**row, "bbox": [x1, y1, x2 - x1, y2 - y1], "score": score}
        for row, (y1, x1, y2, x2), score in zip(rows, boxes, scores, strict=True)
    ]
    if result.get("keypoints") is not None:
        add_found_keypoints(rows, result["keypoints"])
    return rows
