"""Weight files in the layout of the matterport reference: Keras 2's `save_weights` to HDF5.

The root (or a group `model_weights`) has the attribute `layer_names`; each layer is a group with
the attribute `weight_names`, and holds a data set for each, in the order of the layer's weights.
Layers are matched by name, the tensors of a layer by their order.
"""

import logging

from .keras_h5 import WeightsFile, weighted_layers
from .report import LoadReport
from .stem import adapt, can_spread

logger = logging.getLogger(__name__)


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
