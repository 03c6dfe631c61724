"""The layers of the mask head: a small fully convolutional network, or fully connected layers.

The two are compared in Mask R-CNN, table 2e.
"""

import math
from collections.abc import Callable, Sequence

from keras import layers, ops

from ...types import Array, Tensor
from ..blocks import REFERENCE, Norm, roi_block
from ..layers import Conv2D, Conv2DTranspose


def mask_head(
    pool: Callable[[Tensor], Tensor],
    num_classes: int,
    norm: Norm | None = REFERENCE,
    channels: int = 256,
    activation: str = "sigmoid",
    convolutions: int = 4,
) -> Callable[..., Tensor]:
    """Create the layers of the fully convolutional head (Mask R-CNN, figure 4).

    Args:
        pool: function from RoIs [B, R, 4], normalised, to their features
            [B, R, side, side, depth].
        num_classes: number of masks per RoI: one for each class, including the background, or 1.
        norm: the BatchNorm after each 3x3 convolution; None for none.
        channels: output channels of the convolutions.
        activation: "sigmoid", or "softmax" over the masks.
        convolutions: number of 3x3 convolutions: 4, or 0 after a shared stage 5.

    Returns:
        Function (rois, counted) -> masks [B, R, 2 * side, 2 * side, num_classes], in 0..1; all
        calls use the same layers. For `counted`, see `roi_block`.
    """
    blocks = [
        roi_block(
            channels,
            3,
            norm,
            name=f"mrcnn_mask_conv{index}",
            norm_name=f"mrcnn_mask_bn{index}",
            padding="same",
        )
        for index in range(1, convolutions + 1)
    ]
    deconv = Conv2DTranspose(
        channels, (2, 2), strides=2, activation="relu", name="mrcnn_mask_deconv"
    )
    # In half precision, the sigmoid would saturate at 0 or 1 too early for the loss.
    masks = Conv2D(num_classes, (1, 1), activation=activation, dtype="float32", name="mrcnn_mask")

    def graph(rois: Tensor, counted: Tensor | None = None) -> Tensor:
        x = pool(rois)
        for block in blocks:
            x = block(x, counted)
        return masks(deconv(x))

    return graph


def mlp_mask_head(
    pool: Callable[[Tensor], Tensor],
    num_classes: int,
    mask_shape: Sequence[int] | Array,
    hidden: int = 2,
    width: int = 1024,
    activation: str = "sigmoid",
) -> Callable[[Tensor], Tensor]:
    """Create the layers of a fully connected head (Mask R-CNN, table 2e, "MLP").

    The paper writes 1024→1024→80·28² for two hidden layers: each number is a layer's width, and the
    last layer predicts every pixel of every mask.

    Args:
        pool: function from RoIs [B, R, 4], normalised, to their features
            [B, R, side, side, depth].
        num_classes: see `mask_head`.
        mask_shape: (height, width) of a mask.
        hidden: number of hidden layers.
        width: units in each of them.
        activation: see `mask_head`.

    Returns:
        Function (rois) -> masks [B, R, *mask_shape, num_classes], in 0..1; all calls use the same
        layers.
    """
    height_width = tuple(int(side) for side in mask_shape)
    blocks = [
        layers.Dense(width, activation="relu", name=f"mrcnn_mask_fc{index}")
        for index in range(1, hidden + 1)
    ]
    logits = layers.Dense(math.prod(height_width) * num_classes, name="mrcnn_mask_logits")
    # Named like the last layer of the convolutional head, whose output has the same meaning.
    masks = layers.Activation(activation, dtype="float32", name="mrcnn_mask")

    def graph(rois: Tensor) -> Tensor:
        x = pool(rois)
        count = x.shape[1]
        x = ops.reshape(x, (-1, count, math.prod(x.shape[2:])))
        for dense in blocks:
            x = dense(x)
        return masks(ops.reshape(logits(x), (-1, count, *height_width, num_classes)))

    return graph
