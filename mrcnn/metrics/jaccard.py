"""Aggregated Jaccard index: pixels shared by all pairs, divided by the pixels of all instances.

Kumar et al., "A Dataset and a Technique for Generalized Nuclear Segmentation for Computational
Pathology", IEEE Transactions on Medical Imaging 2017, algorithm 1, as implemented in the authors'
final script for the MoNuSeg challenge: several instances may take the same detection. Cellpose's
function of the same name divides by the union of all foregrounds and gives higher values.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from .comparison import Comparison
from .ratios import ratio


class AggregatedJaccard:
    """AJI, accumulated image by image.

    Each instance takes the detection of its class with the largest IoU, whether or not it is
    already taken. Their intersections and unions are summed. An instance that overlaps no detection
    adds its area to the union, and so does each detection that no instance took, unless more than
    half of it lies in crowds of its class. Every pixel belongs to at most one detection and at most
    one instance (`Comparison.found_labels`, `truth_labels`).

    Args:
        class_ids: ints, the classes without the background.
    """

    def __init__(self, class_ids: Iterable[int]) -> None:
        self.class_ids = [int(i) for i in class_ids]
        # Row 0 is for all classes together: summed intersections over summed unions.
        self._sums = np.zeros(len(self.class_ids) + 1)
        self._images = np.zeros(len(self.class_ids) + 1, np.int64)

    def add(self, comparison: Comparison) -> None:
        """Add the `Comparison` of an image."""
        comparison.check_classes(self.class_ids)
        found_areas, truth_areas = comparison.label_areas
        both = comparison.label_overlaps[1:, 1:] * comparison.same_class  # [N, G]
        union = found_areas[:, None] + truth_areas - both
        iou = both / np.maximum(union, 1)
        best = iou.argmax(axis=0) if len(iou) else np.zeros(len(truth_areas), np.int64)
        columns = np.arange(len(truth_areas))
        overlapping = iou[best, columns] > 0 if len(iou) else np.zeros(len(truth_areas), bool)
        rest = ~comparison.labels_in_crowds
        rest[best[overlapping]] = False

        parts = np.zeros((len(self.class_ids) + 1, 2))  # intersection, union
        for k, class_id in enumerate(self.class_ids, 1):
            of_class = comparison.truth_class_ids == class_id
            taken, unmatched = columns[overlapping & of_class], columns[~overlapping & of_class]
            pairs = best[taken], taken
            false = rest & (comparison.class_ids == class_id)
            parts[k, 0] = both[pairs].sum()
            parts[k, 1] = (
                union[pairs].sum() + truth_areas[unmatched].sum() + found_areas[false].sum()
            )
        parts[0] = parts[1:].sum(axis=0)
        self._sums += parts[:, 0] / np.maximum(parts[:, 1], 1)
        self._images += parts[:, 1] > 0

    def compute(self) -> dict[str, Any]:
        """Compute the metrics over the images added so far.

        Returns:
            dict of aji, the mean over images with an instance or a detection; and per_class, dict
            of class id to a dict of the class's aji. NaN if there are no such images.
        """
        values = ratio(self._sums, self._images).tolist()
        return {
            "aji": values[0],
            "per_class": {i: {"aji": values[k]} for k, i in enumerate(self.class_ids, 1)},
        }
