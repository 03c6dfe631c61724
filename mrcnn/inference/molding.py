"""Convert images to the network's input, and its output back to image pixels."""

import numpy as np

from ..anchors.pyramid import pyramid_anchors
from ..geometry.boxes import norm_boxes
from ..images.frame import Frame
from ..images.pixels import as_channels
from ..images.resizing import check_sides, mold_image
from ..instances.pasting import unmold_masks


def check_images(images, config):
    """Checked images as a list of arrays [H, W, IMAGE_CHANNEL_COUNT].

    Args:
        images: see `MaskRCNN.detect`.
        config: IMAGE_CHANNEL_COUNT, IMAGE_SCALING.

    Raises:
        ValueError, TypeError: see `MaskRCNN.detect`.
    """
    if isinstance(images, np.ndarray) and images.ndim in (2, 3):
        raise ValueError(
            f"images is one array of shape {images.shape}: it must be a list of images, "
            "[image] for a single one."
        )
    if not len(images):
        raise ValueError("images is an empty list: at least one image is needed.")
    return [
        as_channels(image, config.IMAGE_CHANNEL_COUNT, f"image {index}", config.IMAGE_SCALING)
        for index, image in enumerate(images)
    ]


def mold_inputs(images, config):
    """See `MaskRCNN.mold_inputs`; `config` is the model's."""
    molded = [mold_input(image, config) for image in check_images(images, config)]
    shapes = sorted({image.shape for image, _ in molded})
    if len(shapes) > 1:
        raise ValueError(
            f"the molded images have the shapes {shapes}: all in a batch must be equal. Mold them "
            "one by one, or set IMAGE_RESIZE_MODE to 'square'."
        )
    images, frames = zip(*molded, strict=True)
    metas = np.stack([meta_of(frame, config) for frame in frames])
    return np.stack(images), metas, np.stack([frame.window for frame in frames])


def mold_input(image, config):
    """Convert one image to the network's input.

    Args:
        image: [H, W, C], see `check_images`.
        config: a `Config`.

    Returns:
        molded_image: float32 [h, w, C], the mean subtracted.
        frame: `Frame`.

    Raises:
        ValueError: IMAGE_RESIZE_MODE is "crop", or the molded image does not fit the pyramid.
    """
    if config.IMAGE_RESIZE_MODE == "crop":
        raise ValueError(
            "IMAGE_RESIZE_MODE is 'crop', which takes random crops for training: to detect in the "
            "whole image, it must be 'square', 'pad64' or 'none'."
        )
    molded, frame = Frame.of(image, config)
    check_sides(molded.shape)
    return mold_image(molded, config).astype(np.float32), frame


def meta_of(frame, config):
    """The meta vector of an image at inference, float64 [12 + NUM_CLASSES].

    Args:
        frame: `Frame` of the image.
        config: NUM_CLASSES. The image id is 0, and no class is active.
    """
    return frame.meta(0, np.zeros([config.NUM_CLASSES], dtype=np.int32))


def unmold_detections(detections, mrcnn_mask, original_image_shape, image_shape, window):
    """See `MaskRCNN.unmold_detections`.

    Args:
        detections, mrcnn_mask, original_image_shape, image_shape, window: see
            `MaskRCNN.unmold_detections`.

    Returns:
        boxes int32 [N, 4] pixels, class_ids int32 [N], scores float32 [N], masks bool [H, W, N].
    """
    frame = Frame.of_window(original_image_shape, image_shape, window)
    rows, boxes, class_ids, scores = unmold_boxes(detections, frame)
    masks = mrcnn_mask[rows, :, :, class_ids]  # [N, h, w]
    return boxes, class_ids, scores, unmold_masks(masks, boxes, original_image_shape)


def unmold_boxes(detections, frame):
    """Convert the detections of one image to the image's pixels.

    Args:
        detections: [D, 6] of (y1, x1, y2, x2, class id, score), normalised; rows from the first
            class 0 on are padding.
        frame: `Frame` of the image.

    Returns:
        rows: int [N], indices of the kept detections; in a small image boxes may shrink to nothing.
        boxes: int32 [N, 4] pixels.
        class_ids: int32 [N].
        scores: float32 [N].
    """
    ends = np.flatnonzero(detections[:, 4] == 0)
    found = detections[: ends[0] if len(ends) else len(detections)]
    boxes = frame.boxes_back(found[:, :4])
    rows = np.flatnonzero((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]))
    return rows, boxes[rows], found[rows, 4].astype(np.int32), found[rows, 5]


def anchors(config, image_shape):
    """Anchors in pixels float64 [A, 4], and normalised float32 [A, 4]; see `pyramid_anchors`."""
    pixels = pyramid_anchors(config, image_shape)
    return pixels, norm_boxes(pixels, image_shape[:2])


def network_inputs(model, molded_images, image_metas):
    """Build the inference graph's three inputs for a batch.

    Args:
        model: anything with `get_anchors`, such as a `Detector`.
        molded_images: [B, H, W, C], the mean subtracted.
        image_metas: [B, 12 + NUM_CLASSES].

    Returns:
        list of these two and the anchors [B, A, 4], normalised; all float32.
    """
    one = model.get_anchors(molded_images[0].shape)
    batch_anchors = np.repeat(one[np.newaxis], len(molded_images), axis=0)
    return [
        np.asarray(molded_images, np.float32),
        np.asarray(image_metas, np.float32),
        batch_anchors,
    ]


def batches(images, config):
    """Mold images into batches of equal shape, in order, of at most BATCH_SIZE images.

    Args:
        images: list of arrays [H, W, C], see `check_images`.
        config: a `Config`.

    Yields:
        list of what `mold_input` returns for each image.
    """
    batch = []
    for image in images:
        molded = mold_input(image, config)
        if batch and (len(batch) == config.BATCH_SIZE or batch[0][0].shape != molded[0].shape):
            yield batch
            batch = []
        batch.append(molded)
    yield batch
