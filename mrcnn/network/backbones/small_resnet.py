"""A small backbone, for weights that are easy to share and for training on a CPU.

C1 to C3 and the first half of C4 are ResNet-50's, so ImageNet weights load by name. The omitted
layers look at objects of a few hundred pixels.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from ...types import Array, Tensor
from .resnet import resnet_stage, resnet_stem


def small_resnet(
    input_image: Tensor, stage5: bool = True, train_bn: bool | None = False
) -> list[Tensor]:
    """Half a ResNet-50, for `Config.BACKBONE`.

    Args:
        input_image: [B, H, W, channels], mean subtracted.
        stage5: ignored; C5 is always built, from two convolutions.
        train_bn: `training` argument of the BatchNorm layers.

    Returns:
        [C1, C2, C3, C4, C5], with strides 4, 4, 8, 16, 32 and 64, 256, 512, 1024, 256 channels.

    Example:
        >>> import keras
        >>> from mrcnn.network.backbones import small_resnet
        >>> [feature.shape[1:] for feature in small_resnet(keras.Input((64, 64, 3)))]
        [(16, 16, 64), (16, 16, 256), (8, 8, 512), (4, 4, 1024), (2, 2, 256)]
    """
    c1 = resnet_stem(exposure(input_image), train_bn)
    c2 = resnet_stage(c1, 2, (64, 64, 256), 2, train_bn, strides=(1, 1))
    c3 = resnet_stage(c2, 3, (128, 128, 512), 3, train_bn)
    c4 = resnet_stage(c3, 4, (256, 256, 1024), 2, train_bn)
    x = layers.Conv2D(128, 1, activation="relu", name="small5_reduce")(c4)
    c5 = layers.Conv2D(256, 3, 2, padding="same", activation="relu", name="small5")(x)
    return [c1, c2, c3, c4, c5]


def exposure(image: Tensor) -> Tensor:
    """Give an image the mean and contrast of ImageNet's photographs.

    The network sees two exposures of the same field alike, even if one is a hundred times
    brighter. An image that is flat to within about one grey level stays flat. Padding counts as
    part of the image.

    Args:
        image: [B, H, W, C].

    Returns:
        [B, H, W, C] with mean 0 and standard deviation 64, over all channels together.
    """
    norm = ImageNormalization(dtype="float32", name="exposure")
    return layers.Rescaling(64.0, dtype="float32", name="exposure_scale")(norm(image))


@keras.saving.register_keras_serializable(package="mrcnn")
class ImageNormalization(layers.Layer):
    """Gives each image mean 0 and standard deviation 1, or less if that is below one grey level.

    Means are of rows first, then of the image: runtimes that add up a million float32 one after the
    other would be off in the third digit.

    Call arguments:
        image: float tensor [B, H, W, C].

    Returns:
        Float tensor [B, H, W, C].
    """

    def call(self, image: Any) -> Tensor:
        """See the class."""
        image = image - _mean(image)
        return image / ops.sqrt(_mean(ops.square(image)) + 1.0)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """That of the image."""
        return input_shape


def _mean(image):
    """Mean [B, 1, 1, 1] of each image."""
    rows = ops.mean(image, axis=(2, 3), keepdims=True)
    return ops.mean(rows, axis=1, keepdims=True)


def small_resnet_shape(image_shape: Sequence[int] | Array) -> Array:
    """Height and width of P2 to P6, for `Config.COMPUTE_BACKBONE_SHAPE`.

    Args:
        image_shape: (height, width) of the network's input in pixels; further entries are ignored.

    Returns:
        int [5, 2], rounded up.

    Example:
        >>> from mrcnn.network.backbones.small_resnet import small_resnet_shape
        >>> small_resnet_shape((128, 256)).tolist()
        [[32, 64], [16, 32], [8, 16], [4, 8], [2, 4]]
    """
    return np.array([[-(-side // s) for side in image_shape[:2]] for s in (4, 8, 16, 32, 64)])
