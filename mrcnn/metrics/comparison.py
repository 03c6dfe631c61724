"""The truth and the detections of one image side by side: what all figures but COCO's start from.

Overlaps are counted once an image, in the crops of instances whose boxes meet, and shared by the
figures that need them.
"""

import functools

import numpy as np
import scipy.optimize

from ..geometry.boxes import compute_overlaps
from ..instances import InstanceBoxes, InstanceMasks
from ..instances.masks import as_instances
from ..instances.overlaps import intersections, iou


class Comparison:
    """The truth and the detections of one image.

    Args:
        truth: `InstanceMasks`, bool [H, W, G] or, where only boxes are known, `InstanceBoxes`.
            Instances without a pixel are dropped.
        truth_class_ids: int [G], negative for a crowd: a region of many instances of the class
            that nobody told apart. It need not be found, and `excused` says what may lie in it.
        result: dict of `rois` int [N, 4] pixels, `class_ids` int [N], `scores` float [N] and
            `masks` bool [H, W, N] or an `InstanceMasks`, as `MaskRCNN.detect` gives it. `masks`
            may be missing; the boxes then stand for the instances.
        overlap: "segm" or "bbox": whether `iou` and `excused` go by masks or by boxes. With a truth
            of boxes it is "bbox", and masks of detections are left aside.
        min_score: detections with a lower score are dropped.

    Attributes:
        height, width: of the image in pixels.
        truth: `InstanceMasks` or `InstanceBoxes` of the G instances; `truth_class_ids` int [G].
        crowds: the same of the C crowds; `crowd_class_ids` int [C], positive.
        found: the same of the N detections, best score first; `rois` int [N, 4] pixels,
            `class_ids` int [N] and `scores` float [N] beside it.

    Raises:
        ValueError: the masks of the detections are not of the size of the truth's, the result has
            not as many of one thing as of another, or `overlap` is "segm" and the truth boxes.
    """

    def __init__(self, truth, truth_class_ids, result, overlap="segm", min_score=0.0):
        self._of_boxes = isinstance(truth, InstanceBoxes)
        if self._of_boxes and overlap != "bbox":
            raise ValueError("the truth has boxes and no masks: overlaps of boxes alone are known.")
        truth = truth if self._of_boxes else as_instances(truth)
        truth_class_ids = np.asarray(truth_class_ids, np.int64).reshape(-1)
        result = as_arrays(result)
        order = np.argsort(-result["scores"], kind="stable")
        order = order[result["scores"][order] >= min_score]
        result = {name: values[order] for name, values in result.items()}
        self.rois, self.class_ids = result["rois"], result["class_ids"]
        self.scores = result["scores"]

        if self._of_boxes:
            self.found = InstanceBoxes(self.rois, truth.shape)
        elif "masks" in result:
            self.found = result["masks"]
        else:
            self.found = InstanceBoxes(np.rint(self.rois), truth.shape).filled()
        found_size = self.found.height, self.found.width
        if not self._of_boxes and not len(truth) and not truth.height:
            truth = InstanceMasks([], [], found_size)  # nobody said the size
        self.height, self.width = truth.height, truth.width
        if found_size != (self.height, self.width):
            raise ValueError(
                f"the masks of the detections are {found_size[0]}x{found_size[1]} pixels (height "
                f"x width), those of the truth {self.height}x{self.width}: they must be of one "
                "size."
            )
        seen = truth.visible
        self.truth = truth[seen & (truth_class_ids > 0)]
        self.truth_class_ids = truth_class_ids[seen & (truth_class_ids > 0)]
        self.crowds = truth[seen & (truth_class_ids < 0)]
        self.crowd_class_ids = -truth_class_ids[seen & (truth_class_ids < 0)]
        self._by_boxes = overlap == "bbox"

    def check_classes(self, class_ids):
        """Raise ValueError unless `class_ids`, ints, are all classes of truth and detections."""
        there = {*self.class_ids, *self.truth_class_ids, *self.crowd_class_ids}
        unknown = sorted(int(i) for i in there.difference(class_ids))
        if unknown:
            raise ValueError(
                f"the class ids {unknown} are in an image, but class_ids are {list(class_ids)}."
            )

    def check_masks(self):
        """Raise ValueError unless truth and detections have masks."""
        if self._of_boxes:
            raise ValueError("the truth has boxes and no masks: this figure needs masks.")

    @functools.cached_property
    def iou(self):
        """Intersection over union of detections and instances, float [N, G]."""
        if self._by_boxes:
            return compute_overlaps(self.rois, self.truth.boxes).astype(np.float64)
        return iou(self.found, self.truth)

    @functools.cached_property
    def same_class(self):
        """Whether a detection and an instance are of one class, bool [N, G]."""
        return self.class_ids[:, None] == self.truth_class_ids

    @functools.cached_property
    def crowd_share(self):
        """The largest share of each detection that lies in one crowd of its class, float [N]."""
        if self._by_boxes:
            found = InstanceBoxes(self.rois, (self.height, self.width))
            both = _box_intersections(found.boxes, self.crowds.boxes)
        else:
            found, both = self.found, intersections(self.found, self.crowds)
        both = both * (self.class_ids[:, None] == self.crowd_class_ids)
        return both.max(axis=1, initial=0) / np.maximum(found.areas, 1)

    def matches(self, threshold, any_class=False):
        """Pairs of a detection and an instance, one to one: as many as there can be.

        Of the ways to make that many pairs, the one with the largest sum of IoUs, found by the
        Hungarian method, as StarDist (`matching.py`) and Cellpose (`metrics.py`) do. Scores have no
        say in it.

        Args:
            threshold: least IoU of a pair.
            any_class: pair across classes those that found no partner of their class.

        Returns:
            found, truth: int [P] each, the indices of the pairs.
        """
        found, truth = assign(np.where(self.same_class, self.iou, 0), threshold)
        if any_class:
            rest = self.iou.copy()
            rest[found], rest[:, truth] = 0, 0
            others = assign(rest, threshold)
            found, truth = np.append(found, others[0]), np.append(truth, others[1])
        return found, truth

    def excused(self, threshold):
        """Detections, bool [N], that are no mistake where they match no instance.

        A share of at least `threshold` of each lies in a crowd of its class: COCO's rule.
        """
        return self.crowd_share >= max(threshold, 1e-9)

    def mistakes(self, found, truth, threshold):
        """What pairs leave over.

        Args:
            found, truth: int [P] each, the indices of the pairs, see `matches`.
            threshold: see `excused`.

        Returns:
            wrong: bool [N], detections of no pair that are not excused.
            missed: bool [G], instances of no pair.
        """
        wrong, missed = ~self.excused(threshold), np.ones(len(self.truth), bool)
        wrong[found], missed[truth] = False, False
        return wrong, missed

    @functools.cached_property
    def truth_labels(self):
        """int32 [H, W]: i + 1 in the pixels of instance i, 0 outside.

        Where instances overlap the smaller one wins: it lies on top, or else would be gone. Of two
        equally large ones it is the upper, then the left one.
        """
        return self._paint(self.truth, np.lexsort((*self.truth.boxes.T[::-1], self.truth.areas)))

    @functools.cached_property
    def found_labels(self):
        """int32 [H, W]: i + 1 in the pixels of detection i, 0 outside.

        Where detections overlap the one with the higher score wins.
        """
        return self._paint(self.found, np.arange(len(self.found)))

    def _paint(self, masks, first_to_last):
        self.check_masks()
        labels = np.zeros((self.height, self.width), np.int32)
        for i in first_to_last[::-1]:
            y1, x1, y2, x2 = masks.boxes[i]
            labels[y1:y2, x1:x2][masks.crops[i]] = i + 1
        return labels

    @functools.cached_property
    def label_overlaps(self):
        """Pixels that two labels share, int [N + 1, G + 1]: row 0 and column 0 are the outside."""
        return self.count_labels(np.s_[:])

    def count_labels(self, counted):
        """As `label_overlaps`, int [N + 1, G + 1], of the pixels in `counted`, bool [H, W]."""
        rows, columns = len(self.found) + 1, len(self.truth) + 1
        pairs = self.found_labels[counted].astype(np.int64) * columns + self.truth_labels[counted]
        return np.bincount(pairs.ravel(), minlength=rows * columns).reshape(rows, columns)

    @functools.cached_property
    def label_areas(self):
        """Pixels of the labels of the detections, int [N], and of the instances, int [G]."""
        overlaps = self.label_overlaps
        return overlaps.sum(axis=1)[1:], overlaps.sum(axis=0)[1:]

    def crowd_map(self, class_id=None):
        """bool [H, W]: where a crowd of the class `class_id`, or with None of any, is."""
        self.check_masks()
        inside = np.zeros((self.height, self.width), bool)
        for i in range(len(self.crowds)):
            if class_id not in (None, self.crowd_class_ids[i]):
                continue
            y1, x1, y2, x2 = self.crowds.boxes[i]
            inside[y1:y2, x1:x2] |= self.crowds.crops[i]
        return inside

    @functools.cached_property
    def labels_in_crowds(self):
        """Detections, bool [N], more than half of whose label lies in crowds of its class."""
        inside = np.zeros(len(self.found), np.int64)
        for class_id in np.unique(self.crowd_class_ids):
            labels = self.found_labels[self.crowd_map(class_id)]
            pixels = np.bincount(labels, minlength=len(self.found) + 1)[1:]
            inside += pixels * (self.class_ids == class_id)
        return inside > self.label_areas[0] / 2


