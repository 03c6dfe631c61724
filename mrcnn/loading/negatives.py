"""Images without instances, which have nothing but background to learn from."""

import logging

import numpy as np

from ..datasets import Dataset
from ..types import Array

logger = logging.getLogger(__name__)


def without_negatives(dataset: Dataset, image_ids: Array) -> Array:
    """Leave out the images without instances, or with crowds only.

    The annotations of all images are read. An image whose annotations cannot be read is kept, so
    that the error is reported when it is drawn.

    Args:
        dataset: a prepared `Dataset`.
        image_ids: int [N].

    Returns:
        int [M], those that have instances.

    Raises:
        ValueError: there are none.
    """
    kept = image_ids[[_has_instances(dataset, image_id) for image_id in image_ids.tolist()]]
    if not len(kept):
        raise ValueError(
            f"{type(dataset).__name__}: no image has instances (crowds do not count), and "
            "TRAIN_NEGATIVE_IMAGES is False, so there is nothing to train on."
        )
    if len(kept) < len(image_ids):
        logger.info(
            "%s: %d of %d images have no instances and are not trained on",
            *(type(dataset).__name__, len(image_ids) - len(kept), len(image_ids)),
        )
    return kept


def _has_instances(dataset: Dataset, image_id: int) -> bool:
    try:
        boxes, class_ids = dataset.load_boxes(image_id)
        return bool(np.any(boxes.visible & (np.asarray(class_ids) > 0)))
    except Exception:
        logger.debug("", exc_info=True)
        return True
