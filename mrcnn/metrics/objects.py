"""Detection scores at given IoUs: the Data Science Bowl score, AP, precision, recall and F1.

All come from three counts at an IoU: correct detections (TP), wrong detections (FP) and missed
instances (FN). What microscopists call AP, as in StarDist and Cellpose, is TP / (TP + FP + FN). It
is not COCO's AP: scores play no role, so the score threshold for keeping detections is part of the
result.

Two ways of averaging are in use. They differ when images hold different numbers of instances:

- over images: the ratio of each image, then the mean. Used by the Data Science Bowl 2018 (its
  evaluation page; Caicedo et al., Nature Methods 2019) and Cellpose (Stringer et al., Nature
  Methods 2021; `metrics.average_precision`).
- pooled: the counts of all images are summed first. Used by StarDist
  (`matching_dataset(by_image=False)`, its default).
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..types import Array
from .comparison import Comparison
from .ratios import ratio

# 0.50, 0.55, ... 0.95
IOU_THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))


class ObjectScores:
    """TP, FP and FN by IoU threshold, accumulated image by image.

    A detection is correct if it is paired with an instance of its class, see `Comparison.matches`.
    An IoU equal to the threshold is enough, as in StarDist and Cellpose; the Data Science Bowl
    required more. Wrong detections are not counted if they are excused (`Comparison.excused`).

    Args:
        class_ids: ints, the classes without the background.
        thresholds: the IoU thresholds.
    """

    def __init__(
        self, class_ids: Iterable[int], thresholds: Iterable[float] = IOU_THRESHOLDS
    ) -> None:
        self.class_ids = [int(i) for i in class_ids]
        self.thresholds = tuple(thresholds)
        # Row 0 is for all classes together, row i + 1 for class_ids[i].
        shape = len(self.class_ids) + 1, len(self.thresholds)
        self._counts = np.zeros((*shape, 3), np.int64)  # TP, FP, FN
        self._sums = np.zeros(shape)  # of the ratios per image
        self._images = np.zeros(shape, np.int64)  # with something to count

    def add(self, comparison: Comparison) -> Array:
        """Add an image.

        Args:
            comparison: of the image.

        Returns:
            TP, FP and FN of all classes together, int [T, 3].
        """
        comparison.check_classes(self.class_ids)
        counts = np.zeros_like(self._counts)
        for t, threshold in enumerate(self.thresholds):
            found, truth = comparison.matches(threshold)
            wrong, missed = comparison.mistakes(found, truth, threshold)
            counts[1:, t, 0] = self._by_class(comparison.truth_class_ids[truth])
            counts[1:, t, 1] = self._by_class(comparison.class_ids[wrong])
            counts[1:, t, 2] = self._by_class(comparison.truth_class_ids[missed])
        counts[0] = counts[1:].sum(axis=0)
        self._counts += counts
        total = counts.sum(axis=2)
        self._sums += counts[..., 0] / np.maximum(total, 1)
        self._images += total > 0
        return counts[0]

    def _by_class(self, class_ids: Array) -> list[int]:
        return [int(np.count_nonzero(class_ids == i)) for i in self.class_ids]

    def compute(self) -> dict[str, Any]:
        """Compute the metrics over the images added so far.

        Returns:
            dict of
            iou: the T thresholds; the lists below have the same length.
            dsb_score: mean of TP / (TP + FP + FN) over images and thresholds: the Data Science Bowl
                score, if the thresholds are 0.50 to 0.95. An image with neither an instance nor a
                detection has no ratio and is left out.
            image_mean_ap: the mean over images at each threshold: AP as Cellpose reports it.
            pooled_ap: TP / (TP + FP + FN) of the summed counts: AP as StarDist reports it.
            precision, recall, f1: TP / (TP + FP), TP / (TP + FN) and 2 TP / (2 TP + FP + FN) of the
                summed counts.
            tp, fp, fn: the summed counts.
            per_class: dict of class id to a dict of all these except iou.
            NaN where there is nothing to divide by.
        """
        per_class = {class_id: self._figures(k) for k, class_id in enumerate(self.class_ids, 1)}
        return {"iou": list(self.thresholds), **self._figures(0), "per_class": per_class}

    def _figures(self, row: int) -> dict[str, Any]:
        tp, fp, fn = self._counts[row].T
        by_image = ratio(self._sums[row], self._images[row])
        lists = {
            "image_mean_ap": by_image,
            "pooled_ap": ratio(tp, tp + fp + fn),
            "precision": ratio(tp, tp + fp),
            "recall": ratio(tp, tp + fn),
            "f1": ratio(2 * tp, 2 * tp + fp + fn),
            **{"tp": tp, "fp": fp, "fn": fn},
        }
        lists = {name: values.tolist() for name, values in lists.items()}
        return {"dsb_score": float(by_image.mean()), **lists}
