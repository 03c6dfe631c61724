"""Checks of a `Config`: what is wrong with it, and what is accepted instead."""

import functools
from typing import Any

import numpy as np

from . import compatibility_rules, detection_rules, necks, parts, pooling_rules, training_rules
from .derived import shape_problem, whole
from .sample_rules import problems as sample_problems
from .values import is_integer, is_number, is_positive

RESIZE_MODES = ("square", "pad64", "crop", "none", "short_side")
SCALINGS = ("auto", "percentile", "full")

# A setting, the setting that limits it, and why.
_LIMITS = (
    ("DETECTION_MAX_INSTANCES", "POST_NMS_ROIS_INFERENCE", "each detection comes from a proposal"),
    ("POST_NMS_ROIS_INFERENCE", "PRE_NMS_LIMIT", "each proposal comes from one of these anchors"),
    (
        "POST_NMS_ROIS_TRAINING",
        "PRE_NMS_LIMIT_TRAINING",
        "each proposal comes from one of these anchors",
    ),
    ("TRAIN_ROIS_PER_IMAGE", "POST_NMS_ROIS_TRAINING", "RoIs are sampled from the proposals"),
)


def problems(config: Any, own_losses: bool = False) -> list[str]:
    """List all problems with a configuration.

    Args:
        config: a `Config`.
        own_losses: see `Config.validate`.

    Returns:
        One sentence per problem; empty if the configuration can work.
    """
    choice = functools.partial(parts.problems, own_losses=own_losses)
    checks = (
        _name, _counts, _fractions, detection_rules.problems, _sizes, necks.problems, choice,
        pooling_rules.problems, _anchors, _channels, sample_problems, compatibility_rules.problems,
    )  # fmt: skip
    return [line for check in checks for line in check(config)] + training_rules.problems(config)


def remarks(config: Any) -> list[str]:
    """List the settings of a valid configuration that another setting limits or leaves unused.

    Args:
        config: a `Config`.

    Returns:
        One or two sentences for each.
    """
    return [*_limited(config)] + [
        line
        for rules in (pooling_rules, necks, detection_rules, training_rules, compatibility_rules)
        for line in rules.remarks(config)
    ]


def _limited(config):
    """Yield a remark on each setting that another one limits."""
    for name, limit, why in _LIMITS:
        if limit == "PRE_NMS_LIMIT_TRAINING" and config.PRE_NMS_LIMIT_TRAINING is None:
            limit = "PRE_NMS_LIMIT"
        largest, of_levels = getattr(config, limit), ""
        if limit.startswith("PRE_NMS_LIMIT") and config.RPN_NMS_BY_LEVEL:
            levels = len(config.BACKBONE_STRIDES)
            largest, of_levels = largest * levels, f" on each of {levels} levels"
        if name == "DETECTION_MAX_INSTANCES" and config.DETECTION_ALL_CLASSES:
            largest *= config.NUM_CLASSES - 1
        if getattr(config, name) > largest:
            yield (
                f"{name} is {getattr(config, name)}, but {limit} is {getattr(config, limit)}"
                f"{of_levels}: {why}, so there can be no more than that. Raise {limit} or lower "
                f"{name}."
            )


def _name(config):
    if not isinstance(config.NAME, str) or not config.NAME:
        yield f"NAME is {config.NAME!r}: give your subclass a name, such as NAME = 'balloon'."
    if not is_integer(config.NUM_CLASSES) or config.NUM_CLASSES < 2:
        yield (
            f"NUM_CLASSES is {config.NUM_CLASSES!r}: it must be a whole number of at least 2, "
            "because it includes the background (1 + your number of classes)."
        )


