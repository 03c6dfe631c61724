"""Which layers train, and which are frozen."""

import re

from ..config_rules import parts
from ..network import backbones


def layer_regexes(config):
    """The names that `MaskRCNN.train` accepts as `layers`.

    Args:
        config: a `Config`, for its backbone and heads.

    Returns:
        dict of "heads" (all but the backbone), "3+", "4+", "5+" (the backbone too, from C3, C4 or
        C5 on) and "all" to regular expressions of layer names.
    """
    backbone = backbones.of_config(config)
    own = [head.layer_regex() for head in parts.heads(config)]
    # Layers that older projects named mrcnn_... train with them too.
    heads = [*own, r"mrcnn\_.*", r"roi_align\_.*", r"rpn\_.*", r"fpn\_.*"]
    heads += [backbone.fresh] if backbone.fresh else []
    heads = "|".join(f"({regex})" for regex in heads)
    stages = {name: f"{regex}|{heads}" for name, regex in backbone.trainable.items()}
    return {"heads": heads, **stages, "all": ".*"}


def set_trainable(model, layer_regex):
    """Make the layers whose full name matches trainable, and freeze all others.

    Args:
        model: `keras.Model`; nested models are searched too.
        layer_regex: regular expression.

    Returns:
        Names of the trainable layers that have weights.
    """
    chosen = []
    for layer in model.layers:
        if hasattr(layer, "layers"):
            chosen += set_trainable(layer, layer_regex)
        else:
            layer.trainable = bool(re.fullmatch(layer_regex, layer.name))
            if layer.trainable and layer.weights:
                chosen.append(layer.name)
    return chosen


def regex_of(layers, config):
    """The regular expression that a name such as "heads" stands for, or `layers` itself.

    Args:
        layers: a name of `layer_regexes`, or a regular expression.
        config: a `Config`.
    """
    return layer_regexes(config).get(layers, layers)
