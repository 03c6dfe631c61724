"""Helpers of matterport's Mask_RCNN (the reference) that only old notebooks import."""

from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from ..types import Tensor


def trim_zeros_graph(boxes: Tensor, name: str = "trim_zeros") -> tuple[Tensor, Tensor]:
    """Drop padding rows.

    Args:
        boxes: tensor [N, 4], pixels or normalised; zero rows are padding.
        name: not used; an argument in the reference.

    Returns:
        boxes: tensor [M, 4], the other rows, in the same units.
        kept: bool tensor [N], which rows are kept.
    """
    boxes = ops.convert_to_tensor(boxes)
    kept = ops.sum(ops.abs(boxes), axis=1) > 0
    return ops.take(boxes, ops.nonzero(kept)[0], axis=0), kept


def batch_pack_graph(x: Tensor, counts: Sequence[int], num_rows: int) -> Tensor:
    """The first `counts[i]` rows of each `x[i]`, concatenated.

    Args:
        x: tensor [B, N, ...].
        counts: list of B row counts.
        num_rows: B.

    Returns:
        tensor [sum of counts, ...].
    """
    return ops.concatenate([x[i, : counts[i]] for i in range(num_rows)], axis=0)


def batch_slice(
    inputs: Tensor | Sequence[Tensor],
    graph_fn: Callable[..., Any],
    batch_size: int,
    names: Sequence[str] | None = None,
) -> Any:
    """Apply a function for single images to each image of a batch.

    Args:
        inputs: tensor or list of tensors [B, ...].
        graph_fn: function that takes one slice of each input and returns one or more tensors.
        batch_size: B.
        names: not used; names of the outputs, for human readers.

    Returns:
        the stacked outputs [B, ...]; a list of them if `graph_fn` returns several.

    Example:
        >>> from mrcnn.legacy.tensors import batch_slice
        >>> boxes = np.array([[0, 0, 4, 4], [0, 0, 2, 6]])
        >>> np.asarray(batch_slice(boxes, lambda box: box[2:], 2)).tolist()
        [[4, 4], [2, 6]]
    """
    inputs = inputs if isinstance(inputs, list | tuple) else [inputs]
    outputs = [graph_fn(*[x[i] for x in inputs]) for i in range(batch_size)]
    if not isinstance(outputs[0], list | tuple):
        return ops.stack(outputs, axis=0)
    stacked = [ops.stack(list(parts), axis=0) for parts in zip(*outputs, strict=True)]
    return stacked if len(stacked) > 1 else stacked[0]
