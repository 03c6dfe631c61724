"""Checks of the settings in which the networks of other projects differ from the reference."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .values import either, is_integer, is_number, is_positive

# A setting, and what it may be.
_CHOICES = {
    "RESNET_POOL_PADDING": (None, "end", "both"),
    "BOX_HEAD_NORM": ("all", "convolutions", None),
    "RPN_ANCHOR_GRID": ("strides", "image"),
    "BOX_COORDINATES": ("reference", "continuous"),
    "IMAGE_RESAMPLING": ("reference", "torchvision", "detectron2"),
    "MASK_PASTING": ("reference", "torchvision", "detectron2"),
    "KEYPOINT_SCORES": ("detectron2", "torchvision"),
    "ROI_SAMPLING": ("reference", "torchvision"),
    "BOX_LOSS": ("mean", "sampled"),
    "MASK_TARGETS": ("reference", "torchvision", "detectron2"),
    "RPN_LOGITS": (2, 1),
}
_SWITCHES = (
    *("NORM_REPLACES_BIAS", "FPN_NORM", "MASK_HEAD_NORM", "RPN_ANCHOR_ROUNDING"),
    *("RPN_NMS_BY_LEVEL", "RPN_CLIP_TO_IMAGE", "DETECTION_ALL_CLASSES", "FREEZE_NORMS"),
)


# Whole numbers, and the least that each may be.
_WHOLE = {
    "RPN_CONVOLUTIONS": 1,
    "BOX_HEAD_LAYERS": 1,
    "BOX_HEAD_CONVOLUTIONS": 0,
    "BOX_HEAD_CHANNELS": 1,
    "IMAGE_SIDE_MULTIPLE": 1,
}


def problems(config: Any) -> Iterator[str]:
    """Yield what is wrong with these settings, one sentence per problem.

    Args:
        config: a `Config`.
    """
    for name, choices in _CHOICES.items():
        value = getattr(config, name)
        if not any(value is choice or _same(value, choice) for choice in choices):
            yield f"{name} is {value!r}: it must be {either(choices)}."
    for name in _SWITCHES:
        value = getattr(config, name)
        if not isinstance(value, bool | np.bool_):
            yield f"{name} is {value!r}: it must be True or False."
    for name, least in _WHOLE.items():
        value = getattr(config, name)
        if not is_integer(value) or value < least:
            yield f"{name} is {value!r}: it must be a whole number of at least {least}."
    limit = config.PRE_NMS_LIMIT_TRAINING
    if limit is not None and (not is_integer(limit) or limit < 1):
        yield (
            f"PRE_NMS_LIMIT_TRAINING is {limit!r}: it must be None or a whole number of at least 1."
        )
    yield from _numbers(config)
    yield from _combinations(config)


def remarks(config: Any) -> list[str]:
    """List settings of a valid configuration that do not go together.

    Args:
        config: a `Config`.

    Returns:
        One sentence for each.
    """
    if config.BOX_COORDINATES == "reference" or config.ROI_POOLER != "crop_and_resize":
        return []
    return [
        "BOX_COORDINATES is 'continuous', but ROI_POOLER 'crop_and_resize' takes boxes as the "
        "reference does, up to a pixel away: use 'roi_align'."
    ]


def _same(value, choice):
    return isinstance(value, str | int) and value == choice


def _numbers(config):
    for name in ("RPN_MIN_SIZE", "DETECTION_MIN_SIZE"):
        value = getattr(config, name)
        if value is not None and not (is_number(value) and 0 <= value < np.inf):
            yield f"{name} is {value!r}: it must be None or a number of pixels of at least 0."
    limit = config.BOX_DELTA_LIMIT
    if limit is not None and not (is_positive(limit) and limit <= 20):
        yield f"BOX_DELTA_LIMIT is {limit!r}: it must be None, or above 0 and at most 20."
    beta = config.BOX_LOSS_BETA
    if not is_number(beta) or not 0 <= beta < np.inf:
        yield f"BOX_LOSS_BETA is {beta!r}: it must be a number of at least 0."
    epsilon = config.BATCH_NORM_EPSILON
    if not is_number(epsilon) or not 0 <= epsilon < 1:
        yield f"BATCH_NORM_EPSILON is {epsilon!r}: it must lie in [0, 1)."
    std = np.atleast_1d(config.PIXEL_STD)
    if len(std) not in (1, config.IMAGE_CHANNEL_COUNT) or not all(map(is_positive, std)):
        yield (
            f"PIXEL_STD is {config.PIXEL_STD!r}: it must be a positive number, or one for each of "
            f"the {config.IMAGE_CHANNEL_COUNT} channels of IMAGE_CHANNEL_COUNT."
        )


def _combinations(config):
    if config.IMAGE_RESIZE_MODE == "short_side" and config.HOST_COUNT != 1:
        yield (
            f"IMAGE_RESIZE_MODE is 'short_side' and HOST_COUNT is {config.HOST_COUNT}: hosts would "
            "have inputs of different sizes; use 'square'."
        )
    if config.MASK_TARGETS != "reference" and config.USE_MINI_MASK:
        yield (
            f"MASK_TARGETS is {config.MASK_TARGETS!r}, which needs whole masks: set USE_MINI_MASK "
            "to False."
        )
