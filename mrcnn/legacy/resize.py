"""Resizing functions from `utils` of matterport's Mask_RCNN."""

import numpy as np
import skimage.transform

from ..geometry.resampling import nearest_pixels


def resize(
    image,
    output_shape,
    order=1,
    mode="constant",
    cval=0,
    clip=True,
    preserve_range=False,
    anti_aliasing=False,
    anti_aliasing_sigma=None,
):
    """`skimage.transform.resize`, by default without anti-aliasing, also for boolean images.

    Args:
        image: [H, W] or [H, W, C].
        output_shape: (height, width).
        order, mode, cval, clip, preserve_range, anti_aliasing, anti_aliasing_sigma: as in
            skimage. When enlarging, the default mode "constant" mixes `cval` into the outermost
            pixels; "edge" does not.

    Returns:
        float array [height, width] or [height, width, C]; integers are scaled to 0..1 unless
        `preserve_range`.
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


def resize_mask(mask, scale, padding, crop=None):
    """Resize masks to match an image from `resize_image`: nearest pixel, same centres and size.

    Args:
        mask: [H, W, N] or [H, W], any dtype.
        scale, padding, crop: as `resize_image` returned them.

    Returns:
        mask [h, w, N] or [h, w], in the size of the resized image and the input dtype.
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