def _counts(config):
    names = (
        "GPU_COUNT", "IMAGES_PER_GPU", "BATCH_SIZE", "STEPS_PER_EPOCH", "RPN_ANCHOR_STRIDE",
        "RPN_TRAIN_ANCHORS_PER_IMAGE", "PRE_NMS_LIMIT", "POST_NMS_ROIS_TRAINING",
        "POST_NMS_ROIS_INFERENCE", "TRAIN_ROIS_PER_IMAGE", "POOL_SIZE", "MASK_POOL_SIZE",
        "MAX_GT_INSTANCES", "DETECTION_MAX_INSTANCES", "IMAGE_CHANNEL_COUNT",
        "FPN_CLASSIF_FC_LAYERS_SIZE", "TOP_DOWN_PYRAMID_SIZE", "RPN_CHANNELS",
        "MASK_HEAD_CHANNELS", "GRADIENT_ACCUMULATION",
    )  # fmt: skip
    for name in names:
        value = getattr(config, name)
        if not is_integer(whole(name, value)) or value <= 0:
            yield f"{name} is {value!r}: it must be a whole number of at least 1."
    steps = config.VALIDATION_STEPS
    if steps is not None and (not is_integer(whole("VALIDATION_STEPS", steps)) or steps < 0):
        yield f"VALIDATION_STEPS is {steps!r}: it must be a whole number, or 0 for no validation."


def _fractions(config):
    for name in ("RPN_NMS_THRESHOLD", "DETECTION_NMS_THRESHOLD"):
        value = getattr(config, name)
        if not is_number(value) or not 0 <= value <= 1:
            yield f"{name} is {value!r}: it must lie in [0, 1]."
    ratio = config.ROI_POSITIVE_RATIO
    if not is_number(ratio) or not 0 < ratio <= 1:
        yield f"ROI_POSITIVE_RATIO is {ratio!r}: it must lie in (0, 1]."
    if config.TRAIN_BN not in (True, False, None):
        yield f"TRAIN_BN is {config.TRAIN_BN!r}: it must be False (frozen), None or True."


def _sizes(config):
    mode = config.IMAGE_RESIZE_MODE
    if mode not in RESIZE_MODES:
        yield f"IMAGE_RESIZE_MODE is {mode!r}: it must be one of {', '.join(RESIZE_MODES)}."
        return
    # In the modes none and pad64, each image's own size counts and is checked later, per image.
    names = {"square": ["IMAGE_MAX_DIM"], "crop": ["IMAGE_MIN_DIM"], "pad64": ["IMAGE_MIN_DIM"]}
    for name in names.get(mode, []):
        side = getattr(config, name)
        if mode == "pad64" and not side:
            continue
        if not is_integer(side) or side < 64 or side % 64:
            yield f"{name} is {side!r}: {multiple_of_64(side)}"
            return
    if mode == "short_side":
        yield from _short_side(config)
    if problem := shape_problem(config):
        yield problem


def _short_side(config):
    for name in ("IMAGE_MIN_DIM", "IMAGE_MAX_DIM"):
        side = getattr(config, name)
        if not is_integer(side) or side < 1:
            yield (
                f"{name} is {side!r}: with IMAGE_RESIZE_MODE 'short_side' it must be a number of "
                "pixels, such as 800 (IMAGE_MIN_DIM) and 1333 (IMAGE_MAX_DIM)."
            )
    if config.IMAGE_MIN_SCALE:
        yield (
            f"IMAGE_MIN_SCALE is {config.IMAGE_MIN_SCALE}: with IMAGE_RESIZE_MODE 'short_side', "
            "in which IMAGE_MIN_DIM alone sets the size of images, it must be 0."
        )


def multiple_of_64(side: Any) -> str:
    """Explain why a side is rejected and which sides are accepted: "it must be ..."."""
    if not is_integer(side) or side < 64:
        whole = "" if is_integer(side) else "a whole number and "
        return (
            f"it must be {whole}a multiple of 64, because the pyramid halves the image six times."
        )
    below = int(side) // 64 * 64
    return (
        f"it must be a multiple of 64 ({below} or {below + 64}), because the pyramid halves the "
        "image six times."
    )


