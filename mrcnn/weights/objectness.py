"""The RPN's scores of a weights file, adapted to networks with another RPN_LOGITS."""

from collections.abc import Sequence

import numpy as np

from ..types import Array

_Shapes = Sequence[tuple[int, ...]]

# The layer, and where its variables end with the kernels and biases of scores and deltas.
LAYER = "rpn_model"
_KERNEL, _BIAS = -4, -3


def can_convert(file_shapes: _Shapes, model_shapes: _Shapes) -> bool:
    """Whether the file and the model differ only in the number of scores of each anchor.

    Args:
        file_shapes, model_shapes: shapes of the RPN's tensors, in order.
    """
    shapes = [list(map(tuple, file_shapes)), list(map(tuple, model_shapes))]
    if len(shapes[0]) != len(shapes[1]) or len(shapes[0]) < 4:
        return False
    scores = [logits_of(each) for each in shapes]
    rest = [[*each[:_KERNEL], each[_KERNEL][:-1], *each[_BIAS + 1 :]] for each in shapes]
    return rest[0] == rest[1] and scores in ([1, 2], [2, 1])


def logits_of(shapes: _Shapes) -> int | None:
    """RPN_LOGITS of a network, from the shapes of its RPN's tensors, in order.

    Args:
        shapes: the last four are those of the kernels and biases of scores and deltas.

    Returns:
        1, 2, or None if they are not those of an RPN.

    Example:
        >>> from mrcnn.weights.objectness import logits_of
        >>> logits_of([(1, 1, 256, 3), (3,), (1, 1, 256, 12), (12,)])
        1
    """
    if len(shapes) < 4 or not all(shapes[_KERNEL:]):
        return None
    scores, deltas = shapes[_BIAS][-1], shapes[-1][-1]
    if shapes[_KERNEL][-1] != scores or deltas % 4:
        return None
    return {deltas // 4: 1, deltas // 2: 2}.get(scores)


def convert(arrays: Sequence[Array], count: int) -> list[Array]:
    """The RPN's tensors with one or two scores for each anchor.

    One score x becomes the two scores (0, x), whose softmax is the sigmoid of x; two become their
    difference.

    Args:
        arrays: all of the RPN, in order, the last four as `logits_of` says.
        count: scores of each anchor, 1 or 2.

    Returns:
        The same list, with other kernels [1, 1, C, A] and biases [A] of the scores.
    """
    found = list(arrays)
    if logits_of([array.shape for array in found]) != count:
        change = _two if count == 2 else _one
        found[_KERNEL], found[_BIAS] = change(found[_KERNEL]), change(found[_BIAS])
    return found


def _two(array: Array) -> Array:
    return np.stack([np.zeros_like(array), array], axis=-1).reshape(*array.shape[:-1], -1)


def _one(array: Array) -> Array:
    return array[..., 1::2] - array[..., 0::2]
