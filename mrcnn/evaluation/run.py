"""`evaluate`: from the images of a data set to all figures, in a folder if there is one."""

import collections
import functools
import time

import numpy as np
from tqdm import tqdm

from ..datasets.splits import random_part
from ..inference.detector import detect_crops
from ..inference.molding import check_images
from ..instances.masks import InstanceMasks
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
    iou_types=KINDS,
    min_score=0.0,
    max_detections=None,
    detect=None,
    group_of=None,
    folder=None,
    progress=True,
):
    """Detect in the images of a data set and compare with its instances.

    COCO's figures use all detections that there are: an area under a curve wants the weak ones too,
    and a model gives those of at least DETECTION_MIN_CONFIDENCE, for which 0.05 serves. All other
    figures use the detections of at least `min_score`, which is then what one would work with.

    Args:
        model: a `MaskRCNN` in inference mode; with `detect` it may be None.
        dataset: a prepared `Dataset`. In an image only the classes of its source count.
        image_ids: indices in the data set; None is all.
        limit: most images, drawn at random with `seed`; None is all.
        seed: of the draw.
        metrics: some of `METRICS`; None is all, or all that need no masks if there are none.
        iou_types: what COCO's figures go by, "bbox", "segm" or both. With "bbox" alone detections
            need no masks, and the boxes decide which detection is right in the other figures, too.
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
        seconds_per_image: of detection, the median over batches.
        unread: list of dicts of image_id, path and reason, images that were left out because they
            or their instances cannot be read.
        groups: with `group_of`, dict of the name of each group, in alphabetical order, to its
            figures: as those of all, without curves, settings and single images.

    Raises:
        ValueError: an unknown metric, type or image, a model in training mode, no image that can
            be read, or a result that does not fit its image.
    """
    if detect is None:
        _check_model(model)
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
    size = config.BATCH_SIZE if config else 1
    unread, seconds = [], []
    with tqdm(
        total=len(image_ids), desc="Evaluating", unit="image", disable=None if progress else True
    ) as bar:
        for first in range(0, len(image_ids), size):
            batch = image_ids[first : first + size]
            read = {i: _read(dataset, i, config, unread) for i in batch}
            read = {i: sample for i, sample in read.items() if sample}
            if read:
                images = [image for image, _, _ in read.values()]
                begin = time.perf_counter()
                results = detect(images)
                seconds.append((time.perf_counter() - begin) / len(images))
                if len(results) != len(images):
                    raise ValueError(
                        f"detect gave {len(results)} results for {len(images)} images: one for "
                        "each is needed."
                    )
                for (image_id, (image, *truth)), result in zip(read.items(), results, strict=True):
                    evaluator.add(image_id, *truth, result)
                    group = group_of(image_id, image) if group_of else None
                    if group is not None:
                        groups[str(group)].add(image_id, *truth, result)
            bar.update(len(batch))
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


def _check_model(model):
    if getattr(model, "mode", "inference") != "inference":
        raise ValueError(
            f"the model is in {model.mode} mode: make another with MaskRCNN('inference', config, "
            "model_dir) and load the weights there."
        )


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


def _read(dataset, image_id, config, unread):
    """An image, its instances and their class ids; None, and a row in `unread`, if that fails."""
    try:
        image = dataset.load_image(image_id)
        if config is not None:
            check_images([image], config)
        masks, class_ids = dataset.load_instances(image_id)
        if not len(masks):
            masks = InstanceMasks([], [], image.shape)
        if masks.shape[:2] != image.shape[:2]:
            sizes = [f"{height}x{width}" for height, width in (masks.shape[:2], image.shape[:2])]
            raise ValueError(f"its masks are {sizes[0]} pixels (height x width), itself {sizes[1]}")
    except Exception as error:
        path = dataset.image_info[image_id].get("path")
        reason = f"{type(error).__name__}: {error}"
        unread.append(
            {"image_id": image_id, "path": None if path is None else str(path), "reason": reason}
        )
        return None
    return image, masks, class_ids
