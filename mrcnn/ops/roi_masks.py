"""RoIAlign of masks: each RoI has a map of its own, the mask of its instance."""

from typing import Any

from keras import ops

from ..types import Tensor
from .roi_grids import Axis, align_axis


def align_masks(
    masks: Tensor, boxes: Tensor, box_indices: Tensor, size: tuple[int, int], aligned: bool
) -> Tensor:
    """The part of its instance's mask that each RoI covers, by RoIAlign with adaptive sampling.

    The values are those of `roi_align` on the masks. A bin is the mean over a grid of bilinear
    samples, so it is the product of the weights of rows, the mask, and the weights of columns.

    Args:
        masks: tensor [M, H, W], 1 inside.
        boxes: float tensor [N, 4] in pixels.
        box_indices: int tensor [N], index of each RoI's mask.
        size: (height, width) of the result, in bins.
        aligned: see `roi_align`.

    Returns:
        Float32 tensor [N, height, width], in 0..1. No gradient flows.

    Example:
        >>> from mrcnn import ops
        >>> mask = np.zeros((1, 4, 4), "float32")
        >>> mask[:, :, 2:] = 1
        >>> np.array(ops.align_masks(mask, np.array([[0, 0, 4, 4.0]]), [0], (2, 2), True))[0]
        array([[0., 1.],
               [0., 1.]], dtype=float32)
    """
    height, width = ops.shape(masks)[1:3]
    boxes = ops.stop_gradient(ops.cast(boxes, "float32"))
    rows = _weights(boxes[:, 0], boxes[:, 2], height, size[0], aligned)  # [N, h, H]
    columns = _weights(boxes[:, 1], boxes[:, 3], width, size[1], aligned)

    def bins(of_roi: Any) -> Tensor:
        row, column, index = of_roi
        mask = ops.cast(ops.take(masks, index, axis=0), "float32")
        return ops.matmul(ops.matmul(row, mask), ops.transpose(column))

    found = ops.map(bins, (rows, columns, ops.cast(box_indices, "int32")))
    return ops.stop_gradient(found)


def _weights(start: Tensor, stop: Tensor, cells: Any, bins: int, aligned: bool) -> Tensor:
    """The share of each cell in each bin along one axis, float32 [n, bins, cells]."""
    grid = ops.arange(cells, dtype="float32")
    extent = ops.ones_like(start) * ops.cast(cells, "float32")
    axis: Axis = align_axis(bins, 0, aligned)(start, stop, extent)

    def add(i: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
        position, _, inside = axis.at(i)
        share = ops.maximum(1.0 - ops.abs(position[..., None] - grid), 0.0)
        return i + 1, total + share * inside[..., None]

    most = ops.max(axis.steps)
    zeros = ops.zeros_like(start[:, None, None] * ops.ones((1, bins, 1)) * grid)
    first = ops.convert_to_tensor(0, "int32")
    _, total = ops.while_loop(lambda i, _: i < most, add, (first, zeros))
    return total / ops.maximum(axis.points, 1.0)[:, None, None]
