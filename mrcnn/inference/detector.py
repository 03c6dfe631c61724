"""From images in pixels to results in pixels: what `MaskRCNN.detect` is made of."""

import contextlib
import logging

import numpy as np

from ..anchors.pyramid import pyramid_anchors
from ..config_rules.network_rules import check_sides
from ..geometry.boxes import denorm_boxes, norm_boxes
from ..images.meta import compose_image_meta, parse_image_meta
from ..images.pixels import as_channels
from ..images.resizing import mold_image, resize_to_input
from ..instances.masks import InstanceMasks
from ..instances.pasting import unmold_crops, unmold_masks
from ..text import log


def detect(model, images, verbose=0):
    """See `MaskRCNN.detect`; `model` is one, or a `SharedDetector`."""
    images = check_images(images, model.config)
    if verbose:
        log(f"Processing {len(images)} images")
        for image in images:
            log("image", image)
    return [
        result(boxes, class_ids, scores, unmold_masks(masks, boxes, shape))
        for boxes, class_ids, scores, masks, shape in _instances(model, images, verbose)
    ]


def detect_crops(model, images):
    """As `detect`, but the masks of an image are an `InstanceMasks`.

    A hundred detections in a photograph of 12 megapixels take 1.2 GB as dense masks.

    Args:
        model: what `config`, `keras_model` and `get_anchors` are taken from, a `MaskRCNN` or a
            `SharedDetector`.
        images: see `MaskRCNN.detect`.

    Returns:
        list of dicts, one an image.
    """
    images = check_images(images, model.config)
    return [
        result(
            *(boxes, class_ids, scores),
            InstanceMasks(unmold_crops(masks, boxes), boxes[:, :2], shape),
        )
        for boxes, class_ids, scores, masks, shape in _instances(model, images)
    ]


def with_score(result, min_score):
    """The detections of a result that have at least a score.

    Args:
        result: dict of `detect` or `detect_crops`.
        min_score: in [0, 1].

    Returns:
        dict of the same kind.
    """
    sure = result["scores"] >= min_score
    return {
        name: part[..., sure] if name == "masks" and isinstance(part, np.ndarray) else part[sure]
        for name, part in result.items()
    }


def detect_molded(model, molded_images, image_metas, verbose=0):
    """See `MaskRCNN.detect_molded`; `model` is one, or a `SharedDetector`."""
    if len(molded_images) != len(image_metas):
        raise ValueError(
            f"{len(molded_images)} molded images came with {len(image_metas)} image metas: each "
            "image needs one."
        )
    results, size = [], model.config.BATCH_SIZE
    for first in range(0, len(molded_images), size):
        images = np.asarray(molded_images[first : first + size])
        metas = np.asarray(image_metas[first : first + size])
        detections, masks = _predict(model, images, metas, verbose)
        shape = images[0].shape
        window = [0, 0, shape[0], shape[1]]
        results += [
            result(*unmold_detections(*rows, shape, shape, window))
            for rows in zip(detections, masks, strict=True)
        ]
    return results


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
    *rows, masks = _unmold_boxes(detections, mrcnn_mask, original_image_shape, image_shape, window)
    return *rows, unmold_masks(masks, rows[0], original_image_shape)


def anchors(config, image_shape):
    """Anchors in pixels float64 [A, 4], and normalised float32 [A, 4]; see `pyramid_anchors`."""
    pixels = pyramid_anchors(config, image_shape)
    return pixels, norm_boxes(pixels, image_shape[:2])


def result(rois, class_ids, scores, masks):
    """The dict that `detect` gives for an image.

    Args:
        rois: int32 [N, 4] pixels.
        class_ids: int32 [N].
        scores: float32 [N].
        masks: bool [H, W, N] or an `InstanceMasks`.
    """
    return {"rois": rois, "class_ids": class_ids, "scores": scores, "masks": masks}


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


def _instances(model, images, verbose=0):
    """Of each image its boxes, class ids, scores, masks [N, h, w] of the boxes, and shape."""
    for batch in _batches(images, model.config):
        molded_images, image_metas, windows = (np.stack(part) for part in zip(*batch, strict=True))
        detections, masks = _predict(model, molded_images, image_metas, verbose)
        originals = parse_image_meta(image_metas)["original_image_shape"]
        for *rows, shape, window in zip(detections, masks, originals, windows, strict=True):
            yield *_unmold_boxes(*rows, shape, molded_images[0].shape, window), shape


def _unmold_boxes(detections, mrcnn_mask, original_image_shape, image_shape, window):
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


def _predict(model, molded_images, image_metas, verbose):
    """Detections [N, D, 6] and their masks [N, D, h, w, NUM_CLASSES]."""
    inputs = network_inputs(model, molded_images, image_metas)
    if verbose:
        for name, array in zip(("molded_images", "image_metas", "anchors"), inputs, strict=True):
            log(name, array)
    with _sizes_may_differ():
        outputs = model.keras_model.predict_on_batch(inputs)
    return np.asarray(outputs[0]), np.asarray(outputs[3])


@contextlib.contextmanager
def _sizes_may_differ():
    """No warning of TensorFlow that each new size of image makes a trace of the graph."""

    def is_another(record):
        return "triggered tf.function retracing" not in record.getMessage()

    logger = logging.getLogger("tensorflow")
    logger.addFilter(is_another)
    try:
        yield
    finally:
        logger.removeFilter(is_another)


def _batches(images, config):
    """Molded images in batches of one shape and at most BATCH_SIZE, in order."""
    batch = []
    for image in images:
        molded = mold_input(image, config)
        if batch and (len(batch) == config.BATCH_SIZE or batch[0][0].shape != molded[0].shape):
            yield batch
            batch = []
        batch.append(molded)
    yield batch
