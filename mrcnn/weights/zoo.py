"""Weights that torchvision and Detectron2 publish, by name, and their download."""

import dataclasses
import difflib
import os
from pathlib import Path

from ..files.download import download, mismatch
from ..types import PathLike

_TORCHVISION = "https://download.pytorch.org/models"
_DETECTRON2 = "https://dl.fbaipublicfiles.com/detectron2"
_BSD, _CC = "BSD 3-Clause", "CC BY-SA 3.0"


@dataclasses.dataclass(frozen=True)
class Entry:
    """A published file.

    Attributes:
        url: where it is.
        checksum: the first digits of its checksum, which its name holds, see
            `files.download.mismatch`; None if it is not known.
        licence: as published.
        box, mask, keypoints: AP on COCO val2017, a scalar, as published, of boxes in pixels, masks
            and keypoints; None if the model finds no such thing, or for a backbone alone.
        epsilon: what batch norms add to the variance.
    """

    url: str
    checksum: str | None
    licence: str
    box: float | None = None
    mask: float | None = None
    keypoints: float | None = None
    epsilon: float = 1e-5

    @property
    def file(self) -> str:
        """Name of the downloaded file."""
        parts = self.url.split("/")
        is_general = parts[-1].startswith("model_final")
        return f"{parts[-3]}_{parts[-1]}" if is_general else parts[-1]


def _torchvision(file: str, epsilon: float = 1e-5, **ap: float) -> Entry:
    digits = file.rsplit("-", 1)[1].removesuffix(".pth")
    return Entry(f"{_TORCHVISION}/{file}", f"sha256:{digits}", _BSD, epsilon=epsilon, **ap)


def _detectron2(path: str, **ap: float) -> Entry:
    # As its model zoo says, the digits are of the MD5.
    digits = path.rsplit("_", 1)[1].removesuffix(".pkl")
    return Entry(f"{_DETECTRON2}/{path}", f"md5:{digits}", _CC, **ap)


def _backbone(path: str) -> Entry:
    return Entry(f"{_DETECTRON2}/ImageNetPretrained/{path}", None, _CC)


_MASK, _BOX = "COCO-InstanceSegmentation", "COCO-Detection"
_KEYPOINTS = "COCO-Keypoints"

