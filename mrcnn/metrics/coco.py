"""COCO's average precision and recall for boxes, masks and keypoints, computed by pycocotools.

pycocotools expects all images at once. Here it matches image by image, and each detection keeps
only its score and two bits per IoU and area range: whether it matched and whether it counts.
"""

import collections
import contextlib
import copy
import dataclasses
import io
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from pycocotools import mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from ..types import Array
from .coco_content import by_image, category_ids

logger = logging.getLogger(__name__)

KINDS = ("bbox", "segm")
# COCO counts at most this many detections per class and image, best first.
MAX_DETECTIONS = 100
MAX_PEOPLE = 20  # with keypoints


class CocoAP:
    """COCO metrics of one kind, accumulated image by image.

    Args:
        class_ids: the categories to evaluate, positive ints.
        kind: "bbox", "segm" or "keypoints": box IoU, mask IoU or keypoint similarity.
        max_detections: detections counted per class and image, best first; None is COCO's 100 (20
            for keypoints), which keeps results comparable. Images with more instances than that
            need more.
        sigmas: float [K] for keypoints, how much annotators disagree on each, as a fraction of the
            square root of the instance's area; None is COCO's values for a person's 17 keypoints.
    """

    def __init__(
        self,
        class_ids: Iterable[int],
        kind: str,
        max_detections: int | None = None,
        sigmas: npt.ArrayLike | None = None,
    ) -> None:
        self.class_ids = sorted(int(i) for i in class_ids)
        self.kind = kind
        params = COCOeval(iouType=kind).params
        params.catIds = self.class_ids
        if kind == "keypoints":
            params.maxDets = [max_detections or MAX_PEOPLE]
            params.kpt_oks_sigmas = np.asarray(params.kpt_oks_sigmas if sigmas is None else sigmas)
        else:
            params.maxDets = [1, 10, max_detections or MAX_DETECTIONS]
        self._params = params
        self._verdicts: dict[int, dict[int, _Verdicts]] = {}  # by image id, then class id
        self._most: dict[int, int] = {}  # most detections of a class, by image id

    def reset(self) -> None:
        """Forget all images."""
        self._verdicts.clear()
        self._most.clear()

    def add(
        self,
        image_id: int,
        shape: Sequence[int],
        truth: Sequence[Mapping[str, Any]],
        found: Sequence[Mapping[str, Any]],
    ) -> None:
        """Add an image, replacing any earlier results for it.

        Args:
            image_id: detections with equal scores are ordered by it.
            shape: (height, width) of the image.
            truth: its instances in the format of COCO's files, list of dicts of category_id,
                iscrowd, area, bbox [x, y, width, height], and segmentation, or keypoints
                [x, y, v, ...] and num_keypoints.
            found: its detections, list of dicts of category_id, score, and bbox, segmentation (a
                run-length code) or keypoints.
        """
        evaluator = COCOeval(
            _content(shape, truth),
            _content(shape, _as_annotations(found, self.kind)),
            self.kind,
        )
        params = copy.copy(self._params)
        params.imgIds = [1]
        present = {row["category_id"] for row in [*truth, *found]}
        params.catIds = [i for i in self.class_ids if i in present]
        evaluator.params = params
        with _quiet():
            evaluator.evaluate()
        found_of = collections.Counter(row["category_id"] for row in found)
        self._most[image_id] = max((found_of[i] for i in params.catIds), default=0)
        areas, rows = len(params.areaRng), evaluator.evalImgs  # by class, then area
        self._verdicts[image_id] = {
            class_id: _Verdicts.of(rows[areas * k : areas * (k + 1)])
            for k, class_id in enumerate(params.catIds)
        }

    def accumulate(self) -> "CocoFigures":
        """`CocoFigures` of the images added so far."""
        parts = [self._accumulate(class_id) for class_id in self.class_ids]
        return CocoFigures(
            self.kind,
            self.class_ids,
            *(
                np.concatenate([part[name] for part in parts], axis=axis)
                for name, axis in (("precision", 2), ("scores", 2), ("recall", 1))
            ),
        )

    def limit_note(self) -> str:
        """Say in how many images `max_detections` left detections out; "" if it left out none."""
        limit, most = self._params.maxDets[-1], max(self._most.values(), default=0)
        if most <= limit:
            return ""
        images = sum(count > limit for count in self._most.values())
        return (
            f"max_detections is {limit}: {images} of {len(self._most)} images have more detections "
            f"of a class, up to {most}, and only the best {limit} counted in COCO's metrics. "
            f"max_detections={most} counts all."
        )

    def _accumulate(self, class_id: int) -> dict[str, Any]:
        """pycocotools' result for one class over all images."""
        by_image = [self._verdicts[i].get(class_id) for i in sorted(self._verdicts)]
        verdicts = [part for part in by_image if part is not None]
        evaluator = COCOeval(iouType=self.kind)
        evaluator.params = params = copy.copy(self._params)
        params.imgIds, params.catIds = list(range(len(verdicts))), [class_id]
        shape = len(params.areaRng), len(params.iouThrs)
        rows = [part.rows(*shape) for part in verdicts]
        evaluator.evalImgs = [row for by_area in zip(*rows, strict=True) for row in by_area]
        evaluator._paramsEval = copy.deepcopy(params)
        with _quiet():
            evaluator.accumulate()
        return evaluator.eval


