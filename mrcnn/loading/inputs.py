"""The inputs of the training graph, declared once: the loader makes them, the graph takes them.

An input that only one head needs, such as the masks, is declared here too, because this module
needs only NumPy. The head requests it, see `Head.inputs`.
"""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..config import Config
from ..instances import Instances
from ..types import Array


@dataclasses.dataclass(frozen=True)
class Input:
    """One array of a sample.

    Attributes:
        name: name of the graph input, without "input_".
        shape: the shape of one sample; None where a side may have any length.
        dtype: dtype of the graph input.
        array: picklable function (instances, config) -> array of an image's N instances, which is
            padded to MAX_GT_INSTANCES along `axis`; None for what the loader makes itself.
        field: its name in `Matched.truth`.
        axis: instance axis of the array.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    array: Callable[[Instances, Config], Array] | None = None
    field: str | None = None
    axis: int = 0


def image_shape(config: Config) -> tuple[int | None, ...]:
    """(height, width, channels) of a config's input; sides that depend on the image are None."""
    if config.IMAGE_RESIZE_MODE in ("square", "crop"):
        return tuple(int(side) for side in config.IMAGE_SHAPE)
    return (None, None, config.IMAGE_CHANNEL_COUNT)


def image_inputs(config: Config) -> list[Input]:
    """Return a `Config`'s inputs `image` and `image_meta`, which detection takes too."""
    return [
        Input("image", image_shape(config), "float32"),
        Input("image_meta", (config.IMAGE_META_SIZE,), "float32"),
    ]


def training_inputs(config: Config, heads: Iterable[Any]) -> list[Input]:
    """Return all inputs of the training graph, in order, except RoIs that the caller supplies.

    Args:
        config: a `Config`.
        heads: `Head` classes.

    Returns:
        The image inputs, `rpn_match`, `rpn_bbox`, `gt_class_ids`, `gt_boxes` and
        the heads' inputs.
    """
    limit = config.MAX_GT_INSTANCES
    wanted = {each.name: each for head in heads for each in head.inputs(config)}
    return [
        *image_inputs(config),
        Input("rpn_match", (None, 1), "int32"),
        Input("rpn_bbox", (config.RPN_TRAIN_ANCHORS_PER_IMAGE, 4), "float32"),
        Input("gt_class_ids", (limit,), "int32", _class_ids),
        Input("gt_boxes", (limit, 4), "float32", _boxes),
        *wanted.values(),
    ]


def mask_input(config: Config) -> Input:
    """Return the input `gt_masks` [h, w, MAX_GT_INSTANCES], mini masks with USE_MINI_MASK.

    Args:
        config: a `Config`.
    """
    shape = config.MINI_MASK_SHAPE if config.USE_MINI_MASK else image_shape(config)
    return Input(
        "gt_masks", (*shape[:2], config.MAX_GT_INSTANCES), "bool", _masks, field="masks", axis=2
    )


def keypoint_input(config: Config) -> Input:
    """Return the input `gt_keypoints` [MAX_GT_INSTANCES, NUM_KEYPOINTS, 3], in pixels.

    Args:
        config: a `Config`.
    """
    shape = (config.MAX_GT_INSTANCES, config.NUM_KEYPOINTS, 3)
    return Input("gt_keypoints", shape, "float32", _keypoints, field="keypoints")


def padded(wanted: Input, instances: Instances, config: Config) -> Array:
    """Return the array of an `Input`, padded with zeros to MAX_GT_INSTANCES.

    Args:
        wanted: an input with an `array`.
        instances: at most MAX_GT_INSTANCES.
        config: a `Config`.

    Returns:
        array with the input's shape.
    """
    make: Any = wanted.array  # not None
    array = make(instances, config)
    missing = [(0, 0)] * array.ndim
    missing[wanted.axis] = (0, config.MAX_GT_INSTANCES - len(instances))
    return np.pad(array, missing)


def _class_ids(instances: Instances, config: Config) -> Array:
    return instances.class_ids


def _boxes(instances: Instances, config: Config) -> Array:
    return instances.boxes


def _masks(instances: Instances, config: Config) -> Array:
    masks = instances.fields["masks"]
    return masks.minimize(config.MINI_MASK_SHAPE[:2]) if config.USE_MINI_MASK else masks.dense()


def _keypoints(instances: Instances, config: Config) -> Array:
    """(y, x, visibility) in pixels of the network's input."""
    keypoints = instances.fields["keypoints"]
    if keypoints.count != config.NUM_KEYPOINTS:
        raise ValueError(
            f"the instances have {keypoints.count} keypoints each: NUM_KEYPOINTS is "
            f"{config.NUM_KEYPOINTS}."
        )
    return keypoints.points
