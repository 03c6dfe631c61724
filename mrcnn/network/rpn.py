"""The region proposal network (Faster R-CNN, section 3.1), shared by all pyramid levels."""

from typing import Any

import keras
from keras import layers, ops

from ..anchors.pyramid import anchors_per_cell
from ..config import Config
from ..ops import gather_rows, sum_over_replicas, take_flagged
from ..types import Tensor
from .initial import initial
from .losses import cross_entropy, mean_of, smooth_l1_loss, sum_per


def rpn_graph(
    feature_map: Tensor,
    anchors_per_location: int,
    anchor_stride: int,
    channels: int = 512,
    init: str = "glorot",
    convolutions: int = 1,
    logits_per_anchor: int = 2,
) -> list[Tensor]:
    """Scores and box deltas of all anchors on one feature map.

    Args:
        feature_map: [B, H, W, depth].
        anchors_per_location: anchors per cell.
        anchor_stride: 1 for anchors on every cell, 2 on every second, ...
        channels: output channels of each shared convolution.
        init: NEW_LAYERS_INIT.
        convolutions: number of shared 3x3 convolutions.
        logits_per_anchor: RPN_LOGITS; with 1, the background's logit is 0.

    Returns:
        logits: [B, H * W * anchors, 2], background and foreground.
        probs: [B, H * W * anchors, 2], the softmax of the logits.
        bbox: [B, H * W * anchors, 4] of (dy, dx, log dh, log dw), divided by RPN_BBOX_STD_DEV.
    """
    shared = feature_map
    for number in range(1, convolutions + 1):
        shared = layers.Conv2D(
            channels,
            (3, 3),
            padding="same",
            activation="relu",
            strides=anchor_stride if number == convolutions else 1,
            kernel_initializer=initial(init, 0.01),
            name="rpn_conv_shared" if number == 1 else f"rpn_conv_shared{number}",
        )(shared)

    def predict(count: int, name: str) -> Tensor:
        kernel = initial(init, 0.01)
        return layers.Conv2D(count, (1, 1), kernel_initializer=kernel, name=name)(shared)

    x = predict(logits_per_anchor * anchors_per_location, "rpn_class_raw")
    logits = layers.Reshape((-1, logits_per_anchor))(x)
    if logits_per_anchor == 1:
        # The softmax of (0, x) is the sigmoid of x.
        logits = ops.pad(logits, [[0, 0], [0, 0], [1, 0]])
    probs = layers.Activation("softmax", name="rpn_class_xxx", dtype="float32")(logits)
    x = predict(4 * anchors_per_location, "rpn_bbox_pred")
    return [logits, probs, layers.Reshape((-1, 4))(x)]


def build_rpn_model(
    anchor_stride: int,
    anchors_per_location: int,
    depth: int,
    channels: int = 512,
    init: str = "glorot",
    convolutions: int = 1,
    logits_per_anchor: int = 2,
) -> keras.Model:
    """The RPN as a separate model, so that all levels share its weights.

    Args:
        anchor_stride: 1 for anchors on every cell, 2 on every second, ...
        anchors_per_location: anchors per cell.
        depth: channels of the feature maps.
        channels: output channels of each shared convolution.
        init: NEW_LAYERS_INIT.
        convolutions: number of shared 3x3 convolutions.
        logits_per_anchor: RPN_LOGITS.

    Returns:
        Model "rpn_model": feature map [B, H, W, depth] -> the outputs of `rpn_graph`.
    """
    feature_map = keras.Input((None, None, depth), name="input_rpn_feature_map")
    outputs = rpn_graph(
        feature_map,
        anchors_per_location,
        anchor_stride,
        channels,
        init,
        convolutions,
        logits_per_anchor,
    )
    return keras.Model(feature_map, outputs, name="rpn_model")


