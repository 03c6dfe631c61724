"""Ground truth and detections of one image side by side: the basis of most metrics.

All but COCO's and VOC's use it. Overlaps are computed once per image, in the crops of instances
whose boxes meet, and shared by the metrics that need them.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.optimize

from ..geometry.boxes import compute_overlaps
from ..instances import InstanceBoxes, InstanceMasks
from ..instances.annotated import countable, true_boxes
from ..instances.masks import as_instances
from ..instances.overlaps import intersections, iou
from ..types import Array


class Comparison:
    """The ground truth and the detections of one image.

    Args:
        truth: `InstanceMasks`, bool [H, W, G] or, where only boxes are known, `InstanceBoxes`.
            Instances without a pixel are dropped, unless there are only boxes and the box in the
            annotation file reaches into the image.
        truth_class_ids: int [G], negative for a crowd: a region of many instances of the class
            that were not annotated one by one. A crowd need not be found; for detections inside it
            see `excused`.
        result: dict of `rois` int [N, 4] pixels, `class_ids` int [N], `scores` float [N] and
            `masks` bool [H, W, N] or an `InstanceMasks`, as `MaskRCNN.detect` returns it. `masks`
            may be missing; the boxes then stand in for the instances.
        overlap: "segm" or "bbox": whether `iou` and `excused` use masks or boxes (those in the
            annotation file, if it has any). If the ground truth has only boxes, it must be "bbox",
            and masks of detections are ignored.
        min_score: detections with a lower score are dropped. One for all classes, or [classes], one
            for each by its id.

    Attributes:
        height, width: of the image in pixels.
        truth: `InstanceMasks` or `InstanceBoxes` of the G instances; `truth_class_ids` int [G].
        crowds: the same for the C crowds; `crowd_class_ids` int [C], positive.
        found: the same for the N detections, best score first; `rois` int [N, 4] pixels,
            `class_ids` int [N] and `scores` float [N].

    Raises:
        ValueError: masks of detections and ground truth differ in size, the result's arrays differ
            in length, or `overlap` is "segm" but the ground truth has only boxes.

    Example:
        >>> from mrcnn.metrics.comparison import Comparison
        >>> masks = np.zeros((4, 4, 2), bool)
        >>> masks[:2, :, 0] = masks[2:, :, 1] = True
        >>> result = {"rois": [[0, 0, 2, 4]], "class_ids": [1], "scores": [0.9]}
        >>> comparison = Comparison(masks, [1, 1], {**result, "masks": masks[..., :1]})
        >>> comparison.iou
        array([[1., 0.]])
        >>> comparison.matches(threshold=0.5)
        (array([0]), array([0]))
    """

    def __init__(
        self,
        truth: InstanceMasks | InstanceBoxes | Array,
        truth_class_ids: npt.ArrayLike,
        result: Mapping[str, Any],
        overlap: str = "segm",
        min_score: npt.ArrayLike = 0.0,
    ) -> None:
        self._truth_is_boxes = isinstance(truth, InstanceBoxes)
        if self._truth_is_boxes and overlap != "bbox":
            raise ValueError("the ground truth has boxes but no masks: only boxes can be compared.")
        instances = truth if isinstance(truth, InstanceBoxes) else as_instances(truth)
        instance_ids = np.asarray(truth_class_ids, np.int64).reshape(-1)
        result = as_arrays(result)
        order = np.argsort(-result["scores"], kind="stable")
        least = np.asarray(min_score, np.float64)
        least = least[result["class_ids"]] if least.ndim else np.full(len(order), least)
        order = order[(result["scores"] >= least)[order]]
        result = {name: values[order] for name, values in result.items()}
        self.rois: Array = result["rois"]
        self.class_ids: Array = result["class_ids"]
        self.scores: Array = result["scores"]

        self.found: InstanceMasks | InstanceBoxes
        if self._truth_is_boxes:
            self.found = InstanceBoxes(self.rois, instances.shape)
        elif "masks" in result:
            self.found = result["masks"]
        else:
            self.found = InstanceBoxes(np.rint(self.rois), instances.shape).filled()
        found_size = self.found.height, self.found.width
        if not self._truth_is_boxes and not len(instances) and not instances.height:
            instances = InstanceMasks([], [], found_size)  # the size is unknown
        self.height, self.width = instances.height, instances.width
        if found_size != (self.height, self.width):
            raise ValueError(
                f"the masks of the detections are {found_size[0]}x{found_size[1]} pixels (height "
                f"x width), those of the ground truth {self.height}x{self.width}: they must have "
                "the same size."
            )
        seen = countable(instances) if self._truth_is_boxes else instances.visible
        self.truth: InstanceMasks | InstanceBoxes = instances[seen & (instance_ids > 0)]
        self.truth_class_ids: Array = instance_ids[seen & (instance_ids > 0)]
        self.crowds: InstanceMasks | InstanceBoxes = instances[seen & (instance_ids < 0)]
        self.crowd_class_ids: Array = -instance_ids[seen & (instance_ids < 0)]
        self._compare_boxes = overlap == "bbox"

    def check_classes(self, class_ids: Sequence[int]) -> None:
        """Raise ValueError unless `class_ids`, ints, include all classes of the image."""
        there = {*self.class_ids, *self.truth_class_ids, *self.crowd_class_ids}
        unknown = sorted(int(i) for i in there.difference(class_ids))
        if unknown:
            raise ValueError(
                f"the image has class ids {unknown}, but class_ids is {list(class_ids)}: it must "
                "include them."
            )

    def check_masks(self) -> None:
        """Raise ValueError unless ground truth and detections have masks."""
        if self._truth_is_boxes:
            raise ValueError("the ground truth has boxes but no masks: this metric needs masks.")

    @functools.cached_property
    def iou(self) -> Array:
        """Intersection over union of detections and instances, float [N, G]."""
        if self._compare_boxes:
            return compute_overlaps(self.rois, true_boxes(self.truth)).astype(np.float64)
        found: Any = self.found  # both are masks
        truth: Any = self.truth
        return iou(found, truth)

    @functools.cached_property
    def same_class(self) -> Array:
        """Whether a detection and an instance have the same class, bool [N, G]."""
        return self.class_ids[:, None] == self.truth_class_ids

    @functools.cached_property
    def crowd_share(self) -> Array:
        """Largest fraction of each detection inside one crowd of its class, float [N]."""
        if self._compare_boxes:
            boxes = InstanceBoxes(self.rois, (self.height, self.width))
            areas, both = boxes.areas, _box_intersections(boxes.boxes, true_boxes(self.crowds))
        else:
            found: Any = self.found  # both are masks
            crowds: Any = self.crowds
            areas, both = found.areas, intersections(found, crowds)
        both = both * (self.class_ids[:, None] == self.crowd_class_ids)
        return both.max(axis=1, initial=0) / np.maximum(areas, 1)

    def matches(self, threshold: float, any_class: bool = False) -> tuple[Array, Array]:
        """Pair detections and instances one to one, as many as possible.

        Among pairings of that size, the one with the largest sum of IoUs is chosen, by the
        Hungarian method, as in StarDist (`matching.py`) and Cellpose (`metrics.py`). Scores play no
        role.

        Args:
            threshold: minimum IoU of a pair.
            any_class: whether to then pair what is left, regardless of class.

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

    def excused(self, threshold: float) -> Array:
        """Detections, bool [N], that are not mistakes even if they match no instance.

        At least a fraction `threshold` of each lies in a crowd of its class, as in COCO.
        """
        return self.crowd_share >= max(threshold, 1e-9)

    def mistakes(self, found: Array, truth: Array, threshold: float) -> tuple[Array, Array]:
        """Find the detections and instances that the pairs leave over.

        Args:
            found, truth: int [P] each, the indices of the pairs, see `matches`.
            threshold: see `excused`.

        Returns:
            wrong: bool [N], unpaired detections that are not excused.
            missed: bool [G], unpaired instances.
        """
        wrong, missed = ~self.excused(threshold), np.ones(len(self.truth), bool)
        wrong[found], missed[truth] = False, False
        return wrong, missed

    @functools.cached_property
    def truth_labels(self) -> Array:
        """int32 [H, W]: i + 1 in the pixels of instance i, 0 outside.

        Where instances overlap, the smaller one wins: it must lie on top, or it would be hidden. Of
        two with equal areas, the upper one wins, then the left one.
        """
        return self._paint(self.truth, np.lexsort((*self.truth.boxes.T[::-1], self.truth.areas)))

    @functools.cached_property
    def found_labels(self) -> Array:
        """int32 [H, W]: i + 1 in the pixels of detection i, 0 outside.

        Where detections overlap, the one with the higher score wins.
        """
        return self._paint(self.found, np.arange(len(self.found)))

    def _paint(self, masks: Any, first_to_last: Array) -> Array:
        self.check_masks()
        labels = np.zeros((self.height, self.width), np.int32)
        for i in first_to_last[::-1]:
            y1, x1, y2, x2 = masks.boxes[i]
            labels[y1:y2, x1:x2][masks.crops[i]] = i + 1
        return labels

    @functools.cached_property
    def label_overlaps(self) -> Array:
        """Pixels that two labels share, int [N + 1, G + 1]; row 0 and column 0 are outside."""
        return self.count_labels(np.s_[:])

    def count_labels(self, counted: Array | slice) -> Array:
        """Like `label_overlaps`, int [N + 1, G + 1], for the pixels in `counted`, bool [H, W]."""
        rows, columns = len(self.found) + 1, len(self.truth) + 1
        pairs = self.found_labels[counted].astype(np.int64) * columns + self.truth_labels[counted]
        return np.bincount(pairs.ravel(), minlength=rows * columns).reshape(rows, columns)

    @functools.cached_property
    def label_areas(self) -> tuple[Array, Array]:
        """Label areas in pixels of the detections, int [N], and of the instances, int [G]."""
        overlaps = self.label_overlaps
        return overlaps.sum(axis=1)[1:], overlaps.sum(axis=0)[1:]

    def crowd_map(self, class_id: int | None = None) -> Array:
        """bool [H, W]: pixels in a crowd of class `class_id`, or of any class if it is None."""
        self.check_masks()
        inside = np.zeros((self.height, self.width), bool)
        crowds: Any = self.crowds  # masks
        for i in range(len(crowds)):
            if class_id not in (None, self.crowd_class_ids[i]):
                continue
            y1, x1, y2, x2 = crowds.boxes[i]
            inside[y1:y2, x1:x2] |= crowds.crops[i]
        return inside

    @functools.cached_property
    def labels_in_crowds(self) -> Array:
        """Detections, bool [N], with more than half of their label in crowds of their class."""
        inside = np.zeros(len(self.found), np.int64)
        for class_id in np.unique(self.crowd_class_ids):
            labels = self.found_labels[self.crowd_map(class_id)]
            pixels = np.bincount(labels, minlength=len(self.found) + 1)[1:]
            inside += pixels * (self.class_ids == class_id)
        return inside > self.label_areas[0] / 2


