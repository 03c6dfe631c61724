"""Box geometry on tensors; `mrcnn.geometry.boxes` has the same for numpy arrays.

Boxes are `(y1, x1, y2, x2)` and any leading axes are batch axes.
"""

from collections.abc import Sequence

from keras import ops

from ..types import Tensor

# exp(20) makes a box larger than any image. Beyond 88, exp() would be infinite and the box NaN.
_LARGEST_LOG = 20.0


def apply_box_deltas_graph(boxes: Tensor, deltas: Tensor, limit: float | None = None) -> Tensor:
    """Move and scale boxes by deltas (Faster R-CNN, section 3.1.2).

    Args:
        boxes: float tensor [..., N, 4], pixels or normalised.
        deltas: float tensor [..., N, 4] of (dy, dx, log dh, log dw), relative to each box.
        limit: the largest log dh and log dw; None: 20, which is hardly a limit.

    Returns:
        Float tensor [..., N, 4] in the units of `boxes`.
    """
    limit = _LARGEST_LOG if limit is None else float(limit)
    height, width = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]  # [..., N]
    center_y = boxes[..., 0] + 0.5 * height + deltas[..., 0] * height
    center_x = boxes[..., 1] + 0.5 * width + deltas[..., 1] * width
    height = height * ops.exp(ops.minimum(deltas[..., 2], limit))
    width = width * ops.exp(ops.minimum(deltas[..., 3], limit))
    y1, x1 = center_y - 0.5 * height, center_x - 0.5 * width
    return ops.stack([y1, x1, y1 + height, x1 + width], axis=-1)


def box_refinement_graph(box: Tensor, gt_box: Tensor) -> Tensor:
    """The deltas that turn each box into its ground-truth box.

    Args:
        box, gt_box: float tensors [..., N, 4] in the same units, with positive height and width.

    Returns:
        Float tensor [..., N, 4] of (dy, dx, log dh, log dw).
    """
    box, gt_box = ops.cast(box, "float32"), ops.cast(gt_box, "float32")
    height, width = box[..., 2] - box[..., 0], box[..., 3] - box[..., 1]
    gt_height, gt_width = gt_box[..., 2] - gt_box[..., 0], gt_box[..., 3] - gt_box[..., 1]
    dy = (gt_box[..., 0] + 0.5 * gt_height - box[..., 0] - 0.5 * height) / height
    dx = (gt_box[..., 1] + 0.5 * gt_width - box[..., 1] - 0.5 * width) / width
    return ops.stack([dy, dx, ops.log(gt_height / height), ops.log(gt_width / width)], axis=-1)


def clip_boxes_graph(boxes: Tensor, window: Tensor) -> Tensor:
    """Clip boxes to a window.

    Args:
        boxes: float tensor [..., N, 4], pixels or normalised.
        window: float tensor [4] or [..., 1, 4], (y1, x1, y2, x2) in the units of `boxes`.

    Returns:
        Float tensor [..., N, 4] in the same units. A box outside the window collapses to zero area
        at its border.
    """
    low = ops.concatenate([window[..., :2], window[..., :2]], axis=-1)
    high = ops.concatenate([window[..., 2:], window[..., 2:]], axis=-1)
    return ops.maximum(ops.minimum(boxes, high), low)


def overlaps_graph(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """IoU of every pair of boxes from two sets.

    Args:
        boxes1: tensor [..., N, 4], pixels or normalised.
        boxes2: tensor [..., M, 4] in the same units.

    Returns:
        Float tensor [..., N, M]; 0 where both boxes have no area.
    """
    first = ops.expand_dims(ops.cast(boxes1, "float32"), -2)  # [..., N, 1, 4]
    second = ops.expand_dims(ops.cast(boxes2, "float32"), -3)  # [..., 1, M, 4]
    top_left = ops.maximum(first[..., :2], second[..., :2])
    bottom_right = ops.minimum(first[..., 2:], second[..., 2:])
    sides = ops.maximum(bottom_right - top_left, 0.0)  # [..., N, M, 2]
    intersection = sides[..., 0] * sides[..., 1]
    union = area(first) + area(second) - intersection
    return ops.where(union > 0, intersection / ops.where(union > 0, union, 1.0), 0.0)


def area(boxes: Tensor) -> Tensor:
    """Areas [..., N] of boxes [..., N, 4], in the squared units of the boxes."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def norm_boxes_graph(boxes: Tensor, shape: Tensor | Sequence[int], margin: float = 1.0) -> Tensor:
    """Convert pixels to normalised coordinates: `(box - [0, 0, margin, margin]) / (size - margin)`.

    Args:
        boxes: tensor [..., 4] in pixels, y2 and x2 exclusive.
        shape: (height, width) of the image in pixels: a tensor [..., 2] or a pair.
        margin: 1, which makes y2 and x2 inclusive, or 0; see `config_rules.coordinates`.

    Returns:
        Float tensor [..., 4].
    """
    boxes, scale = ops.cast(boxes, "float32"), _scale(shape, margin)
    return (boxes - ops.convert_to_tensor([0.0, 0.0, margin, margin], "float32")) / scale


def boxes_in_pixels_graph(
    boxes: Tensor, shape: Tensor | Sequence[int], margin: float = 1.0
) -> Tensor:
    """Convert normalised coordinates to pixels, not rounded; the inverse of `norm_boxes_graph`.

    Args:
        boxes: float tensor [..., 4], normalised.
        shape: (height, width) of the image in pixels: a tensor [..., 2] or a pair.
        margin: see `norm_boxes_graph`.

    Returns:
        Float tensor [..., 4] in pixels.
    """
    boxes, scale = ops.cast(boxes, "float32"), _scale(shape, margin)
    return boxes * scale + ops.convert_to_tensor([0.0, 0.0, margin, margin], "float32")


def denorm_boxes_graph(boxes: Tensor, shape: Tensor | Sequence[int]) -> Tensor:
    """`boxes_in_pixels_graph` with a margin of 1, rounded.

    Args:
        boxes: float tensor [..., 4], normalised.
        shape: (height, width) of the image in pixels: a tensor [..., 2] or a pair.

    Returns:
        Int32 tensor [..., 4] in pixels, rounded.
    """
    return ops.cast(ops.round(boxes_in_pixels_graph(boxes, shape)), "int32")


def _scale(shape: Tensor | Sequence[int], margin: float = 1.0) -> Tensor:
    size = ops.cast(ops.convert_to_tensor(shape), "float32")
    return ops.concatenate([size, size], axis=-1) - margin
