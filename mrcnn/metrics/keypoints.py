"""Keypoints as COCO's metric, the object keypoint similarity (OKS), compares them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..datasets.coco_export import keypoints_annotation
from ..datasets.dataset import Dataset
from ..instances import InstanceBoxes, InstanceKeypoints
from ..instances.annotated import true_areas
from ..types import Array
from .coco import MAX_DETECTIONS, CocoAP

KEYPOINTS = "keypoints"


def keypoint_metric(dataset: Dataset, max_detections: int = MAX_DETECTIONS) -> CocoAP:
    """COCO's metric for the keypoints of a dataset, with its sigmas.

    Args:
        dataset: a prepared `Dataset`.
        max_detections: detections counted per class and image. COCO's 100 for boxes becomes its 20
            for keypoints.

    Raises:
        ValueError: the dataset has no keypoints.
    """
    layout = dataset.keypoint_layout
    if layout is None:
        raise ValueError(
            f"{type(dataset).__name__} has no keypoint_layout: the kind 'keypoints' needs a "
            "dataset with keypoints."
        )
    limit = max_detections if max_detections > MAX_DETECTIONS else None
    return CocoAP(dataset.class_ids[1:], KEYPOINTS, limit, layout.sigmas)


def add_true_keypoints(
    rows: Sequence[dict[str, Any]], keypoints: InstanceKeypoints, areas: npt.ArrayLike
) -> None:
    """Add the keypoints of an image's G instances to their annotations.

    Args:
        rows: the annotations of all G instances, changed in place.
        keypoints: of the instances.
        areas: [G] square pixels, by which OKS scales distances; see `keypoint_areas`.
    """
    of_each = zip(rows, keypoints.points, np.asarray(areas).tolist(), strict=True)
    for row, points, area in of_each:
        row |= {**keypoints_annotation(points), "keypoint_area": area}


def as_keypoint_truth(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The annotations for `keypoint_metric`, with the areas that OKS uses.

    Args:
        rows: from `add_true_keypoints`.
    """
    return [{**row, "area": row["keypoint_area"]} for row in rows]


def add_found_keypoints(rows: Sequence[dict[str, Any]], keypoints: npt.ArrayLike) -> None:
    """Add the keypoints of an image's N detections to their results.

    Args:
        rows: COCO's results of the detections, changed in place.
        keypoints: float [N, K, 3] of (y, x, score) in pixels.
    """
    for row, points in zip(rows, np.asarray(keypoints, np.float64), strict=True):
        flat = np.column_stack([points[:, 1] - 0.5, points[:, 0] - 0.5, points[:, 2]])
        row["keypoints"] = flat.reshape(-1).tolist()


def keypoint_areas(dataset: Dataset, image_id: int, instances: Any) -> Array:
    """The areas by which OKS scales the distances of an image's instances.

    Args:
        dataset: a prepared `Dataset`.
        image_id: index of the image in the dataset.
        instances: its `InstanceMasks`, or `InstanceBoxes` where no masks were read.

    Returns:
        [G] square pixels: the file's area, as in COCO, or else the mask's, or the box's where there
        is no mask.
    """
    without_masks = instances.annotated is None and isinstance(instances, InstanceBoxes)
    if without_masks and dataset.has("masks", image_id):
        instances, _ = dataset.load_instances(image_id)
    return true_areas(instances)
