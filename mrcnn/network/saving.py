"""Whole networks in Keras archives (`.keras`): how each was built, its state and its weights.

An archive does not describe the layers one by one. It holds the mode and the settings, from which
`graph.build` makes the network again, and Keras adds the weights and the optimizer.
"""

import copy
import dataclasses
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from .. import __version__
from ..config import Config
from ..files.regular import regular_file
from ..files.whole import replacing
from ..types import PathLike
from ..weights.card import from_text, to_text
from . import stored_settings

_WHERE = "the Keras archive"
# What an archive holds besides the weights, see `described`.
_ENTRIES = {
    *("mask_rcnn", "mode", "seed", "settings", "own_settings", "layers", "dtype_policy"),
    *("jit_compile", "card", "loaded_from", "losses"),
}
# What damaged entries can raise.
_UNUSABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How `graph.build` made a network.

    Attributes:
        mode: "training" or "inference".
        config: a copy of the settings as they were.
        seed: for sampling the training RoIs, or None.
    """

    mode: str
    config: Config
    seed: int | None = None

    @classmethod
    def of(cls, mode: str, config: Config, seed: int | None) -> "Recipe":
        """A recipe that later changes of the `config` do not reach.

        Args:
            mode, config, seed: see `graph.build`.
        """
        return cls(mode, copy.copy(config), seed)


def described(model: Any) -> dict[str, Any]:
    """All that an archive says about a network, besides its weights, in JSON types.

    Args:
        model: a `GraphModel` with a recipe.

    Raises:
        ValueError: a setting is a function or an object that is not registered.
    """
    recipe = model.recipe
    settings = stored_settings.stored(recipe.config)
    known = {name: settings[name] for name in settings if stored_settings.is_known(name)}
    return {
        "mask_rcnn": __version__,
        "mode": recipe.mode,
        "seed": recipe.seed,
        "settings": known,
        "own_settings": {name: settings[name] for name in settings if name not in known},
        "layers": _names_and_flags(model),
        "dtype_policy": model.dtype_policy.name,
        "jit_compile": [keras.backend.backend(), model.jit_compile],
        "card": model.card and json.loads(to_text(model.card)),
        "loaded_from": model.loaded_from,
        "losses": _minimised(model),
    }


def rebuilt(entries: dict[str, Any]) -> Any:
    """The network that `described` described, with random weights.

    Args:
        entries: from `described`.

    Returns:
        A `GraphModel`, see `graph.build`.

    Raises:
        ValueError: a later version of this package has written them, a setting is unknown or cannot
            work, or an entry is missing or damaged.
        RuntimeError: a model was made before this process was forked.
    """
    from . import graph  # which builds on `graph_model`, and that on this module
    from .precision import policy

    check_version(entries.get("mask_rcnn"))
    _check_entries(entries)
    config = stored_settings.config_of(entries["settings"], entries["own_settings"], _WHERE)
    try:
        with policy(entries["dtype_policy"]):
            model = graph.build(entries["mode"], config, entries["seed"])
    except _UNUSABLE as error:
        raise ValueError(f"{_WHERE}: its settings give no network: {error}") from error
    try:
        _set_trainable(model, entries["layers"])
        backend, jit_compile = entries["jit_compile"]
        if backend == keras.backend.backend():
            model.jit_compile = jit_compile
        model.card = entries["card"] and from_text(json.dumps(entries["card"]))
        model.loaded_from = entries["loaded_from"]
        if entries["losses"] is not None:
            model.set_loss(*entries["losses"])
    except _UNUSABLE as error:
        raise ValueError(f"{_WHERE} cannot be used: {error}") from error
    return model


def check_version(written_by: Any) -> None:
    """Check that an archive is not from a later version of this package.

    Args:
        written_by: the version that wrote it, such as "3.1.0".

    Raises:
        ValueError: it is later than this one, or no version. The third number does not count.

    Example:
        >>> from mrcnn.network.saving import check_version
        >>> check_version("3.0.9")
    """
    try:
        major, minor = map(int, str(written_by).split(".")[:2])
    except ValueError:
        raise ValueError(f"{_WHERE} is damaged: its version is {written_by!r}.") from None
    if (major, minor) > tuple(map(int, __version__.split(".")[:2])):
        raise ValueError(
            f"{_WHERE} was written by version {written_by} of mask-rcnn: this is {__version__}; "
            "install the later one."
        )


def save(model: Any, path: PathLike, overwrite: bool = True) -> None:
    """Write an archive, complete or not at all.

    Args:
        model: a `GraphModel`.
        path: file to write, which ends in ".keras"; its folder must exist.
        overwrite: whether an existing file may be replaced.

    Raises:
        FileExistsError: the file exists and `overwrite` is False.
        ValueError: the file has another ending, or a setting is a function or an object that is not
            registered.
        OSError: the file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".keras":
        raise ValueError(
            f"the model cannot be saved as {path}: the file name must end in .keras. "
            "save_weights() writes an .h5 file of the weights, and export() a graph to serve."
        )
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} already exists; pass overwrite=True to replace it.")
    with (
        replacing(path) as part,
        tempfile.TemporaryDirectory(prefix=".keras_", dir=part.parent) as folder,
    ):
        made = Path(folder, "model.keras")  # Keras insists on the ending
        keras.saving.save_model(model, made)
        os.replace(made, part)


