"""An image of a data set and its instances, checked against each other."""

import logging

from ..images.pixels import as_channels
from ..instances.masks import InstanceMasks
from ..text import some

logger = logging.getLogger(__name__)


def check_classes(dataset, config):
    """See that a prepared `dataset` and a `config` have as many classes.

    Raises:
        ValueError: they have not.
    """
    if dataset.num_classes != config.NUM_CLASSES:
        raise ValueError(
            f"NUM_CLASSES is {config.NUM_CLASSES}, but the data set has {dataset.num_classes} "
            f"classes with the background: {some(dataset.class_names)}."
        )


def read_image(dataset, config, image_id):
    """Image, `InstanceMasks` and int32 class ids [N], checked against each other."""
    info = dataset.image_info[image_id]
    where = f"image {image_id} ({info.get('path')})"
    if info["source"] not in dataset.source_class_ids:
        known = ", ".join(repr(source) for source in dataset.sources if source)
        raise ValueError(
            f"{where}: its source {info['source']!r} has no classes; those that have are {known}."
        )
    image = dataset.load_image(image_id)
    image = as_channels(image, config.IMAGE_CHANNEL_COUNT, where, config.IMAGE_SCALING)
    masks, class_ids = dataset.load_instances(image_id)
    if not len(class_ids):
        masks = InstanceMasks([], [], image.shape)
    if masks.shape[:2] != image.shape[:2]:
        raise ValueError(
            f"{where}: its masks are {masks.height}x{masks.width} pixels, the image is "
            f"{image.shape[0]}x{image.shape[1]} (height x width): they must be of one size."
        )
    unknown = [int(i) for i in class_ids if i == 0 or abs(i) >= dataset.num_classes]
    if unknown:
        raise ValueError(
            f"{where}: class ids {sorted(set(unknown))} are out of range: they run from 1 to "
            f"{dataset.num_classes - 1} (negative for a crowd)."
        )
    if not masks.visible.all():
        logger.warning("%s: %d masks without any pixel dropped", where, (~masks.visible).sum())
    return image, masks[masks.visible], class_ids[masks.visible]
