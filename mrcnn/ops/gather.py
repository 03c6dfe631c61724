"""Row selection in padded batches."""

import keras
from keras import ops

from ..types import Tensor
from . import kernels


def gather_rows(rows: Tensor, indices: Tensor) -> Tensor:
    """`rows[b, indices[b]]` for each image of the batch.

    Args:
        rows: tensor [B, N, ...].
        indices: int tensor [B, K], each in 0..N-1.

    Returns:
        Tensor [B, K, ...].
    """
    shape = ops.shape(rows)
    batch, count, tail = shape[0], shape[1], tuple(shape[2:])
    first = ops.expand_dims(ops.arange(batch, dtype="int32") * count, 1)  # [B, 1]
    flat = ops.reshape(ops.cast(indices, "int32") + first, (-1,))
    picked = ops.take(ops.reshape(rows, (-1, *tail)), flat, axis=0)  # [B * K, ...]
    return ops.reshape(picked, (batch, ops.shape(indices)[1], *tail))


def first_argmax(values: Tensor, axis: int) -> Tensor:
    """Index of the largest value along an axis, the first of equal ones.

    Args:
        values: float tensor [..., N, ...].
        axis: that of length N.

    Returns:
        int32 tensor [..., ...], without the axis.
    """
    if keras.backend.backend() == "tensorflow":
        return kernels.argmax(values, axis)
    return ops.cast(ops.argmax(values, axis=axis), "int32")


def take_flagged(flags: Tensor, count: int, keys: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Indices of at most `count` flagged entries per row.

    Args:
        flags: bool tensor [B, N].
        count: at most N.
        keys: float tensor [B, N] in (0, 1]: entries with the largest keys come first. None keeps
            their order.

    Returns:
        indices: int32 tensor [B, count], flagged entries first, then arbitrary ones.
        taken: int32 tensor [B], how many of them are flagged.
    """
    if keys is None:
        keys = ops.cast(ops.shape(flags)[1] - ops.arange(ops.shape(flags)[1]), "int32")
    keys = ops.where(flags, keys, ops.zeros_like(keys))
    _, indices = ops.top_k(keys, count)
    taken = ops.minimum(ops.sum(ops.cast(flags, "int32"), axis=1), count)
    return ops.cast(indices, "int32"), taken
