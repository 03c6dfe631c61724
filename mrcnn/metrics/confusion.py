"""Confusion matrix: which classes are taken for which, which instances are missed or made up."""

import numpy as np


class ConfusionMatrix:
    """Instances by their class and by that of the detection, collected image by image.

    An instance is paired with a detection of its class first, as in `ObjectScores`, so that the
    diagonal holds its right detections; what is left is paired whatever the class
    (`Comparison.matches`). An instance without a partner was detected as background, a detection
    without one is background in truth, unless `Comparison.excused`.

    Args:
        class_ids: ints, the classes without the background, 0.
        threshold: least IoU of a pair.
    """

    def __init__(self, class_ids, threshold=0.5):
        self.class_ids = [int(i) for i in class_ids]
        self.threshold = threshold
        size = len(self.class_ids) + 1
        self._counts = np.zeros((size, size), np.int64)

    def add(self, comparison):
        """Take the `Comparison` of an image."""
        comparison.check_classes(self.class_ids)
        found, truth = comparison.matches(self.threshold, any_class=True)
        wrong, missed = comparison.mistakes(found, truth, self.threshold)
        of_missed, of_wrong = comparison.truth_class_ids[missed], comparison.class_ids[wrong]
        true = [*comparison.truth_class_ids[truth], *of_missed, *np.zeros_like(of_wrong)]
        detected = [*comparison.class_ids[found], *np.zeros_like(of_missed), *of_wrong]
        place = {class_id: k for k, class_id in enumerate([0, *self.class_ids])}
        for row, column in zip(true, detected, strict=True):
            self._counts[place[row], place[column]] += 1

    def compute(self):
        """The counts over the images that were added.

        Returns:
            dict of iou, the threshold; class_ids, [0, ...]; and matrix, a list of lists of int: row
            i holds the instances of class_ids[i], column j the detections of class_ids[j].
        """
        return {
            "iou": self.threshold,
            "class_ids": [0, *self.class_ids],
            "matrix": self._counts.tolist(),
        }
