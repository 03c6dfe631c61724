"""The building blocks of losses.

All shapes are static: elements that do not count are masked, and an empty selection gives a loss
of 0. Each loss is a mean over the whole batch; if replicas share the batch, their losses add up to
that mean.
"""

from collections.abc import Callable
from typing import Any, Self

import keras
from keras import ops

from ..config import Config
from ..ops import sum_over_replicas
from ..types import Tensor
from .config_layer import ConfigLayer


def smooth_l1_loss(y_true: Tensor, y_pred: Tensor, beta: float = 1.0) -> Tensor:
    """Elementwise smooth L1 loss (Fast R-CNN, equation 3).

    Args:
        y_true, y_pred: float tensors of the same shape.
        beta: the error at which it turns from a square to a straight line; 0 for the line alone.

    Returns:
        Float tensor of that shape.

    Example:
        >>> from mrcnn.network.losses import smooth_l1_loss
        >>> np.array(smooth_l1_loss(np.array([0.0, 0.0]), np.array([0.5, 2.0], "float32")))
        array([0.125, 1.5  ], dtype=float32)
    """
    y_pred = ops.convert_to_tensor(y_pred)
    difference = ops.abs(ops.cast(y_true, y_pred.dtype) - y_pred)
    if beta == 0:
        return difference
    return ops.where(difference < beta, 0.5 / beta * difference**2, difference - 0.5 * beta)


@keras.saving.register_keras_serializable(package="mrcnn")
class LossLayer(ConfigLayer):
    """A loss as a layer of the graph, so that the model outputs it by name.

    Args:
        function: takes the inputs as arguments and returns a scalar. Keras saves the layer if
            `keras.saving.register_keras_serializable` has registered the function.
        config: if given, the function's first argument.

    Call arguments:
        inputs: list of tensors, the arguments of `function`.

    Returns:
        Float32 scalar.
    """

    def __init__(
        self, function: Callable[..., Tensor], config: Config | None = None, **kwargs: Any
    ) -> None:
        super().__init__(config, **kwargs)
        self.function = function

    def call(self, inputs: Any) -> Tensor:
        """See the class."""
        settings = () if self.config is None else (self.config,)
        return self.function(*settings, *inputs)

    def get_config(self) -> dict[str, Any]:
        """See `ConfigLayer.get_config`.

        Raises:
            TypeError: the function is not registered.
        """
        name = keras.saving.get_registered_name(self.function)
        if keras.saving.get_registered_object(name) is not self.function:
            raise TypeError(
                f"the function of the layer {self.name} is {self.function!r}: to be saved, it must "
                "be registered with keras.saving.register_keras_serializable()."
            )
        return {**super().get_config(), "function": name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """See `ConfigLayer.from_config`.

        Args:
            config: from `get_config`.

        Raises:
            ValueError: no function of that name is registered, or the settings cannot be used.
        """
        function = keras.saving.get_registered_object(config["function"])
        if not callable(function):
            raise ValueError(
                f"the layer {config.get('name')} needs the function {config['function']}, which is "
                "not registered: import the module that registers it."
            )
        return super().from_config({**config, "function": function})

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """A float32 scalar."""
        return keras.KerasTensor((), "float32")


def cross_entropy(classes: Tensor, logits: Tensor) -> Tensor:
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


def mean_of(values: Tensor, counts: Tensor) -> Tensor:
    """Mean of the values, weighted by `counts`; 0 if all counts are 0.

    In a replica, its share of the mean over the whole batch.

    Args:
        values: float tensor of any shape.
        counts: bool or float tensor of that shape.

    Returns:
        Float scalar.

    Example:
        >>> from mrcnn.network.losses import mean_of
        >>> values = np.array([1.0, 2.0, 9.0], "float32")
        >>> float(mean_of(values, np.array([True, True, False])))
        1.5
        >>> float(mean_of(values, np.array([False, False, False])))
        0.0
    """
    counts = ops.cast(counts, values.dtype)
    total = sum_over_replicas(ops.sum(counts))
    return ops.sum(values * counts) / ops.where(total > 0, total, 1.0)


def sum_per(values: Tensor, counted: Tensor) -> Tensor:
    """Sum of the values, divided by the number of elements that are counted, or by 1 if none is.

    In a replica, its share of that quotient over the whole batch.

    Args:
        values: float tensor of any shape.
        counted: bool tensor of any shape.

    Returns:
        Float scalar.

    Example:
        >>> from mrcnn.network.losses import sum_per
        >>> float(sum_per(np.array([1.0, 2.0], "float32"), np.array([True, True, True, False])))
        1.0
    """
    number = sum_over_replicas(ops.sum(ops.cast(counted, values.dtype)))
    return ops.sum(values) / ops.where(number > 0, number, 1.0)
