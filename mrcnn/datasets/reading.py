"""An image of a data set and its instances, checked against each other."""

import logging

import numpy as np

from ..images.pixels import as_channels
from ..instances import InstanceBoxes, InstanceMasks, Instances
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


def check_fields(dataset, needed):
    """See that every image of a data set has what the heads learn from.

    Args:
        dataset: a prepared `Dataset`.
        needed: dict of the name of a field, such as "masks", to the name of the head that needs it.

    Raises:
        ValueError: an image lacks a field; data set, image and head are named.
    """
    for image_id in dataset.image_ids.tolist():
        for field, head in needed.items():
            if not dataset.has(field, image_id):
                raise ValueError(
                    f"{type(dataset).__name__}, {place_of(dataset, image_id)}: it has no {field}, "
                    f"from which the head {head!r} learns. Leave {head!r} out of HEADS, or give "
                    f"the data set {field}."
                )


def place_of(dataset, image_id):
    """Such as "image 3 (cells/3.png)": what messages call the image `image_id` of a `dataset`."""
    return f"image {image_id} ({dataset.image_info[image_id].get('path')})"


def read_instances(dataset, image_id, image_shape, fields=("masks",)):
    """The instances of an image.

    Args:
        dataset: a prepared `Dataset`.
        image_id: index of the image in the data set.
        image_shape: (H, W) of the image as it was read; further entries are ignored.
        fields: names of what is read: "masks", "boxes" or what else the data set has a method for:
            of "keypoints" `load_keypoints`. Boxes are those of the masks where these are read.

    Returns:
        `Instances`, those included of which nothing can be seen.

    Raises:
        ValueError: they are of an image of another size, of classes that are not there, or differ
            in number.
        TypeError: what a data set gave cannot be moved with the image.
    """
    where = place_of(dataset, image_id)
    if "masks" not in fields:
        boxes, class_ids = dataset.load_boxes(image_id)
        values = {"boxes": boxes if len(class_ids) else InstanceBoxes([], image_shape)}
    elif dataset.has("masks", image_id):
        masks, class_ids = dataset.load_instances(image_id)
        values = {"masks": masks if len(class_ids) else InstanceMasks([], [], image_shape)}
    else:
        raise ValueError(f"{where}: there are no masks of its instances, only boxes.")
    for name in fields:
        if name not in ("masks", "boxes"):
            values[name] = getattr(dataset, f"load_{name}")(image_id)
    for name, value in values.items():
        if not hasattr(value, "resize") or isinstance(value, np.ndarray):
            raise TypeError(
                f"{where}: load_{name} gave a {type(value).__name__}: an object that moves with "
                "the image, as InstanceMasks and InstanceBoxes do, is accepted."
            )
        if tuple(value.shape[:2]) != tuple(image_shape[:2]):
            raise ValueError(
                f"{where}: its {name} are {value.shape[0]}x{value.shape[1]} pixels, the image is "
                f"{image_shape[0]}x{image_shape[1]} (height x width): they must be of one size."
            )
    class_ids = np.asarray(class_ids)
    if class_ids.size and class_ids.dtype.kind not in "iuf":
        raise TypeError(
            f"{where}: its class ids are of {class_ids.dtype}, such as {class_ids.flat[0]!r}: they "
            "must be numbers, 1 for the first class."
        )
    unknown = [int(i) for i in class_ids if i == 0 or abs(i) >= dataset.num_classes]
    if unknown:
        raise ValueError(
            f"{where}: class ids {sorted(set(unknown))} are out of range: they run from 1 to "
            f"{dataset.num_classes - 1} (negative for a crowd)."
        )
    try:
        return Instances(class_ids, values)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def read_sample(dataset, config, image_id, fields=("masks",)):
    """An image and its instances, as training takes them.

    Args:
        dataset: a prepared `Dataset`.
        config: IMAGE_CHANNEL_COUNT, IMAGE_SCALING.
        image_id: index of the image in the data set.
        fields: see `read_instances`.

    Returns:
        image [H, W, IMAGE_CHANNEL_COUNT], and `Instances` of which something can be seen.

    Raises:
        ValueError: image, instances, data set and configuration disagree; the image is named.
    """
    where = place_of(dataset, image_id)
    source = dataset.image_info[image_id]["source"]
    if source not in dataset.source_class_ids:
        known = ", ".join(repr(source) for source in dataset.sources if source)
        raise ValueError(
            f"{where}: its source {source!r} has no classes; those that have are {known}."
        )
    image = dataset.load_image(image_id)
    image = as_channels(image, config.IMAGE_CHANNEL_COUNT, where, config.IMAGE_SCALING)
    instances = read_instances(dataset, image_id, image.shape, fields)
    hidden = np.count_nonzero(~instances.visible)
    if hidden:
        name = next(iter(instances.fields))
        logger.warning("%s: %d %s without any pixel dropped", where, hidden, name)
    return image, instances[instances.visible]
