"""The inputs of the training graph, declared once: the loader makes them, the graph takes them.

An input that only one head needs, such as the masks, is declared here too, because this module
needs only NumPy. The head requests it, see `Head.inputs`.
"""

import dataclasses
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class Input:
    """One array of a sample.

    Attributes:
        name: name of the graph input, without "input_".
        shape: tuple, the shape of one sample; None where a side may have any length.
        dtype: dtype of the graph input.
        array: picklable function (instances, config) -> array of an image's N instances, which is
            padded to MAX_GT_INSTANCES along `axis`; None for what the loader makes itself.
        field: its name in `Matched.truth`.
        axis: instance axis of the array.
    """

    name: str
    shape: tuple
    dtype: str
    array: Callable | None = None
    field: str | None = None
    axis: int = 0


def image_shape(config):
    """(height, width, channels) of a config's input; sides that depend on the image are None."""
    if config.IMAGE_RESIZE_MODE in ("square", "crop"):
        return tuple(int(side) for side in config.IMAGE_SHAPE)
    return (None, None, config.IMAGE_CHANNEL_COUNT)


def image_inputs(config):
    """Return the inputs `image` and `image_meta` of a `Config`, which detection has too."""
    return [
        Input("image", image_shape(config), "float32"),
        Input("image_meta", (config.IMAGE_META_SIZE,), "float32"),
    ]


def training_inputs(config, heads):
    """Return all inputs of the training graph, in order, except RoIs from outside.

    Args:
        config: a `Config`.
        heads: list of `Head` classes.

    Returns:
        list of `Input`: the image inputs, `rpn_match`, `rpn_bbox`, `gt_class_ids`, `gt_boxes` and
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


def mask_input(config):
    """Return the input `gt_masks` [h, w, MAX_GT_INSTANCES], mini masks with USE_MINI_MASK."""
    shape = config.MINI_MASK_SHAPE if config.USE_MINI_MASK else image_shape(config)
    return Input(
        "gt_masks", (*shape[:2], config.MAX_GT_INSTANCES), "bool", _masks, field="masks", axis=2
    )


def padded(wanted, instances, config):
    """Return the array of an `Input`, padded with zeros to MAX_GT_INSTANCES.

    Args:
        wanted: `Input` with an `array`.
        instances: `Instances`, at most MAX_GT_INSTANCES.
        config: a `Config`.

    Returns:
        array with the input's shape.
    """
    array = wanted.array(instances, config)
    missing = [(0, 0)] * array.ndim
    missing[wanted.axis] = (0, config.MAX_GT_INSTANCES - len(instances))
    return np.pad(array, missing)


def _class_ids(instances, config):
    return instances.class_ids


def _boxes(instances, config):
    return instances.boxes


def _masks(instances, config):
    masks = instances.fields["masks"]
    return masks.minimize(config.MINI_MASK_SHAPE[:2]) if config.USE_MINI_MASK else masks.dense()
