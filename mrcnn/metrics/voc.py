"""PASCAL VOC's mean average precision for boxes.

Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 2010, section 4,
following the rules of the development kit (`VOCevaldet`):

- The detections of a class in all images are processed by descending score. Each is assigned to the
  object of its class and image that it overlaps most, and is correct if their IoU is at least 0.5.
  (The paper asks for more than 0.5, the kit has >=.)
- If that object has already been found, the detection is false, however well it fits another one.
- A difficult object need not be found, and detections assigned to it do not count. Here the
  difficult objects are the crowds, instances with a negative class id.

In the kit a box includes its last row and column, so 1 is added to its sides. Here y2 and x2 are
outside the box, so the plain IoU equals the kit's. Recalls are compared as integers: in floating
point a recall of 3/10 falls short of 3 * 0.1.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..geometry.boxes import compute_overlaps
from ..types import Array
from .comparison import as_arrays
from .ratios import mean

# Recall levels of 2007: 0, 1/10, ... 10/10.
_LEVELS = 10


class VocAP:
    """VOC's average precision as defined in 2007 and in 2010, accumulated image by image.

    Args:
        class_ids: ints, the classes without the background. Other classes are ignored.
        iou: minimum IoU of a correct detection.
    """

    def __init__(self, class_ids: Iterable[int], iou: float = 0.5) -> None:
        self.class_ids = [int(i) for i in class_ids]
        self.iou = float(iou)
        self._verdicts: dict[int, dict[int, _Verdicts]] = {}  # by image id, then class id

    def add(
        self,
        image_id: int,
        truth_boxes: npt.ArrayLike,
        truth_class_ids: npt.ArrayLike,
        result: Mapping[str, Any],
    ) -> None:
        """Add an image, replacing any earlier results for it.

        Args:
            image_id: among detections with equal scores, those of the lower id come first.
            truth_boxes: [G, 4] pixels. Boxes without area are dropped.
            truth_class_ids: int [G], negative for a crowd.
            result: dict of `rois` [N, 4] pixels, `class_ids` int [N] and `scores` float [N], as
                `MaskRCNN.detect` returns it.

        Raises:
            ValueError: the result's arrays differ in length.
        """
        found = as_arrays({name: result[name] for name in ("rois", "class_ids", "scores")})
        boxes = np.asarray(truth_boxes, np.float64).reshape(-1, 4)
        ids = np.asarray(truth_class_ids, np.int64).reshape(-1)
        seen = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        boxes, ids = boxes[seen], ids[seen]
        self._verdicts[int(image_id)] = {
            class_id: self._judge(
                found["rois"][found["class_ids"] == class_id],
                found["scores"][found["class_ids"] == class_id],
                boxes[np.abs(ids) == class_id],
                ids[np.abs(ids) == class_id] < 0,
            )
            for class_id in self.class_ids
            if class_id in found["class_ids"] or class_id in np.abs(ids)
        }

    def _judge(self, rois: Array, scores: Array, boxes: Array, difficult: Array) -> "_Verdicts":
        """`_Verdicts` on the detections of one class in one image."""
        order = np.argsort(-scores, kind="stable")
        right = np.zeros(len(rois), bool)
        counted = np.ones(len(rois), bool)
        if len(boxes):
            overlaps = compute_overlaps(rois[order], boxes)  # [N, G]
            nearest = overlaps.argmax(axis=1)
            taken = np.zeros(len(boxes), bool)
            for n in np.flatnonzero(overlaps.max(axis=1) >= self.iou):
                counted[n] = not difficult[nearest[n]]
                right[n] = counted[n] and not taken[nearest[n]]
                taken[nearest[n]] = True
        return _Verdicts(scores[order][counted], right[counted], int(np.count_nonzero(~difficult)))

    def compute(self) -> dict[str, Any]:
        """Compute the metrics over the images added so far.

        Returns:
            dict of
            iou: minimum IoU of a correct detection.
            map_2007, map_2010: means of ap_2007 and ap_2010 over the classes.
            per_class: dict of class id to a dict of
                ap_2007: mean of the best precisions at a recall of at least 0, 0.1, ... 1, and
                ap_2010: area under the precision-recall curve, with precision made non-increasing,
                as in VOC from 2010 on.
            A class without objects to find has NaN and is left out of the means.
        """
        per_class = {class_id: self._figures(class_id) for class_id in self.class_ids}
        means = {
            f"map_{year}": mean([figures[f"ap_{year}"] for figures in per_class.values()])
            for year in (2007, 2010)
        }
        return {"iou": self.iou, **means, "per_class": per_class}

    def _figures(self, class_id: int) -> dict[str, float]:
        by_image = [self._verdicts[i].get(class_id) for i in sorted(self._verdicts)]
        verdicts = [part for part in by_image if part is not None]
        objects = sum(part.objects for part in verdicts)
        if not objects:
            return {"ap_2007": float("nan"), "ap_2010": float("nan")}
        scores = np.concatenate([part.scores for part in verdicts])
        right = np.concatenate([part.right for part in verdicts])
        right = right[np.argsort(-scores, kind="stable")]
        hits = np.cumsum(right)
        precision = hits / np.arange(1, len(right) + 1)
        best = [
            precision[hits * _LEVELS >= level * objects].max(initial=0)
            for level in range(_LEVELS + 1)
        ]
        falling = np.maximum.accumulate(precision[::-1])[::-1]
        # Each correct detection raises recall by 1 / objects.
        return {"ap_2007": float(np.mean(best)), "ap_2010": float(falling[right].sum() / objects)}


@dataclasses.dataclass(slots=True)
class _Verdicts:
    """The verdicts on one class in one image.

    Attributes:
        scores: float64 [D], of the detections that count, descending.
        right: bool [D], whether each is correct.
        objects: number of objects to find.
    """

    scores: Array
    right: Array
    objects: int