def rpn_of_pyramid(pyramid: list[Tensor], config: Config) -> list[Tensor]:
    """The RPN's outputs for all levels, with the anchors level by level.

    Args:
        pyramid: the feature maps that have anchors, [P2..P6] or one, each [B, H_l, W_l, C].
        config: for RPN_* and NEW_LAYERS_INIT.

    Returns:
        Float32 tensors, see `rpn_graph`: logits [B, A, 2], probs [B, A, 2], bbox [B, A, 4].
    """
    model = build_rpn_model(
        config.RPN_ANCHOR_STRIDE,
        anchors_per_cell(config),
        pyramid[0].shape[-1],
        config.RPN_CHANNELS,
        config.NEW_LAYERS_INIT,
        config.RPN_CONVOLUTIONS,
        config.RPN_LOGITS,
    )
    by_level = zip(*[model(features) for features in pyramid], strict=True)
    names = ("rpn_class_logits", "rpn_class", "rpn_bbox")
    # In half precision, scores would be so coarse that thousands of anchors would tie.
    return [
        layers.Concatenate(axis=1, name=name, dtype="float32")(list(levels))
        for name, levels in zip(names, by_level, strict=True)
    ]


@keras.saving.register_keras_serializable(package="mrcnn")
def rpn_class_loss_graph(rpn_match: Tensor, rpn_class_logits: Tensor) -> Tensor:
    """Mean cross entropy of the positive and negative anchors of the batch.

    These are the N_cls sampled anchors of Faster R-CNN, 256 per image.

    Args:
        rpn_match: int tensor [B, A, 1]; 1 positive, -1 negative, 0 neutral.
        rpn_class_logits: float tensor [B, A, 2].

    Returns:
        Float scalar.
    """
    match = ops.squeeze(rpn_match, -1)  # [B, A]
    losses = cross_entropy(ops.cast(match == 1, "int32"), rpn_class_logits)
    return mean_of(losses, match != 0)


@keras.saving.register_keras_serializable(package="mrcnn")
def rpn_bbox_loss_graph(
    config: Any, target_bbox: Tensor, rpn_match: Tensor, rpn_bbox: Tensor
) -> Tensor:
    """Smooth L1 loss of the positive anchors' deltas over the batch.

    With RPN_LOSS "mean", it is the mean over the coordinates of all positive anchors. With
    "faster_rcnn" (section 3.1.2), it is their sum, divided by the number of anchor locations, which
    are the cells of all levels that have anchors, and multiplied by RPN_LOSS_LAMBDA. With
    "sampled", it is their sum, divided by the number of positive and negative anchors.

    Args:
        config: for RPN_LOSS, RPN_LOSS_LAMBDA and BOX_LOSS_BETA, and for the anchors of a location.
        target_bbox: float tensor [B, K, 4], the positive anchors' deltas, in order.
        rpn_match: int tensor [B, A, 1]; 1 positive.
        rpn_bbox: float tensor [B, A, 4], the predicted deltas of all anchors.

    Returns:
        Float scalar.
    """
    match = ops.squeeze(rpn_match, -1)
    positive = match == 1  # [B, A]
    count = target_bbox.shape[1]
    if rpn_bbox.shape[1] is not None:
        count = min(count, rpn_bbox.shape[1])
    indices, taken = take_flagged(positive, count)
    beta = getattr(config, "BOX_LOSS_BETA", 1.0)
    predicted = gather_rows(rpn_bbox, indices)  # [B, K, 4]
    losses = smooth_l1_loss(target_bbox[:, :count], predicted, beta)
    counts = ops.arange(count, dtype="int32")[None] < taken[:, None]
    kind = getattr(config, "RPN_LOSS", "mean")
    if kind == "mean":
        return mean_of(ops.mean(losses, axis=-1), counts)
    if kind == "sampled":
        total = ops.where(counts, ops.sum(losses, axis=-1), 0.0)
        return sum_per(total, match != 0)
    images, anchors = ops.shape(rpn_bbox)[0], ops.shape(rpn_bbox)[1]
    locations = ops.cast(images * anchors, losses.dtype) / anchors_per_cell(config)
    total = ops.sum(losses * ops.cast(counts, losses.dtype)[..., None])
    return config.RPN_LOSS_LAMBDA * total / sum_over_replicas(locations)
