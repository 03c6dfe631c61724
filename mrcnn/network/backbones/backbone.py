"""The backbone interface: image to feature maps, and what other code must know about the layers."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Self

import numpy.typing as npt

from ...config import Config
from ...types import Tensor


class Backbone:
    """Base class of all backbones; `Config.BACKBONE` takes an instance.

    Its feature maps C2..C5 have strides 4 to 32. A subclass must name its layers, because weight
    files identify them by name. If it has a method `stage5(features, config)`, which makes C5 of
    C4, NECK "c4" uses it as the body of the heads: on RoI features, with the stride C4_HEAD_STRIDE.
    Its layers then match `trainable["5+"]`.

    Attributes:
        strides: image pixels per cell of C2..C5.
        stem: name of the convolution that sees the pixels; its RGB weights can be spread over
            another number of channels.
        trainable: dict of "3+", "4+" and "5+" to a regular expression that matches the layers
            that train under this name, in addition to those that train with "heads".
        fresh: regular expression that matches layers without pretrained weights, which train with
            "heads"; None if there are none.
        imagenet: name of its ImageNet weights in `mrcnn.weights.imagenet`; if no weights have this
            name, asking for them raises an error that says what to do instead. The default is right
            for layers named like a ResNet's.
        pixel_order: "RGB" or "BGR", the channel order that its weights were trained with.
        can_dilate: whether `build` gives C5 the stride of C4 if NECK is "dc5".
        pixel_std: divisor of the pixels after the mean is subtracted: a number, or one per channel
            in the image's channel order; None for no division.

    Example:
        >>> import keras
        >>> from mrcnn.config import Config
        >>> from mrcnn.network import backbones
        >>> class Plain(backbones.Backbone):
        ...     stem = "level1"
        ...     trainable = {"3+": "level[3-5]", "4+": "level[45]", "5+": "level5"}
        ...
        ...     def build(self, image, config):
        ...         features = [image]
        ...         for level in range(1, 6):
        ...             conv = keras.layers.Conv2D(32, 2, strides=2, name=f"level{level}")
        ...             features.append(conv(features[-1]))
        ...         return features[1:]
        >>> config = Config.from_dict({"BACKBONE": Plain()})
        >>> [c.shape[1:] for c in backbones.build(config, keras.Input((64, 64, 3)))]
        [(32, 32, 32), (16, 16, 32), (8, 8, 32), (4, 4, 32), (2, 2, 32)]
    """

    strides: tuple[int, ...] = (4, 8, 16, 32)
    stem: str = "conv1"
    trainable: dict[str, str] = {
        f"{first}+": "|".join(rf"(res{stage}.*)|(bn{stage}.*)" for stage in range(first, 6))
        for first in (3, 4, 5)
    }
    fresh: str | None = None
    imagenet: str = "resnet50"
    pixel_order: Literal["RGB", "BGR"] = "RGB"
    pixel_std: npt.ArrayLike | None = None
    can_dilate: bool = False

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor in JSON types; override it if there are any.

        A Keras archive holds them, if `keras.saving.register_keras_serializable` has registered the
        class.
        """
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The backbone that `get_config` described.

        Args:
            config: from `get_config`.
        """
        return cls(**config)

    def build(self, image: Tensor, config: Config) -> Sequence[Tensor]:
        """Create the layers.

        Args:
            image: float tensor [B, H, W, channels], mean subtracted.
            config: for TRAIN_BN and NECK.

        Returns:
            [C1, C2, C3, C4, C5]; C1 is not used, and with NECK "c4" C5 may be None.
        """
        raise NotImplementedError(f"{type(self).__name__} has no build().")


class FunctionBackbone(Backbone):
    """A BACKBONE function as in matterport's Mask_RCNN, with layers named like a ResNet's.

    Args:
        function: (input_image, stage5=True, train_bn=...) -> [C1, C2, C3, C4, C5].
    """

    # small5 of `small_resnet` is not a layer of ResNet-50, so it has no pretrained weights.
    fresh = r"small5.*"

    def __init__(self, function: Callable[..., Sequence[Tensor]]) -> None:
        self.function = function

    def build(self, image: Tensor, config: Config) -> Sequence[Tensor]:
        """See `Backbone.build`.

        Args:
            image, config: see `Backbone.build`.
        """
        return self.function(image, stage5=True, train_bn=config.TRAIN_BN)
