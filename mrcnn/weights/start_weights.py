"""Starting weights, by the names that command lines use for them."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..types import PathLike
from . import loading, zoo
from .catalogue import MODELS, find
from .published import download_trained_weights
from .report import LoadReport

logger = logging.getLogger(__name__)

NAMES = ("coco", "imagenet", "last", "best", *MODELS)


def load(
    model: Any,
    name: str,
    coco_path: PathLike = "mask_rcnn_coco.h5",
    others: Mapping[str, PathLike] | None = None,
) -> LoadReport:
    """Load starting weights into a model.

    Args:
        model: a `MaskRCNN`.
        name: "coco" (those of matterport's Mask_RCNN, downloaded to `coco_path` if not there yet;
            layers whose shapes differ from the model's, such as those that depend on the number of
            classes, keep their values), "imagenet" (Keras's for the backbone, see
            `published.imagenet_weights`, downloaded), "last" or "best" (from the last run with the
            configuration's NAME), a model that comes with the package, such as "nuclei" (training
            starts from the layers that fit, see `load_fitting`), weights that torchvision or
            Detectron2 publish, such as "torchvision:maskrcnn_resnet50_fpn_v2" or
            "detectron2:R-50", listed in `weights/zoo.py` (downloaded), or the path of a file. In a
            file of torchvision or Detectron2, layers that depend on the classes keep their values
            if the model has others.
        coco_path: path of the COCO weights.
        others: further names, and the files that they stand for, which may come from other
            tasks, see `load_fitting`.

    Returns:
        What happened to each layer.

    Raises:
        FileNotFoundError: the file or the run does not exist.
        ConnectionError: the download failed.
        ValueError: the file does not fit, see `weights.load`.

    Example:
        >>> from mrcnn.weights import start_weights
        >>> start_weights.load(model, "coco")  # doctest: +SKIP
    """
    if name == "coco":
        if not Path(coco_path).exists():
            download_trained_weights(str(coco_path))
        return load_fitting(model, coco_path)
    if others and name in others:
        return load_fitting(model, others[name])
    if name == "imagenet":
        path = model.get_imagenet_weights()
    elif name == "last":
        path = model.find_last()
    elif name == "best":
        path = Path(model.find_last()).parent / "weights" / "best.h5"
    else:
        path = find(name)
        if name in MODELS and path == MODELS[name].path and model.mode == "training":
            return load_fitting(model, path)
    report = model.load_weights(str(path), by_name=True)
    if published := name if zoo.is_name(name) else zoo.name_of(path):
        _check_epsilon(model, published, report)
    return report


def load_fitting(model: Any, path: PathLike) -> LoadReport:
    """Load weights from another task and start a new run.

    Args:
        model: a `MaskRCNN`.
        path: the file, or the name of a model that comes with the package. Layers whose shapes
            differ from the model's, such as those that depend on the number of classes, keep their
            values.

    Returns:
        What happened to each layer.

    Raises:
        FileNotFoundError, ValueError: see `weights.load`.
    """
    report = loading.load(model.keras_model, path, skip_mismatch=True)
    model.set_log_dir()
    return report


def _check_epsilon(model: Any, name: str, report: LoadReport) -> None:
    """Warn where the published weights need another epsilon than the kind of file tells."""
    wanted, here = zoo.entry(name).epsilon, model.config.BATCH_NORM_EPSILON
    if wanted != here and not any("variances" in note for note in report.notes):
        logger.warning("%s needs BATCH_NORM_EPSILON = %g, not %g.", name, wanted, here)
