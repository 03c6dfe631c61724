"""Which layers train, and which stay as they are."""

import re

# small5 of `small_resnet` is no layer of ResNet-50, so nobody has trained it before.
_HEADS = r"(mrcnn\_.*)|(rpn\_.*)|(fpn\_.*)|(small5.*)"

# Names for the regular expressions of layers that train together.
LAYER_REGEX = {
    "heads": _HEADS,
    "3+": r"(res3.*)|(bn3.*)|(res4.*)|(bn4.*)|(res5.*)|(bn5.*)|" + _HEADS,
    "4+": r"(res4.*)|(bn4.*)|(res5.*)|(bn5.*)|" + _HEADS,
    "5+": r"(res5.*)|(bn5.*)|" + _HEADS,
    "all": ".*",
}


def set_trainable(model, layer_regex):
    """Let the layers train whose whole name matches, freeze all others.

    Args:
        model: `keras.Model`; a model nested in it is looked into.
        layer_regex: regular expression.

    Returns:
        Names of the layers with weights that train.
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


def regex_of(layers):
    """The regular expression that a name such as "heads" stands for, or `layers` itself."""
    return LAYER_REGEX.get(layers, layers)
