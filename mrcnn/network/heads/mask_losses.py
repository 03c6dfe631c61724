"""The losses of the mask head (Mask R-CNN, table 2b), both over positive RoIs only."""

import keras
from keras import ops

from ...types import Tensor
from ..losses import mean_of

# Its logarithm and reciprocal are finite in float32.
_LEAST = 1e-35


@keras.saving.register_keras_serializable(package="mrcnn")
def mrcnn_mask_loss_graph(
    target_masks: Tensor, target_class_ids: Tensor, pred_masks: Tensor, from_logits: bool = False
) -> Tensor:
    """Mean binary cross entropy of the masks that positive RoIs predict for their class.

    Classes do not compete: the masks of other classes do not count (Mask R-CNN, section 3).

    Args:
        target_masks: tensor [B, T, h, w] in 0..1.
        target_class_ids: int tensor [B, T]; 0 for negatives and padding.
        pred_masks: float tensor [B, T, h, w, C], in 0..1; C is 1 if all classes share a mask.
        from_logits: whether `pred_masks` are logits instead; their loss has no upper limit.

    Returns:
        Float scalar.
    """
    predicted = _of_class(target_class_ids, pred_masks)
    target = ops.cast(target_masks, predicted.dtype)
    losses = ops.binary_crossentropy(target, predicted, from_logits=from_logits)
    losses = ops.mean(losses, axis=(2, 3))
    return mean_of(losses, target_class_ids > 0)


@keras.saving.register_keras_serializable(package="mrcnn")
def mrcnn_mask_softmax_loss_graph(
    target_masks: Tensor, target_class_ids: Tensor, pred_masks: Tensor
) -> Tensor:
    """Mean multinomial cross entropy of the pixels that positive RoIs predict.

    Each pixel has one class: inside the instance, the RoI's class; outside it, the background,
    class 0.

    Args:
        target_masks: tensor [B, T, h, w] of 0 and 1.
        target_class_ids: int tensor [B, T]; 0 for negatives and padding.
        pred_masks: float tensor [B, T, h, w, C], probabilities that add up to 1 over the classes.

    Returns:
        Float scalar.
    """
    inside = ops.cast(target_masks, pred_masks.dtype) > 0.5
    right = ops.where(inside, _of_class(target_class_ids, pred_masks), pred_masks[..., 0])
    losses = ops.mean(-ops.log(ops.maximum(right, _LEAST)), axis=(2, 3))
    return mean_of(losses, target_class_ids > 0)


@keras.saving.register_keras_serializable(package="mrcnn")
def mrcnn_mask_logits_loss_graph(
    target_masks: Tensor, target_class_ids: Tensor, pred_logits: Tensor
) -> Tensor:
    """`mrcnn_mask_loss_graph` of logits.

    Args:
        target_masks: tensor [B, T, h, w] in 0..1.
        target_class_ids: int tensor [B, T]; 0 for negatives and padding.
        pred_logits: float tensor [B, T, h, w, C].

    Returns:
        Float scalar.
    """
    return mrcnn_mask_loss_graph(target_masks, target_class_ids, pred_logits, from_logits=True)


def _of_class(class_ids: Tensor, masks: Tensor) -> Tensor:
    """Each RoI's mask for its class, [B, T, h, w]; with one channel, that one."""
    if masks.shape[-1] == 1:
        return masks[..., 0]
    chosen = ops.one_hot(class_ids, masks.shape[-1], dtype=masks.dtype)
    # A matrix product picks the class without copying all the others.
    return ops.matmul(masks, chosen[:, :, None, :, None])[..., 0]