def load_model(path: PathLike, compile: bool = True) -> Any:
    """`keras.saving.load_model`, in safe mode, with a check of the whole file.

    Args:
        path: an archive of `GraphModel.save`.
        compile: whether the model gets the optimizer with which it was saved.

    Returns:
        The `GraphModel`.

    Raises:
        FileNotFoundError, IsADirectoryError: there is no such file.
        ValueError: the file is damaged, of a later version of this package, or its settings cannot
            be used; the message names it.
        RuntimeError: a model was made before this process was forked.

    Example:
        >>> from mrcnn.network.saving import load_model
        >>> keras_model = load_model("cells.keras")  # doctest: +SKIP
    """
    path = regular_file(Path(path))
    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                raise ValueError(f"its part {damaged} is damaged")
        return keras.saving.load_model(path, compile=compile)
    except (RuntimeError, MemoryError):
        raise
    # A damaged file can make zipfile, json, h5py and Keras raise nearly anything.
    except Exception as error:
        why = str(error).strip().split("\n")[0] or type(error).__name__
        raise ValueError(f"{path} cannot be loaded as a Keras archive: {why}") from error


def _check_entries(entries):
    if missing := _ENTRIES - set(entries):
        raise ValueError(f"{_WHERE} is damaged: it lacks {', '.join(sorted(missing))}.")
    for name, kind in (("settings", dict), ("own_settings", dict), ("layers", list)):
        if not isinstance(entries[name], kind):
            found = type(entries[name]).__name__
            raise ValueError(f"{_WHERE} is damaged: {name} is of type {found}.")
    if entries["mode"] not in ("training", "inference"):
        raise ValueError(f"{_WHERE} is damaged: its mode is {entries['mode']!r}.")


def _every_layer(layer: Any) -> Iterator[Any]:
    """A layer, and those inside it if it is a model; a model comes before its layers."""
    yield layer
    for inner in getattr(layer, "layers", ()):
        yield from _every_layer(inner)


def _minimised(model: Any) -> list[Any] | None:
    """The arguments of `GraphModel.set_loss`, if it was called."""
    if model.loss_weights is None:
        return None
    return [dict(model.loss_weights), model.weight_decay, model.weight_decay_on]


def _names_and_flags(model: Any) -> list[list[Any]]:
    """The name of each layer, None if it has no weights, and whether it is trainable."""
    return [
        [layer.name if layer.weights else None, layer.trainable] for layer in _every_layer(model)
    ]


def _set_trainable(model, stored):
    """Freeze the layers that were frozen. Keras matches weights by the order of the layers."""
    if [name for name, _ in stored] != [name for name, _ in _names_and_flags(model)]:
        raise ValueError(
            "it holds a network of other layers, or in another order, than its settings give here: "
            "another version of mask-rcnn or Keras wrote it."
        )
    for layer, (_, is_trainable) in zip(_every_layer(model), stored, strict=True):
        layer.trainable = bool(is_trainable)