def as_arrays(result):
    """A result, see `Comparison`, with int and float arrays and `InstanceMasks`, if any.

    Raises:
        ValueError: the counts of boxes, class ids, scores and masks differ.
    """
    arrays = {
        "rois": np.asarray(result["rois"]).reshape(-1, 4),
        "class_ids": np.asarray(result["class_ids"], np.int64).reshape(-1),
        "scores": np.asarray(result["scores"], np.float64).reshape(-1),
    }
    if result.get("masks") is not None:
        arrays["masks"] = as_instances(result["masks"])
    counts = {name: len(values) for name, values in arrays.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise ValueError(f"the result has {listed}: their counts must be equal.")
    return arrays


def _box_intersections(first, second):
    """Areas that boxes [N, 4] share with boxes [M, 4], in squared pixels, float64 [N, M]."""
    first, second = first.astype(np.float64)[:, None], second.astype(np.float64)
    starts = np.maximum(first[..., :2], second[:, :2])  # [N, M, (y, x)]
    ends = np.minimum(first[..., 2:], second[:, 2:])
    return np.maximum(ends - starts, 0).prod(axis=2)


def assign(iou, threshold):
    """One-to-one pairs of rows and columns, see `Comparison.matches`.

    Args:
        iou: [N, G].
        threshold: least value of a pair; pairs of 0 are never made.

    Returns:
        rows, columns: int [P] each.
    """
    possible = (iou >= threshold) & (iou > 0)
    rows, columns = np.flatnonzero(possible.any(axis=1)), np.flatnonzero(possible.any(axis=0))
    iou, possible = iou[np.ix_(rows, columns)], possible[np.ix_(rows, columns)]
    # One more pair outweighs all that IoUs can add.
    worth = np.where(possible, 1 + iou / (2 * max(1, min(iou.shape))), 0)
    i, j = scipy.optimize.linear_sum_assignment(worth, maximize=True)
    made = possible[i, j]
    return rows[i[made]], columns[j[made]]