# torchvision sets the epsilon of the COCO weights of version 1 to 0 after loading.
ZOO: dict[str, Entry] = {
    "torchvision:maskrcnn_resnet50_fpn": _torchvision(
        "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth", 0.0, box=37.9, mask=34.6
    ),
    "torchvision:maskrcnn_resnet50_fpn_v2": _torchvision(
        "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth", box=47.4, mask=41.8
    ),
    "torchvision:fasterrcnn_resnet50_fpn": _torchvision(
        "fasterrcnn_resnet50_fpn_coco-258fb6c6.pth", 0.0, box=37.0
    ),
    "torchvision:fasterrcnn_resnet50_fpn_v2": _torchvision(
        "fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth", box=46.7
    ),
    "torchvision:keypointrcnn_resnet50_fpn": _torchvision(
        "keypointrcnn_resnet50_fpn_coco-fc266e95.pth", 0.0, box=54.6, keypoints=65.0
    ),
    "torchvision:keypointrcnn_resnet50_fpn_legacy": _torchvision(
        "keypointrcnn_resnet50_fpn_coco-9f466800.pth", box=50.6, keypoints=61.1
    ),
    "torchvision:resnet50": _torchvision("resnet50-0676ba61.pth"),
    "torchvision:resnet50_v2": _torchvision("resnet50-11ad3fa6.pth"),
    "torchvision:resnet101": _torchvision("resnet101-63fe2227.pth"),
    "torchvision:resnet101_v2": _torchvision("resnet101-cd907fc2.pth"),
    "torchvision:resnet152": _torchvision("resnet152-394f9c45.pth"),
    "torchvision:resnet152_v2": _torchvision("resnet152-f82ba261.pth"),
    "torchvision:resnext50_32x4d": _torchvision("resnext50_32x4d-7cdf4587.pth"),
    "torchvision:resnext101_32x8d": _torchvision("resnext101_32x8d-8ba56ff5.pth"),
    "torchvision:resnext101_64x4d": _torchvision("resnext101_64x4d-173b62eb.pth"),
    "detectron2:mask_rcnn_R_50_C4_1x": _detectron2(
        f"{_MASK}/mask_rcnn_R_50_C4_1x/137259246/model_final_9243eb.pkl", box=36.8, mask=32.2
    ),
    "detectron2:mask_rcnn_R_50_DC5_1x": _detectron2(
        f"{_MASK}/mask_rcnn_R_50_DC5_1x/137260150/model_final_4f86c3.pkl", box=38.3, mask=34.2
    ),
    "detectron2:mask_rcnn_R_50_FPN_1x": _detectron2(
        f"{_MASK}/mask_rcnn_R_50_FPN_1x/137260431/model_final_a54504.pkl", box=38.6, mask=35.2
    ),
    "detectron2:mask_rcnn_R_50_C4_3x": _detectron2(
        f"{_MASK}/mask_rcnn_R_50_C4_3x/137849525/model_final_4ce675.pkl", box=39.8, mask=34.4
    ),
    "detectron2:mask_rcnn_R_50_DC5_3x": _detectron2(
        f"{_MASK}/mask_rcnn_R_50_DC5_3x/137849551/model_final_84107b.pkl", box=40.0, mask=35.9
    ),
    "detectron2:mask_rcnn_R_50_FPN_3x": _detectron2(
        f"{_MASK}/mask_rcnn_R_50_FPN_3x/137849600/model_final_f10217.pkl", box=41.0, mask=37.2
    ),
    "detectron2:mask_rcnn_R_101_C4_3x": _detectron2(
        f"{_MASK}/mask_rcnn_R_101_C4_3x/138363239/model_final_a2914c.pkl", box=42.6, mask=36.7
    ),
    "detectron2:mask_rcnn_R_101_DC5_3x": _detectron2(
        f"{_MASK}/mask_rcnn_R_101_DC5_3x/138363294/model_final_0464b7.pkl", box=41.9, mask=37.3
    ),
    "detectron2:mask_rcnn_R_101_FPN_3x": _detectron2(
        f"{_MASK}/mask_rcnn_R_101_FPN_3x/138205316/model_final_a3ec72.pkl", box=42.9, mask=38.6
    ),
    "detectron2:mask_rcnn_X_101_32x8d_FPN_3x": _detectron2(
        f"{_MASK}/mask_rcnn_X_101_32x8d_FPN_3x/139653917/model_final_2d9806.pkl",
        box=44.3,
        mask=39.5,
    ),
    "detectron2:faster_rcnn_R_50_C4_1x": _detectron2(
        f"{_BOX}/faster_rcnn_R_50_C4_1x/137257644/model_final_721ade.pkl", box=35.7
    ),
    "detectron2:faster_rcnn_R_50_DC5_1x": _detectron2(
        f"{_BOX}/faster_rcnn_R_50_DC5_1x/137847829/model_final_51d356.pkl", box=37.3
    ),
    "detectron2:faster_rcnn_R_50_FPN_1x": _detectron2(
        f"{_BOX}/faster_rcnn_R_50_FPN_1x/137257794/model_final_b275ba.pkl", box=37.9
    ),
    "detectron2:faster_rcnn_R_50_C4_3x": _detectron2(
        f"{_BOX}/faster_rcnn_R_50_C4_3x/137849393/model_final_f97cb7.pkl", box=38.4
    ),
    "detectron2:faster_rcnn_R_50_DC5_3x": _detectron2(
        f"{_BOX}/faster_rcnn_R_50_DC5_3x/137849425/model_final_68d202.pkl", box=39.0
    ),
    "detectron2:faster_rcnn_R_50_FPN_3x": _detectron2(
        f"{_BOX}/faster_rcnn_R_50_FPN_3x/137849458/model_final_280758.pkl", box=40.2
    ),
    "detectron2:faster_rcnn_R_101_C4_3x": _detectron2(
        f"{_BOX}/faster_rcnn_R_101_C4_3x/138204752/model_final_298dad.pkl", box=41.1
    ),
    "detectron2:faster_rcnn_R_101_DC5_3x": _detectron2(
        f"{_BOX}/faster_rcnn_R_101_DC5_3x/138204841/model_final_3e0943.pkl", box=40.6
    ),
    "detectron2:faster_rcnn_R_101_FPN_3x": _detectron2(
        f"{_BOX}/faster_rcnn_R_101_FPN_3x/137851257/model_final_f6e8b1.pkl", box=42.0
    ),
    "detectron2:faster_rcnn_X_101_32x8d_FPN_3x": _detectron2(
        f"{_BOX}/faster_rcnn_X_101_32x8d_FPN_3x/139173657/model_final_68b088.pkl", box=43.0
    ),
    "detectron2:keypoint_rcnn_R_50_FPN_1x": _detectron2(
        f"{_KEYPOINTS}/keypoint_rcnn_R_50_FPN_1x/137261548/model_final_04e291.pkl",
        box=53.6,
        keypoints=64.0,
    ),
    "detectron2:keypoint_rcnn_R_50_FPN_3x": _detectron2(
        f"{_KEYPOINTS}/keypoint_rcnn_R_50_FPN_3x/137849621/model_final_a6e10b.pkl",
        box=55.4,
        keypoints=65.5,
    ),
    "detectron2:keypoint_rcnn_R_101_FPN_3x": _detectron2(
        f"{_KEYPOINTS}/keypoint_rcnn_R_101_FPN_3x/138363331/model_final_997cc7.pkl",
        box=56.4,
        keypoints=66.1,
    ),
    "detectron2:keypoint_rcnn_X_101_32x8d_FPN_3x": _detectron2(
        f"{_KEYPOINTS}/keypoint_rcnn_X_101_32x8d_FPN_3x/139686956/model_final_5ad38f.pkl",
        box=57.3,
        keypoints=66.0,
    ),
    "detectron2:R-50": _backbone("MSRA/R-50.pkl"),
    "detectron2:R-101": _backbone("MSRA/R-101.pkl"),
    "detectron2:X-101-32x8d": _backbone("FAIR/X-101-32x8d.pkl"),
}


