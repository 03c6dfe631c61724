"""Confusion matrix: which classes are confused, and which instances are missed or spurious."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from .comparison import Comparison


class ConfusionMatrix:
    """Counts of instances by true and detected class, accumulated image by image.

    Instances are first paired with detections of their own class, as in `ObjectScores`, so the
    diagonal holds the correct detections. What is left is paired regardless of class
    (`Comparison.matches`). An unpaired instance counts in the background column, an unpaired
    detection in the background row, unless it is excused (`Comparison.excused`).

    Args:
        class_ids: ints, the classes without the background, 0.
        threshold: minimum IoU of a pair.
    """

    def __init__(self, class_ids: Iterable[int], threshold: float = 0.5) -> None:
        self.class_ids = [int(i) for i in class_ids]
        self.threshold = threshold
        size = len(self.class_ids) + 1
        self._counts = np.zeros((size, size), np.int64)

    def add(self, comparison: Comparison) -> None:
        """Add the `Comparison` of an image."""
        comparison.check_classes(self.class_ids)
        found, truth = comparison.matches(self.threshold, any_class=True)
        wrong, missed = comparison.mistakes(found, truth, self.threshold)
        of_missed, of_wrong = comparison.truth_class_ids[missed], comparison.class_ids[wrong]
        true = [*comparison.truth_class_ids[truth], *of_missed, *np.zeros_like(of_wrong)]
        detected = [*comparison.class_ids[found], *np.zeros_like(of_missed), *of_wrong]
        place = {class_id: k for k, class_id in enumerate([0, *self.class_ids])}
        for row, column in zip(true, detected, strict=True):
            self._counts[place[row], place[column]] += 1

    def compute(self) -> dict[str, Any]:
        """Return the counts over the images added so far.

        Returns:
            dict of iou, the threshold; class_ids, [0, ...]; and matrix, a list of lists of int: row
            i holds the instances of class_ids[i], column j the detections of class_ids[j].
        """
        return {
            "iou": self.threshold,
            "class_ids": [0, *self.class_ids],
            "matrix": self._counts.tolist(),
        }
