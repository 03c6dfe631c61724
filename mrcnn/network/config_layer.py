"""Layers that read a `Config`, in a form that Keras can save."""

from collections.abc import Mapping
from typing import Any, Self

import keras

from ..config import Config
from ..runs.settings import holds_objects, restored, stored


class ConfigLayer(keras.layers.Layer):
    """A float32 layer that computes what a `Config` says.

    Saved by Keras, it takes its settings along. A subclass of `Config` comes back as a `Config`
    with the same values. Functions and objects among the settings, such as a BACKBONE, are left
    out: no layer reads them.

    Args:
        config: the settings; a subclass says which it reads.
        kwargs: those of `keras.layers.Layer`.
    """

    def __init__(self, config: Config | None = None, **kwargs: Any) -> None:
        # Boxes and losses need float32, even if features run in half precision.
        super().__init__(**{"dtype": "float32", **kwargs})
        self.config: Any = config

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, in JSON types.

        Raises:
            TypeError: the layer's `config` is not a `Config`.
        """
        return {**super().get_config(), "config": plain_settings(self.config)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The layer that `get_config` described.

        Args:
            config: from `get_config`.

        Raises:
            ValueError: the settings cannot be used.
        """
        settings = config.get("config")
        if isinstance(settings, Mapping):
            settings = restored(settings, where=f"the layer {config.get('name')}")
        return super().from_config({**config, "config": settings})


def plain_settings(config: Config | None) -> dict[str, Any] | None:
    """The settings of a `config` that JSON can hold, by name; None for None.

    Raises:
        TypeError: it is not a `Config`.

    Example:
        >>> from mrcnn.config import Config
        >>> from mrcnn.network.config_layer import plain_settings
        >>> plain_settings(Config())["BBOX_STD_DEV"]
        [0.1, 0.1, 0.2, 0.2]
    """
    if config is None:
        return None
    if not isinstance(config, Config):
        raise TypeError(
            f"config is a {type(config).__name__}: to be saved with a layer, it must be a Config."
        )
    return {name: value for name, value in stored(config).items() if not holds_objects(value)}
