"""The parts that a network is made of, by the names that settings have for them.

Each table has a line for each part: its name, and the module and object that it is. A part is
imported when it is asked for, so that data sets and their worker processes never load Keras.
"""

import importlib

BACKBONES = {
    "resnet50": "mrcnn.network.backbones.resnet:RESNET50",
    "resnet101": "mrcnn.network.backbones.resnet:RESNET101",
}
POOLERS = {
    "align": "mrcnn.network.poolers.align:PyramidROIAlign",
}
HEADS = {
    "box": "mrcnn.network.heads.box:BoxHead",
    "mask": "mrcnn.network.heads.mask:MaskHead",
}

# What the RPN learns by; the other losses are the heads'.
RPN_LOSSES = ("rpn_class_loss", "rpn_bbox_loss")


def part(table, value):
    """The part that a setting names.

    Args:
        table: one of this module's.
        value: a name of the table, or a part itself.

    Returns:
        The part.
    """
    if not isinstance(value, str):
        return value
    module, _, name = table[value].partition(":")
    return getattr(importlib.import_module(module), name)


def heads(config):
    """The classes of the heads of a `Config`, a list: that of the boxes first."""
    kinds = [part(HEADS, value) for value in config.HEADS]
    return sorted(kinds, key=lambda kind: kind.name != "box")


def needed_fields(config):
    """What the heads of a `Config` learn from.

    Returns:
        dict of the name of an instance field, such as "masks", to the name of the first head that
        needs it.
    """
    needed = {}
    for head in heads(config):
        for field in head.needs:
            needed.setdefault(field, head.name)
    return needed


def filled_fields(config):
    """Names of the fields of results that the heads of a `Config` fill, a tuple."""
    return tuple(head.field for head in heads(config))


def loss_names(config):
    """Names of all losses of a `Config`, a tuple in the order in which they are shown."""
    return (*RPN_LOSSES, *(name for head in heads(config) for name in head.loss_names))


def problems(config):
    """What is wrong with the choice of parts of a `Config`, one sentence after another."""
    yield from _backbone(config)
    yield from _pooler(config)
    found = list(_heads(config))
    yield from found
    if not found:
        yield from _losses(config)
        for head in heads(config):
            yield from head.problems(config)


def backbone_problem(backbone):
    """What is wrong with a BACKBONE, a sentence, or ""."""
    if isinstance(backbone, type):
        return f"BACKBONE is the class {backbone.__name__}: give an instance of it."
    is_backbone = all(hasattr(backbone, name) for name in ("build", "strides", "stem"))
    if is_backbone or is_function(backbone) or backbone in list(BACKBONES):
        return ""
    return f"BACKBONE is {backbone!r}: it is {_names(BACKBONES)}, a Backbone or a function."


def is_function(backbone):
    """Whether a BACKBONE is a function, which says nothing of the sizes of its features."""
    return callable(backbone) and not hasattr(backbone, "build")


def _backbone(config):
    if problem := backbone_problem(config.BACKBONE):
        yield problem
    elif is_function(config.BACKBONE):
        if not callable(config.COMPUTE_BACKBONE_SHAPE):
            yield (
                f"COMPUTE_BACKBONE_SHAPE is {config.COMPUTE_BACKBONE_SHAPE!r}: with a function as "
                "BACKBONE it must be a function (image_shape) -> [[height, width], ...] of P2..P6."
            )
    else:
        own, strides = part(BACKBONES, config.BACKBONE).strides, config.BACKBONE_STRIDES
        if list(strides)[:4] != list(own):
            yield f"BACKBONE_STRIDES begins {strides[:4]}: the BACKBONE has {list(own)}."


def _pooler(config):
    pooler = config.ROI_POOLER
    if not callable(pooler) and pooler not in list(POOLERS):
        yield (
            f"ROI_POOLER is {pooler!r}: it is {_names(POOLERS)}, or a Keras layer class that is "
            "called as PyramidROIAlign is."
        )


def _heads(config):
    values = config.HEADS
    if not isinstance(values, tuple | list):
        example = f", such as ({values!r},)" if isinstance(values, str) else ""
        yield (
            f"HEADS is {values!r}: it is a tuple of {_names(HEADS)} or of classes of your "
            f"own{example}."
        )
        return
    if wrong := [problem for value in values if (problem := _head_problem(value))]:
        yield from wrong
        return
    kinds = [part(HEADS, value) for value in values]
    if "box" not in [kind.name for kind in kinds]:
        yield (
            f"HEADS is {tuple(values)}: 'box' must be one of them, because detections are the "
            "proposals that it has classified and whose boxes it has refined."
        )
    fields = {"rois": "box", "class_ids": "box", "scores": "box"}
    losses = dict.fromkeys(RPN_LOSSES, "rpn")
    for index, kind in enumerate(kinds):
        if kind.name in [earlier.name for earlier in kinds[:index]]:
            yield f"HEADS names {kind.name!r} twice: each head has a name of its own."
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
        return f"HEADS has {value!r}: it is {_names(HEADS)}, or a class of your own."
    if isinstance(value, type) and _is_head(value):
        return ""
    return (
        f"HEADS has {value!r}: a class, no instance, that derives from "
        "mrcnn.network.heads.Head and has a name and a field is accepted."
    )


def _is_head(kind):
    names = (getattr(kind, "name", None), getattr(kind, "field", None))
    own = ("build", "decode", "loss_names", "needs", "problems")
    return all(isinstance(name, str) and name for name in names) and all(
        hasattr(kind, name) for name in own
    )


def _losses(config):
    # The reference's five may be named without their heads, as in the default.
    optional = {name for kind in HEADS for name in part(HEADS, kind).loss_names}
    names = loss_names(config)
    unknown = [n for n in config.LOSS_WEIGHTS if n not in names and n not in optional]
    missing = [name for name in names if name not in config.LOSS_WEIGHTS]
    if unknown:
        yield f"LOSS_WEIGHTS names {unknown}: the losses are {', '.join(names)}."
    if missing and unknown:
        yield f"LOSS_WEIGHTS lacks {missing}."


def _names(table):
    return " or ".join(map(repr, table))
