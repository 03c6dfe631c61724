"""The parts of a network, by the names that settings use for them.

Each table maps the name of a part to its module and object. A part is imported only on request,
so that datasets and their worker processes never load Keras.
"""

import functools
import importlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from . import necks
from .values import either

BACKBONES = {
    "resnet50": "mrcnn.network.backbones.resnet:RESNET50",
    "resnet101": "mrcnn.network.backbones.resnet:RESNET101",
    "resnet152": "mrcnn.network.backbones.resnet:RESNET152",
    "resnext50_32x4d": "mrcnn.network.backbones.resnext:RESNEXT50_32X4D",
    "resnext101_32x4d": "mrcnn.network.backbones.resnext:RESNEXT101_32X4D",
    "resnext101_32x8d": "mrcnn.network.backbones.resnext:RESNEXT101_32X8D",
    "resnext101_64x4d": "mrcnn.network.backbones.resnext:RESNEXT101_64X4D",
    "vgg16": "mrcnn.network.backbones.vgg:VGG16_BACKBONE",
    "mobilenet_v3_large": "mrcnn.network.backbones.mobilenet:MOBILENET_V3_LARGE",
}
POOLERS = {
    "crop_and_resize": "mrcnn.network.poolers.align:PyramidROIAlign",
    "roi_align": "mrcnn.network.poolers.roi_align:ROIAlign",
    "roi_pool": "mrcnn.network.poolers.roi_pool:ROIPool",
    "roi_warp": "mrcnn.network.poolers.roi_warp:ROIWarp",
    "align": "mrcnn.network.poolers.align:PyramidROIAlign",  # the old name of "crop_and_resize"
}
HEADS = {
    "box": "mrcnn.network.heads.box:BoxHead",
    "mask": "mrcnn.network.heads.mask:MaskHead",
    "keypoint": "mrcnn.network.heads.keypoint:KeypointHead",
}

# The convolution of a residual block that halves the resolution.
STRIDES_IN = ("1x1", "3x3")

# The RPN's losses; all others belong to heads.
RPN_LOSSES = ("rpn_class_loss", "rpn_bbox_loss")


def part(table: Mapping[str, str], value: Any) -> Any:
    """Return the part that a setting names.

    Args:
        table: one of this module's tables.
        value: a name in the table, or the part itself.

    Returns:
        The part.
    """
    if not isinstance(value, str):
        return value
    module, _, name = table[value].partition(":")
    return getattr(importlib.import_module(module), name)


def heads(config: Any) -> list[Any]:
    """Return a `Config`'s head classes, the box head first."""
    kinds = [part(HEADS, value) for value in config.HEADS]
    return sorted(kinds, key=lambda kind: kind.name != "box")


def pooler(config: Any) -> Any:
    """Return what creates a `Config`'s poolers: a function (pool_shape, name) -> layer."""
    kind = part(POOLERS, config.ROI_POOLER)
    options = getattr(kind, "options", None)
    return functools.partial(kind, **options(config)) if options else kind


def needed_fields(config: Any) -> dict[str, str]:
    """Return the instance fields that a `Config`'s heads learn from.

    Returns:
        The name of the first head that needs each field, by the field's name, such as "masks".
    """
    needed: dict[str, str] = {}
    for head in heads(config):
        for field in head.needs:
            needed.setdefault(field, head.name)
    return needed


def filled_fields(config: Any) -> tuple[str, ...]:
    """Return the names of the result fields that a `Config`'s heads fill."""
    return tuple(head.field for head in heads(config))


def loss_names(config: Any) -> tuple[str, ...]:
    """Return the names of all losses of a `Config`, in display order."""
    return (*RPN_LOSSES, *(name for head in heads(config) for name in head.loss_names))


def unknown_losses(weights: Iterable[str], names: Iterable[str]) -> list[str]:
    """The names in LOSS_WEIGHTS that are not losses of the network.

    The five losses of matterport's Mask_RCNN (the reference) may be named without their heads, as
    in the default.

    Args:
        weights: LOSS_WEIGHTS, or its names.
        names: of the network's losses.
    """
    known = {*names, *RPN_LOSSES, *(n for kind in HEADS for n in part(HEADS, kind).loss_names)}
    return [name for name in weights if name not in known]


def problems(config: Any, own_losses: bool = False) -> Iterator[str]:
    """Yield what is wrong with a `Config`'s choice of parts, one sentence per problem.

    Args:
        config: a `Config`.
        own_losses: see `Config.validate`.
    """
    yield from _backbone(config)
    yield from _stride_in(config)
    yield from _pooler(config)
    found = list(_heads(config))
    yield from found
    if not found:
        if not own_losses:
            yield from _losses(config)
        for head in heads(config):
            yield from head.problems(config)


def backbone_problem(backbone: Any) -> str:
    """Return what is wrong with a BACKBONE, one sentence or ""."""
    if isinstance(backbone, type):
        return f"BACKBONE is the class {backbone.__name__}: give an instance of it."
    is_backbone = all(hasattr(backbone, name) for name in ("build", "strides", "stem"))
    if not is_backbone and str(getattr(backbone, "__module__", "")).split(".")[0] == "keras":
        given = getattr(backbone, "__name__", None) or getattr(backbone, "name", repr(backbone))
        return (
            f"BACKBONE is Keras's {given}: wrap it in a KerasBackbone (mrcnn.network.backbones) "
            "with the names of the layers that give C2 to C5."
        )
    if is_backbone or is_function(backbone) or backbone in list(BACKBONES):
        return ""
    names = ", ".join(map(repr, BACKBONES))
    return f"BACKBONE is {backbone!r}: it must be {names}, a Backbone or a function."


