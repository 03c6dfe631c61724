"""Aggregated Jaccard index: the shared pixels of all pairs over the pixels of all instances.

Kumar et al., "A Dataset and a Technique for Generalized Nuclear Segmentation for Computational
Pathology", IEEE Transactions on Medical Imaging 2017, algorithm 1, as the authors' last script for
the MoNuSeg challenge has it: a detection may be taken by several instances. Cellpose's function of
this name divides by the union of all foregrounds and comes out higher.
"""

import numpy as np

from .ratios import ratio


class AggregatedJaccard:
    """AJI, collected image by image.

    Each instance takes the detection of its class with the largest IoU, be it taken already or not;
    their intersection and union are added up. An instance that meets none adds its area to the
    union, and so does each detection that no instance took, unless more than half of it lies in
    crowds of its class. Every pixel belongs to one detection and to one instance at most
    (`Comparison.found_labels`, `truth_labels`).

    Args:
        class_ids: ints, the classes without the background.
    """

    def __init__(self, class_ids):
        self.class_ids = [int(i) for i in class_ids]
        # Row 0 is all classes together: their intersections over their unions.
        self._sums = np.zeros(len(self.class_ids) + 1)
        self._images = np.zeros(len(self.class_ids) + 1, np.int64)

    def add(self, comparison):
        """Take the `Comparison` of an image."""
        comparison.check_classes(self.class_ids)
        found_areas, truth_areas = comparison.label_areas
        both = comparison.label_overlaps[1:, 1:] * comparison.same_class  # [N, G]
        union = found_areas[:, None] + truth_areas - both
        iou = both / np.maximum(union, 1)
        best = iou.argmax(axis=0) if len(iou) else np.zeros(len(truth_areas), np.int64)
        columns = np.arange(len(truth_areas))
        met = iou[best, columns] > 0 if len(iou) else np.zeros(len(truth_areas), bool)
        rest = ~comparison.labels_in_crowds
        rest[best[met]] = False

        parts = np.zeros((len(self.class_ids) + 1, 2))  # intersection, union
        for k, class_id in enumerate(self.class_ids, 1):
            of_class = comparison.truth_class_ids == class_id
            taken, lonely = columns[met & of_class], columns[~met & of_class]
            pairs = best[taken], taken
            false = rest & (comparison.class_ids == class_id)
            parts[k, 0] = both[pairs].sum()
            parts[k, 1] = union[pairs].sum() + truth_areas[lonely].sum() + found_areas[false].sum()
        parts[0] = parts[1:].sum(axis=0)
        self._sums += parts[:, 0] / np.maximum(parts[:, 1], 1)
        self._images += parts[:, 1] > 0

    def compute(self):
        """The figures over the images that were added.

        Returns:
            dict of aji, the mean over images, of which those with neither an instance nor a
            detection are left out; and per_class, dict of class id to that of the class alone.
            NaN without anything.
        """
        values = ratio(self._sums, self._images).tolist()
        return {
            "aji": values[0],
            "per_class": {i: {"aji": values[k]} for k, i in enumerate(self.class_ids, 1)},
        }
