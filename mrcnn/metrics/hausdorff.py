"""Hausdorff distance between the outlines of detected and true regions.

Huttenlocher et al., "Comparing Images Using the Hausdorff Distance", IEEE TPAMI 1993. Distances are
measured between outlines, as is usual in medical imaging, and also given as the 95th percentile,
which a single stray pixel cannot dominate (Menze et al., "The Multimodal Brain Tumor Image
Segmentation Benchmark", IEEE TMI 2015).
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.ndimage
import scipy.spatial

from ..instances.masks import union
from ..types import Array
from .comparison import Comparison
from .ratios import mean, ratio


class HausdorffDistance:
    """Distances between detected and true regions of each class, accumulated image by image.

    A class's true region is the union of its instances, its detected region that of its detections.
    Detections with at least half of their area in a crowd of their class are left out.

    If only one of the two regions is empty, the distance is the image diagonal, the largest
    possible. If both are empty, the image is left out.

    Args:
        class_ids: ints, the classes without the background.
    """

    def __init__(self, class_ids: Iterable[int]) -> None:
        self.class_ids = [int(i) for i in class_ids]
        self._sums = np.zeros((len(self.class_ids), 2))  # largest, 95th percentile
        self._images = np.zeros(len(self.class_ids), np.int64)
        self._one_empty = np.zeros(len(self.class_ids), np.int64)

    def add(self, comparison: Comparison) -> None:
        """Add the `Comparison` of an image."""
        comparison.check_classes(self.class_ids)
        comparison.check_masks()
        counted = ~comparison.excused(0.5)
        found, found_ids = comparison.found[counted], comparison.class_ids[counted]
        truth, truth_ids = comparison.truth, comparison.truth_class_ids
        for k, class_id in enumerate(self.class_ids):
            regions = found[found_ids == class_id], truth[truth_ids == class_id]
            outlines = _outline_of(regions[0]), _outline_of(regions[1])
            empty = sum(not len(points) for points in outlines)
            if empty == 2:
                continue
            self._images[k] += 1
            self._one_empty[k] += empty
            if empty:
                self._sums[k] += np.hypot(comparison.height, comparison.width)
            else:
                self._sums[k] += hausdorff(*outlines, (100, 95))

    def compute(self) -> dict[str, Any]:
        """Compute the metrics over the images added so far.

        Returns:
            dict of
            hausdorff, hausdorff95: pixels, means over the classes.
            per_class: dict of class id to a dict of
                hausdorff, hausdorff95: pixels, means over images.
                images: number of these images.
                one_empty: number of them whose distance is the diagonal.
            NaN where there is nothing to compare.
        """
        means = ratio(self._sums, self._images[:, None])
        return {
            "hausdorff": mean(means[:, 0]),
            "hausdorff95": mean(means[:, 1]),
            "per_class": {
                class_id: {
                    "hausdorff": float(means[k, 0]),
                    "hausdorff95": float(means[k, 1]),
                    "images": int(self._images[k]),
                    "one_empty": int(self._one_empty[k]),
                }
                for k, class_id in enumerate(self.class_ids)
            },
        }


def hausdorff(
    first: npt.ArrayLike, second: npt.ArrayLike, percentiles: Sequence[float] | Array = (100,)
) -> Array:
    """Hausdorff distances between two point sets: the larger of the two directions.

    Args:
        first, second: [P, 2] and [Q, 2], at least one point each.
        percentiles: [K], of the distances from each point to the nearest point of the other set;
            100 gives the Hausdorff distance itself.

    Returns:
        float64 [K], one distance per percentile, in the units of the points.

    Example:
        >>> from mrcnn.metrics.hausdorff import hausdorff
        >>> hausdorff([[0, 0], [0, 1]], [[0, 0], [0, 4]])
        array([3.])
    """
    there = scipy.spatial.cKDTree(second).query(first)[0]
    back = scipy.spatial.cKDTree(first).query(second)[0]
    return np.maximum(np.percentile(there, percentiles), np.percentile(back, percentiles))


def outline(mask: Array, corner: npt.ArrayLike = (0, 0)) -> Array:
    """Pixels of a mask with a neighbour outside it, above, below, left or right.

    Args:
        mask: bool [h, w]; everything beyond the array is outside.
        corner: (y, x) of its first pixel in the image.

    Returns:
        int [P, (y, x)].
    """
    inner = scipy.ndimage.binary_erosion(mask)
    return np.argwhere(mask & ~inner) + np.array(corner)


def _outline_of(masks: Any) -> Array:
    """The outline of the union of `InstanceMasks`, int [P, (y, x)]; P is 0 if it is empty."""
    masks = masks[masks.visible]
    if not len(masks):
        return np.zeros((0, 2), np.int64)
    return outline(*union(masks.crops, masks.boxes[:, :2]))
