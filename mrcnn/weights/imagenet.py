"""The ImageNet weights that Keras publishes, and how their layers get our names."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..types import Array
from .keras_h5 import WeightsFile

_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"
# Epsilon of batch normalisation in `keras.applications`' ResNets, and in ours.
_THEIR_EPSILON, _OUR_EPSILON = 1.001e-5, 1e-3

Layers = Iterator[tuple[str, list[Array]]]


def resnet_layers(source: WeightsFile) -> Layers:
    """The layers of a ResNet from `keras.applications` under our names.

    Its batch normalisation has a different epsilon; the moving variance is shifted to match ours.

    Args:
        source: an open file of `keras.applications`.

    Yields:
        Name of each layer and its arrays.
    """
    for name in source.layer_names:
        if not source.has_weights(name) or not (ours := resnet_name(name)):
            continue
        arrays = source.arrays(name)
        if ours.startswith("bn"):
            arrays[3] = arrays[3] + np.float32(_THEIR_EPSILON - _OUR_EPSILON)
        yield ours, arrays


def resnet_name(name: str) -> str:
    """Our name for a layer of `keras.applications`' ResNets, "" if there is none.

    Example:
        >>> from mrcnn.weights.imagenet import resnet_name
        >>> resnet_name("conv2_block1_0_conv"), resnet_name("conv4_block28_3_bn")
        ('res2a_branch1', 'bn4ab_branch2c')
    """
    if name in ("conv1_conv", "conv1_bn"):
        return {"conv1_conv": "conv1", "conv1_bn": "bn_conv1"}[name]
    found = re.fullmatch(r"conv([2-5])_block(\d+)_([0-3])_(conv|bn)", name)
    if not found:
        return ""
    stage, block, place, kind = found.groups()
    first, second = divmod(int(block) - 1, 26)
    letters = (chr(ord("a") + first - 1) if first else "") + chr(ord("a") + second)
    branch = ("1", "2a", "2b", "2c")[int(place)]
    return f"{'res' if kind == 'conv' else 'bn'}{stage}{letters}_branch{branch}"


def mobilenet_layers(source: WeightsFile) -> Layers:
    """The layers of Keras's MobileNetV3-Large under the names that Keras 3 gives them.

    The file uses different names, so layers are matched by order and shapes, as Keras does.

    Args:
        source: an open file of `keras.applications`.

    Yields:
        Name of each layer and its arrays; nothing if the file has other layers.
    """
    import keras

    model = keras.applications.MobileNetV3Large(
        weights=None, include_top=False, input_shape=(None, None, 3)
    )
    ours = [layer for layer in model.layers if layer.weights]
    theirs = [name for name in source.layer_names if source.has_weights(name)]
    shapes = [[tuple(weight.shape) for weight in layer.weights] for layer in ours]
    if shapes == [source.shapes(name) for name in theirs]:
        for layer, name in zip(ours, theirs, strict=True):
            yield layer.name, source.arrays(name)


@dataclass(frozen=True)
class Published:
    """A file that Keras publishes.

    Attributes:
        url: where it is.
        checksum: see `files.download.mismatch`; None if it is not known.
        layer: a layer that it has, after conversion.
        convert: what gives its layers our names; None if they already have them.
        pixel_order: "RGB" or "BGR".
    """

    url: str
    checksum: str | None
    layer: str
    convert: Callable[[WeightsFile], Layers] | None = None
    pixel_order: str = "BGR"


def _resnet(depth: int, md5: str) -> Published:
    name = f"resnet{depth}_weights_tf_dim_ordering_tf_kernels_notop.h5"
    last = "bn5c_branch2c"
    return Published(f"{_KERAS}/resnet/{name}", f"md5:{md5}", last, resnet_layers)


IMAGENET_URL = (
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/"
    "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
PUBLISHED = {
    "resnet50": Published(IMAGENET_URL, None, "res2a_branch2a"),
    "resnet101": _resnet(101, "88cf7a10940856eca736dc7b7e228a21"),
    "resnet152": _resnet(152, "ee4c566cf9a93f14d82f913c2dc6dd0c"),
    "vgg16": Published(
        f"{_KERAS}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:6d6bbae143d832006294945121d1f1fc",
        "block1_conv1",
    ),
    "mobilenet_v3_large": Published(
        f"{_KERAS}/mobilenet_v3/weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5",
        "md5:07fb09a5933dd0c8eaafa16978110389",
        "conv_1_bn",
        mobilenet_layers,
        "RGB",
    ),
}
