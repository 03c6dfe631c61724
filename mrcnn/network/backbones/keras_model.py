"""Keras models as backbones, such as those of `keras.applications`."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal, Self

import keras
import numpy as np
from keras import layers

from ...config import Config
from ...types import Array, Tensor
from ...weights.stem import can_spread, spread_rgb
from ..layers import BatchNorm
from .backbone import Backbone

# What becomes of a pixel of 0..255: (mean, divisor). "caffe" only subtracts the mean.
_PIXELS: dict[str, tuple[Sequence[float], Sequence[float]]] = {
    "raw": ((0.0,), (1.0,)),
    "tf": ((127.5,), (127.5,)),
    "torch": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
}
PIXELS = ("caffe", *_PIXELS)


@keras.saving.register_keras_serializable(package="mrcnn")
class KerasBackbone(Backbone):
    """The layers of a Keras model up to those that give C2 to C5.

    They become layers of the network, under their names: weight files name them, and "3+", "4+" and
    "5+" train those that only C3, C4 or C5 and later levels need. Layers that Keras named itself
    ("conv2d_7") are numbered from 0, so that their names do not depend on what was made before.
    TRAIN_BN applies to their BatchNormalization. Each network gets the model's weights as they are
    when it is built.

    Args:
        model: a functional Keras model with one image as input, whose weights are used; or a
            function such as `keras.applications.ResNet50V2`, which is called with
            `include_top=False`, `weights` and `input_shape`.
        layers: names of the layers that give C2, C3, C4 and C5, of strides 4, 8, 16 and 32.
        pixels: what the model expects: "caffe" (BGR, mean subtracted), "tf" (-1 to 1), "torch"
            (0 to 1, minus ImageNet's mean, over its deviation) or "raw" (0 to 255).
        weights: for the function, such as "imagenet", which Keras downloads; None for random ones.

    Raises:
        ValueError: `layers` does not name four layers of the model, or `pixels` is unknown.
        TypeError: `model` is neither.

    Example:
        >>> import keras
        >>> from mrcnn.config import Config
        >>> from mrcnn.network.backbones import KerasBackbone
        >>> image = x = keras.Input((None, None, 3))
        >>> for name, strides in zip(("a", "b", "c", "d"), (4, 2, 2, 2)):
        ...     x = keras.layers.Conv2D(8, 3, strides, padding="same", name=name)(x)
        >>> own = KerasBackbone(keras.Model(image, x), ("a", "b", "c", "d"), pixels="tf")
        >>> [c.shape[1] for c in own.build(keras.Input((64, 64, 3)), Config())]
        [16, 16, 8, 4, 2]
    """

    def __init__(
        self,
        model: keras.Model | Callable[..., keras.Model],
        layers: Sequence[str],
        pixels: Literal["caffe", "tf", "torch", "raw"] = "caffe",
        weights: str | None = None,
    ) -> None:
        if not isinstance(model, keras.Model) and not callable(model):
            raise TypeError(
                f"model is {model!r}: it must be a Keras model, or a function that makes one, such "
                "as keras.applications.ResNet50V2."
            )
        if isinstance(layers, str) or not isinstance(layers, Sequence) or len(layers) != 4:
            raise ValueError(
                f"layers is {layers!r}: it must name four layers, those that give C2, C3, C4 and "
                "C5, of strides 4, 8, 16 and 32."
            )
        if pixels not in PIXELS:
            raise ValueError(
                f"pixels is {pixels!r}: it must be one of {', '.join(map(repr, PIXELS))}."
            )
        self.model, self.layers, self.pixels, self.weights = model, tuple(layers), pixels, weights
        self.imagenet = repr(self)
        self.pixel_order = "BGR" if pixels == "caffe" else "RGB"
        if isinstance(model, keras.Model):
            self._part(model)

    def get_config(self) -> dict[str, Any]:
        """See `Backbone.get_config`: the model's layers, without its weights.

        Raises:
            TypeError: the model is made by a function that is neither in `keras.applications` nor
                registered with `keras.saving.register_keras_serializable`.
        """
        model = self.model
        if isinstance(model, keras.Model):
            made: Any = keras.saving.serialize_keras_object(model)
        else:
            made = _name_of(model)
        return {"model": made, "layers": list(self.layers), "pixels": self.pixels}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """See `Backbone.from_config`; the weights are random.

        Args:
            config: from `get_config`.

        Raises:
            ValueError: the function that makes the model is not registered.
        """
        model = config["model"]
        if isinstance(model, str):
            made = _function_of(model)
        else:
            made = keras.saving.deserialize_keras_object(model)
        return cls(**{**config, "model": made})

    def __repr__(self) -> str:
        name = getattr(self.model, "name", None) or getattr(self.model, "__name__", "model")
        return f"{type(self).__name__}({name}, {self.layers})"

    def build(self, image: Tensor, config: Config) -> list[Tensor]:
        """See `Backbone.build`.

        Args:
            image, config: see `Backbone.build`.
        """
        model = self.model
        if not isinstance(model, keras.Model):
            sides = (None, None, 3)
            model = model(include_top=False, weights=self.weights, input_shape=sides)
        part = self._part(model)
        image = with_pixels(image, self.pixels, config)
        keep = isinstance(self.model, keras.Model) or self.weights is not None
        made = layers_on(image, part, config.TRAIN_BN, keep)
        # In weight files, a Sequential is one layer.
        first = (layer for layer in part.layers if hasattr(_flat([layer])[0], "kernel"))
        if stem := next(first, None):
            self.stem = made[stem.name][0].name
        features = [made[name][1] for name in self.layers]
        return [features[0], *features]

    def _part(self, model: keras.Model) -> keras.Model:
        """The part of a model that computes C2 to C5."""
        known = [layer.name for layer in model.layers]
        if unknown := [name for name in self.layers if name not in known]:
            raise ValueError(
                f"layers has {', '.join(map(repr, unknown))}: the model {model.name} has no such "
                f"layer; it has {', '.join(known)}."
            )
        if len(model.inputs) != 1:
            raise ValueError(f"the model {model.name} has {len(model.inputs)} inputs: 1 is needed.")
        return keras.Model(model.inputs, [model.get_layer(name).output for name in self.layers])


def _name_of(function: Callable[..., keras.Model]) -> str:
    """The name by which `_function_of` finds a function."""
    name = getattr(function, "__name__", "")
    if getattr(keras.applications, name, None) is function:
        return f"keras.applications.{name}"
    name = keras.saving.get_registered_name(function)
    if keras.saving.get_registered_object(name) is function:
        return name
    raise TypeError(
        f"the function {name} of the KerasBackbone must be registered with "
        "keras.saving.register_keras_serializable()"
    )


def _function_of(name: str) -> Callable[..., keras.Model]:
    start, _, own = name.rpartition(".")
    if start == "keras.applications" and own[:1].isupper():
        found = getattr(keras.applications, own, None)
    else:
        found = keras.saving.get_registered_object(name)
    if not callable(found):
        raise ValueError(
            f"the BACKBONE needs the function {name}, which is not registered: import the module "
            "that registers it."
        )
    return found


def with_pixels(image: Tensor, pixels: str, config: Config) -> Tensor:
    """Convert an image from the network's pixels to those that a model expects.

    Args:
        image: [B, H, W, C], as `mold_image` made it.
        pixels: one of `PIXELS`.
        config: for MEAN_PIXEL and PIXEL_STD.

    Returns:
        [B, H, W, C].
    """
    std = _per_channel(config.PIXEL_STD, image.shape[3])
    if pixels == "caffe":
        if np.all(std == 1):
            return image
        return layers.Rescaling(std.tolist(), name="pixel_range")(image)
    mean, divisor = (_per_channel(values, image.shape[3]) for values in _PIXELS[pixels])
    scale = std / divisor
    offset = (_per_channel(config.MEAN_PIXEL, image.shape[3]) - mean) * (1 / divisor)
    rescaling = layers.Rescaling(scale.tolist(), offset.tolist(), name="pixel_range")
    return rescaling(image)


def _per_channel(values: Any, channels: int) -> Array:
    values = np.atleast_1d(np.asarray(values, np.float64))
    return values if len(values) == channels else np.full(channels, values.mean())


def layers_on(
    image: Tensor, model: keras.Model, train_bn: bool | None, keep: bool
) -> dict[str, tuple[Any, Tensor]]:
    """Copy a model's layers onto an image.

    Args:
        image: [B, H, W, C].
        model: a functional model with one input.
        train_bn: `training` argument of the BatchNorm layers.
        keep: whether the copies have the model's weights; otherwise they have new random ones. An
            RGB kernel is spread over any other number of channels.

    Returns:
        The copy of each layer and its output, by the layer's name in the model.
    """
    names = _own_names(model)
    made: dict[str, tuple[Any, Tensor]] = {}
    originals: dict[str, str] = {new: old for old, new in names.items()}

    def copy(layer):
        if isinstance(layer, keras.Sequential):
            # Without its input, whose size may be fixed.
            inner = [copy(each) for each in layer.layers]
            return keras.Sequential(inner, name=names.get(layer.name, layer.name))
        settings = layer.get_config()
        settings["name"] = names.get(layer.name, layer.name)
        if isinstance(settings.get("dtype"), dict | str):
            settings["dtype"] = keras.config.dtype_policy().name
        is_norm = type(layer) is layers.BatchNormalization
        return (BatchNorm if is_norm else type(layer)).from_config(settings)

    def call(layer, *arguments, **options):
        if isinstance(layer, BatchNorm):
            options = {"training": train_bn}
        output = layer(*arguments, **options)
        made.setdefault(originals.get(layer.name, layer.name), (layer, output))
        return output

    keras.models.clone_model(model, [image], clone_function=copy, call_function=call)
    for layer in _flat([layer for layer, _ in made.values()]):
        if isinstance(layer, BatchNorm):  # those inside a Sequential are not called here
            layer.pinned_training = train_bn
    if keep:
        for layer in model.layers:
            if layer.weights:
                _copy_weights(layer, made[layer.name][0])
    return made


def _own_names(model: keras.Model) -> dict[str, str]:
    """New names of the layers that Keras named itself."""
    counts: dict[str, int] = {}
    names = {}
    for layer in [*model.layers, *_flat(model.layers)]:
        if layer.name in names:
            continue
        kind = re.sub(r"_\d+$", "", layer.name)
        if kind.replace("_", "") == type(layer).__name__.lower():
            names[layer.name] = f"backbone_{kind}_{counts.get(kind, 0)}"
            counts[kind] = counts.get(kind, 0) + 1
    return names


def _flat(layers: Sequence[Any]) -> list[Any]:
    """The layers, with those of a Sequential in its place."""
    flat: list[Any] = []
    for layer in layers:
        flat += _flat(layer.layers) if isinstance(layer, keras.Sequential) else [layer]
    return flat


def _copy_weights(layer: Any, copy: Any) -> None:
    arrays = layer.get_weights()
    shapes = [tuple(variable.shape) for variable in copy.weights]
    found = [array.shape for array in arrays]
    if found != shapes and can_spread(found, shapes):
        arrays[0] = spread_rgb(arrays[0], shapes[0][2])
    copy.set_weights(arrays)
