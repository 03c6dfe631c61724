"""The neck: what the RPN and the heads see of the backbone (Mask R-CNN, section 3)."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from ..config import Config
from ..config_rules import necks
from ..types import Tensor
from . import backbones
from .blocks import Norm
from .pyramid import feature_pyramid


@dataclasses.dataclass(frozen=True)
class Neck:
    """The feature maps, finest first, each [B, H / stride, W / stride, C].

    Attributes:
        anchored: those with anchors, that is the RPN's: P2 to P6, or one map.
        pooled: those that RoI features come from: P2 to P5, or the same map.
        body: the layers that the box and mask heads share, a function from RoI features
            [B, R, h, w, C]; None if each head has its own.
    """

    anchored: list[Tensor]
    pooled: list[Tensor]
    body: Callable[[Tensor], Tensor] | None = None


def build(features: Sequence[Tensor], config: Config) -> Neck:
    """Build a `Config`'s NECK.

    Args:
        features: [C2, C3, C4, C5] of the backbone, each [B, H / stride, W / stride, any].
        config: NECK, BACKBONE, TOP_DOWN_PYRAMID_SIZE, FPN_NORM and what `Norm.of` reads.

    Returns:
        The maps and the shared body.

    Example:
        >>> import keras
        >>> from mrcnn.config import Config
        >>> from mrcnn.network import neck
        >>> features = [keras.Input((side, side, 8)) for side in (16, 8, 4, 2)]
        >>> [x.shape[1:] for x in neck.build(features, Config()).anchored]
        [(16, 16, 256), (8, 8, 256), (4, 4, 256), (2, 2, 256), (1, 1, 256)]
        >>> one_map = Config.from_dict({"NECK": "c5"})
        >>> [x.shape[1:] for x in neck.build(features, one_map).anchored]
        [(2, 2, 8)]
    """
    if config.NECK == "fpn":
        c2, c3, c4, c5 = features
        norm = Norm.of(config) if config.FPN_NORM else None
        pyramid = feature_pyramid(c2, c3, c4, c5, config.TOP_DOWN_PYRAMID_SIZE, norm)
        return Neck(pyramid, pyramid[:4])
    only = features[necks.ONE_MAP[config.NECK]]
    return Neck([only], [only], stage5_body(config, only.shape[-1]))


def stage5_body(config: Config, channels: int) -> Callable[[Tensor], Tensor] | None:
    """The backbone's stage 5, to be applied to RoI features.

    Args:
        config: NECK, BACKBONE, POOL_SIZE, C4_HEAD_STRIDE.
        channels: those of C4.

    Returns:
        Function [B, R, POOL_SIZE, POOL_SIZE, channels] -> [B, R, h, w, C5's channels], whose calls
        all use the same layers. None unless the heads share stage 5.
    """
    if not necks.shares_stage5(config):
        return None
    side = config.POOL_SIZE
    features = keras.Input((side, side, channels))
    backbone: Any = backbones.of_config(config)
    stage5 = keras.Function(features, backbone.stage5(features, config))

    def body(x: Tensor) -> Tensor:
        # `call` applies the layers one by one, so that each is a layer of the network, under the
        # name that weight files know.
        folded = stage5.call(ops.reshape(x, (-1, side, side, channels)))
        return ops.reshape(folded, (-1, x.shape[1], *folded.shape[1:]))

    return body
