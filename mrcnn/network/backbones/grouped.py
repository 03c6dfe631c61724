"""Grouped convolution that is fast on every backend."""

import keras
from keras import layers, ops

from ...types import Tensor

# Fewest channels of the plain convolutions that replace a grouped one.
_BLOCK = 32


@keras.saving.register_keras_serializable(package="mrcnn")
class GroupedConv2D(layers.Conv2D):
    """`keras.layers.Conv2D` with `groups`, whose kernel is [h, w, C / groups, filters].

    On a CPU, JAX and TensorFlow leave grouped convolutions to XLA, which takes up to 20 times as
    long as for plain ones, and hundreds of times for the gradient. There, several groups at a time
    become one plain convolution with a block-diagonal kernel, which computes the same sums.
    """

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        """See the class.

        Args:
            inputs: [B, H, W, C].
            kernel: [h, w, C / groups, filters].

        Returns:
            [B, H', W', filters].
        """
        if self.groups == 1 or self.data_format != "channels_last" or not _is_left_to_xla():
            return super().convolution_op(inputs, kernel)
        blocks = blocks_of(self.groups, kernel.shape[2])
        kernels_of_blocks = ops.split(block_diagonal(kernel, self.groups, blocks), blocks, axis=3)
        outputs = [
            ops.conv(part, own, self.strides, self.padding, "channels_last", self.dilation_rate)
            for part, own in zip(ops.split(inputs, blocks, axis=3), kernels_of_blocks, strict=True)
        ]
        return ops.concatenate(outputs, axis=3)


def blocks_of(groups: int, width: int) -> int:
    """Number of plain convolutions that replace a grouped one.

    Args:
        groups: number of groups.
        width: input channels of each.

    Example:
        >>> from mrcnn.network.backbones.grouped import blocks_of
        >>> blocks_of(32, 4), blocks_of(32, 64)
        (4, 32)
    """
    sizes = (size for size in range(1, groups + 1) if groups % size == 0)
    size = next((size for size in sizes if size * width >= _BLOCK), groups)
    return groups // size


def block_diagonal(kernel: Tensor, groups: int, blocks: int) -> Tensor:
    """The kernels of plain convolutions that together compute a grouped one.

    Args:
        kernel: [h, w, C / groups, F] of the grouped convolution.
        groups: number of its groups.
        blocks: number of plain convolutions, a divisor of `groups`.

    Returns:
        [h, w, C / blocks, F]: those of the blocks, side by side on the last axis. It is 0 where an
        input channel and a filter belong to different groups.
    """
    height, width, depth, filters = kernel.shape
    size = groups // blocks
    own = ops.reshape(kernel, (height, width, 1, depth, blocks, size, filters // groups))
    same = ops.reshape(ops.eye(size, dtype=kernel.dtype), (1, 1, size, 1, 1, size, 1))
    return ops.reshape(own * same, (height, width, size * depth, filters))


def _is_left_to_xla() -> bool:
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.default_backend() == "cpu"
    if backend == "tensorflow":
        import tensorflow as tf

        return not tf.config.list_physical_devices("GPU")
    return False
