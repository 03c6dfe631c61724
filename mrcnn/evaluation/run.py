"""`evaluate`: from the images of a data set to all figures, in a folder if there is one."""

import collections
import functools

import numpy as np

from ..datasets.reading import place_of
from ..datasets.splits import random_part
from ..inference.detector import detect_crops
from ..inference.over_dataset import over_dataset
from ..metrics.coco import KINDS, MAX_DETECTIONS
from ..metrics.evaluator import Evaluator
from ..text import some
from .report import write


def evaluate(
    model,
    dataset,
    *,
    image_ids=None,
    limit=None,
    seed=0,
    metrics=None,
    iou_types=None,
    min_score=0.0,
    max_detections=None,
    detect=None,
    group_of=None,
    folder=None,
    progress=True,
):
    """Detect in the images of a data set and compare with its instances.

    COCO's and VOC's figures use all detections that there are: an area under a curve wants the weak
    ones too, and a model gives those of at least DETECTION_MIN_CONFIDENCE, for which 0.05 serves.
    All other figures use the detections of at least `min_score`, which is then what one would work
    with.

    The truth is that of the masks where the model and all images have them, boxes included. Else it
    is what `Dataset.load_boxes` gives, and no mask is read or made.

    Args:
        model: a `MaskRCNN` in inference mode; with `detect` it may be None. If it has `fields`,
            names of what its heads find of an instance, and "masks" is none of them, its results
            need no masks.
        dataset: a prepared `Dataset`. In an image only the classes of its source count.
        image_ids: indices in the data set; None is all.
        limit: most images, drawn at random with `seed`; None is all.
        seed: of the draw.
        metrics: some of `METRICS`; None is all that `iou_types` allows: "voc" needs "bbox", and
            without "segm" there are "coco", "voc", "objects" and "confusion".
        iou_types: what COCO's figures go by, "bbox", "segm" or both; None is both, or "bbox" for a
            model without masks. With "bbox" alone detections need no masks, and the boxes decide
            which detection is right in the other figures, too.
        min_score: see above.
        max_detections: detections of a class and image that count in COCO's figures. None is COCO's
            100, or DETECTION_MAX_INSTANCES if that is more.
        detect: function that detects instead of the model: it takes a list of images as
            `Dataset.load_image` gives them and returns a list of results as `MaskRCNN.detect` does.
            It gets BATCH_SIZE images at once, or one without a model.
        group_of: function (image_id, image) that gives the name of a group, such as the patient or
            the stain, whose figures are wanted as well; None for an image of no group. What is kept
            grows with the number of groups, and each image is compared twice.
        folder: where to write `evaluation.json` and the figures, see `report.write`; None writes
            nothing.
        progress: whether to show a progress bar; it hides where no one looks.

    Returns:
        dict, see `Evaluator.compute`, and in it
        seconds_per_image: of detection, the median over images.
        unread: list of dicts of image_id, path and reason, images that were left out because they
            or their instances cannot be read.
        groups: with `group_of`, dict of the name of each group, in alphabetical order, to its
            figures: as those of all, without curves, settings and single images.

    Raises:
        ValueError: an unknown metric, type or image, a metric or type that needs masks where model
            or data set have none, a model in training mode, no image that can be read, or a result
            that does not fit its image.
    """
    if detect is None:
        _check_model(model, iou_types)
    has_masks = "masks" in _fields_of(model)
    if iou_types is None:
        iou_types = KINDS if has_masks else ("bbox",)
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
    evaluator, groups = new_evaluator(), collections.defaultdict(new_evaluator)
    detect = detect or (lambda images: detect_crops(model, images))
    image_ids = _choose(dataset, image_ids, limit, seed)
    field = _field_of_truth(dataset, image_ids, has_masks, evaluator.overlap)
    unread, seconds = [], []
    options = {"config": config, "unread": unread, "desc": "Evaluating", "progress": progress}
    for found in over_dataset(detect, dataset, image_ids, fields=(field,), **options):
        truth = found.instances.fields[field], found.instances.class_ids
        evaluator.add(found.image_id, *truth, found.result)
        group = group_of(found.image_id, found.image) if group_of else None
        if group is not None:
            groups[str(group)].add(found.image_id, *truth, found.result)
        seconds.append(found.seconds)
    if not seconds:
        reasons = some([f"{row['image_id']} ({row['reason']})" for row in unread], 3)
        raise ValueError(f"no image could be read: {reasons}.")
    result = {"seconds_per_image": float(np.median(seconds)), "unread": unread}
    result = {**result, **evaluator.compute()}
    if group_of:
        result["groups"] = {name: _brief(groups[name].compute()) for name in sorted(groups)}
    if folder is not None:
        write(result, folder)
    return result


def _brief(figures):
    """What is kept of a group's figures."""
    left_out = ("curves", "settings", "classes", "per_image")
    return {name: value for name, value in figures.items() if name not in left_out}


def _fields_of(model):
    return getattr(model, "fields", ("masks",))


def _check_model(model, iou_types):
    if getattr(model, "mode", "inference") != "inference":
        raise ValueError(
            f"the model is in {model.mode} mode: make another with MaskRCNN('inference', config, "
            "model_dir) and load the weights there."
        )
    if iou_types is not None and "segm" in iou_types and "masks" not in _fields_of(model):
        raise ValueError(
            f"iou_types is {iou_types!r}, but the model finds no masks: 'bbox' alone is accepted."
        )


def _field_of_truth(dataset, image_ids, has_masks, overlap):
    """What is read of the instances, "masks" or "boxes"."""
    lacking = [i for i in image_ids if not dataset.has("masks", i)]
    if lacking and overlap == "segm":
        raise ValueError(
            f"{place_of(dataset, lacking[0])} has boxes and no masks to compare with: "
            "iou_types='bbox' is accepted."
        )
    return "masks" if overlap == "segm" or (has_masks and not lacking) else "boxes"


def _choose(dataset, image_ids, limit, seed):
    """Sorted list of the images to detect in."""
    known = dataset.image_ids
    chosen = known if image_ids is None else np.unique(np.asarray(image_ids, np.int64))
    unknown = np.setdiff1d(chosen, known)
    if len(unknown):
        raise ValueError(
            f"image_ids has {some(unknown)}: the data set has {len(known)} images, {some(known)}."
        )
    chosen = random_part(chosen, limit, seed)
    if not len(chosen):
        raise ValueError("there is no image to evaluate: at least one is needed.")
    return chosen.tolist()
