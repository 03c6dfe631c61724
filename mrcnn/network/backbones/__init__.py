"""Backbones, one per file: from an image to feature maps of strides 4 to 32."""

from keras import layers, ops

from ...config_rules import parts
from .backbone import Backbone, FunctionBackbone
from .resnet import ResNet
from .small_resnet import small_resnet

__all__ = ["Backbone", "FunctionBackbone", "ResNet", "build", "of_config", "small_resnet"]


def of_config(config):
    """The `Backbone` that a `Config` names or provides."""
    if parts.is_function(config.BACKBONE):
        return FunctionBackbone(config.BACKBONE)
    return parts.part(parts.BACKBONES, config.BACKBONE)


def build(config, input_image):
    """Build the backbone's feature maps of an image.

    Args:
        config: a `Config`.
        input_image: [B, H, W, IMAGE_CHANNEL_COUNT], RGB, mean subtracted.

    Returns:
        [C1, C2, C3, C4, C5].

    Raises:
        ValueError: the backbone returns fewer or more.
    """
    backbone = of_config(config)
    if backbone.pixel_std is not None:
        scale = 1 / ops.convert_to_numpy(backbone.pixel_std)
        input_image = layers.Rescaling(scale, name="pixel_scale")(input_image)
    if backbone.pixel_order == "BGR":
        input_image = input_image[..., ::-1]
    features = backbone.build(input_image, config)
    if len(features) != 5:
        raise ValueError(
            f"the BACKBONE {type(backbone).__name__} returns {len(features)} feature maps: it must "
            "return five, C1 to C5."
        )
    return features
