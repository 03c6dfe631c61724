"""RoIAlign of masks: each RoI has a map of its own, the mask of its instance."""

from typing import Any

from keras import ops

from ..types import Tensor
from .roi_grids import Axis, align_axis


def align_masks(
    masks: Tensor, boxes: Tensor, instances: Tensor, size: tuple[int, int], aligned: bool
) -> Tensor:
    """The part of its instance's mask that each RoI covers, by RoIAlign with adaptive sampling.

    The values are those of `roi_align` on the masks. A bin is the mean over a grid of bilinear
    samples, so it is the product of the weights of rows, the mask, and the weights of columns.

    Args:
        masks: tensor [B, H, W, G], 1 inside.
        boxes: float tensor [B, P, 4] in pixels.
        instances: int tensor [B, P], index of each RoI's mask.
        size: (height, width) of the result, in bins.
        aligned: see `roi_align`.

    Returns:
        Float32 tensor [B, P, height, width], in 0..1. No gradient flows.

    Example:
        >>> from mrcnn import ops
        >>> mask = np.zeros((1, 4, 4, 1), "float32")
        >>> mask[:, :, 2:] = 1
        >>> np.array(ops.align_masks(mask, np.array([[[0, 0, 4, 4.0]]]), [[0]], (2, 2), True))[0, 0]
        array([[0., 1.],
               [0., 1.]], dtype=float32)
    """
    shape = ops.shape(masks)
    batch, height, width, count = shape[0], shape[1], shape[2], shape[3]
    boxes = ops.stop_gradient(ops.cast(boxes, "float32"))
    number = ops.shape(boxes)[1]
    flat = ops.reshape(boxes, (-1, 4))
    rows = _weights(flat[:, 0], flat[:, 2], height, size[0], aligned)  # [B * P, h, H]
    columns = _weights(flat[:, 1], flat[:, 3], width, size[1], aligned)
    maps = ops.reshape(ops.transpose(masks, (0, 3, 1, 2)), (-1, height, width))  # [B * G, H, W]
    first = ops.arange(batch, dtype="int32")[:, None] * count
    which = ops.reshape(ops.cast(instances, "int32") + first, (-1,))

    def bins(of_roi: Any) -> Tensor:
        row, column, index = of_roi
        mask = ops.cast(ops.take(maps, index, axis=0), "float32")
        return ops.matmul(ops.matmul(row, mask), ops.transpose(column))

    found = ops.map(bins, (rows, columns, which))
    return ops.reshape(ops.stop_gradient(found), (batch, number, *size))


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
