"""Weight files in the layout of the matterport reference: Keras 2's `save_weights` to HDF5.

The root (or a group `model_weights`) has the attribute `layer_names`; each layer is a group with
the attribute `weight_names`, and holds a data set for each, in the order of the layer's weights.
Layers are matched by name, the tensors of a layer by their order.
"""

import logging
from pathlib import Path

import h5py
import numpy as np

from ..files.whole import replacing
from .keras_h5 import WeightsFile
from .report import LoadReport
from .stem import adapt, can_spread

logger = logging.getLogger(__name__)

# Bytes of an HDF5 attribute; Keras splits longer lists of names into name0, name1, ...
_ATTRIBUTE_LIMIT = 60_000


def load(model, filepath, exclude=(), complete=False, skip_mismatch=False):
    """Read weights into the layers of the same name.

    Everything is checked before anything is assigned, so a file that is refused leaves the
    model as it was. A file that holds a bare ImageNet ResNet expects BGR pixels: the input
    channels of its `conv1` kernel are reversed, because images here are RGB. For a model of other
    than three input channels, the kernel of an RGB `conv1` is averaged and spread over them, see
    `conv1.spread_rgb`; nothing is reversed then.

    Args:
        model: `keras.Model`.
        filepath: an HDF5 file in the reference's layout.
        exclude: names of layers that keep their values.
        complete: whether every layer of the model must be in the file.
        skip_mismatch: whether layers whose shapes disagree are left alone instead of refused.

    Returns:
        `LoadReport`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is truncated, foreign or unsafe, no layer matches, shapes disagree in
            layers that are not excluded, or `complete` and layers are missing.
    """
    exclude = [exclude] if isinstance(exclude, str) else list(exclude or ())
    layers = weighted_layers(model)
    with WeightsFile(filepath) as file:
        report = LoadReport(str(filepath))
        for name, variables in layers.items():
            if name in exclude:
                report.excluded.append(name)
            elif name not in file.layer_names:
                report.missing.append(name)
            elif mismatch := _mismatch(name, variables, file.shapes(name)):
                report.mismatched[name] = mismatch
            else:
                report.loaded.append(name)
        with_weights = [name for name in file.layer_names if file.weight_names(name)]
        report.left_over = [name for name in with_weights if name not in layers]
        known = {layer.name for layer in model.layers}
        report.unknown_excludes = [name for name in exclude if name not in known]
        report.check(complete=complete, skip_mismatch=skip_mismatch)
        arrays = {name: file.arrays(name) for name in report.loaded}
        if "conv1" in arrays and arrays["conv1"][0].ndim == 4:
            kernel, channels = arrays["conv1"][0], layers["conv1"][0].shape[2]
            arrays["conv1"][0], note = adapt(kernel, channels, bgr=file.is_imagenet_backbone())
            report.notes += [note] if note else []
    for name, values in arrays.items():
        for variable, value in zip(layers[name], values, strict=True):
            variable.assign(value)
    report.log(logger)
    return report


def save(model, filepath, overwrite=True, kernel_dtype="float32"):
    """Write the weights so that the reference can read them by name.

    The file is written beside its place and then moved there, so that it is never half-written
    and an older one survives a failure.

    Args:
        model: `keras.Model`.
        filepath: where to; its folder must exist.
        overwrite: whether a file that is there may be replaced.
        kernel_dtype: "float32", or "float16" for a file of half the size, in which kernels have
            three digits. Vectors (biases, statistics of BatchNorm) stay float32.

    Raises:
        FileExistsError: there is a file and `overwrite` is False.
        ValueError: another dtype, or a kernel with a value that float16 cannot hold.
        OSError: the file cannot be written; the message names it.
    """
    if kernel_dtype not in ("float32", "float16"):
        raise ValueError(f"kernel_dtype is {kernel_dtype!r}: it is 'float32' or 'float16'.")
    path = Path(filepath)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} is there already; pass overwrite=True to replace it.")
    try:
        with replacing(path) as part, h5py.File(part, "w") as file:
            _write(file, weighted_layers(model), kernel_dtype)
    except OSError as error:
        raise OSError(f"{path} cannot be written: {error.strerror or error}.") from error


def weighted_layers(model):
    """The variables of each layer that has any, in the order of the file format.

    Args:
        model: `keras.Model`.

    Returns:
        dict of layer name to list of variables; a nested model is one layer.
    """
    return {layer.name: list(layer.weights) for layer in model.layers if layer.weights}


def _mismatch(name, variables, shapes):
    """What differs between a layer and its group in the file and cannot be adapted, or ""."""
    expected = [tuple(variable.shape) for variable in variables]
    if name == "conv1" and can_spread(shapes, expected):
        return ""
    if len(shapes) != len(expected):
        return f"{len(shapes)} tensors in the file, {len(expected)} in the model"
    pairs = [
        f"{variable.name} {shape} in the file, {want} in the model"
        for variable, shape, want in zip(variables, shapes, expected, strict=True)
        if shape != want
    ]
    return "; ".join(pairs)


def _write(file, layers, kernel_dtype):
    _write_names(file.attrs, "layer_names", layers)
    # The layout is TensorFlow's whatever the backend; Keras 2 converts kernels for others.
    file.attrs["backend"] = np.bytes_("tensorflow")
    file.attrs["keras_version"] = np.bytes_("2.2.5")
    for name, variables in layers.items():
        group = file.create_group(name)
        names = _weight_names(variables)
        _write_names(group.attrs, "weight_names", names)
        for weight_name, variable in zip(names, variables, strict=True):
            value = np.asarray(variable.numpy(), dtype=np.float32)
            if kernel_dtype == "float16" and value.ndim > 1:
                value = _halved(value, weight_name)
            group.create_dataset(weight_name, data=value)


def _halved(kernel, name):
    largest = np.abs(kernel).max(initial=0)
    if not largest <= np.finfo(np.float16).max:
        raise ValueError(f"{name} reaches {largest:g}, which float16 cannot hold.")
    return kernel.astype(np.float16)


def _weight_names(variables):
    # The last two parts of a path are the innermost layer and the kind: conv1/kernel.
    names = ["/".join(variable.path.split("/")[-2:]) + ":0" for variable in variables]
    if len(set(names)) == len(names):
        return names
    return [variable.path + ":0" for variable in variables]


def _write_names(attributes, name, names):
    encoded = np.array([name.encode("utf8") for name in names])
    chunks = -(-encoded.nbytes // _ATTRIBUTE_LIMIT)
    if chunks <= 1:
        attributes[name] = encoded
        return
    for index, chunk in enumerate(np.array_split(encoded, chunks)):
        attributes[f"{name}{index}"] = chunk
