"""Settings that follow from others, and numbers in the form in which they are used."""

import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .values import is_integer, is_number

# Assigning one of these on an instance updates the derived settings.
SOURCES = {
    "IMAGES_PER_GPU",
    "GPU_COUNT",
    "IMAGE_RESIZE_MODE",
    "IMAGE_MIN_DIM",
    "IMAGE_MAX_DIM",
    "IMAGE_CHANNEL_COUNT",
    "NUM_CLASSES",
}
# What to set instead of a derived setting.
_SET_INSTEAD = {
    "BATCH_SIZE": "IMAGES_PER_GPU or GPU_COUNT",
    "IMAGE_SHAPE": "IMAGE_MIN_DIM, IMAGE_MAX_DIM or IMAGE_CHANNEL_COUNT",
    "IMAGE_META_SIZE": "NUM_CLASSES",
}
DERIVED = tuple(_SET_INSTEAD)

# Numbers of steps, often computed as images / BATCH_SIZE.
STEPS = ("STEPS_PER_EPOCH", "VALIDATION_STEPS")


def whole(name: str, value: Any) -> Any:
    """The `value` of the setting `name`, rounded up if it is a number of steps, as Keras 2 did.

    Example:
        >>> from mrcnn.config_rules.derived import whole
        >>> whole("STEPS_PER_EPOCH", 1000 / 3), whole("LEARNING_RATE", 0.5)
        (334, 0.5)
    """
    if name not in STEPS:
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    is_fraction = is_number(value) and not is_integer(value) and math.isfinite(value)
    return math.ceil(value) if is_fraction else value


def check_not_derived(name: str) -> None:
    """Check that a setting does not follow from others.

    Args:
        name: of the setting.

    Raises:
        ValueError: it does; the message says what to set instead.

    Example:
        >>> from mrcnn.config_rules.derived import check_not_derived
        >>> check_not_derived("IMAGE_META_SIZE")
        Traceback (most recent call last):
        ...
        ValueError: IMAGE_META_SIZE follows from other settings: set NUM_CLASSES.
    """
    if name in _SET_INSTEAD:
        raise ValueError(f"{name} follows from other settings: set {_SET_INSTEAD[name]}.")


def is_read_only(config: Any, name: str) -> bool:
    """Whether a `Config` computes the setting `name` itself, as a property."""
    attribute = getattr(type(config), name, None)
    if isinstance(attribute, property):
        return attribute.fset is None
    return isinstance(attribute, functools.cached_property)


def assign(config: Any, settings: Mapping[str, Any]) -> None:
    """Assign settings that may follow from each other.

    IMAGE_SHAPE changes the settings that it follows from unless they are given too, as in a class.
    Otherwise derived settings are kept as they are given.

    Args:
        config: a `Config`, changed in place.
        settings: value of each setting by its name. Those that `config` computes are ignored.
    """
    first = ("IMAGE_RESIZE_MODE", "IMAGE_SHAPE", *sorted(SOURCES))
    for name in [*filter(settings.__contains__, first), *(n for n in settings if n not in first)]:
        if not is_read_only(config, name):
            setattr(config, name, settings[name])
    shape = settings.get("IMAGE_SHAPE")
    sources = _sources_of_shape(config, shape)
    if sources and all(getattr(config, name) == value for name, value in sources.items()):
        _set(config, "IMAGE_SHAPE", shape)


def complete(config: Any, defaults: Any) -> None:
    """Bring a new `Config` into its final form: whole numbers, and what follows from others.

    A class may state IMAGE_SHAPE instead of the settings that it follows from; they then change
    unless the class sets them too.

    Args:
        config: changed in place.
        defaults: the class `Config` itself.
    """
    for name in STEPS:
        if not is_read_only(config, name):
            value = getattr(config, name)
            if whole(name, value) is not value:
                object.__setattr__(config, name, whole(name, value))
    for name, value in _sources_of_shape(config, getattr(config, "IMAGE_SHAPE", None)).items():
        if getattr(config, name) == getattr(defaults, name):
            _set(config, name, value)
    derive(config)


def derive(config: Any) -> None:
    """Set the `DERIVED` settings of a `Config`, in place."""
    for name, value in _derived(config).items():
        _set(config, name, value)


def follow_shape(config: Any) -> None:
    """Change the settings that a `Config`'s IMAGE_SHAPE follows from, once it is assigned."""
    sources = _sources_of_shape(config, config.IMAGE_SHAPE)
    if sources:
        _set(config, "IMAGE_SHAPE", np.array(config.IMAGE_SHAPE))
    for name, value in sources.items():
        _set(config, name, value)


def _set(config, name, value):
    if not is_read_only(config, name):
        object.__setattr__(config, name, value)


def _derived(config):
    side = config.IMAGE_MIN_DIM if config.IMAGE_RESIZE_MODE == "crop" else config.IMAGE_MAX_DIM
    return {
        "BATCH_SIZE": config.IMAGES_PER_GPU * config.GPU_COUNT,
        "IMAGE_SHAPE": np.array([side, side, config.IMAGE_CHANNEL_COUNT]),
        "IMAGE_META_SIZE": 1 + 3 + 3 + 4 + 1 + config.NUM_CLASSES,
    }


def _sources_of_shape(config, image_shape):
    """The number of channels and, if it decides the size of the network's input, the side."""
    sides = np.asarray(image_shape).tolist() if np.iterable(image_shape) else []
    if len(sides) != 3 or not all(map(is_integer, sides)):
        return {}
    found = {"IMAGE_CHANNEL_COUNT": sides[2]}
    side = {"square": "IMAGE_MAX_DIM", "crop": "IMAGE_MIN_DIM"}.get(config.IMAGE_RESIZE_MODE)
    if side and sides[0] == sides[1]:
        found[side] = sides[0]
    return found


def shape_problem(config: Any) -> str:
    """What is wrong with a `Config`'s IMAGE_SHAPE, one sentence or ""."""
    shape = np.asarray(config.IMAGE_SHAPE).tolist()
    expected = _derived(config)["IMAGE_SHAPE"].tolist()
    if not isinstance(shape, list) or len(shape) != 3:
        return f"IMAGE_SHAPE is {config.IMAGE_SHAPE!r}: it must be [height, width, channels]."
    if config.IMAGE_RESIZE_MODE not in ("square", "crop"):
        shape, expected = shape[2:], expected[2:]
    if shape == expected:
        return ""
    return (
        f"IMAGE_SHAPE is {np.asarray(config.IMAGE_SHAPE).tolist()}: with IMAGE_RESIZE_MODE "
        f"{config.IMAGE_RESIZE_MODE!r}, IMAGE_MIN_DIM {config.IMAGE_MIN_DIM}, IMAGE_MAX_DIM "
        f"{config.IMAGE_MAX_DIM} and IMAGE_CHANNEL_COUNT {config.IMAGE_CHANNEL_COUNT} it is "
        f"{_derived(config)['IMAGE_SHAPE'].tolist()}. Set these instead."
    )
