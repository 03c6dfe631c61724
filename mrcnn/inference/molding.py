"""From images in pixels to the network's input, and from its output back."""

import numpy as np

from ..anchors.pyramid import pyramid_anchors
from ..geometry.boxes import denorm_boxes, norm_boxes
from ..images.meta import compose_image_meta
from ..images.pixels import as_channels
from ..images.resizing import check_sides, mold_image, resize_to_input
from ..instances.pasting import unmold_masks


def check_images(images, config):
    """Images as a list of arrays [H, W, IMAGE_CHANNEL_COUNT].

    Args:
        images: see `MaskRCNN.detect`.
        config: IMAGE_CHANNEL_COUNT, IMAGE_SCALING.

    Raises:
        ValueError, TypeError: see `MaskRCNN.detect`.
    """
    if isinstance(images, np.ndarray) and images.ndim in (2, 3):
        raise ValueError(
            f"images is one array of shape {images.shape}: a list of images is accepted, "
            "[image] for a single one."
        )
    if not len(images):
        raise ValueError("images is an empty list: at least one image is needed.")
    return [
        as_channels(image, config.IMAGE_CHANNEL_COUNT, f"image {index}", config.IMAGE_SCALING)
        for index, image in enumerate(images)
    ]


def mold_inputs(images, config):
    """See `MaskRCNN.mold_inputs`; `config` is that of the model."""
    molded = [mold_input(image, config) for image in check_images(images, config)]
    shapes = sorted({image.shape for image, _, _ in molded})
    if len(shapes) > 1:
        raise ValueError(
            f"the molded images have the shapes {shapes}: a batch needs one. Mold them one by "
            "one, or set IMAGE_RESIZE_MODE to 'square'."
        )
    return tuple(np.stack(part) for part in zip(*molded, strict=True))


def mold_input(image, config):
    """One image as the network takes it.

    Args:
        image: [H, W, C], see `check_images`.
        config: a `Config`.

    Returns:
        molded_image: float32 [h, w, C], the mean subtracted.
        image_meta: float64 [12 + NUM_CLASSES]; image id 0, no active classes.
        window: int [4] pixels, the part of the molded image that is no padding.

    Raises:
        ValueError: IMAGE_RESIZE_MODE is "crop", or the molded image does not fit the pyramid.
    """
    if config.IMAGE_RESIZE_MODE == "crop":
        raise ValueError(
            "IMAGE_RESIZE_MODE is 'crop': a random part of the image is for training. 'square', "
            "'pad64' or 'none' detects in the whole image."
        )
    molded, window, scale, _, _ = resize_to_input(image, config)
    check_sides(molded.shape)
    active = np.zeros([config.NUM_CLASSES], dtype=np.int32)
    meta = compose_image_meta(0, image.shape, molded.shape, window, scale, active)
    return mold_image(molded, config).astype(np.float32), meta, np.array(window)


def unmold_detections(detections, mrcnn_mask, original_image_shape, image_shape, window):
    """See `MaskRCNN.unmold_detections`."""
    *rows, masks = unmold_boxes(detections, mrcnn_mask, original_image_shape, image_shape, window)
    return *rows, unmold_masks(masks, rows[0], original_image_shape)


def anchors(config, image_shape):
    """Anchors in pixels float64 [A, 4], and normalised float32 [A, 4]; see `pyramid_anchors`."""
    pixels = pyramid_anchors(config, image_shape)
    return pixels, norm_boxes(pixels, image_shape[:2])


def network_inputs(model, molded_images, image_metas):
    """The inference graph's three inputs for a batch.

    Args:
        model: see `detect_crops`.
        molded_images: [B, H, W, C], the mean subtracted.
        image_metas: [B, 12 + NUM_CLASSES].

    Returns:
        list of these two and of the anchors [B, A, 4], normalised, all float32.
    """
    one = model.get_anchors(molded_images[0].shape)
    batch_anchors = np.repeat(one[np.newaxis], len(molded_images), axis=0)
    return [
        np.asarray(molded_images, np.float32),
        np.asarray(image_metas, np.float32),
        batch_anchors,
    ]


def unmold_boxes(detections, mrcnn_mask, original_image_shape, image_shape, window):
    """What `unmold_detections` returns, the masks [N, h, w] as the network gives them."""
    ends = np.flatnonzero(detections[:, 4] == 0)
    count = ends[0] if len(ends) else len(detections)
    class_ids = detections[:count, 4].astype(np.int32)
    scores = detections[:count, 5]
    masks = mrcnn_mask[np.arange(count), :, :, class_ids]  # [N, h, w]

    y1, x1, y2, x2 = norm_boxes(np.asarray(window), image_shape[:2])
    origin = np.array([y1, x1, y1, x1], dtype=np.float32)
    size = np.array([y2 - y1, x2 - x1, y2 - y1, x2 - x1], dtype=np.float32)
    boxes = denorm_boxes((detections[:count, :4] - origin) / size, original_image_shape[:2])

    # Small images shrink boxes to nothing.
    has_area = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    boxes, class_ids, scores = boxes[has_area], class_ids[has_area], scores[has_area]
    return boxes, class_ids, scores, masks[has_area]


def batches(images, config):
    """Molded images in batches of one shape and at most BATCH_SIZE, in order."""
    batch = []
    for image in images:
        molded = mold_input(image, config)
        if batch and (len(batch) == config.BATCH_SIZE or batch[0][0].shape != molded[0].shape):
            yield batch
            batch = []
        batch.append(molded)
    yield batch
