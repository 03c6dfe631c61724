"""Panoptic quality: how well instances are found, times how well they are outlined.

Kirillov et al., "Panoptic Segmentation", CVPR 2019, section 4.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from .comparison import Comparison
from .ratios import mean, ratio


class PanopticQuality:
    """PQ, SQ and RQ of the instances, accumulated image by image.

    Every pixel belongs to at most one segment. Where detections overlap, the one with the higher
    score gets it; where instances overlap, the smaller one (`Comparison.found_labels`,
    `truth_labels`). What has no pixels left is not a segment. A detection and an instance of the
    same class match if their IoU exceeds 0.5, so matches are unique. Wrong detections are not
    counted if more than half of their area lies in crowds of their class.

    Args:
        class_ids: ints, the classes without the background.
    """

    def __init__(self, class_ids: Iterable[int]) -> None:
        self.class_ids = [int(i) for i in class_ids]
        self._counts = np.zeros((len(self.class_ids), 4))  # sum of IoUs, TP, FP, FN

    def add(self, comparison: Comparison) -> None:
        """Add the `Comparison` of an image."""
        comparison.check_classes(self.class_ids)
        found_areas, truth_areas = comparison.label_areas
        both = comparison.label_overlaps[1:, 1:]
        union = found_areas[:, None] + truth_areas - both
        iou = np.where(comparison.same_class, both / np.maximum(union, 1), 0)
        found, truth = np.nonzero(iou > 0.5)
        wrong = (found_areas > 0) & ~comparison.labels_in_crowds
        missed = truth_areas > 0
        wrong[found], missed[truth] = False, False
        for k, class_id in enumerate(self.class_ids):
            matched = comparison.class_ids[found] == class_id
            self._counts[k] += (
                iou[found, truth][matched].sum(),
                np.count_nonzero(matched),
                np.count_nonzero(comparison.class_ids[wrong] == class_id),
                np.count_nonzero(comparison.truth_class_ids[missed] == class_id),
            )

    def compute(self) -> dict[str, Any]:
        """Compute the metrics over the images added so far.

        Returns:
            dict of pq, sq and rq, means over the classes with an instance or a detection; and
            per_class, dict of class id to the same three for that class. rq is F1 at IoU 0.5, sq
            the mean IoU of the matches (0 if there are none), pq their product. NaN if there is
            neither an instance nor a detection.
        """
        iou, tp, fp, fn = self._counts.T
        rq = ratio(tp, tp + fp / 2 + fn / 2)
        sq = np.where(np.isnan(rq), np.nan, iou / np.maximum(tp, 1))
        figures = {"pq": sq * rq, "sq": sq, "rq": rq}
        return {
            **{name: mean(values) for name, values in figures.items()},
            "per_class": {
                class_id: {name: float(values[k]) for name, values in figures.items()}
                for k, class_id in enumerate(self.class_ids)
            },
        }
