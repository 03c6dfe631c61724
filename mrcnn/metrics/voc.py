"""PASCAL VOC's mean average precision of boxes.

Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 2010, section 4, by the
rules of the development kit (`VOCevaldet`):

- The detections of a class in all images are taken by descending score. Each goes to the object of
  its class and image that it overlaps most, and is right if their IoU is at least 0.5. (The paper
  asks for more than 0.5, the kit has >=.)
- If that object was found before, the detection is false, however well it fits another one.
- A difficult object need not be found, and detections that go to it do not count. Here crowds,
  instances with a negative class id, are the difficult ones.

The kit adds 1 to the sides of its boxes, whose last row and column are inside. Here y2 and x2 are
outside, so the plain IoU is the kit's. Recalls are compared in whole numbers: in floating point a
recall of 3/10 falls short of 3 * 0.1.
"""

import dataclasses

import numpy as np

from ..geometry.boxes import compute_overlaps
from .comparison import as_arrays
from .ratios import mean

# Recall levels of 2007: 0, 1/10, ... 10/10.
_LEVELS = 10


class VocAP:
    """VOC's average precision of 2007 and of 2010, collected image by image.

    Args:
        class_ids: ints, the classes without the background. What is of another class is left out.
        iou: least IoU of a right detection.
    """

    def __init__(self, class_ids, iou=0.5):
        self.class_ids = [int(i) for i in class_ids]
        self.iou = float(iou)
        self._verdicts = {}  # image id to {class id: `_Verdicts`}

    def add(self, image_id, truth_boxes, truth_class_ids, result):
        """Take an image; what it had before is forgotten.

        Args:
            image_id: int; of detections with one score those of the lower id come first.
            truth_boxes: [G, 4] pixels. Those without an area are dropped.
            truth_class_ids: int [G], negative for a crowd.
            result: dict of `rois` [N, 4] pixels, `class_ids` int [N] and `scores` float [N], as
                `MaskRCNN.detect` gives it.

        Raises:
            ValueError: the result has not as many of one thing as of another.
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

    def _judge(self, rois, scores, boxes, difficult):
        """`_Verdicts` of the detections and objects of one class in one image."""
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
        return _Verdicts(scores[order][counted], right[counted], np.count_nonzero(~difficult))

    def compute(self):
        """The figures over the images that were added.

        Returns:
            dict of
            iou: least IoU of a right detection.
            map_2007, map_2010: means over the classes of ap_2007 and ap_2010.
            per_class: dict of class id to a dict of
                ap_2007: mean of the best precision at a recall of at least 0, 0.1, ... 1, and
                ap_2010: area under the curve of precision, made non-increasing, over recall, as VOC
                has it from 2010 on.
            NaN for a class without an object to find, which the means leave out.
        """
        per_class = {class_id: self._figures(class_id) for class_id in self.class_ids}
        means = {
            f"map_{year}": mean([figures[f"ap_{year}"] for figures in per_class.values()])
            for year in (2007, 2010)
        }
        return {"iou": self.iou, **means, "per_class": per_class}

    def _figures(self, class_id):
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
        # Each right detection moves recall by 1 / objects.
        return {"ap_2007": float(np.mean(best)), "ap_2010": float(falling[right].sum() / objects)}


@dataclasses.dataclass(slots=True)
class _Verdicts:
    """What there is to say of one class in one image.

    Attributes:
        scores: float64 [D], of the detections that count, descending.
        right: bool [D].
        objects: how many are to be found.
    """

    scores: np.ndarray
    right: np.ndarray
    objects: int
