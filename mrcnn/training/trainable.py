"""Which layers train, and which are frozen."""

import logging
import re
from typing import Any

import keras

from ..config import Config
from ..config_rules import parts
from ..config_rules.necks import shares_stage5
from ..network import backbones
from ..network.backbones.features import name_of
from ..network.backbones.levels import layers_behind, layers_with_weights

logger = logging.getLogger(__name__)


def layer_regexes(config: Config) -> dict[str, str]:
    """The names that `MaskRCNN.train` accepts as `layers`.

    Args:
        config: for its backbone and heads.

    Returns:
        Regular expressions for layer names, keyed by "heads" (all but the backbone; with NECK "c4",
        also the stage 5 that the heads share), "3+", "4+", "5+" (the backbone too, from C3, C4 or
        C5 on) and "all".

    Example:
        >>> from mrcnn.config import Config
        >>> from mrcnn.training.trainable import layer_regexes
        >>> list(layer_regexes(Config()))
        ['heads', '3+', '4+', '5+', 'all']
    """
    backbone = backbones.of_config(config)
    own = [head.layer_regex() for head in parts.heads(config)]
    # Layers that older projects named mrcnn_... train with them too.
    regexes = [*own, r"mrcnn\_.*", r"roi_align\_.*", r"rpn\_.*", r"fpn\_.*"]
    regexes += [backbone.fresh] if backbone.fresh else []
    regexes += [backbone.trainable["5+"]] if shares_stage5(config) else []
    heads = "|".join(f"({regex})" for regex in regexes)
    stages = {name: f"{regex}|{heads}" for name, regex in backbone.trainable.items()}
    return {"heads": heads, **stages, "all": ".*"}


def set_trainable(model: keras.Model, layer_regex: str, freeze_norms: bool = False) -> list[str]:
    """Make trainable the layers whose full name matches, and freeze all others.

    Args:
        model: nested models are searched too.
        layer_regex: regular expression.
        freeze_norms: whether BatchNorm layers are frozen even if they match.

    Returns:
        Names of the trainable layers that have weights.

    Example:
        >>> import keras
        >>> from mrcnn.training.trainable import set_trainable
        >>> layers = [keras.layers.Dense(1, name=name) for name in ("rpn_a", "rpn_b", "c")]
        >>> model = keras.Sequential([keras.Input((1,)), *layers])
        >>> set_trainable(model, "rpn_.*")
        ['rpn_a', 'rpn_b']
    """
    chosen = []
    for layer in model.layers:
        if hasattr(layer, "layers"):
            chosen += set_trainable(layer, layer_regex, freeze_norms)
        else:
            is_frozen = freeze_norms and isinstance(layer, keras.layers.BatchNormalization)
            layer.trainable = not is_frozen and bool(re.fullmatch(layer_regex, layer.name))
            if layer.trainable and layer.weights:
                chosen.append(layer.name)
    return chosen


def regex_of(layers: str, config: Config, model: keras.Model | None = None) -> str:
    """The regular expression that a name such as "heads" stands for, or `layers` itself.

    "3+", "4+" and "5+" are the layers that the backbone's `trainable` matches. If it has none of
    its own and its layers are not named like a ResNet's, they are found in the graph: those that
    only C3, C4 or C5 and later levels need.

    Args:
        layers: a name of `layer_regexes`, or a regular expression.
        config: for `layer_regexes`.
        model: the `GraphModel` to train; None looks at no layers.

    Raises:
        ValueError: no layer of the backbone would train.

    Example:
        >>> from mrcnn.config import Config
        >>> from mrcnn.training.trainable import regex_of
        >>> regex_of("all", Config()), regex_of("rpn_.*", Config())
        ('.*', 'rpn_.*')
    """
    regexes = layer_regexes(config)
    trainable = backbones.of_config(config).trainable
    stage = trainable.get(layers)
    if model is None or stage is None or any(re.fullmatch(stage, n) for n in _names(model)):
        return regexes.get(layers, layers)
    name = name_of(config)
    if trainable is backbones.Backbone.trainable and getattr(model, "backbone", None):
        image, *features = model.backbone
        if own := layers_behind(image, features, int(layers[0])):
            if new := [n for n in own if not re.fullmatch(regexes["heads"], n)]:
                text = "layers %r: besides the heads, these layers of the BACKBONE %s train: %s"
                logger.info(text, layers, name, ", ".join(new))
            return "|".join([*map(re.escape, own), regexes["heads"]])
    if layers == "5+" and config.NECK == "c4":
        raise ValueError(
            f"layers is '5+', but with NECK 'c4' the network uses the BACKBONE {name} only up to "
            "C4, so no layer belongs to C5: train 'heads', '3+', '4+' or 'all'."
        )
    raise ValueError(
        f"layers is {layers!r}, but no layer of the BACKBONE {name} belongs to it: layers must "
        f"match {stage!r}, its trainable[{layers!r}]. Rename them, or train 'heads', 'all' or a "
        "regular expression for layer names."
    )


def _names(model: Any) -> list[str]:
    """Names of the layers with weights, including those of nested models."""
    return layers_with_weights(model)
