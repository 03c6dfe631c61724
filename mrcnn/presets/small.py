"""A small network, for weights that are easy to share and for training on a CPU.

    class CellConfig(SmallNetwork, Config):
        NAME = "cell"

is a network with 9 million weights, 18 MB in half precision; with ResNet-50 it has 45 million.
"""

from collections.abc import Callable
from typing import Any

from ..network.backbones.small_resnet import small_resnet, small_resnet_shape
from .order import check_order


class SmallNetwork:
    """The settings of the network: a mixin, to be listed before `Config`."""

    BACKBONE: Callable[..., Any] = staticmethod(small_resnet)
    COMPUTE_BACKBONE_SHAPE: Callable[..., Any] = staticmethod(small_resnet_shape)
    TOP_DOWN_PYRAMID_SIZE: int = 128
    RPN_CHANNELS: int = 128
    MASK_HEAD_CHANNELS: int = 128
    FPN_CLASSIF_FC_LAYERS_SIZE: int = 256

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a subclass that lists `Config` first, as its settings would hide these.

        Raises:
            TypeError: `class CellConfig(Config, SmallNetwork)`.
        """
        super().__init_subclass__(**kwargs)
        check_order(cls, SmallNetwork)
