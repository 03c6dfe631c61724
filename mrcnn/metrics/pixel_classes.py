"""Pixel classes: mean IoU and Dice, the metrics of semantic segmentation.

Mean IoU follows PASCAL VOC and Long et al., "Fully Convolutional Networks for Semantic
Segmentation", CVPR 2015, section 5: pixels of all images are counted together, and the background
is a class. Dice is 2 |A and B| / (|A| + |B|) for the pixels of a class (Dice, Ecology 1945). In
medicine the mean over images is usual; pooling pixels gives large lesions more weight.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..types import Array
from .comparison import Comparison
from .ratios import mean, ratio


class PixelScores:
    """IoU and Dice of pixel classes, accumulated image by image.

    A pixel has the class of the detection with the highest score there, or of the smallest
    instance (`Comparison.found_labels`, `truth_labels`); otherwise it is background. Pixels in a
    crowd but in no instance do not count.

    Args:
        class_ids: ints, the classes without the background, 0.
    """

    def __init__(self, class_ids: Iterable[int]) -> None:
        self.class_ids = [int(i) for i in class_ids]
        size = len(self.class_ids) + 1
        self._pixels = np.zeros((size, size), np.int64)  # by detected class, by true class
        self._dice_sums = np.zeros(size)  # row 0 is for all classes as one
        self._dice_images = np.zeros(size, np.int64)

    def add(self, comparison: Comparison) -> None:
        """Add the `Comparison` of an image."""
        comparison.check_classes(self.class_ids)
        pixels = np.zeros_like(self._pixels)
        rows = self._index(comparison.class_ids)
        columns = self._index(comparison.truth_class_ids)
        np.add.at(pixels, (rows[:, None], columns), self._label_overlaps(comparison))
        self._pixels += pixels
        both, either = _dice_parts(pixels)
        self._dice_sums += 2 * both / np.maximum(either, 1)
        self._dice_images += either > 0

    def _index(self, class_ids: Array) -> Array:
        """Row indices of the background and of each detection or instance."""
        place = {class_id: k for k, class_id in enumerate(self.class_ids, 1)}
        return np.array([0, *(place[i] for i in class_ids.tolist())])

    def _label_overlaps(self, comparison: Comparison) -> Array:
        if not len(comparison.crowds):
            return comparison.label_overlaps
        counted = comparison.truth_labels > 0
        counted |= ~comparison.crowd_map()
        return comparison.count_labels(counted)

    def compute(self) -> dict[str, Any]:
        """Compute the metrics over the images added so far.

        Returns:
            dict of
            mean_iou: mean IoU of the background and of the classes that have pixels; iou_bg: the
                background's IoU.
            dice: mean of image_mean_dice over the classes.
            foreground_dice, foreground_pooled_dice: Dice of all classes as one, the mean over
                images and that of the pooled pixels.
            per_class: dict of class id to iou, pooled_dice, and image_mean_dice: the mean over the
                images with pixels of the class in the ground truth or the detections.
            NaN where there is nothing to divide by.
        """
        pixels = self._pixels
        right, detected, true = np.diag(pixels), pixels.sum(axis=1), pixels.sum(axis=0)
        iou = ratio(right, detected + true - right)
        both, either = _dice_parts(pixels)
        pooled, by_image = ratio(2 * both, either), ratio(self._dice_sums, self._dice_images)
        return {
            "mean_iou": mean(iou),
            "iou_bg": float(iou[0]),
            "dice": mean(by_image[1:]),
            "foreground_dice": float(by_image[0]),
            "foreground_pooled_dice": float(pooled[0]),
            "per_class": {
                class_id: {
                    "iou": float(iou[k]),
                    "pooled_dice": float(pooled[k]),
                    "image_mean_dice": float(by_image[k]),
                }
                for k, class_id in enumerate(self.class_ids, 1)
            },
        }


def _dice_parts(pixels: Array) -> tuple[Array, Array]:
    """Pixels in both, and the sum of both areas; row 0 is for all classes as one."""
    both, either = np.diag(pixels).copy(), pixels.sum(axis=0) + pixels.sum(axis=1)
    both[0] = pixels[1:, 1:].sum()
    either[0] = pixels[1:].sum() + pixels[:, 1:].sum()
    return both, either
