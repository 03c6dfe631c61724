"""A model's graph in the format of another runtime."""

import copy
import dataclasses
import importlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras

from .. import __version__
from ..config import Config
from ..config_rules import parts
from ..config_rules.values import either
from ..loading.inputs import image_shape
from ..network.exported import build_exported
from ..ops import outside_graphs
from ..runs.settings import stored
from ..runtime.sidecar import Sidecar, sidecar_of, write_sidecar
from ..types import PathLike
from ..weights.card import Card, to_text
from . import litert, onnx_file, openvino, savedmodel
from .placing import check_folder, check_place, place


class Format(NamedTuple):
    """A format to export to.

    Attributes:
        write: function (exported Keras model, path) that writes the file or folder, and the files
            that belong to it beside it.
        suffix: of the file; "" for a folder.
        packages: names of the modules that `write` needs.
        batch: number of images that the graph takes; None for any.
        companions: suffixes of the other files.
    """

    write: Any
    suffix: str
    packages: tuple[str, ...] = ()
    batch: int | None = None
    companions: tuple[str, ...] = ()


FORMATS: Mapping[str, Format] = {
    "savedmodel": Format(savedmodel.write, ""),
    "onnx": Format(onnx_file.write, ".onnx", ("tf2onnx", "onnx")),
    "openvino": Format(
        openvino.write, ".xml", ("tf2onnx", "onnx", "openvino"), companions=(".bin",)
    ),
    "litert": Format(litert.write, ".tflite", batch=1),
}


@outside_graphs
def export(
    keras_model: keras.Model, config: Config, card: Card, path: PathLike, format: str
) -> Path:
    """Write a model in the format of another runtime, with its sidecar, see `runtime.sidecar`.

    Args:
        keras_model: an inference graph.
        config: the settings that it was built with.
        card: what is known about it; its `config` is replaced.
        path: where to write; the format's suffix is added if it is missing.
        format: one of FORMATS.

    Returns:
        Path that was written.

    Raises:
        ValueError: the format is unknown, the path has the suffix of something else, or the backend
            is not TensorFlow.
        ImportError: a converter is not installed; the message has the command that installs it.
        FileExistsError: something that is no exported model is at `path`.
        OSError: the files cannot be written. Those that were there are then kept.
    """
    if not isinstance(format, str) or format not in FORMATS:
        raise ValueError(f"format is {format!r}: it must be {either(FORMATS)}.")
    chosen = FORMATS[format]
    path = _with_suffix(Path(path), format)
    target = Path(os.path.realpath(path))
    if chosen.suffix:
        check_place(target, [target.with_suffix(suffix) for suffix in chosen.companions])
    else:
        check_folder(target)
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"the backend is {keras.backend.backend()!r}: models are exported from TensorFlow. Set "
            "KERAS_BACKEND=tensorflow."
        )
    _check_installed(format)
    config = _exportable(config)
    exported = build_exported(config, image_shape(config)[:2], chosen.batch)
    _copy_weights(keras_model, exported)
    settings = {**stored(config), "HEADS": _head_names(config)}
    known = dataclasses.replace(card, config=settings)
    to_text(known)  # refuses settings that JSON cannot hold
    sidecar = Sidecar(format, known, exported.input_shape, _versions(chosen.packages))
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export_", dir=target.parent) as folder:
        written = Path(folder) / target.name
        chosen.write(exported, written)
        write_sidecar(sidecar_of(written), sidecar)
        place(Path(folder), target)
    return path


def _head_names(config: Config) -> list[str]:
    """The heads by name; one that decodes its outputs as a head of the package does has its name.

    Others are in angle brackets, as in `runs.settings`.
    """
    own = {name: parts.part(parts.HEADS, name) for name in parts.HEADS}
    return [
        next(
            (name for name, head in own.items() if issubclass(kind, head) and _same(kind, head)),
            f"<{kind.__module__}.{kind.__qualname__}>",
        )
        for kind in parts.heads(config)
    ]


def _same(kind: type[Any], head: type[Any]) -> bool:
    return kind.decode is head.decode and kind.field == head.field


def _with_suffix(path: Path, format: str) -> Path:
    if not path.name or path.name == "..":
        raise ValueError(f"path is {str(path)!r}: it must end in the name of a file.")
    suffix = FORMATS[format].suffix
    others = {other.suffix for other in FORMATS.values()} | {".h5", ".keras", ".pb"}
    if suffix and path.suffix.lower() == suffix:
        return path.with_suffix(suffix)  # converters want it in lower case
    if path.suffix and path.suffix.lower() in others:
        raise ValueError(
            f"path is {path}: the name of a model in the format {format!r} ends in {suffix!r}."
            if suffix
            else f"path is {path}: a SavedModel is a folder, whose name has no {path.suffix!r}."
        )
    return path.with_name(path.name + suffix)


def _check_installed(format: str) -> None:
    for package in FORMATS[format].packages:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise ImportError(
                f"{package} is not installed, which the format {format!r} needs: pip install "
                '"mask-rcnn[export]"'
            ) from error


def _exportable(config: Config) -> Config:
    """The settings with which the graph runs anywhere."""
    config = copy.copy(config)
    config.MIXED_PRECISION = None
    return config


def _copy_weights(source: keras.Model, target: keras.Model) -> None:
    layers = {layer.name: layer for layer in source.layers}
    for layer in target.layers:
        if not layer.weights:
            continue
        arrays = layers[layer.name].get_weights() if layer.name in layers else []
        if [array.shape for array in arrays] != [tuple(w.shape) for w in layer.weights]:
            raise ValueError(
                f"the layer {layer.name!r} of the exported graph has no counterpart in the model: "
                "a custom BACKBONE or head must give its layers names, and build the same layers "
                "each time."
            )
        layer.set_weights(arrays)


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    modules = {name: importlib.import_module(name) for name in ("keras", "tensorflow", *packages)}
    versions = {name: str(module.__version__) for name, module in modules.items()}
    return {"mask-rcnn": __version__, **versions}
