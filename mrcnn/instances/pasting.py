"""Instance masks in numpy: [H, W, N], nonzero inside the instance."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..geometry.resampling import bilinear, half_pixel_centres
from ..types import Array
from .paste_rules import pasted_crops


def extract_bboxes(mask: npt.ArrayLike) -> npt.NDArray[np.int32]:
    """Tight boxes around masks.

    Args:
        mask: [H, W, N], nonzero inside.

    Returns:
        [N, 4] int32 pixels, zeros where a mask is empty.

    Example:
        >>> from mrcnn.instances.pasting import extract_bboxes
        >>> mask = np.zeros((100, 200, 1), bool)
        >>> mask[10:13, 20:24, 0] = True
        >>> extract_bboxes(mask)
        array([[10, 20, 13, 24]], dtype=int32)
    """
    mask = np.asarray(mask)
    if not mask.size:
        return np.zeros((mask.shape[-1], 4), np.int32)
    ends = []
    for axis in (1, 0):
        inside = np.any(mask, axis=axis)  # [H, N], then [W, N]
        first = inside.argmax(axis=0)
        last = len(inside) - inside[::-1].argmax(axis=0)  # exclusive
        ends.append((first, last))
    (y1, y2), (x1, x2) = ends
    boxes = np.stack([y1, x1, y2, x2], axis=1).astype(np.int32)
    boxes[~inside.any(axis=0)] = 0
    return boxes


def minimize_mask(bbox: Array, mask: Array, mini_shape: Sequence[int] | Array) -> Array:
    """Crop masks to their boxes and resize them to one small shape, to save memory.

    Args:
        bbox: [N, 4] pixels, one box per mask.
        mask: [H, W, N], nonzero inside.
        mini_shape: (height, width) of the result.

    Returns:
        [height, width, N] bool. Bilinear with a zero border, then rounded.

    Raises:
        ValueError: a box has no area inside the image.

    Example:
        >>> from mrcnn.instances.pasting import extract_bboxes, minimize_mask
        >>> mask = np.zeros((100, 200, 1), bool)
        >>> mask[10:90, 20:180] = True
        >>> minimize_mask(extract_bboxes(mask), mask, (56, 56)).shape
        (56, 56, 1)
    """
    crops = []
    for i in range(mask.shape[-1]):
        y1, x1, y2, x2 = (int(v) for v in bbox[i][:4])
        crops.append(mask[y1:y2, x1:x2, i] != 0)
        if crops[-1].size == 0:
            raise ValueError(
                f"bbox {i} is ({y1}, {x1}, {y2}, {x2}) in an image of {mask.shape[0]}x"
                f"{mask.shape[1]}: it must contain at least one pixel. Drop empty masks first."
            )
    return minimize_crops(crops, mini_shape[:2])


def minimize_crops(crops: Sequence[Array], mini_shape: Sequence[int] | Array) -> Array:
    """`minimize_mask` for masks that are cropped already, all of them in one go.

    Args:
        crops: N bool arrays [h, w] of at least one pixel.
        mini_shape: (height, width) of the result.

    Returns:
        bool [height, width, N]: a view of an array [N, height, width].
    """
    sizes = np.array([crop.shape for crop in crops], np.int64).reshape(-1, 2)
    pixels, starts = _with_border(crops)
    y, weight_y = half_pixel_centres(sizes[:, :1], mini_shape[0])  # [N, height] each
    x, weight_x = half_pixel_centres(sizes[:, 1:], mini_shape[1])
    row = sizes[:, 1, None, None] + 2  # offset to the pixel below
    first = starts[:, None, None] + (y + 1)[:, :, None] * row + (x + 1)[:, None, :]

    def column(place: Array) -> Array:
        """Interpolate between the pixels at `place` and those below them, [N, height, width]."""
        above, below = (pixels.take(i).astype(np.float32) for i in (place, place + row))
        return above + (below - above) * weight_y.astype(np.float32)[:, :, None]

    left, right = column(first), column(first + 1)
    mini = left + (right - left) * weight_x.astype(np.float32)[:, None, :] > 0.5
    mini[[crop.all() for crop in crops]] = True  # the border does not erode a full mask
    return np.moveaxis(mini, 0, -1)


def _with_border(crops: Sequence[Array]) -> tuple[Array, Array]:
    """Crops, each with a border of False, end to end in one vector, and their starts [N]."""
    sizes = np.array([(crop.shape[0] + 2) * (crop.shape[1] + 2) for crop in crops], np.int64)
    ends = np.cumsum(sizes)
    pixels = np.zeros(sizes.sum(), bool)
    for crop, start, end in zip(crops, ends - sizes, ends, strict=True):
        height, width = crop.shape
        pixels[start:end].reshape(height + 2, width + 2)[1:-1, 1:-1] = crop
    return pixels, ends - sizes


def expand_mask(bbox: Array, mini_mask: Array, image_shape: Sequence[int] | Array) -> Array:
    """Whole-image masks from mini masks: the inverse of `minimize_mask`, except for lost detail.

    Args:
        bbox: [N, 4] pixels; parts outside the image are cut off.
        mini_mask: [h, w, N], nonzero inside.
        image_shape: (height, width) of the image; further entries are ignored.

    Returns:
        [height, width, N] bool.

    Example:
        >>> from mrcnn.instances.pasting import expand_mask
        >>> mini_mask = np.ones((56, 56, 1), bool)
        >>> mask = expand_mask(np.array([[10, 20, 13, 24]]), mini_mask, (100, 200))
        >>> mask.shape, int(mask.sum())
        ((100, 200, 1), 12)
    """
    count = mini_mask.shape[-1]
    mask = np.zeros((*image_shape[:2], count), bool)
    for i in range(count):
        y1, x1, y2, x2 = (int(v) for v in bbox[i][:4])
        if y2 > y1 and x2 > x1:
            _paste(mask[:, :, i], (y1, x1), _resize_binary(mini_mask[:, :, i], (y2 - y1, x2 - x1)))
    return mask


def mold_mask(mask: Array, config: Any) -> Array:
    """An image's masks in the form that the training graph expects.

    Args:
        mask: [H, W, N], nonzero inside, none empty.
        config: USE_MINI_MASK, MINI_MASK_SHAPE.

    Returns:
        bool, [*MINI_MASK_SHAPE, N] cropped to the tight boxes with USE_MINI_MASK, else [H, W, N].

    Raises:
        ValueError: a mask is empty and USE_MINI_MASK is set.
    """
    if config.USE_MINI_MASK:
        return minimize_mask(extract_bboxes(mask), mask, config.MINI_MASK_SHAPE)
    return np.asarray(mask) != 0


def class_masks(mrcnn_mask: Array, rows: Array, class_ids: Array) -> Array:
    """The network's masks of the detected classes.

    Args:
        mrcnn_mask: [D, h, w, C], a mask for each class; one channel is the mask of any class.
        rows: int [N], indices of the detections.
        class_ids: int [N], their classes.

    Returns:
        [N, h, w], of the dtype of `mrcnn_mask`.

    Example:
        >>> from mrcnn.instances.pasting import class_masks
        >>> mrcnn_mask = np.zeros((100, 28, 28, 81))
        >>> class_masks(mrcnn_mask, rows=[0, 1], class_ids=[3, 17]).shape
        (2, 28, 28)
    """
    shared = mrcnn_mask.shape[-1] == 1
    return mrcnn_mask[rows, :, :, np.zeros_like(class_ids) if shared else class_ids]


def unmold_mask(
    mask: Array, bbox: Sequence[int] | Array, image_shape: Sequence[int] | Array
) -> Array:
    """The network's mask, resized to its box, thresholded at 0.5 and pasted into the image.

    Args:
        mask: [h, w] float in 0..1.
        bbox: [4] pixels; parts outside the image are cut off.
        image_shape: (height, width) of the image; further entries are ignored.

    Returns:
        [height, width] bool.
    """
    full = np.zeros(image_shape[:2], bool)
    _unmold_into(full, mask, bbox)
    return full


def unmold_masks(
    masks: Array, boxes: Array, image_shape: Sequence[int] | Array, rule: str = "reference"
) -> Array:
    """`unmold_mask` for all detections of an image.

    Args:
        masks: [N, h, w] float in 0..1.
        boxes: [N, 4] pixels; the rule "reference" rounds them.
        image_shape: (height, width) of the image; further entries are ignored.
        rule: MASK_PASTING.

    Returns:
        [height, width, N] bool: a view of an [N, height, width] array, because writing 100 masks
        side by side into the last axis takes twenty times longer than pasting them.
    """
    full = np.zeros((len(masks), *image_shape[:2]), bool)
    # One crop at a time: large ones would take as much memory as the result.
    placed = _placed(masks, boxes, image_shape, rule)
    for image, (crop, corner) in zip(full, placed, strict=True):
        _paste(image, corner, crop)
    return np.moveaxis(full, 0, -1)


def unmold_crops(
    masks: Array, boxes: Array, image_shape: Sequence[int] | Array, rule: str = "reference"
) -> tuple[list[Array], list[tuple[int, int]]]:
    """`unmold_masks`, but each mask only where its box is.

    Args:
        masks, boxes, image_shape, rule: see `unmold_masks`.

    Returns:
        N bool arrays [h, w], and the (y, x) of each one's first pixel. With "reference" they have
        the sizes of the boxes, rounded to whole pixels, and may extend outside the image.
    """
    placed = list(_placed(masks, boxes, image_shape, rule))
    return [crop for crop, _ in placed], [corner for _, corner in placed]


def _placed(masks, boxes, image_shape, rule):
    """Each mask's crop and the (y, x) of its first pixel."""
    if rule != "reference":
        height, width = (int(side) for side in image_shape[:2])
        yield from pasted_crops(masks, boxes, (height, width), rule)
        return
    whole = np.rint(np.asarray(boxes)).astype(np.int64).reshape(-1, 4)
    for mask, (y1, x1, y2, x2) in zip(masks, whole.tolist(), strict=True):
        has_area = y2 > y1 and x2 > x1
        crop = _unmold_crop(mask, (y1, x1, y2, x2)) if has_area else np.zeros((0, 0), bool)
        yield crop, (y1, x1)