def _anchors(config):
    for name in ("BACKBONE_STRIDES", "RPN_ANCHOR_SCALES"):
        if not np.iterable(value := getattr(config, name)):
            entries = "5 numbers, one for each of P2..P6"
            if necks.has_one_map(config):
                entries = f"numbers, for the one map of NECK {config.NECK!r}"
            yield f"{name} is {value!r}: it must be a list of {entries}."
            return
    levels = len(config.BACKBONE_STRIDES)
    if config.NECK == "fpn" and levels != 5:
        yield f"BACKBONE_STRIDES has {levels} entries: the pyramid P2..P6 needs 5."
    if necks.has_one_map(config) and levels != 1:
        yield (
            f"BACKBONE_STRIDES has {levels} entries: NECK {config.NECK!r} has no pyramid, so it "
            "must be the stride of its one map, such as [16]. Leave it out, or set NECK to 'fpn'."
        )
    yield from _scales(config, levels)
    for name in ("RPN_ANCHOR_RATIOS", "RPN_BBOX_STD_DEV", "BBOX_STD_DEV"):
        values = getattr(config, name)
        is_list = np.iterable(values)
        if not is_list or not len(values) or not all(map(is_positive, values)):
            yield f"{name} is {values!r}: it must be a list of positive numbers."
        elif name.endswith("STD_DEV") and len(values) != 4:
            yield f"{name} has {len(values)} entries: it needs 4, for dy, dx, log dh and log dw."


def _scales(config, levels):
    scales = list(config.RPN_ANCHOR_SCALES)
    if necks.has_one_map(config):
        if len(scales) != 1:
            yield (
                f"RPN_ANCHOR_SCALES is {config.RPN_ANCHOR_SCALES!r}: NECK {config.NECK!r} has one "
                "map, so give its scales as one list, such as (32, 64, 128, 256, 512) or, as a "
                "property, ((32, 64, 128, 256, 512),)."
            )
    elif len(scales) != levels:
        yield (
            f"RPN_ANCHOR_SCALES has {len(scales)} entries: it needs one for each of the {levels} "
            "BACKBONE_STRIDES."
        )
    by_level = [list(level) if np.iterable(level) else [level] for level in scales]
    if not all(level and all(map(is_positive, level)) for level in by_level) or not scales:
        yield (
            f"RPN_ANCHOR_SCALES is {config.RPN_ANCHOR_SCALES!r}: it must be a list of positive "
            "numbers."
        )
    elif len(counts := sorted({len(level) for level in by_level})) > 1:
        yield (
            f"RPN_ANCHOR_SCALES is {config.RPN_ANCHOR_SCALES!r}: its levels have {counts[0]} to "
            f"{counts[-1]} scales, but each must have the same number, because one RPN serves them."
        )


def _channels(config):
    mean, channels = np.atleast_1d(config.MEAN_PIXEL), config.IMAGE_CHANNEL_COUNT
    if len(mean) not in (1, channels):
        # 114.8 is the mean of the three default values.
        example = (
            "np.array([123.7, 116.8, 103.9])" if channels == 3 else f"np.full({channels}, 114.8)"
        )
        yield (
            f"MEAN_PIXEL has {len(mean)} entries: it needs one for each of the {channels} channels "
            f"of IMAGE_CHANNEL_COUNT, or one number for all. To start with, use MEAN_PIXEL = "
            f"{example}; the mean of your own images is better."
        )
    if problem := scaling_problem(config.IMAGE_SCALING):
        yield f"IMAGE_SCALING {problem}"
    if problem := nodata_problem(config.IMAGE_NODATA):
        yield f"IMAGE_NODATA {problem}"


def scaling_problem(scaling: Any) -> str:
    """Explain what is wrong with `scaling`, an IMAGE_SCALING: "is ...: it must be ...", or ""."""
    if isinstance(scaling, str):
        right = scaling in SCALINGS
    else:
        right = (
            isinstance(scaling, tuple | list | np.ndarray)
            and len(scaling) == 2
            and all(is_number(value) and np.isfinite(value) for value in scaling)
            and scaling[0] < scaling[1]
        )
    if right:
        return ""
    return (
        f"is {scaling!r}: it must be 'auto', 'percentile', 'full', or (low, high), the values that "
        "become 0 and 255, such as (0, 4095)."
    )


def nodata_problem(nodata: Any) -> str:
    """Explain what is wrong with `nodata`, an IMAGE_NODATA: "is ...: it must be ...", or ""."""
    if nodata is None or is_number(nodata) or (isinstance(nodata, str) and nodata == "auto"):
        return ""
    return (
        f"is {nodata!r}: it must be the value that means no data, such as 65535 or -9999, 'auto', "
        "or None if all values are data."
    )
