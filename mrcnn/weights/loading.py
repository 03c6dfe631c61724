"""Loading a weights file into a model: layers are matched by name, their tensors by order."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..types import PathLike
from .catalogue import find
from .fitting import adapt_stem, add_biases, fit_logits, mismatch, shift_variances
from .keras_h5 import weighted_layers
from .readers import open_source
from .report import LoadReport
from .source import WeightsSource

logger = logging.getLogger(__name__)


def load(
    model: Any,
    filepath: PathLike | WeightsSource,
    exclude: str | Iterable[str] | None = (),
    complete: bool = False,
    skip_mismatch: bool = False,
) -> LoadReport:
    """Load weights into the layers of the same name; the file's name is the model's `loaded_from`.

    Everything is checked before anything is assigned, so a refused file leaves the model
    unchanged. A bare ImageNet ResNet expects BGR pixels: the input channels of its `conv1` kernel
    are reversed, because images here are RGB. If the model does not have three input channels, an
    RGB `conv1` kernel is averaged and spread over them instead, see `stem.spread_rgb`. A file of
    torchvision or Detectron2 is converted, see `foreign`; where it has other classes than the
    model, the layers that depend on them keep their values, unless `complete`.

    Args:
        model: `keras.Model`.
        filepath: a file that one of `readers.READERS` reads, such as HDF5 saved by matterport's
            Mask_RCNN; or the name of a model that comes with the package, see `catalogue.find`; or
            a `WeightsSource` with a `path`, which is then closed.
        exclude: names of layers that keep their values.
        complete: whether every layer of the model must be in the file.
        skip_mismatch: whether layers whose shapes disagree keep their values; otherwise the file
            is refused.

    Returns:
        What happened to each layer.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is truncated, unsafe or of another format, no layer matches, shapes
            disagree in layers that are not excluded, or layers are missing despite `complete`.

    Example:
        >>> from mrcnn import weights
        >>> report = weights.load(model, "mask_rcnn_coco.h5", skip_mismatch=True)  # doctest: +SKIP
        >>> print(report)  # doctest: +SKIP
    """
    exclude = [exclude] if isinstance(exclude, str) else list(exclude or ())
    layers, stem = weighted_layers(model), getattr(model, "stem", "conv1")
    if isinstance(filepath, WeightsSource):
        opened, path = filepath, Path(filepath.path)
    else:
        path = find(filepath)
        opened = open_source(path)
    with opened as source:
        report = LoadReport(str(path))
        for name, variables in layers.items():
            if name in exclude:
                report.excluded.append(name)
            elif name not in source.layer_names:
                report.missing.append(name)
            elif difference := mismatch(
                name, variables, source.shapes(name), stem, source.kind is not None
            ):
                report.mismatched[name] = difference
            else:
                report.loaded.append(name)
        with_weights = [name for name in source.layer_names if source.has_weights(name)]
        report.left_over = [name for name in with_weights if name not in layers]
        known = {layer.name for layer in model.layers}
        report.unknown_excludes = [name for name in exclude if name not in known]
        report.kind = source.kind
        other_classes = not complete and set(report.mismatched) <= set(source.class_layers)
        report.check(complete=complete, skip_mismatch=skip_mismatch or other_classes)
        arrays = {name: source.arrays(name) for name in report.loaded}
        if stem in arrays and arrays[stem][0].ndim == 4:
            channels = layers[stem][0].shape[2]
            arrays[stem][0], note = adapt_stem(arrays[stem][0], channels, source, model)
            report.notes += [note] if note else []
        changes = [add_biases(arrays, layers), fit_logits(arrays, layers)]
        changes.append(shift_variances(arrays, model, source.epsilon))
        report.notes += [note for note in changes if note]
    for name, values in arrays.items():
        for variable, value in zip(layers[name], values, strict=True):
            variable.assign(value)
    model.loaded_from = path.name
    report.log(logger)
    return report
