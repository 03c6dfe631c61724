"""Resizing functions from `utils` of matterport's Mask_RCNN."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import skimage.transform

from ..geometry.resampling import nearest_pixels
from ..types import Array


def resize(
    image: npt.ArrayLike,
    output_shape: Sequence[int] | Array,
    order: int = 1,
    mode: str = "constant",
    cval: float = 0,
    clip: bool = True,
    preserve_range: bool = False,
    anti_aliasing: bool = False,
    anti_aliasing_sigma: float | Sequence[float] | None = None,
) -> Array:
    """`skimage.transform.resize` for boolean images too, by default without anti-aliasing.

    Args:
        image: [H, W] or [H, W, C].
        output_shape: (height, width).
        order, mode, cval, clip, preserve_range, anti_aliasing, anti_aliasing_sigma: as in
            skimage. When enlarging, the default mode "constant" mixes `cval` into the outermost
            pixels; "edge" does not.

    Returns:
        float array [height, width] or [height, width, C]; integers are scaled to 0..1 unless
        `preserve_range`.

    Example:
        >>> from mrcnn.legacy.resize import resize
        >>> resize(np.array([[0.0, 1.0]]), (1, 4), mode="edge")
        array([[0.  , 0.25, 0.75, 1.  ]])
    """
    image = np.asarray(image)
    if image.dtype == bool:
        image = image.astype(np.float64)  # skimage does not interpolate booleans
    return skimage.transform.resize(
        image,
        output_shape,
        order=order,
        mode=mode,
        cval=cval,
        clip=clip,
        preserve_range=preserve_range,
        anti_aliasing=anti_aliasing,
        anti_aliasing_sigma=anti_aliasing_sigma,
    )


def resize_mask(
    mask: npt.ArrayLike,
    scale: float,
    padding: Sequence[tuple[int, int]],
    crop: Sequence[int] | None = None,
) -> Array:
    """Resize masks to match an image from `resize_image`: nearest pixel, same centres and size.

    Args:
        mask: [H, W, N] or [H, W], any dtype.
        scale, padding, crop: as `resize_image` returned them.

    Returns:
        mask [h, w, N] or [h, w], of the resized image's size and the input dtype.

    Example:
        >>> from mrcnn.legacy.resize import resize_mask
        >>> resize_mask(np.array([[1, 2]]), 2, [(1, 0), (0, 0)])
        array([[0, 0, 0, 0],
               [1, 1, 2, 2],
               [1, 1, 2, 2]])
    """
    mask = np.asarray(mask)
    if scale != 1:
        for axis in (0, 1):
            mask = mask.take(nearest_pixels(mask.shape[axis], scale), axis=axis)
    mask = np.pad(mask, padding[: mask.ndim])
    if crop is None:
        return mask
    y, x, height, width = crop
    return mask[y : y + height, x : x + width]
