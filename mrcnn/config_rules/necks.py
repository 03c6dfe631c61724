"""NECK: which feature maps the network works on, and the settings that follow from it."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .derived import is_read_only
from .values import either, is_integer, is_positive

NECKS = ("fpn", "c4", "c5", "dc5")
# Those without a pyramid, and the backbone's feature map that they take: 0 for C2.
ONE_MAP = {"c4": 2, "c5": 3, "dc5": 3}

# Assigning one of these on an instance updates the settings that follow.
SOURCES = {"NECK", "BACKBONE", "RPN_ANCHOR_SCALES", "POOL_SIZE", "C4_HEAD_STRIDE"}

_STRIDES = (4, 8, 16, 32)
_PYRAMID_STRIDES = (*_STRIDES, 64)
# Settings that only a pyramid uses, and their defaults.
_OF_PYRAMID = {"TOP_DOWN_PYRAMID_SIZE": 256, "ROI_LEVEL_RULE": "round", "FPN_NORM": False}


def has_one_map(config: Any) -> bool:
    """Whether the NECK of a `Config`, be it valid or not, is one without a pyramid."""
    return isinstance(config.NECK, str) and config.NECK in ONE_MAP


def is_named_resnet(backbone: Any) -> bool:
    """Whether a BACKBONE is a ResNet or ResNeXt given by its name.

    Example:
        >>> from mrcnn.config_rules.necks import is_named_resnet
        >>> is_named_resnet("resnext50_32x4d"), is_named_resnet("vgg16")
        (True, False)
    """
    return isinstance(backbone, str) and backbone.startswith("res")


def has_stage5(backbone: Any) -> bool:
    """Whether a BACKBONE's stage 5 can be the body of the heads, as NECK "c4" uses it.

    Example:
        >>> from mrcnn.config_rules.necks import has_stage5
        >>> has_stage5("resnet50"), has_stage5("vgg16")
        (True, False)
    """
    return is_named_resnet(backbone) or callable(getattr(backbone, "stage5", None))


def shares_stage5(config: Any) -> bool:
    """Whether the box and mask heads of a `Config` share the backbone's stage 5."""
    return config.NECK == "c4" and has_stage5(config.BACKBONE)


