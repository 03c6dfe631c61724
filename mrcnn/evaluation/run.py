"""`evaluate`: from a dataset's images to all metrics, optionally written to a folder."""

import collections
import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..config_rules.detection_rules import Confidence
from ..datasets.dataset import Dataset
from ..datasets.prepared import prepared_ids
from ..datasets.reading import place_of
from ..datasets.splits import random_subset
from ..inference.detector import detect_crops
from ..inference.molding import InferenceModel
from ..inference.over_dataset import over_dataset
from ..metrics.coco import KINDS, MAX_DETECTIONS
from ..metrics.evaluator import Evaluator
from ..metrics.keypoints import KEYPOINTS
from ..text import some
from ..types import Array, PathLike
from .report import write

logger = logging.getLogger(__name__)


def evaluate(
    model: InferenceModel | None,
    dataset: Dataset,
    *,
    image_ids: npt.ArrayLike | None = None,
    limit: int | None = None,
    seed: int = 0,
    metrics: str | Sequence[str] | None = None,
    iou_types: str | Sequence[str] | None = None,
    min_score: Confidence = 0.0,
    max_detections: int | None = None,
    detect: Callable[[list[Array]], Sequence[Mapping[str, Any]]] | None = None,
    group_of: Callable[[int, Array], Any] | None = None,
    folder: PathLike | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Run detection on the images of a dataset and compare the results with its instances.

    COCO's and VOC's metrics use all detections, because an area under a curve needs the weak ones
    too. A model returns only those that score at least DETECTION_MIN_CONFIDENCE: 0.05 is low
    enough. All other metrics use the detections that score at least `min_score`; set it to the
    threshold that you would use in practice.

    Where the model and all images have masks, the masks are the ground truth. Otherwise it comes
    from `Dataset.load_boxes`, and no masks are read or created. Boxes and areas are those of the
    annotation file, if it gives any besides the masks.

    Args:
        model: a `MaskRCNN` in inference mode; with `detect` it may be None. If it has `fields`, the
            names of the instance fields that its heads predict, and "masks" is not among them, its
            results need no masks.
        dataset: a prepared `Dataset`. In each image only the classes of its source count.
        image_ids: indices in the dataset; None is all.
        limit: maximum number of images, drawn at random with `seed`; None is all.
        seed: seed of the draw.
        metrics: some of `METRICS`; None is all that `iou_types` allows: "voc" needs "bbox", and
            without "segm" only "coco", "voc", "objects" and "confusion" are possible.
        iou_types: what COCO's metrics compare: "bbox", "segm", "keypoints" (by their similarity,
            OKS), or several of these; None is all that the model predicts. Without "segm",
            detections need no masks, and the other metrics also use boxes to decide which
            detections are correct.
        min_score: see above; or a dict of class id to score, see DETECTION_MIN_CONFIDENCE.
        max_detections: detections per class and image that count in COCO's metrics. None is COCO's
            100, which keeps results comparable, or DETECTION_MAX_INSTANCES if that is more. If it
            leaves detections out, this is logged and reported in `notes`.
        detect: function that detects in place of the model: it takes a list of images as returned
            by `Dataset.load_image` and returns a list of results like `MaskRCNN.detect`. It
            receives up to BATCH_SIZE images per call, or one if there is no model.
        group_of: function (image_id, image) that returns the name of a group, such as the patient
            or the stain, to report metrics for each group as well; None for an image in no group.
            Memory grows with the number of groups, and images in a group are compared twice.
        folder: where to write `evaluation.json` and the plots, see `report.write`; None writes
            nothing.
        progress: whether to show a progress bar; it is hidden if the output is not a terminal.

    Returns:
        dict, see `Evaluator.compute`, with the additional keys
        seconds_per_image: detection time, the median over images.
        unread: list of dicts of image_id, path and reason, for images skipped because they or their
            instances cannot be read.
        truncated: number of images in which a limit cut the detections, see `Detections`.
        notes: list of sentences, one for each limit that cut detections.
        groups: with `group_of`, dict of group name, in alphabetical order, to the group's metrics,
            without curves, settings, classes and per_image.

    Raises:
        ValueError: an unknown metric, type or image; a metric or type that needs masks where the
            model or the dataset has none; a model in training mode; no readable image; or a result
            that does not fit its image.

    Example:
        >>> from mrcnn.evaluation import evaluate, summary
        >>> result = evaluate(model, val_dataset, folder="results")  # doctest: +SKIP
        >>> print(summary(result))  # doctest: +SKIP
    """
    if detect is None:
        _check_model(model, iou_types)
    has_masks = "masks" in _fields_of(model)
    if iou_types is None:
        has_keypoints = "keypoints" in _fields_of(model) and dataset.keypoint_layout is not None
        iou_types = (*(KINDS if has_masks else ("bbox",)), *([KEYPOINTS] if has_keypoints else []))
    config = getattr(model, "config", None)
    if max_detections is None:
        max_detections = max(MAX_DETECTIONS, getattr(config, "DETECTION_MAX_INSTANCES", 0))
    new_evaluator = functools.partial(
        Evaluator,
        dataset,
        metrics=metrics,
        iou_types=iou_types,
        min_score=min_score,
        max_detections=max_detections,
    )
    evaluator = new_evaluator()
    groups: dict[str, Evaluator] = collections.defaultdict(new_evaluator)
    given: Any = model  # not None unless there is `detect`
    detect = detect or (lambda images: detect_crops(given, images))
    image_ids = _choose(dataset, image_ids, limit, seed)
    field = _truth_field(dataset, image_ids, has_masks, evaluator.overlap)
    unread: list[dict[str, Any]] = []
    seconds: list[float] = []
    results = over_dataset(
        detect,
        dataset,
        image_ids,
        fields=(field, *([KEYPOINTS] if KEYPOINTS in evaluator.settings["iou_types"] else [])),
        config=config,
        unread=unread,
        desc="Evaluating",
        progress=progress,
    )
    for found in results:
        truth = found.instances.fields[field], found.instances.class_ids
        keypoints = found.instances.fields.get(KEYPOINTS)
        evaluator.add(found.image_id, *truth, found.result, keypoints)
        group = group_of(found.image_id, found.image) if group_of else None
        if group is not None:
            groups[str(group)].add(found.image_id, *truth, found.result, keypoints)
        seconds.append(found.seconds)
    if not seconds:
        reasons = some([f"{row['image_id']} ({row['reason']})" for row in unread], 3)
        raise ValueError(f"no image could be read: {reasons}.")
    result = {
        "seconds_per_image": float(np.median(seconds)),
        "unread": unread,
        "truncated": evaluator.truncated,
        "notes": evaluator.notes(),
        **evaluator.compute(),
    }
    if note := evaluator.limit_note():  # the detector itself has logged the other limits
        logger.warning(note)
    if group_of:
        result["groups"] = {name: _brief(groups[name]) for name in sorted(groups)}
    if folder is not None:
        write(result, folder)
    return result


def _brief(evaluator: Evaluator) -> dict[str, Any]:
    """The parts of a group's metrics to report."""
    left_out, figures = ("curves", "settings", "classes", "per_image"), evaluator.compute()
    figures = {name: value for name, value in figures.items() if name not in left_out}
    return {**figures, "truncated": evaluator.truncated}