@dataclasses.dataclass(slots=True)
class _Verdicts:
    """pycocotools' verdicts on the detections of one class in one image.

    Attributes:
        scores: float64 [D], descending.
        bits: uint8 [D, B], two bits per area range and IoU: matched, ignored.
        objects: int [A], number of instances to find in each area range.
    """

    scores: Array
    bits: Array
    objects: Array

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> Self:
        """Build from pycocotools' dicts, one per area range."""
        flags = np.array([[row["dtMatches"] > 0, row["dtIgnore"]] for row in rows], bool)
        flags = flags.reshape(np.prod(flags.shape[:-1]), -1).T  # [D, A * 2 * T]
        objects = [np.count_nonzero(row["gtIgnore"] == 0) for row in rows]
        scores = np.array(rows[0]["dtScores"], np.float64)
        return cls(scores, np.packbits(flags, axis=1), np.array(objects, np.int32))

    def rows(self, areas: int, thresholds: int) -> list[dict[str, Any]]:
        """Restore the dicts given to `of`, with the keys that `COCOeval.accumulate` reads."""
        flags = np.unpackbits(self.bits, axis=1, count=areas * 2 * thresholds)
        flags = flags.T.reshape(areas, 2, thresholds, len(self.scores))
        return [
            {
                "dtScores": self.scores,
                "dtMatches": matched,
                "dtIgnore": ignored,
                "gtIgnore": np.zeros(objects),
            }
            for (matched, ignored), objects in zip(flags, self.objects, strict=True)
        ]


@dataclasses.dataclass
class CocoFigures:
    """Precision and recall by IoU, class, area range and number of detections.

    Attributes:
        kind: "bbox", "segm" or "keypoints".
        class_ids: K ints.
        precision: [T, R, K, A, M] at IoU 0.50, 0.55, ... 0.95 and recall 0, 0.01, ... 1, made
            non-increasing; -1 where there is nothing to find.
        scores: same shape as precision, the score threshold at which each recall is reached.
        recall: [T, K, A, M].
    """

    kind: str
    class_ids: list[int]
    precision: Array
    scores: Array
    recall: Array

    def figures(self) -> dict[str, float]:
        """COCO's twelve summary metrics, or ten for keypoints.

        Returns:
            dict of name to value, NaN where there is nothing to find (no large instances, for
            example).
            AP: average precision, the mean over IoU 0.50, 0.55, ... 0.95 and over the classes.
            AP50, AP75: AP at a single IoU.
            APs, APm, APl: AP for areas below 32x32 pixels, up to 96x96, and larger.
            AR: average recall, the mean over the same IoUs and classes.
            AR1, AR10: AR of the best 1 and 10 detections per class and image.
            ARs, ARm, ARl: AR by area.
            Keypoints have AR50 and AR75 instead of APs, AR1, AR10 and ARs.
        """
        return self._summary(slice(None))

    def per_class(self) -> dict[int, dict[str, float]]:
        """The `figures` of each class, as a dict by class id."""
        return {class_id: self._summary([k]) for k, class_id in enumerate(self.class_ids)}

    def curves(self) -> dict[str, Any]:
        """Precision at recall 0, 0.01, ... 1, for all areas and the maximum number of detections.

        Returns:
            dict of
            recall: [101] list.
            precision: dict of "0.50", "0.55", ... "0.95" to a [101] list, the mean over classes.
            per_class: dict of class id to a similar dict, for IoU 0.50 and 0.75 only.
            Classes without instances are left out; the mean over no classes is NaN.
        """
        ious = [f"{iou:.2f}" for iou in np.linspace(0.5, 0.95, len(self.precision))]
        by_class = self.precision[..., 0, -1]  # [T, R, K]
        there = [k for k in range(len(self.class_ids)) if by_class[0, 0, k] > -1]
        mean = np.full_like(by_class[..., 0], np.nan)
        if there:
            mean = by_class[..., there].mean(axis=2)
        return {
            "recall": np.linspace(0, 1, self.precision.shape[1]).round(2).tolist(),
            "precision": dict(zip(ious, mean.tolist(), strict=True)),
            "per_class": {
                self.class_ids[k]: {ious[t]: by_class[t, :, k].tolist() for t in (0, 5)}
                for k in there
            },
        }

    def _summary(self, classes: slice | list[int]) -> dict[str, float]:
        precision, recall = self.precision[:, :, classes], self.recall[:, classes]
        people = self.kind == "keypoints"
        areas = {"m": 1, "l": 2} if people else {"s": 1, "m": 2, "l": 3}
        at = {"50": 0, "75": 5}
        figures = {"AP": precision[..., 0, -1]}
        figures |= {f"AP{iou}": precision[t, ..., 0, -1] for iou, t in at.items()}
        figures |= {f"AP{name}": precision[..., area, -1] for name, area in areas.items()}
        if people:
            figures["AR"] = recall[..., 0, -1]
            figures |= {f"AR{iou}": recall[t, ..., 0, -1] for iou, t in at.items()}
        else:
            most = {"AR1": 0, "AR10": 1, "AR": -1}
            figures |= {name: recall[..., 0, m] for name, m in most.items()}
        figures |= {f"AR{name}": recall[..., area, -1] for name, area in areas.items()}
        return {name: _mean(values[values > -1]) for name, values in figures.items()}


