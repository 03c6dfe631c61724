"""Weights to start from, by the names that command lines have for them."""

from pathlib import Path

from . import loading
from .published import download_trained_weights

NAMES = ("coco", "imagenet", "last", "best")


def load(model, name, coco_path="mask_rcnn_coco.h5", others=None):
    """Load weights into a model.

    Args:
        model: a `MaskRCNN`.
        name: "coco" (the reference's, downloaded to `coco_path` unless they are there; layers of
            other shapes, such as those that depend on the number of classes, stay as they are),
            "imagenet" (of the backbone, downloaded), "last" or "best" (of the last run of the
            configuration's NAME), or the path of a file.
        coco_path: path of COCO's weights.
        others: dict of further names to paths of files, of other tasks too, see `load_fitting`.

    Returns:
        `LoadReport`.

    Raises:
        FileNotFoundError: there is no such file, or no run.
        ConnectionError: the download failed.
        ValueError: the file does not fit, see `weights.load`.
    """
    if name == "coco":
        if not Path(coco_path).exists():
            download_trained_weights(str(coco_path))
        return load_fitting(model, coco_path)
    if name in (others or {}):
        return load_fitting(model, others[name])
    if name == "imagenet":
        path = model.get_imagenet_weights()
    elif name == "last":
        path = model.find_last()
    elif name == "best":
        path = Path(model.find_last()).parent / "weights" / "best.h5"
    else:
        path = Path(name).expanduser()
    return model.load_weights(str(path), by_name=True)


def load_fitting(model, path):
    """Load weights of another task, and begin a new run.

    Args:
        model: a `MaskRCNN`.
        path: of the file; layers of other shapes, such as those that depend on the number of
            classes, stay as they are.

    Returns:
        `LoadReport`.

    Raises:
        FileNotFoundError, ValueError: see `weights.load`.
    """
    report = loading.load(model.keras_model, path, skip_mismatch=True)
    model.set_log_dir()
    return report
