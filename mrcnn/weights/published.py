"""Downloads of published weights."""

import os
from pathlib import Path

from ..files.download import download
from ..types import PathLike
from .imagenet import IMAGENET_URL, PUBLISHED
from .keras_h5 import WeightsFile, save_arrays

__all__ = ["IMAGENET_URL", "download_trained_weights", "imagenet_weights"]

COCO_MODEL_URL = "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5"
COCO_MODEL_CHECKSUM = "md5:e98aaff6f99e307b5e2a8a3ff741a518"


def download_trained_weights(coco_model_path: PathLike, verbose: int = 1) -> None:
    """Download the COCO weights of matterport's Mask_RCNN (ResNet-101, 81 classes, about 250 MB).

    Args:
        coco_model_path: path to write; the file appears only when complete.
        verbose: 0 for no output.

    Raises:
        ConnectionError: the download failed; the message explains how to do it by hand.
    """
    download(COCO_MODEL_URL, coco_model_path, verbose, COCO_MODEL_CHECKSUM)


def imagenet_weights(architecture: str = "resnet50") -> str:
    """Path of a backbone's ImageNet weights, downloaded once to the Keras cache.

    | architecture | from | licence | pixels |
    |---|---|---|---|
    | resnet50 | F. Chollet's deep-learning-models, 95 MB | MIT (K. He) | BGR, mean subtracted |
    | resnet101, resnet152 | keras.applications, 171 and 234 MB | MIT (K. He) | the same |
    | vgg16 | keras.applications, 59 MB | CC BY 4.0 (VGG, Oxford) | the same |
    | mobilenet_v3_large | keras.applications, 13 MB | Apache 2.0 (Google) | RGB, -1 to 1 |

    `weights.load` reverses the input channels of the first convolution where the file's order is
    not the network's, and the backbone scales the pixels. Files whose layers are named differently
    from ours are converted once, beside the download. The ResNets have their stride in the 1x1
    convolution, see RESNET_STRIDE_IN.

    Args:
        architecture: the `imagenet` of a `Backbone`.

    Raises:
        ValueError: Keras has no weights for this architecture, or the file holds other weights.
        ConnectionError: the download failed; the message explains how to do it by hand.
    """
    if architecture not in PUBLISHED:
        raise ValueError(
            f"there are no ImageNet weights for the BACKBONE {architecture}: Keras publishes those "
            f"of {', '.join(PUBLISHED)}. Start from a file whose layers are named like this "
            "backbone's, given by its path (torchvision has such weights, to be converted); from "
            "random values, with a longer training run; or, with a KerasBackbone, from its "
            'model\'s weights (weights="imagenet").'
        )
    published = PUBLISHED[architecture]
    folder = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"
    folder.mkdir(parents=True, exist_ok=True)
    name = published.url.rsplit("/", 1)[-1]
    if published.convert is None:
        # Keras caches other files, with other layers, under the same name.
        places = [folder / name, folder / f"v0.2_{name}"]
        for path in places:
            if path.exists() and _has_layer(path, published.layer):
                return str(path)
        path = places[1] if places[0].exists() else places[0]
        download(published.url, path, checksum=published.checksum)
        return str(path)
    converted = folder / f"mask_rcnn_{architecture}_imagenet.h5"
    if not converted.exists():
        original = folder / name
        if not original.exists():
            download(published.url, original, checksum=published.checksum)
        with WeightsFile(original) as source:
            layers = dict(published.convert(source))
        if published.layer not in layers:
            raise ValueError(
                f"{original} does not hold Keras's ImageNet weights of {architecture}: delete it, "
                "and it will be downloaded again."
            )
        save_arrays(layers, converted, published.pixel_order)
    return str(converted)


def _has_layer(path: Path, layer: str) -> bool:
    try:
        with WeightsFile(path) as file:
            return layer in file.layer_names
    except ValueError:
        return False
