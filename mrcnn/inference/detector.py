"""From images in pixels to results in pixels: what `MaskRCNN.detect` is made of."""

import contextlib
import functools
import logging

import numpy as np

from ..images.meta import parse_image_meta
from ..instances.masks import InstanceMasks
from ..instances.pasting import unmold_crops, unmold_masks
from ..network.sharing import share
from ..text import log
from .molding import anchors, batches, check_images, network_inputs, unmold_boxes, unmold_detections


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


def result(rois, class_ids, scores, masks):
    """The dict that `detect` gives for an image.

    Args:
        rois: int32 [N, 4] pixels.
        class_ids: int32 [N].
        scores: float32 [N].
        masks: bool [H, W, N] or an `InstanceMasks`.
    """
    return {"rois": rois, "class_ids": class_ids, "scores": scores, "masks": masks}


def _instances(model, images, verbose=0):
    """Of each image its boxes, class ids, scores, masks [N, h, w] of the boxes, and shape."""
    for batch in batches(images, model.config):
        molded_images, image_metas, windows = (np.stack(part) for part in zip(*batch, strict=True))
        detections, masks = _predict(model, molded_images, image_metas, verbose)
        originals = parse_image_meta(image_metas)["original_image_shape"]
        for *rows, shape, window in zip(detections, masks, originals, windows, strict=True):
            yield *unmold_boxes(*rows, shape, molded_images[0].shape, window), shape


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


class SharedDetector:
    """Detects with the weights of a training graph: `detect` takes it for a `MaskRCNN`.

    Args:
        training_model, config: see `share`.

    Attributes:
        config: as given.
        keras_model: the inference graph.
        get_anchors: function of a molded image's (H, W, C) that gives float32 [A, 4], normalised.
    """

    def __init__(self, training_model, config):
        self.config = config
        self.keras_model = share(training_model, config)
        # The last few alone: 1024x1024 pixels have 4 MB of them, and images may differ in size.
        self.get_anchors = functools.lru_cache(8)(
            lambda image_shape: anchors(config, image_shape)[1]
        )
