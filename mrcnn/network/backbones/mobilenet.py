"""MobileNetV3-Large (Howard et al. 2019), a light backbone."""

from typing import Any, Self

import keras

from ...config import Config
from ...types import Tensor
from .keras_model import KerasBackbone

# The last layer of each stride; the activation of the last one has no name of its own in Keras.
LEVELS = ("expanded_conv_2_add", "expanded_conv_5_add", "expanded_conv_11_add", "conv_1_bn")


def mobilenet_v3_large(**options: Any) -> keras.Model:
    """`keras.applications.MobileNetV3Large` without its own rescaling of pixels.

    Args:
        options: for `keras.applications.MobileNetV3Large`.

    Returns:
        The model, which expects RGB pixels from -1 to 1.
    """
    return keras.applications.MobileNetV3Large(include_preprocessing=False, **options)


@keras.saving.register_keras_serializable(package="mrcnn")
class MobileNetV3Large(KerasBackbone):
    """MobileNetV3-Large with the layers and names of `keras.applications`.

    C2 to C5 have 24, 40, 112 and 960 channels. Start from ImageNet weights: with random ones and
    frozen BatchNorm (TRAIN_BN False), the signal vanishes before C4, so that nothing is learnt.
    """

    architecture = "mobilenet_v3_large"
    stem = "conv"
    trainable = {
        "3+": r"expanded_conv_([3-9]|1\d)_.*|conv_1.*",
        "4+": r"expanded_conv_([6-9]|1\d)_.*|conv_1.*",
        "5+": r"expanded_conv_1[2-4]_.*|conv_1.*",
    }

    def __init__(self) -> None:
        super().__init__(mobilenet_v3_large, LEVELS, pixels="tf")
        self.imagenet = self.architecture

    def get_config(self) -> dict[str, Any]:
        """See `Backbone.get_config`: there are no arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """See `Backbone.from_config`.

        Args:
            config: from `get_config`.
        """
        return cls(**config)

    def build(self, image: Tensor, config: Config) -> list[Tensor]:
        """See `Backbone.build`.

        Args:
            image, config: see `Backbone.build`.
        """
        *features, c5 = super().build(image, config)
        return [*features, keras.layers.Activation("hard_swish", name="conv_1_out")(c5)]


MOBILENET_V3_LARGE = MobileNetV3Large()
