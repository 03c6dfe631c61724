"""Convolutions and what follows them: BatchNorm and a ReLU."""

import dataclasses
from collections.abc import Callable
from typing import Any

from keras import layers

from ..config import Config
from ..types import Tensor
from .layers import BatchNorm, Conv2D


@dataclasses.dataclass(frozen=True)
class Norm:
    """The BatchNorm layers of a network.

    Attributes:
        training: `training` argument of each, see `BatchNorm`.
        epsilon: added to the variance.
        replaces_bias: whether a convolution that one follows has no bias.

    Example:
        >>> from mrcnn.config import Config
        >>> from mrcnn.network.blocks import Norm
        >>> Norm.of(Config.from_dict({"BATCH_NORM_EPSILON": 1e-5}))
        Norm(training=False, epsilon=1e-05, replaces_bias=False)
    """

    training: bool | None = True
    epsilon: float = 1e-3
    replaces_bias: bool = False

    @classmethod
    def of(cls, config: Config) -> "Norm":
        """Those of a configuration.

        Args:
            config: TRAIN_BN, BATCH_NORM_EPSILON, NORM_REPLACES_BIAS.
        """
        epsilon, replaces_bias = config.BATCH_NORM_EPSILON, config.NORM_REPLACES_BIAS
        return cls(config.TRAIN_BN, float(epsilon), bool(replaces_bias))

    def layer(self, name: str) -> Callable[..., Tensor]:
        """Create one.

        Args:
            name: the layer's name.

        Returns:
            Function (x [..., channels], counted) -> [..., channels]; for `counted`, see
            `BatchNorm`.
        """
        batch_norm = BatchNorm(epsilon=self.epsilon, name=name)
        return lambda x, **counted: batch_norm(x, training=self.training, **counted)


REFERENCE = Norm()


def roi_block(
    filters: int, side: int, norm: Norm | None, name: str, norm_name: str, **options: Any
) -> Callable[..., Tensor]:
    """Create a convolution over RoIs, its BatchNorm and a ReLU.

    Args:
        filters: output channels.
        side: that of the kernel.
        norm: the BatchNorm; None for none.
        name: the convolution's name.
        norm_name: the BatchNorm's name.
        options: of `Conv2D`, such as `padding`.

    Returns:
        Function (x [B, R, h, w, channels], counted) -> [B, R, h', w', filters]; all calls use the
        same layers. If `counted`, bool [B, R], is given, batch statistics are those of its RoIs.
    """
    use_bias = norm is None or not norm.replaces_bias
    convolution = Conv2D(filters, (side, side), use_bias=use_bias, name=name, **options)
    normalise = norm.layer(norm_name) if norm else None
    relu = layers.Activation("relu")

    def block(x: Tensor, counted: Tensor | None = None) -> Tensor:
        x = convolution(x)
        if normalise is None:
            return relu(x)
        if counted is None:
            return relu(normalise(x))
        return relu(normalise(x, counted=counted[..., None, None]))

    return block
