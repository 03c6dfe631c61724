"""Remove overlaps between detections, for objects such as nuclei or cells in one plane."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..config_rules.values import check_fraction
from ..instances.masks import InstanceMasks, as_instances
from ..types import Array, Detections
from .truncation import OF_THE_IMAGE


def remove_overlaps(result: Mapping[str, Any], min_share: float = 0.5) -> Detections:
    """Make detections disjoint, for objects such as nuclei or cells in one plane.

    From the highest score to the lowest, each detection keeps the pixels that are still free. A
    detection that keeps less than the fraction `min_share` of its pixels is dropped and takes none.

    Args:
        result: `rois`, `class_ids`, `scores` and `masks`, as `MaskRCNN.detect` returns them;
            `masks` may be an `InstanceMasks`. The result is not modified.
        min_share: from 0 (only detections without a free pixel are dropped) to 1.

    Returns:
        a result of the same kind with the remaining detections, in the same order; the boxes,
        int32, enclose what is left of the masks.

    Raises:
        ValueError: `min_share` is out of range, or the result has no masks.

    Example:
        >>> from mrcnn.inference.no_overlaps import remove_overlaps
        >>> masks = np.ones((2, 4, 2), bool)
        >>> masks[:, 2:, 0] = False  # the first is the left half of the second
        >>> result = {"rois": [[0, 0, 2, 2], [0, 0, 2, 4]], "class_ids": [1, 1]}
        >>> remove_overlaps({**result, "scores": [0.9, 0.8], "masks": masks})["rois"]
        array([[0, 0, 2, 2],
               [0, 2, 2, 4]], dtype=int32)
    """
    check_fraction("min_share", min_share)
    if "masks" not in result:
        raise ValueError("the result has no masks: boxes may overlap where objects do not.")
    masks = as_instances(result["masks"])
    taken = np.zeros((masks.height, masks.width), bool)
    crops = list(masks.crops)
    kept = np.zeros(len(masks), bool)
    for i in np.argsort(-np.asarray(result["scores"]), kind="stable"):
        y1, x1, y2, x2 = masks.boxes[i]
        free = masks.crops[i] & ~taken[y1:y2, x1:x2]
        pixels = np.count_nonzero(free)
        if pixels and pixels >= min_share * np.count_nonzero(masks.crops[i]):
            taken[y1:y2, x1:x2] |= free
            crops[i], kept[i] = free, True
    left = InstanceMasks(crops, masks.boxes[:, :2], masks.shape)[kept]
    disjoint: Any = {
        name: part if name in OF_THE_IMAGE else np.asarray(part)[kept]
        for name, part in result.items()
        if name not in ("rois", "masks")
    }
    disjoint |= {"rois": left.boxes, "masks": left if masks is result["masks"] else left.dense()}
    return disjoint


def without_overlaps(
    detect: Callable[[list[Array]], Iterable[Mapping[str, Any]]], min_share: float = 0.5
) -> Callable[[list[Array]], list[Detections]]:
    """Wrap a detector so that its detections share no pixels.

    Args:
        detect: function from a list of images to a list of results, such as `model.detect`.
        min_share: see `remove_overlaps`.

    Returns:
        function like `detect`.
    """
    return lambda images: [remove_overlaps(result, min_share) for result in detect(images)]
