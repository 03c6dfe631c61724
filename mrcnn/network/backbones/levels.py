"""Which layers of a backbone compute its later levels, found in the graph."""

from collections.abc import Sequence
from typing import Any

import keras

from ...types import Tensor


def layers_with_weights(operation: Any) -> list[str]:
    """Names of the layers with weights of an operation: itself, or if it is a model, its own."""
    if hasattr(operation, "layers"):
        return [name for layer in operation.layers for name in layers_with_weights(layer)]
    return [operation.name] if getattr(operation, "weights", None) else []


def layers_behind(image: Tensor, features: Sequence[Tensor], first: int) -> list[str]:
    """Names of the layers that a backbone needs only from a given level on.

    Args:
        image: [B, H, W, C], the backbone's input.
        features: [C2, C3, C4, C5], each [B, h, w, c].
        first: the first of these levels, 3 to 5.

    Returns:
        Names of layers with weights, in the order of the graph. Of nested models, the layers inside
        them.

    Example:
        >>> import keras
        >>> from mrcnn.network.backbones.levels import layers_behind
        >>> features = [keras.Input((64, 64, 3))]
        >>> for name in ("c2", "c3", "c4", "c5"):
        ...     features.append(keras.layers.Conv2D(8, 2, strides=2, name=name)(features[-1]))
        >>> layers_behind(features[0], features[1:], first=4)
        ['c4', 'c5']
    """
    makers = {id(feature._keras_history.operation) for feature in features}
    maker: Any = features[0]._keras_history.operation
    if len(makers) == 1 and isinstance(maker, keras.Model):
        inner = [maker.outputs[feature._keras_history.tensor_index] for feature in features]
        return layers_behind(maker.inputs[0], inner, first)
    earlier = set(map(id, keras.Function(image, list(features[: first - 2])).operations))
    return [
        name
        for operation in keras.Function(image, list(features)).operations
        if id(operation) not in earlier
        for name in layers_with_weights(operation)
    ]