def _fields_of(model: Any) -> Sequence[str]:
    return getattr(model, "fields", ("masks",))


def _check_model(model: Any, iou_types: str | Sequence[str] | None) -> None:
    if getattr(model, "mode", "inference") != "inference":
        raise ValueError(
            f"the model is in {model.mode} mode: create another with MaskRCNN('inference', config, "
            "model_dir) and load the weights into it."
        )
    if iou_types is not None and "segm" in iou_types and "masks" not in _fields_of(model):
        raise ValueError(
            f"iou_types is {iou_types!r}, but the model predicts no masks: it must be 'bbox'."
        )
    if iou_types is not None and KEYPOINTS in iou_types and KEYPOINTS not in _fields_of(model):
        raise ValueError(
            f"iou_types is {iou_types!r}, but the model predicts no keypoints: leave 'keypoints' "
            "out, or add the head 'keypoint' to HEADS."
        )


def _truth_field(dataset: Dataset, image_ids: Sequence[int], has_masks: bool, overlap: str) -> str:
    """The instance field to compare with, "masks" or "boxes"."""
    without_masks = [i for i in image_ids if not dataset.has("masks", i)]
    if without_masks and overlap == "segm":
        raise ValueError(
            f"{place_of(dataset, without_masks[0])} has boxes but no masks to compare with: "
            "iou_types must be 'bbox'."
        )
    return "masks" if overlap == "segm" or (has_masks and not without_masks) else "boxes"


def _choose(
    dataset: Dataset, image_ids: npt.ArrayLike | None, limit: int | None, seed: int
) -> list[int]:
    """Sorted list of the ids of the images to evaluate."""
    known = prepared_ids(dataset)
    chosen = known if image_ids is None else np.unique(np.asarray(image_ids, np.int64))
    unknown = np.setdiff1d(chosen, known)
    if len(unknown):
        raise ValueError(
            f"image_ids has {some(unknown)}: the dataset has {len(known)} images, {some(known)}."
        )
    chosen = random_subset(chosen, limit, seed)
    if not len(chosen):
        raise ValueError("there are no images to evaluate: at least one is needed.")
    return chosen.tolist()
