"""Layers for the heads, which process all RoIs together."""

import math
from typing import Any, Self

import keras
from keras import layers, ops

from ..types import Tensor


class _OverRois(layers.Layer):
    """A convolution over [B, R, h, w, channels]: the RoI axis is folded into the batch."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.input_spec = None

    def build(self, input_shape: Any) -> None:
        super().build((None, *input_shape[2:]))
        self.input_spec = None

    def call(self, inputs: Any) -> Tensor:
        folded = super().call(ops.reshape(inputs, (-1, *inputs.shape[2:])))
        return ops.reshape(folded, (-1, inputs.shape[1], *folded.shape[1:]))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        # Keras's own build() passes the folded shape.
        if len(input_shape) == 4:
            return super().compute_output_shape(input_shape)
        folded = super().compute_output_shape((None, *input_shape[2:]))
        return (*input_shape[:2], *folded[1:])


# Named as in Keras, because notebooks look for layers by class name.
@keras.saving.register_keras_serializable(package="mrcnn")
class Conv2D(_OverRois, layers.Conv2D):
    """`keras.layers.Conv2D` over [B, R, h, w, channels]."""

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        """Compute the convolution as a matrix product if the kernel covers the whole input.

        As a convolution, its gradient would take up to 90 times as long on a CPU without AVX-512.
        """
        # Both are (h, w, channels); the kernel of a grouped convolution has fewer channels.
        if self.padding != "valid" or kernel.shape[:3] != inputs.shape[1:]:
            return super().convolution_op(inputs, kernel)
        rows = ops.reshape(inputs, (-1, math.prod(kernel.shape[:3])))  # [B * R, h * w * channels]
        product = ops.matmul(rows, ops.reshape(kernel, (-1, self.filters)))
        return ops.reshape(product, (-1, 1, 1, self.filters))


@keras.saving.register_keras_serializable(package="mrcnn")
class Conv2DTranspose(_OverRois, layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose` over [B, R, h, w, channels]."""


@keras.saving.register_keras_serializable(package="mrcnn")
class BatchNorm(layers.BatchNormalization):
    """BatchNormalization whose mode can be fixed when the graph is built.

    `BatchNorm(name=...)(x, training=train_bn)`: False keeps the statistics frozen in training,
    too (detection batches are too small for them), True always uses batch statistics, None follows
    the model. In Keras, the mode in which the model runs would override this.

    Call arguments:
        inputs: float tensor [..., channels].
        training: False, True or None, see above.
        counted: bool tensor with as many axes as `inputs` without the last, to which it is
            broadcast: the elements that batch statistics are of. None: all.

    Returns:
        Float tensor [..., channels], normalised over the last axis.
    """

    pinned_training: bool | None = None

    def get_config(self) -> dict[str, Any]:
        """Keras's, and the mode."""
        return {**super().get_config(), "pinned_training": self.pinned_training}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The layer that `get_config` described.

        Args:
            config: from `get_config`, or from that of Keras's own layer.
        """
        config = dict(config)
        pinned = config.pop("pinned_training", None)
        layer = super().from_config(config)
        layer.pinned_training = pinned
        return layer

    def __call__(self, inputs: Tensor, training: bool | None = None, **kwargs: Any) -> Tensor:
        if not self.built and training is not None:
            self.pinned_training = training
        return super().__call__(inputs, training=training, **kwargs)

    def call(
        self, inputs: Any, training: bool | None = None, counted: Tensor | None = None
    ) -> Tensor:
        """See the class."""
        if self.pinned_training is not None:
            training = self.pinned_training
        return super().call(inputs, training=training, mask=counted)