def evaluate_coco(
    content: Mapping[str, Any],
    detections: Iterable[Mapping[str, Any]],
    kind: str,
    max_detections: int | None = None,
    sigmas: npt.ArrayLike | None = None,
) -> CocoFigures:
    """Compute COCO metrics from ground truth and detections in COCO's file formats.

    Args:
        content: ground truth in the format of COCO's instances file: dict of images, annotations
            and categories.
        detections: in the format of COCO's result files: list of dicts of image_id, category_id,
            score, and bbox [x, y, width, height], segmentation (a run-length code) or keypoints.
        kind, max_detections, sigmas: see `CocoAP`.

    An annotation needs image_id, category_id, and a segmentation or a bbox; area, iscrowd and
    whichever of the two is missing are derived, see `coco_content.completed`. So are the sizes of
    images without height and width.

    Returns:
        `CocoFigures`.

    Raises:
        ValueError: an entry lacks what cannot be derived, or a detection refers to an image that is
            not in `content`.

    Example:
        >>> from mrcnn.metrics.coco import evaluate_coco
        >>> box = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10]}
        >>> content = {
        ...     "images": [{"id": 1, "height": 20, "width": 20}],
        ...     "annotations": [{**box, "iscrowd": 0, "area": 100}],
        ...     "categories": [{"id": 1, "name": "cell"}],
        ... }
        >>> found = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 6], "score": 0.9}
        >>> round(evaluate_coco(content, [found], "bbox").figures()["AP"], 3)  # IoU 0.6
        0.3
    """
    metric = CocoAP(category_ids(content), kind, max_detections, sigmas)
    for image_id, shape, truth, found in by_image(content, detections, kind):
        metric.add(image_id, shape, truth, found)
    if note := metric.limit_note():
        logger.warning(note)
    return metric.accumulate()


def _content(shape: Sequence[int], annotations: Sequence[Mapping[str, Any]]) -> COCO:
    """A `COCO` of one image, with copied annotations because pycocotools modifies them."""
    content = COCO()
    content.dataset = {
        "images": [{"id": 1, "height": shape[0], "width": shape[1]}],
        # pycocotools treats a match with id 0 as no match.
        "annotations": [{**row, "id": n, "image_id": 1} for n, row in enumerate(annotations, 1)],
        "categories": [{"id": i} for i in sorted({row["category_id"] for row in annotations})],
    }
    with _quiet():
        content.createIndex()
    return content


def _as_annotations(detections: Sequence[Mapping[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Add the area that makes a detection small, medium or large."""
    rows = []
    for row in detections:
        if kind == "segm":
            area: float = int(mask.area(row["segmentation"]))
        elif kind == "bbox":
            area = row["bbox"][2] * row["bbox"][3]
        else:
            x, y = np.ptp(row["keypoints"][::3]), np.ptp(row["keypoints"][1::3])
            area = float(x * y)
        rows.append({**row, "area": area, "iscrowd": 0})
    return rows


def _quiet() -> contextlib.AbstractContextManager[Any]:
    return contextlib.redirect_stdout(io.StringIO())  # pycocotools prints at every step


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else float("nan")