def is_name(name: object) -> bool:
    """Whether a name is meant as one of the zoo's.

    Example:
        >>> from mrcnn.weights.zoo import is_name
        >>> is_name("torchvision:resnet50"), is_name("resnet50.pth")
        (True, False)
    """
    return isinstance(name, str) and name.startswith(("torchvision:", "detectron2:"))


def entry(name: str) -> Entry:
    """What is published under a name.

    Args:
        name: such as "torchvision:maskrcnn_resnet50_fpn_v2".

    Raises:
        ValueError: there is no such name; the message has those that are close.
    """
    if name in ZOO:
        return ZOO[name]
    close = difflib.get_close_matches(name, ZOO, n=5, cutoff=0.5) or list(ZOO)
    raise ValueError(f"{name!r} is not the name of published weights: did you mean {close[0]!r}?")


def name_of(path: PathLike) -> str | None:
    """The name under which a file is published, by the file's own, which has its checksum.

    Args:
        path: of the file.

    Returns:
        A name in ZOO; None if there is none.

    Example:
        >>> from mrcnn.weights.zoo import name_of
        >>> name_of("weights/resnet50-0676ba61.pth")
        'torchvision:resnet50'
    """
    file = Path(path).name
    return next((name for name, each in ZOO.items() if each.file == file), None)


def cached(name: str) -> Path:
    """Where the file of a name is once it has been downloaded.

    Args:
        name: one of those in ZOO.

    Raises:
        ValueError: there is no such name.
    """
    folder = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"
    return folder / entry(name).file


def published_weights(name: str) -> Path:
    """The file of a name, downloaded over https once, to the Keras cache.

    Args:
        name: one of those in ZOO.

    Returns:
        Path in `~/.keras/models`, or below KERAS_HOME.

    Raises:
        ValueError: there is no such name, or the file in the cache is another one.
        ConnectionError: the download failed; the message says which file to put where.
    """
    found, path = entry(name), cached(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        download(found.url, path, checksum=found.checksum)
    elif wrong := mismatch(path, found.checksum):
        raise ValueError(f"{path} is not the file at {found.url}: {wrong}. Delete it.")
    return path
