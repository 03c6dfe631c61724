"""The weights that new layers start with."""

from typing import Any

import keras


def initial(kind: str, deviation: float) -> Any:
    """The initializer of a new layer's kernel.

    Args:
        kind: NEW_LAYERS_INIT.
        deviation: standard deviation for "gaussian".

    Returns:
        A Keras initializer, or the name of one.

    Example:
        >>> from mrcnn.network.initial import initial
        >>> initial("glorot", 0.01), initial("gaussian", 0.01).stddev
        ('glorot_uniform', 0.01)
    """
    if kind == "gaussian":
        # One for each layer: an initializer always draws the same numbers.
        return keras.initializers.RandomNormal(stddev=deviation)
    return "glorot_uniform"
