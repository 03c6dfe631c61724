"""The building blocks of losses.

All shapes are static: elements that do not count are masked, and an empty selection gives a loss
of 0. Each loss is a mean over the whole batch; if replicas share the batch, their losses add up to
that mean.
"""

import keras
from keras import ops

from ..ops import sum_over_replicas


def smooth_l1_loss(y_true, y_pred):
    """Elementwise smooth L1 loss (Fast R-CNN, equation 3).

    Args:
        y_true, y_pred: float tensors of the same shape.

    Returns:
        Float tensor of that shape.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    difference = ops.abs(ops.cast(y_true, y_pred.dtype) - y_pred)
    return ops.where(difference < 1, 0.5 * difference**2, difference - 0.5)


class LossLayer(keras.layers.Layer):
    """A loss as a layer of the graph, so that the model outputs it by name.

    Args:
        function: takes the inputs as arguments and returns a scalar.

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
    """Cross entropy between classes and logits.

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
    """Mean of the values, weighted by `counts`; 0 if all counts are 0.

    In a replica, its share of the mean over the whole batch.

    Args:
        values: float tensor of any shape.
        counts: bool or float tensor of that shape.

    Returns:
        Float scalar.
    """
    counts = ops.cast(counts, values.dtype)
    total = sum_over_replicas(ops.sum(counts))
    return ops.sum(values * counts) / ops.where(total > 0, total, 1.0)
