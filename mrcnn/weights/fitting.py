"""How a file's layers are made to fit a model whose layers differ slightly."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..types import Array
from . import objectness
from .source import WeightsSource
from .stem import adapt, can_spread

_Shapes = Sequence[tuple[int, ...]]


def mismatch(
    name: str, variables: Sequence[Any], shapes: _Shapes, stem: str, is_foreign: bool = False
) -> str:
    """How a layer and the file disagree beyond what can be adapted, or "".

    Args:
        name: of the layer.
        variables: the model's.
        shapes: of the file's tensors.
        stem: name of the layer that sees the pixels.
        is_foreign: whether the file is of another project, whose convolutions may lack the biases
            that `add_biases` then adds.
    """
    expected = [tuple(variable.shape) for variable in variables]
    if is_foreign and _lacks_bias(shapes, expected):
        shapes = [*shapes, expected[1]]
    if name == stem and can_spread(shapes, expected):
        return ""
    if name == objectness.LAYER and objectness.can_convert(shapes, expected):
        return ""
    if len(shapes) != len(expected):
        return f"{len(shapes)} tensors in the file, {len(expected)} in the model"
    pairs = [
        f"{variable.name} {shape} in the file, {shape_here} in the model"
        for variable, shape, shape_here in zip(variables, shapes, expected, strict=True)
        if shape != shape_here
    ]
    return "; ".join(pairs)


def add_biases(arrays: dict[str, list[Array]], layers: dict[str, list[Any]]) -> str:
    """Give convolutions that have a bias in the model only a bias of 0, in place.

    Args:
        arrays: the file's, by layer.
        layers: the model's variables by layer.

    Returns:
        Text for the user, or "".
    """
    changed = 0
    for name, own in arrays.items():
        expected = [tuple(variable.shape) for variable in layers[name]]
        if len(own) == 1 and len(expected) == 2:
            own.append(np.zeros(expected[1], np.float32))
            changed += 1
    return f"{changed} convolutions have no bias in the file and a bias of 0 here" * bool(changed)


def fit_logits(arrays: dict[str, list[Array]], layers: dict[str, list[Any]]) -> str:
    """Give the RPN the model's number of scores for each anchor, in place.

    Args:
        arrays, layers: see `add_biases`.

    Returns:
        Text for the user, or "".
    """
    name = objectness.LAYER
    if name not in arrays:
        return ""
    theirs = objectness.logits_of([array.shape for array in arrays[name]])
    ours = objectness.logits_of([tuple(variable.shape) for variable in layers[name]])
    if ours is None or theirs == ours:
        return ""
    arrays[name] = objectness.convert(arrays[name], ours)
    return f"RPN_LOGITS is {theirs} in the file and {ours} here: scores converted"


def shift_variances(arrays: dict[str, list[Array]], model: Any, epsilon: float | None) -> str:
    """Make norms that add another number to their variance compute the same, in place.

    Args:
        arrays: the file's, by layer; those of a norm are gamma, beta, mean and variance.
        model: `keras.Model`.
        epsilon: what the file's network adds; None: as the model.

    Returns:
        Text for the user, or "".
    """
    if epsilon is None:
        return ""
    shifts = set()
    for layer in model.layers:
        here = getattr(layer, "epsilon", None)
        if here is None or here == epsilon or len(arrays.get(layer.name, ())) != 4:
            continue
        gamma, beta, mean, variance = arrays[layer.name]
        shifted = np.asarray(variance.astype(np.float64) + epsilon - here, np.float32)
        arrays[layer.name] = [gamma, beta, mean, shifted]
        shifts.add(here)
    here = ", ".join(f"{value:g}" for value in sorted(shifts))
    return f"variances shifted: the file's norms add {epsilon:g}, these {here}" if shifts else ""


def adapt_stem(
    kernel: Array, channels: int, source: WeightsSource, model: Any
) -> tuple[Array, str]:
    """A file's first kernel for the model's channels, their order and their deviation.

    Args:
        kernel: [h, w, C, F] as in the file.
        channels: number of channels that the model takes.
        source: the open file.
        model: `keras.Model` with the card and attributes that `MaskRCNN` gives it.

    Returns:
        kernel: [h, w, channels, F].
        note: text for the user, or "".
    """
    name, model_bgr = getattr(model, "stem", "conv1"), getattr(model, "is_bgr", False)
    here = _pixel_std(model, channels)
    theirs = here if source.pixel_std is None else np.asarray(source.pixel_std, np.float32)
    scales = len(theirs) != channels or not np.allclose(theirs, here)
    if scales:
        kernel = kernel / (theirs[::-1] if source.is_bgr() else theirs)[:, None]
    kernel, note = adapt(kernel, channels, source.is_bgr(), model_bgr, name=name)
    if not scales:
        return kernel, note
    kernel = kernel * (here[::-1] if model_bgr else here)[:, None]
    text = f"{name} scaled: the file's pixels are divided by their deviation, here by PIXEL_STD"
    return kernel, "; ".join([note, text] if note else [text])


def _pixel_std(model, channels):
    config = getattr(getattr(model, "card", None), "config", None) or {}
    return np.broadcast_to(np.asarray(config.get("PIXEL_STD", 1.0), np.float32), channels)


def _lacks_bias(shapes: _Shapes, expected: _Shapes) -> bool:
    is_kernel = len(shapes) == 1 and len(shapes[0]) == 4
    return is_kernel and len(expected) == 2 and expected[1] == shapes[0][-1:]
