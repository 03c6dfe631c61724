"""What losses are made of.

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
    """Cross entropy of classes.

    Args:
        classes: int tensor [...].
        logits: float tensor [..., C].

    Returns:
        Float32 tensor [...].
    """
    logits = ops.cast(logits, "float32")
    chosen = ops.one_hot(classes, logits.shape[-1], dtype="float32")
    return ops.logsumexp(logits, axis=-1) - ops.sum(logits * chosen, axis=-1)


def mean_of(values, counts):
    """Mean of the values, each as often as it counts; 0 if none does.

    Of a replica, its share in the mean over the whole batch.

    Args:
        values: float tensor of any shape.
        counts: bool or float tensor of that shape.

    Returns:
        Float scalar.
    """
    counts = ops.cast(counts, values.dtype)
    total = sum_over_replicas(ops.sum(counts))
    return ops.sum(values * counts) / ops.where(total > 0, total, 1.0)