def is_function(backbone: Any) -> bool:
    """Whether a BACKBONE is a function, which does not know the sizes of its feature maps."""
    return callable(backbone) and not hasattr(backbone, "build")


def _backbone(config):
    if not np.iterable(config.BACKBONE_STRIDES):
        return  # another check reports that
    strides, neck = list(config.BACKBONE_STRIDES), config.NECK
    if problem := backbone_problem(config.BACKBONE):
        yield problem
    elif is_function(config.BACKBONE):
        if not callable(config.COMPUTE_BACKBONE_SHAPE):
            yield (
                f"COMPUTE_BACKBONE_SHAPE is {config.COMPUTE_BACKBONE_SHAPE!r}: with a function as "
                "BACKBONE it must be a function (image_shape) -> [[height, width], ...] of P2..P6."
            )
    elif neck in necks.NECKS:
        own = list(necks.backbone_strides(config))
        if neck == "fpn" and strides[:4] != own:
            yield f"BACKBONE_STRIDES starts with {strides[:4]}: the BACKBONE's are {own}."
            return
        if neck != "fpn" and len(strides) == 1 and strides != necks.map_strides(neck, own):
            yield (
                f"BACKBONE_STRIDES is {strides}: the map of NECK {neck!r} has the stride "
                f"{necks.map_strides(neck, own)[0]}."
            )
    if any(later != 2 * earlier for earlier, later in itertools.pairwise(strides)):
        yield (
            f"BACKBONE_STRIDES is {strides}: each must be twice the one before, because each level "
            "of the pyramid is half as large."
        )


def _stride_in(config):
    value, backbone = config.RESNET_STRIDE_IN, config.BACKBONE
    if value not in STRIDES_IN:
        yield f"RESNET_STRIDE_IN is {value!r}: it must be {either(STRIDES_IN)}."
        return
    has_both = necks.is_named_resnet(backbone) or hasattr(backbone, "build")
    if value == "3x3" and not has_both and not backbone_problem(backbone):
        name = backbone if isinstance(backbone, str) else getattr(backbone, "__name__", "given")
        yield (
            f"RESNET_STRIDE_IN is '3x3': with the BACKBONE {name} it must be '1x1', because only "
            "'resnet50', 'resnet101' and 'resnet152' have both forms."
        )


def _pooler(config):
    value = config.ROI_POOLER
    if not callable(value) and value not in list(POOLERS):
        yield (
            f"ROI_POOLER is {value!r}: it must be 'crop_and_resize', 'roi_align', 'roi_pool' or "
            "'roi_warp', or a Keras layer class that is called like PyramidROIAlign."
        )


def _heads(config):
    values = config.HEADS
    if not isinstance(values, tuple | list):
        example = f", such as ({values!r},)" if isinstance(values, str) else ""
        yield (
            f"HEADS is {values!r}: it must be a tuple of {either(HEADS)}, or your own "
            f"classes{example}."
        )
        return
    if wrong := [problem for value in values if (problem := _head_problem(value))]:
        yield from wrong
        return
    kinds = [part(HEADS, value) for value in values]
    if "box" not in [kind.name for kind in kinds]:
        yield (
            f"HEADS is {tuple(values)}: 'box' must be one of them, because detections are "
            "proposals that the box head has classified and refined."
        )
    fields = dict.fromkeys(("rois", "class_ids", "scores", "truncated"), "box")
    losses = dict.fromkeys(RPN_LOSSES, "rpn")
    for index, kind in enumerate(kinds):
        if kind.name in [earlier.name for earlier in kinds[:index]]:
            yield f"HEADS names {kind.name!r} twice: each head must have a unique name."
            return
        if (other := fields.setdefault(kind.field, kind.name)) != kind.name:
            yield (
                f"HEADS has {other!r} and {kind.name!r}, which both fill the field {kind.field!r} "
                "of the results: leave one of them out."
            )
            return
        for loss in kind.loss_names:
            if (other := losses.setdefault(loss, kind.name)) != kind.name:
                yield f"HEADS has {other!r} and {kind.name!r}, which both have a loss {loss!r}."
                return


def _head_problem(value):
    if isinstance(value, str):
        if value in HEADS:
            return ""
        return f"HEADS has {value!r}: it must be {either(HEADS)}, or your own class."
    if isinstance(value, type) and _is_head(value):
        return ""
    return (
        f"HEADS has {value!r}: it must be a subclass (not an instance) of "
        "mrcnn.network.heads.Head with a name and a field."
    )


def _is_head(kind):
    names = (getattr(kind, "name", None), getattr(kind, "field", None))
    own = ("build", "decode", "loss_names", "needs", "problems")
    return all(isinstance(name, str) and name for name in names) and all(
        hasattr(kind, name) for name in own
    )


def _losses(config):
    names = loss_names(config)
    unknown = unknown_losses(config.LOSS_WEIGHTS, names)
    missing = [name for name in names if name not in config.LOSS_WEIGHTS]
    if unknown:
        yield f"LOSS_WEIGHTS names {unknown}: the losses are {', '.join(names)}."
    if missing and unknown:
        yield f"LOSS_WEIGHTS has no weights for {missing}."