def _unmold_into(full: Array, mask: Array, bbox: Sequence[int] | Array) -> None:
    y1, x1, y2, x2 = (int(v) for v in bbox[:4])
    if y2 > y1 and x2 > x1:
        _paste(full, (y1, x1), _unmold_crop(mask, (y1, x1, y2, x2)))


def _unmold_crop(mask: Array, bbox: Sequence[int] | Array) -> Array:
    y1, x1, y2, x2 = (int(v) for v in bbox)
    return _resize_clipped(mask, (y2 - y1, x2 - x1)) >= 0.5


def _resize_binary(mask: Array, shape: tuple[int, int]) -> Array:
    # Halfway is outside, as in np.around(0.5).
    return _resize_clipped(mask != 0, shape) > 0.5


def _resize_clipped(mask: Array, shape: tuple[int, int]) -> Array:
    """Resize bilinearly with a zero border, clipped to the mask's range, as skimage's resize does.

    Clipping keeps a full mask full, although its border is mixed with zeros.
    """
    return np.clip(bilinear(mask, shape), np.float32(mask.min()), np.float32(mask.max()))


def _paste(full: Array, corner: tuple[int, int], patch: Array) -> None:
    """Write `patch` into `full` [H, W] with its first pixel at `corner`, as far as it fits."""
    (y, x), (height, width) = corner, full.shape
    patch = patch[max(-y, 0) : max(height - y, 0), max(-x, 0) : max(width - x, 0)]
    y, x = max(y, 0), max(x, 0)
    full[y : y + patch.shape[0], x : x + patch.shape[1]] = patch
