"""The layers of the box head: convolutions, fully connected layers and the predictors."""

import dataclasses
from collections.abc import Callable

from keras import layers, ops

from ...config import Config
from ...types import Tensor
from ..blocks import REFERENCE, Norm, roi_block
from ..initial import initial


@dataclasses.dataclass(frozen=True)
class BoxLayers:
    """The hidden layers of the box head.

    Attributes:
        width: units in each fully connected layer.
        fully_connected: number of these layers.
        convolutions: number of 3x3 convolutions before them.
        channels: output channels of each.
        norm: "all" if a BatchNorm follows each of these layers, "convolutions" if only each
            convolution, None if none.
    """

    width: int = 1024
    fully_connected: int = 2
    convolutions: int = 0
    channels: int = 256
    norm: str | None = "all"

    @classmethod
    def of(cls, config: Config) -> "BoxLayers":
        """Those of a configuration.

        Args:
            config: FPN_CLASSIF_FC_LAYERS_SIZE and BOX_HEAD_*.
        """
        return cls(
            config.FPN_CLASSIF_FC_LAYERS_SIZE,
            config.BOX_HEAD_LAYERS,
            config.BOX_HEAD_CONVOLUTIONS,
            config.BOX_HEAD_CHANNELS,
            config.BOX_HEAD_NORM,
        )


TWO_LAYERS = BoxLayers()


def box_head(
    pool: Callable[[Tensor], Tensor],
    pool_size: int,
    num_classes: int,
    hidden: BoxLayers = TWO_LAYERS,
    norm: Norm = REFERENCE,
    init: str = "glorot",
) -> Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]:
    """Create the layers of the head.

    Args:
        pool: function from RoIs [B, R, 4], normalised, to their features
            [B, R, pool_size, pool_size, channels].
        pool_size: side of the RoI's feature crop.
        num_classes: number of classes, including the background.
        hidden: the layers before the last ones.
        norm: their BatchNorm, where `hidden` has it.
        init: NEW_LAYERS_INIT of the last layers.

    Returns:
        Function (rois) -> logits [B, R, num_classes], their softmax, and bbox
        [B, R, num_classes, 4] of (dy, dx, log dh, log dw), divided by BBOX_STD_DEV.
    """
    blocks = [
        roi_block(
            hidden.channels,
            3,
            norm if hidden.norm else None,
            name=f"mrcnn_class_spatial{index}",
            norm_name=f"mrcnn_class_spatial_bn{index}",
            padding="same",
        )
        for index in range(1, hidden.convolutions + 1)
    ]
    # Fully connected layers, written as convolutions, because weight files hold them as such.
    blocks += [
        roi_block(
            hidden.width,
            pool_size if index == 1 else 1,
            norm if hidden.norm == "all" else None,
            name=f"mrcnn_class_conv{index}",
            norm_name=f"mrcnn_class_bn{index}",
        )
        for index in range(1, hidden.fully_connected + 1)
    ]
    squeeze = layers.Reshape((-1, hidden.width), name="pool_squeeze")
    predict = _predictor(num_classes, init)

    def graph(rois: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = pool(rois)
        for block in blocks:
            x = block(x)
        return predict(squeeze(x))

    return graph


def shared_box_head(
    pool: Callable[[Tensor], Tensor], num_classes: int, init: str = "glorot"
) -> Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]:
    """Create the layers of the head that follows a shared stage 5 (Mask R-CNN, figure 4, left).

    Args:
        pool: function from RoIs [B, R, 4], normalised, to what stage 5 makes of their features,
            [B, R, h, w, channels], whose mean over the cells is used.
        num_classes: number of classes, including the background.
        init: NEW_LAYERS_INIT of the last layers.

    Returns:
        As for `box_head`.
    """
    predict = _predictor(num_classes, init)
    return lambda rois: predict(ops.mean(pool(rois), axis=(2, 3)))


def _predictor(num_classes: int, init: str) -> Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]:
    """The last layers: from [B, R, width] to logits, probabilities and deltas."""
    # The deviations are Fast R-CNN's (section 2.3).
    classify = layers.Dense(
        num_classes, kernel_initializer=initial(init, 0.01), name="mrcnn_class_logits"
    )
    softmax = layers.Activation("softmax", name="mrcnn_class", dtype="float32")
    regress = layers.Dense(
        4 * num_classes, kernel_initializer=initial(init, 0.001), name="mrcnn_bbox_fc"
    )
    by_class = layers.Reshape((-1, num_classes, 4), name="mrcnn_bbox")

    def predict(shared: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits = classify(shared)
        return logits, softmax(logits), by_class(regress(shared))

    return predict
