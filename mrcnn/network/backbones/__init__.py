"""Backbones, one per file: from an image to feature maps of strides 4 to 32."""

from collections.abc import Sequence

from keras import layers, ops

from ...config import Config
from ...config_rules import parts
from ...types import Tensor
from .backbone import Backbone, FunctionBackbone
from .features import checked_features
from .keras_model import KerasBackbone
from .resnet import ResNet
from .resnext import ResNeXt
from .small_resnet import small_resnet

__all__ = [
    "Backbone",
    "FunctionBackbone",
    "KerasBackbone",
    "ResNeXt",
    "ResNet",
    "build",
    "of_config",
    "small_resnet",
]


def of_config(config: Config) -> Backbone:
    """The backbone that a `Config` names or provides.

    Example:
        >>> from mrcnn.config import Config
        >>> from mrcnn.network import backbones
        >>> backbones.of_config(Config()).architecture
        'resnet101'
    """
    if parts.is_function(config.BACKBONE):
        return FunctionBackbone(config.BACKBONE)
    return parts.part(parts.BACKBONES, config.BACKBONE)


def build(config: Config, input_image: Tensor) -> Sequence[Tensor]:
    """Build the backbone's feature maps of an image.

    Args:
        config: for BACKBONE and TRAIN_BN.
        input_image: [B, H, W, IMAGE_CHANNEL_COUNT], RGB, mean subtracted.

    Returns:
        [C1, C2, C3, C4, C5].

    Raises:
        ValueError: the backbone returns anything else, see `features.checked_features`.
    """
    backbone = of_config(config)
    if backbone.pixel_std is not None:
        scale = 1 / ops.convert_to_numpy(backbone.pixel_std)
        input_image = layers.Rescaling(scale, name="pixel_scale")(input_image)
    if backbone.pixel_order == "BGR":
        input_image = input_image[..., ::-1]
    return checked_features(backbone.build(input_image, config), config)