def shared_side(config: Any) -> int:
    """Side, in cells, of stage 5's output for a `Config`'s RoIs; 0 if the settings are invalid."""
    side, stride = config.POOL_SIZE, config.C4_HEAD_STRIDE
    if not (is_integer(side) and is_integer(stride) and side > 0 and stride > 0):
        return 0  # other checks report that
    return -(-side // stride)


def backbone_strides(config: Any) -> tuple[int, ...]:
    """The strides of C2 to C5, as far as a `Config` knows them.

    A BACKBONE function does not state them, so they are taken from BACKBONE_STRIDES.
    """
    backbone = config.BACKBONE
    own = _STRIDES if isinstance(backbone, str) else getattr(backbone, "strides", None)
    if own is not None and not isinstance(own, property):
        return tuple(own)
    strides = tuple(config.BACKBONE_STRIDES)
    if config.NECK == "fpn":
        return strides[:4]
    if len(strides) != 1:
        return _STRIDES
    return tuple(strides[0] * s // map_strides(config.NECK, _STRIDES)[0] for s in _STRIDES)


def map_strides(neck: str, strides: Sequence[int]) -> list[int]:
    """The strides of the maps that a NECK makes.

    Args:
        neck: one of `NECKS`.
        strides: those of C2 to C5.

    Example:
        >>> from mrcnn.config_rules.necks import map_strides
        >>> map_strides("fpn", (4, 8, 16, 32)), map_strides("dc5", (4, 8, 16, 32))
        ([4, 8, 16, 32, 64], [16])
    """
    if neck == "fpn":
        return [*strides, 2 * strides[-1]]
    stride = strides[ONE_MAP[neck]]
    return [stride // 2 if neck == "dc5" else stride]


def follow(config: Any) -> None:
    """Bring settings of a `Config` that are still a pyramid's in line with its NECK, in place.

    Without a pyramid, there is one stride, all RPN_ANCHOR_SCALES belong to one map, and masks from
    a shared stage 5 are twice as large as its output. A setting that was replaced in this way
    returns to its original value when NECK changes again.
    """
    for name, (original, now) in vars(config).get("_replaced", {}).items():
        if _same(getattr(config, name), now):
            object.__setattr__(config, name, original)
    # A new dict: a shallow copy of the configuration has the old one too.
    replaced: dict[str, tuple[Any, Any]] = {}
    vars(config)["_replaced"] = replaced
    for name, value in _wanted(config).items():
        if not is_read_only(config, name):
            replaced[name] = (getattr(config, name), value)
            object.__setattr__(config, name, value)


def _wanted(config):
    if not has_one_map(config):
        return {}
    found: dict[str, Any] = {}
    if _same(config.BACKBONE_STRIDES, _PYRAMID_STRIDES):
        found["BACKBONE_STRIDES"] = map_strides(config.NECK, backbone_strides(config))
    scales = config.RPN_ANCHOR_SCALES
    if np.iterable(scales) and all(map(is_positive, scales)):
        found["RPN_ANCHOR_SCALES"] = (tuple(np.asarray(scales).tolist()),)
    if shares_stage5(config) and shared_side(config) and is_integer(config.MASK_POOL_SIZE):
        of_pyramid = [2 * config.MASK_POOL_SIZE] * 2
        side = 2 * shared_side(config)
        if side != of_pyramid[0] and _same(config.MASK_SHAPE, of_pyramid):
            found["MASK_SHAPE"] = [side, side]
    return found


def _same(value: Any, other: Any) -> bool:
    """Whether two settings are equal, be they lists, tuples or arrays."""
    try:
        return np.asarray(value).tolist() == np.asarray(other).tolist()
    except ValueError:  # NumPy has no arrays of rows that differ in length
        return False


def problems(config: Any) -> Iterator[str]:
    """Yield what is wrong with a `Config`'s NECK, one sentence per problem."""
    neck = config.NECK
    if not isinstance(neck, str) or neck not in NECKS:
        yield f"NECK is {neck!r}: it must be {either(NECKS)}."
        return
    if config.C4_HEAD_STRIDE not in (1, 2):
        yield f"C4_HEAD_STRIDE is {config.C4_HEAD_STRIDE!r}: it must be 1 or 2."
    if neck == "fpn":
        yield from _padding_problem(config)
        return
    for name, default in _OF_PYRAMID.items():
        if getattr(config, name) != default:
            yield (
                f"{name} is {getattr(config, name)!r}, but NECK {neck!r} has no pyramid: leave it "
                f"at {default!r}, or set NECK to 'fpn'."
            )
    if neck == "dc5" and not can_dilate(config.BACKBONE):
        yield (
            "NECK is 'dc5', but the last stage of this BACKBONE cannot be dilated: use a ResNet or "
            "ResNeXt, or set NECK to 'c4' or 'c5'."
        )


def _padding_problem(config):
    """A level of the pyramid is twice as large as the one above, from C5 down to C2."""
    multiple, strides = config.IMAGE_SIDE_MULTIPLE, backbone_strides(config)
    fits = not is_integer(multiple) or multiple % strides[-1] == 0
    if config.IMAGE_RESIZE_MODE == "short_side" and not fits:
        yield (
            f"IMAGE_SIDE_MULTIPLE is {multiple}: with NECK 'fpn' it must be a multiple of "
            f"{strides[-1]}, the stride of C5, because the pyramid adds each level to one of twice "
            "its size."
        )


def can_dilate(backbone: Any) -> bool:
    """Whether a BACKBONE can give C5 at the stride of C4, as NECK "dc5" requires."""
    return is_named_resnet(backbone) or bool(getattr(backbone, "can_dilate", False))


def remarks(config: Any) -> list[str]:
    """List the settings of a valid configuration that its NECK leaves unused.

    Args:
        config: a `Config`.

    Returns:
        One sentence for each.
    """
    if not shares_stage5(config):
        if config.C4_HEAD_STRIDE == 1:
            return []
        why = "has no stage 5 for its heads"
        return [f"C4_HEAD_STRIDE is 2, but NECK {config.NECK!r} {why}, so it is not used."]
    own = "the box head has no layers of its own besides the last"
    unused = {
        "MASK_POOL_SIZE": (14, "stage 5 takes RoI features of POOL_SIZE cells"),
        "BOX_HEAD_LAYERS": (2, own),
        "BOX_HEAD_CONVOLUTIONS": (0, own),
    }
    if config.MASK_HEAD == "fcn":
        why = "the heads have no fully connected layers besides the last"
        unused["FPN_CLASSIF_FC_LAYERS_SIZE"] = (1024, why)
    return [
        f"{name} is {getattr(config, name)}, but NECK 'c4' does not use it: {why}."
        for name, (default, why) in unused.items()
        if getattr(config, name) != default
    ]
