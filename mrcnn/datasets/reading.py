"""Read an image of a dataset and its instances, and check them against each other."""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..config import Config
from ..images.pixels import for_network
from ..instances import InstanceBoxes, InstanceKeypoints, InstanceMasks, Instances
from ..text import some
from ..types import Array
from .keypoints import checked_keypoints

if TYPE_CHECKING:
    from .dataset import Dataset

logger = logging.getLogger(__name__)


def check_classes(dataset: "Dataset", config: Config) -> None:
    """Check that a prepared `dataset` and a `config` have the same number of classes.

    Raises:
        ValueError: they differ.
    """
    if dataset.num_classes != config.NUM_CLASSES:
        raise ValueError(
            f"NUM_CLASSES is {config.NUM_CLASSES}, but the dataset has {dataset.num_classes} "
            f"classes including the background: {some(dataset.class_names)}."
        )


def check_fields(dataset: "Dataset", needed: Mapping[str, str]) -> None:
    """Check that every image of a dataset has what the heads learn from.

    Args:
        dataset: a prepared `Dataset`.
        needed: field name, such as "masks", to the name of the head that needs the field.

    Raises:
        ValueError: an image lacks a field; the error names the dataset, the image and the head.
    """
    for image_id in dataset.image_ids.tolist():
        for field, head in needed.items():
            if not dataset.has(field, image_id):
                raise ValueError(
                    f"{type(dataset).__name__}, {place_of(dataset, image_id)}: it has no {field}, "
                    f"which the head {head!r} learns from. Leave {head!r} out of HEADS, or add "
                    f"{field} to the dataset."
                )


def place_of(dataset: "Dataset", image_id: int) -> str:
    """Return the name of an image in messages, such as "image 3 (cells/3.png)".

    Args:
        dataset: a prepared `Dataset`.
        image_id: index of the image in the dataset.
    """
    return f"image {image_id} ({dataset.image_info[image_id].get('path')})"


def with_three_channels(image: Array) -> Array:
    """An image [H, W], [H, W, 1] or [H, W, C] with gray repeated: [H, W, 3] or [H, W, C]."""
    image = image[..., np.newaxis] if image.ndim == 2 else image
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image


def turned_by_exif(dataset: "Dataset | None", said: Sequence[int], found: Sequence[int]) -> str:
    """Explain two sizes that differ by a swap of height and width.

    Args:
        dataset: a `Dataset`, None if its files give no sizes.
        said: (height, width) of an image according to its annotations; further entries are ignored.
        found: (height, width) of the image as it was read, upright.

    Returns:
        A sentence to append to a message; "" if the sizes differ otherwise, or not at all.
    """
    (height, width), (found_height, found_width) = said[:2], found[:2]
    if height == width or (height, width) != (found_width, found_height):
        return ""
    advice = (
        "the annotations must be for the upright image. If they are not, save the image without "
        "its EXIF orientation."
    )
    if getattr(dataset, "HAS_FILE_SIZES", False):
        advice = (
            "if the annotations were drawn on the upright image, and only the sizes in the file "
            "are from before the rotation, read it with ignore_file_sizes=True."
        )
    return f" The image looks turned by EXIF: {advice}"


def read_instances(
    dataset: "Dataset",
    image_id: int,
    image_shape: Sequence[int],
    fields: Collection[str] = ("masks",),
) -> Instances:
    """Read the instances of an image.

    Args:
        dataset: a prepared `Dataset`.
        image_id: index of the image in the dataset.
        image_shape: (H, W) of the image as it was read; further entries are ignored.
        fields: names of the fields to read: "masks", "boxes" or another one for which the dataset
            has a method, such as `load_keypoints` for "keypoints". If masks are read, the boxes are
            those of the masks.

    Returns:
        All instances, including those of which nothing is visible.

    Raises:
        ValueError: their size differs from the image's, a class id is unknown, or the fields have
            different numbers of instances; or see `checked_keypoints`.
        TypeError: a field is not an object that can be transformed with the image.
    """
    where = place_of(dataset, image_id)
    values: dict[str, Any]
    if "masks" not in fields:
        boxes, class_ids = dataset.load_boxes(image_id)
        values = {"boxes": boxes if len(class_ids) else InstanceBoxes([], image_shape)}
    elif dataset.has("masks", image_id):
        masks, class_ids = dataset.load_instances(image_id)
        values = {"masks": masks if len(class_ids) else InstanceMasks([], [], image_shape)}
    else:
        raise ValueError(f"{where}: its instances have no masks, only boxes.")
    for name in fields:
        if name not in ("masks", "boxes"):
            values[name] = getattr(dataset, f"load_{name}")(image_id)
    for name, value in values.items():
        if not hasattr(value, "resize") or isinstance(value, np.ndarray):
            raise TypeError(
                f"{where}: load_{name} returned a {type(value).__name__}: it must be an object "
                "that can be transformed with the image, like InstanceMasks, InstanceBoxes and "
                "InstanceKeypoints."
            )
        if tuple(value.shape[:2]) != tuple(image_shape[:2]):
            raise ValueError(
                f"{where}: its {name} are {value.shape[0]}x{value.shape[1]} pixels, but the image "
                f"is {image_shape[0]}x{image_shape[1]} (height x width): they must have the same "
                f"size.{turned_by_exif(dataset, value.shape, image_shape)}"
            )
    keypoints = values.get("keypoints")
    if isinstance(keypoints, InstanceKeypoints) and dataset.keypoint_layout is not None:
        shapes = next(iter(values.values()))
        values["keypoints"] = checked_keypoints(dataset, keypoints, shapes.boxes, where)
    class_ids = np.asarray(class_ids)
    if class_ids.size and class_ids.dtype.kind not in "iuf":
        raise TypeError(
            f"{where}: its class ids, such as {class_ids.flat[0]!r}, have dtype {class_ids.dtype}: "
            "they must be numbers, 1 for the first class."
        )
    unknown = [int(i) for i in class_ids if i == 0 or abs(i) >= dataset.num_classes]
    if unknown:
        raise ValueError(
            f"{where}: class ids {sorted(set(unknown))} are out of range: they must be from 1 to "
            f"{dataset.num_classes - 1} (negative for a crowd)."
        )
    try:
        return Instances(class_ids, values)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def read_sample(
    dataset: "Dataset", config: Config, image_id: int, fields: Collection[str] = ("masks",)
) -> tuple[Array, Instances]:
    """Read an image and its instances as training uses them.

    Args:
        dataset: a prepared `Dataset`.
        config: for IMAGE_CHANNEL_COUNT, IMAGE_SCALING and IMAGE_NODATA.
        image_id: index of the image in the dataset.
        fields: see `read_instances`.

    Returns:
        image [H, W, IMAGE_CHANNEL_COUNT], and the visible `Instances`.

    Raises:
        ValueError: image, instances, dataset and configuration disagree; the error names the image.
    """
    where = place_of(dataset, image_id)
    source = dataset.image_info[image_id]["source"]
    if source not in dataset.source_class_ids:
        known = ", ".join(repr(source) for source in dataset.sources if source)
        raise ValueError(
            f"{where}: its source {source!r} has no classes; sources with classes are {known}."
        )
    image = for_network(dataset.load_image(image_id), config, where)
    instances = read_instances(dataset, image_id, image.shape, fields)
    hidden = np.count_nonzero(~instances.visible)
    if hidden:
        name = next(iter(instances.fields))
        logger.warning("%s: dropped %d %s without pixels", where, hidden, name)
    return image, instances[instances.visible]
