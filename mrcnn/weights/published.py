"""Downloads of published weights."""

import os
from pathlib import Path

from ..files.download import download
from ..types import PathLike
from .keras_h5 import WeightsFile

COCO_MODEL_URL = "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5"
COCO_MODEL_CHECKSUM = "md5:e98aaff6f99e307b5e2a8a3ff741a518"
IMAGENET_URL = (
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/"
    "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
)


def download_trained_weights(coco_model_path: PathLike, verbose: int = 1) -> None:
    """Download the COCO weights of matterport's Mask_RCNN (ResNet-101, 81 classes, about 250 MB).

    Args:
        coco_model_path: path to write; the file appears only when complete.
        verbose: 0 for no output.

    Raises:
        ConnectionError: the download failed; the message explains how to do it by hand.
    """
    download(COCO_MODEL_URL, coco_model_path, verbose, COCO_MODEL_CHECKSUM)


def imagenet_weights() -> str:
    """Path of the ResNet-50 ImageNet weights, downloaded once to the Keras cache (about 95 MB).

    They expect BGR pixels; `weights.load` reverses the input channels of `conv1`.

    Raises:
        ConnectionError: the download failed; the message explains how to do it by hand.
    """
    folder = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"
    name = IMAGENET_URL.rsplit("/", 1)[-1]
    # Keras's own ResNet50 caches a different file, with other layers, under the same name.
    places = [folder / name, folder / f"v0.2_{name}"]
    for path in places:
        if path.exists() and _has_our_layers(path):
            return str(path)
    folder.mkdir(parents=True, exist_ok=True)
    path = places[1] if places[0].exists() else places[0]
    download(IMAGENET_URL, path)
    return str(path)


def _has_our_layers(path: Path) -> bool:
    try:
        with WeightsFile(path) as file:
            return "res2a_branch2a" in file.layer_names
    except ValueError:
        return False
