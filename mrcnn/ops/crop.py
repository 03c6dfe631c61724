"""Bilinear crops of feature maps at box coordinates: the heart of RoIAlign."""

from collections.abc import Callable, Sequence

from keras import ops

from ..types import Tensor
from . import kernels

# How far a box edge at 1.0 is moved inside the image. Otherwise rounding may put the last sample of
# a box that ends at 1.0 one ulp outside, which would zero a whole row or column.
_EDGE = 5e-7


def crop_and_resize(
    images: Tensor,
    boxes: Tensor,
    image_indices: Tensor,
    size: tuple[int, int],
    training: bool = False,
) -> Tensor:
    """Crop boxes from images and resize them to one size, like TensorFlow's op of that name.

    A box is sampled on a regular grid whose corners are the box's corners; samples outside the
    image are 0.

    Args:
        images: float tensor [M, H, W, C].
        boxes: float tensor [N, 4], normalised. No gradient flows to them.
        image_indices: int tensor [N], the image of each box.
        size: (height, width) of the crops.
        training: whether a gradient is needed, in which case the native kernel is not used.

    Returns:
        Float tensor [N, height, width, C].
    """
    boxes = _inside(boxes)

    def gathered(images):
        shape = ops.shape(images)
        return _sample(
            ops.reshape(images, (-1, shape[3])),
            boxes,
            first=ops.cast(image_indices, "int32") * (shape[1] * shape[2]),
            heights=ops.ones_like(boxes[:, 0]) * ops.cast(shape[1], "float32"),
            widths=ops.ones_like(boxes[:, 0]) * ops.cast(shape[2], "float32"),
            size=size,
        )

    def native(images):
        return kernels.crop_and_resize(images, boxes, image_indices, size)

    return _fastest(native, gathered, training)(images)


def crop_pyramid(
    levels: Sequence[Tensor],
    boxes: Tensor,
    level_of_box: Tensor,
    size: tuple[int, int],
    training: bool = False,
) -> Tensor:
    """Crop boxes, each from one level of a feature pyramid.

    Args:
        levels: list of float tensors [B, H_l, W_l, C].
        boxes: float tensor [B, R, 4], normalised. No gradient flows to them.
        level_of_box: int tensor [B, R], index into `levels`.
        size: (height, width) of the crops.
        training: whether a gradient is needed, in which case the native kernel is not used.

    Returns:
        Float tensor [B, R, height, width, C].
    """
    boxes = _inside(boxes)
    batch, count = ops.shape(boxes)[0], boxes.shape[1]
    channels = levels[0].shape[-1]

    def gathered(*levels):
        # The levels of an image are concatenated, so that every box is sampled once.
        flat = ops.concatenate([ops.reshape(x, (batch, -1, channels)) for x in levels], axis=1)
        heights = [ops.shape(x)[1] for x in levels]
        widths = [ops.shape(x)[2] for x in levels]
        sizes = [h * w for h, w in zip(heights, widths, strict=True)]
        starts = [sum(sizes[:index]) for index in range(len(levels))]
        level = ops.reshape(level_of_box, (-1,))  # [B * R]
        image = ops.repeat(ops.arange(batch, dtype="int32"), count)
        crops = _sample(
            ops.reshape(flat, (-1, channels)),
            ops.reshape(boxes, (-1, 4)),
            first=image * ops.shape(flat)[1] + _per_box(starts, level, "int32"),
            heights=_per_box(heights, level, "float32"),
            widths=_per_box(widths, level, "float32"),
            size=size,
        )
        return ops.reshape(crops, (batch, count, *size, channels))

    def native(*levels):
        return kernels.crop_pyramid(levels, boxes, level_of_box, size)

    return _fastest(native, gathered, training)(*levels)


def _fastest(
    native: Callable[..., Tensor], gathered: Callable[..., Tensor], training: bool
) -> Callable[..., Tensor]:
    if training or not kernels.available("crop_and_resize"):
        return gathered
    return kernels.forward_only(native, gathered)


def _inside(boxes: Tensor) -> Tensor:
    boxes = ops.stop_gradient(ops.cast(boxes, "float32"))
    return ops.where(ops.abs(boxes - 1.0) < _EDGE, 1.0 - _EDGE, boxes)


def _per_box(values: Sequence[Tensor], level: Tensor, dtype: str) -> Tensor:
    return ops.take(ops.cast(ops.stack(list(values)), dtype), level, axis=0)


def _sample(
    flat: Tensor,
    boxes: Tensor,
    first: Tensor,
    heights: Tensor,
    widths: Tensor,
    size: tuple[int, int],
) -> Tensor:
    """Sample bilinearly from images stored one after another in `flat`.

    Args:
        flat: tensor [P, C], pixels of all images, row by row.
        boxes: float tensor [N, 4], normalised.
        first: int32 tensor [N], where the box's image starts in `flat`.
        heights, widths: float tensors [N], the size of the box's image.
        size: (height, width) of the crops.

    Returns:
        Float tensor [N, height, width, C].
    """
    y = _sample_grid(boxes[:, 0], boxes[:, 2], heights, size[0])  # [N, height]
    x = _sample_grid(boxes[:, 1], boxes[:, 3], widths, size[1])  # [N, width]
    last_y, last_x = heights[:, None] - 1.0, widths[:, None] - 1.0
    inside_y, inside_x = (y >= 0) & (y <= last_y), (x >= 0) & (x <= last_x)
    # Indices outside the image are clamped so that they can be read; the result is masked.
    top, bottom = _clamp(ops.floor(y), last_y), _clamp(ops.ceil(y), last_y)
    left, right = _clamp(ops.floor(x), last_x), _clamp(ops.ceil(x), last_x)
    step = ops.cast(widths, "int32")[:, None]
    above = first[:, None] + ops.cast(top, "int32") * step  # [N, height]
    below = first[:, None] + ops.cast(bottom, "int32") * step
    left, right = ops.cast(left, "int32"), ops.cast(right, "int32")

    def pixels(rows, columns):
        places = rows[:, :, None] + columns[:, None, :]
        return ops.cast(ops.take(flat, places, axis=0), "float32")  # [N, h, w, C]

    weight_x = (x - ops.floor(x))[:, None, :, None]
    weight_y = (y - ops.floor(y))[:, :, None, None]
    upper = pixels(above, left)
    upper = upper + (pixels(above, right) - upper) * weight_x
    lower = pixels(below, left)
    lower = lower + (pixels(below, right) - lower) * weight_x
    inside = (inside_y[:, :, None] & inside_x[:, None, :])[..., None]
    return ops.where(inside, upper + (lower - upper) * weight_y, ops.zeros_like(upper))


def _sample_grid(start: Tensor, stop: Tensor, sizes: Tensor, count: int) -> Tensor:
    """Sample positions [N, count] in pixels, from each box's first edge to its last."""
    span = (sizes - 1.0)[:, None]
    start, stop = start[:, None], stop[:, None]
    if count == 1:
        return 0.5 * (start + stop) * span
    return start * span + ops.arange(count, dtype="float32") * ((stop - start) * span / (count - 1))


def _clamp(positions: Tensor, last: Tensor) -> Tensor:
    return ops.minimum(ops.maximum(positions, 0.0), last)