def as_arrays(result: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a result (see `Comparison`) to int and float arrays, masks to `InstanceMasks`.

    Raises:
        ValueError: the counts of boxes, class ids, scores and masks differ.
    """
    arrays: dict[str, Any] = {
        "rois": np.asarray(result["rois"]).reshape(-1, 4),
        "class_ids": np.asarray(result["class_ids"], np.int64).reshape(-1),
        "scores": np.asarray(result["scores"], np.float64).reshape(-1),
    }
    if result.get("masks") is not None:
        arrays["masks"] = as_instances(result["masks"])
    if result.get("keypoints") is not None:
        arrays["keypoints"] = np.asarray(result["keypoints"], np.float64)
    counts = {name: len(values) for name, values in arrays.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise ValueError(f"the result has {listed}: their counts must be equal.")
    return arrays


def _box_intersections(first: Array, second: Array) -> Array:
    """Intersection areas of boxes [N, 4] and [M, 4] in square pixels, float64 [N, M]."""
    first, second = first.astype(np.float64)[:, None], second.astype(np.float64)
    starts = np.maximum(first[..., :2], second[:, :2])  # [N, M, (y, x)]
    ends = np.minimum(first[..., 2:], second[:, 2:])
    return np.maximum(ends - starts, 0).prod(axis=2)


def assign(iou: Array, threshold: float) -> tuple[Array, Array]:
    """Pair rows and columns one to one, see `Comparison.matches`.

    Args:
        iou: [N, G].
        threshold: minimum value of a pair; pairs with value 0 are never made.

    Returns:
        rows, columns: int [P] each.
    """
    possible = (iou >= threshold) & (iou > 0)
    rows, columns = np.flatnonzero(possible.any(axis=1)), np.flatnonzero(possible.any(axis=0))
    iou, possible = iou[np.ix_(rows, columns)], possible[np.ix_(rows, columns)]
    # One more pair outweighs any gain in IoU.
    worth = np.where(possible, 1 + iou / (2 * max(1, min(iou.shape))), 0)
    i, j = scipy.optimize.linear_sum_assignment(worth, maximize=True)
    made = possible[i, j]
    return rows[i[made]], columns[j[made]]
