"""Starting weights, by the names that command lines use for them."""

from pathlib import Path

from . import loading
from .published import download_trained_weights

NAMES = ("coco", "imagenet", "last", "best")


def load(model, name, coco_path="mask_rcnn_coco.h5", others=None):
    """Load starting weights into a model.

    Args:
        model: a `MaskRCNN`.
        name: "coco" (those of matterport's Mask_RCNN, downloaded to `coco_path` if not there yet;
            layers of other shapes, such as those that depend on the number of classes, keep their
            values), "imagenet" (for the backbone, downloaded), "last" or "best" (from the last
            run with the configuration's NAME), or the path of a file.
        coco_path: path of the COCO weights.
        others: dict of further names to paths of files, which may come from other tasks, see
            `load_fitting`.

    Returns:
        `LoadReport`.

    Raises:
        FileNotFoundError: the file or the run does not exist.
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
    """Load weights from another task and start a new run.

    Args:
        model: a `MaskRCNN`.
        path: path of the file. Layers of other shapes, such as those that depend on the number of
            classes, keep their values.

    Returns:
        `LoadReport`.

    Raises:
        FileNotFoundError, ValueError: see `weights.load`.
    """
    report = loading.load(model.keras_model, path, skip_mismatch=True)
    model.set_log_dir()
    return report
