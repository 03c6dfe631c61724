"""The five losses (Mask R-CNN, section 3; Faster R-CNN, section 3.1.2).

All shapes are static: what does not count is masked, and a selection without any member gives
a loss of 0. Each is a mean over the whole batch: where replicas share it, theirs add up to that.
"""

import keras
from keras import ops

from ..ops import sum_over_replicas


def smooth_l1_loss(y_true, y_pred):
    """Smooth L1 of every element (Fast R-CNN, equation 3).

    Args:
        y_true, y_pred: float tensors of one shape.

    Returns:
        Float tensor of that shape.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    difference = ops.abs(ops.cast(y_true, y_pred.dtype) - y_pred)
    return ops.where(difference < 1, 0.5 * difference**2, difference - 0.5)


def mrcnn_class_loss_graph(
    target_class_ids, pred_class_logits, active_class_ids, class_weights=None
):
    """Cross entropy of the RoIs whose predicted class the image's data set knows, their mean.

    Args:
        target_class_ids: int tensor [B, T]; 0 for negatives and padding.
        pred_class_logits: float tensor [B, T, C].
        active_class_ids: tensor [B, C]; 1 for classes of the image's data set, 0 for others.
        class_weights: dict of class id to the weight in the mean of RoIs that are of this class;
            a class that is missing weighs 1. None: all weigh the same.

    Returns:
        Float scalar.
    """
    target_class_ids = ops.cast(target_class_ids, "int32")
    losses = cross_entropy(target_class_ids, pred_class_logits)  # [B, T]
    predicted = ops.one_hot(ops.argmax(pred_class_logits, axis=-1), pred_class_logits.shape[-1])
    active = ops.cast(active_class_ids, predicted.dtype)[:, None]  # [B, 1, C]
    counts = ops.sum(predicted * active, axis=-1) > 0
    if class_weights:
        by_class = [class_weights.get(index, 1.0) for index in range(pred_class_logits.shape[-1])]
        weights = ops.take(ops.convert_to_tensor(by_class, losses.dtype), target_class_ids)
        counts = ops.cast(counts, losses.dtype) * weights
    return mean_of(losses, counts)


def mrcnn_bbox_loss_graph(target_bbox, target_class_ids, pred_bbox):
    """Smooth L1 of the deltas that positive RoIs predict for their class, their mean.

    Args:
        target_bbox: float tensor [B, T, 4], the deltas to predict.
        target_class_ids: int tensor [B, T]; 0 for negatives and padding.
        pred_bbox: float tensor [B, T, C, 4], the predicted deltas of each class.

    Returns:
        Float scalar.
    """
    chosen = ops.one_hot(target_class_ids, pred_bbox.shape[2], dtype=pred_bbox.dtype)
    predicted = ops.sum(pred_bbox * chosen[..., None], axis=2)  # [B, T, 4]
    losses = ops.mean(smooth_l1_loss(target_bbox, predicted), axis=-1)
    return mean_of(losses, target_class_ids > 0)


def mrcnn_mask_loss_graph(target_masks, target_class_ids, pred_masks):
    """Binary cross entropy of the masks that positive RoIs predict for their class, their mean.

    Args:
        target_masks: tensor [B, T, h, w] of 0 and 1.
        target_class_ids: int tensor [B, T]; 0 for negatives and padding.
        pred_masks: float tensor [B, T, h, w, C], in 0..1.

    Returns:
        Float scalar.
    """
    chosen = ops.one_hot(target_class_ids, pred_masks.shape[-1], dtype=pred_masks.dtype)
    # A matrix product picks the class without a copy of all the others.
    predicted = ops.matmul(pred_masks, chosen[:, :, None, :, None])[..., 0]  # [B, T, h, w]
    target = ops.cast(target_masks, predicted.dtype)
    losses = ops.mean(ops.binary_crossentropy(target, predicted), axis=(2, 3))
    return mean_of(losses, target_class_ids > 0)


class LossLayer(keras.layers.Layer):
    """A loss as a layer of the graph, so that the model gives it by name.

    Args:
        function: takes the inputs as its arguments and gives a scalar.

    Call arguments:
        inputs: list of tensors, the arguments of `function`.

    Returns:
        Float32 scalar.
    """

    def __init__(self, function, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.function = function

    def call(self, inputs):
        """See the class."""
        return self.function(*inputs)

    def compute_output_spec(self, inputs):
        """A float32 scalar."""
        return keras.KerasTensor((), "float32")


def cross_entropy(classes, logits):
    logits = ops.cast(logits, "float32")
    chosen = ops.one_hot(classes, logits.shape[-1], dtype="float32")
    return ops.logsumexp(logits, axis=-1) - ops.sum(logits * chosen, axis=-1)


def mean_of(values, counts):
    """Mean of the values, each as often as it counts; 0 if none does.

    Of a replica, its share in the mean over the whole batch.
    """
    counts = ops.cast(counts, values.dtype)
    total = sum_over_replicas(ops.sum(counts))
    return ops.sum(values * counts) / ops.where(total > 0, total, 1.0)
