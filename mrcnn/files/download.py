"""Files that others publish, such as weights."""

import hashlib
import http.client
import os
import shutil
import urllib.request
from pathlib import Path

from tqdm import tqdm

from ..weights.keras_h5 import WeightsFile
from .whole import replacing

COCO_MODEL_URL = "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5"
COCO_MODEL_CHECKSUM = "md5:e98aaff6f99e307b5e2a8a3ff741a518"
IMAGENET_URL = (
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/"
    "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
)


def download_trained_weights(coco_model_path, verbose=1):
    """Download the reference's COCO weights (ResNet-101, 81 classes, about 250 MB).

    Args:
        coco_model_path: where to; written only when complete.
        verbose: 0 shows nothing.

    Raises:
        ConnectionError: the download failed; the message says how to do it by hand.
    """
    download(COCO_MODEL_URL, coco_model_path, verbose, COCO_MODEL_CHECKSUM)


def imagenet_weights():
    """Path of ImageNet weights of ResNet-50, downloaded once to Keras's cache (about 95 MB).

    They expect BGR pixels; `weights.load` reverses the input channels of `conv1`.

    Returns:
        Path as str.

    Raises:
        ConnectionError: the download failed; the message says how to do it by hand.
    """
    folder = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"
    name = IMAGENET_URL.rsplit("/", 1)[-1]
    # Keras's own ResNet50 caches another file, with other layers, under the same name.
    places = [folder / name, folder / f"v0.2_{name}"]
    for path in places:
        if path.exists() and _has_our_layers(path):
            return str(path)
    folder.mkdir(parents=True, exist_ok=True)
    path = places[1] if places[0].exists() else places[0]
    download(IMAGENET_URL, path)
    return str(path)


def _has_our_layers(path):
    try:
        with WeightsFile(path) as file:
            return "res2a_branch2a" in file.layer_names
    except ValueError:
        return False


def download(url, path, verbose=1, checksum=None):
    """Fetch a file over https; `path` is there only if all of it came.

    Args:
        url: an https address.
        path: where to; its folder must exist.
        verbose: 0 shows no progress.
        checksum: that of the file, see `mismatch`.

    Raises:
        ConnectionError: see `download_trained_weights`.
    """
    path = Path(path)
    try:
        with (
            replacing(path) as part,
            open(part, "wb") as out,
            urllib.request.urlopen(url, timeout=60) as response,
        ):
            size = int(response.headers.get("Content-Length") or 0)
            with tqdm.wrapattr(
                response, "read", total=size or None, desc=path.name, disable=not verbose
            ) as stream:
                shutil.copyfileobj(stream, out)
            if size and out.tell() != size:
                raise ConnectionError(f"{out.tell()} of {size} bytes came")
            out.flush()
            if wrong := mismatch(part, checksum):
                raise ConnectionError(wrong)
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionError(
            f"{url} could not be downloaded ({error}). Fetch it by other means and place it "
            f"at {path}."
        ) from error


def mismatch(path, checksum):
    """What is wrong with a file by its checksum, in words; None if nothing is.

    Args:
        path: of the file.
        checksum: "sha256:" or "md5:" and the sum in hexadecimal, or None if it is not known.
    """
    if checksum is None:
        return None
    kind, expected = checksum.split(":")
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False))
    found = digest.hexdigest()
    return None if found == expected else f"its {kind} is {found} and should be {expected}"
