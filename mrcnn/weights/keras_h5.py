"""Weights files of matterport's Mask_RCNN (the reference): the HDF5 of Keras 2's `save_weights`.

The root (or a group `model_weights`) has the attribute `layer_names`. Each layer is a group with
the attribute `weight_names` and one dataset per name, in the order of the layer's weights.
Only datasets are read: nothing is unpickled, and no link is followed.
"""

import logging
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np

from ..files.hdf5 import new_hdf5, open_hdf5
from ..types import Array, PathLike
from .card import Card, add_card, to_text
from .catalogue import find
from .source import WeightsSource

logger = logging.getLogger(__name__)

# A chunk of up to this many values is accepted, however small its dataset.
_LARGE_CHUNK = 1_000_000

# The first and the last layer of a ResNet.
_RESNET = "conv1", "bn5c_branch2c"


class WeightsFile(WeightsSource):
    """An open weights file; use it in a `with` statement.

    Args:
        filepath: an HDF5 file whose root, or group `model_weights`, has `layer_names`; or the name
            of a model that comes with the package, see `catalogue.find`.

    Attributes:
        layer_names: in the file's order.

    Raises:
        FileNotFoundError, IsADirectoryError: the file does not exist, or is a folder.
        TypeError: `filepath` is not a path.
        ValueError: the file is truncated, is not HDF5, or has another layout.
    """

    def __init__(self, filepath: PathLike) -> None:
        self.path = find(filepath)
        self._file = open_hdf5(self.path)
        try:
            self._root = self._find_root()
            self.layer_names = _strings(self._root.attrs, "layer_names")
            # Of Keras's ResNets; `imagenet` shifts the variances of some to that.
            self.epsilon = 1e-3 if _is_bare(self.layer_names, _RESNET) else None
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _find_root(self) -> h5py.Group:
        for root in (self._file, self._hard(self._file, "model_weights")):
            if isinstance(root, h5py.Group) and (
                "layer_names" in root.attrs or "layer_names0" in root.attrs
            ):
                return root
        found = ", ".join(list(self._file)[:8]) or "nothing"
        raise ValueError(
            f"{self.path} does not have the layout of Keras 2's save_weights: it has no "
            f"layer_names and holds {found}. Files saved by matterport's Mask_RCNN or by this "
            "package have it; a Keras 3 .weights.h5 does not."
        )

    def weight_names(self, layer: str) -> list[str]:
        """Names of the datasets of the layer named `layer`, in order."""
        group = self._at(self._root, layer)
        if not isinstance(group, h5py.Group):
            raise ValueError(f"{self.path} lists a layer {layer!r} but has no group for it.")
        return _strings(group.attrs, "weight_names", default=[])

    def has_weights(self, layer: str) -> bool:
        """Whether the layer named `layer` has any datasets."""
        return bool(self.weight_names(layer))

    def shapes(self, layer: str) -> list[tuple[int, ...]]:
        """Dataset shapes of the layer named `layer`, found without reading the data."""
        return [tuple(dataset.shape) for dataset in self._datasets(layer)]

    def arrays(self, layer: str) -> list[Array]:
        """The tensors of the layer named `layer`: float32 arrays, see `shapes`.

        Raises:
            ValueError: a tensor is damaged or holds values that are not finite.
        """
        try:
            arrays = [
                np.asarray(dataset[()], dtype=np.float32) for dataset in self._datasets(layer)
            ]
        except OSError as error:
            raise ValueError(
                f"{self.path}: {layer} cannot be read; download or copy the file again. HDF5 "
                f"says: {error}."
            ) from error
        for name, array in zip(self.weight_names(layer), arrays, strict=True):
            if not np.isfinite(array).all():
                raise ValueError(f"{self.path}: {layer} {name} holds NaN or infinite values.")
        return arrays

    def is_bgr(self) -> bool:
        """Whether the weights expect BGR: as the file records, or a bare Keras ResNet or VGG."""
        if "pixel_order" in self._root.attrs:
            return str(self._root.attrs["pixel_order"]) == "BGR"
        names = [name for name in self.layer_names if self.weight_names(name)]
        return any(_is_bare(names, ends) for ends in (_RESNET, ("block1_conv1", "block5_conv3")))

    def _datasets(self, layer: str) -> list[h5py.Dataset]:
        group = self._at(self._root, layer)
        return [self._dataset(group, layer, name) for name in self.weight_names(layer)]

    def _dataset(self, group: h5py.Group, layer: str, name: str) -> h5py.Dataset:
        dataset = self._at(group, name)
        if not isinstance(dataset, h5py.Dataset):
            raise ValueError(f"{self.path} has no dataset {name!r} for layer {layer!r}.")
        if dataset.external or dataset.is_virtual:
            raise ValueError(f"{self.path}: {name!r} keeps its data in another file; refused.")
        # Reading one value unpacks a whole chunk, and a malicious file could fill the memory.
        if dataset.chunks and math.prod(dataset.chunks) > max(dataset.size, _LARGE_CHUNK):
            raise ValueError(f"{self.path}: {name!r} has chunks larger than itself; refused.")
        if dataset.dtype.kind != "f":
            raise ValueError(f"{self.path}: {name!r} has dtype {dataset.dtype}, not a float.")
        return dataset

    def _at(self, group, path):
        """The object at a path below a group, or None."""
        for part in path.split("/"):
            group = self._hard(group, part) if isinstance(group, h5py.Group) else None
        return group

    def _hard(self, group, name):
        """A group's child, or None; links that point elsewhere are refused."""
        link = None if name == "." else group.get(name, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise ValueError(
                f"{self.path}: {name!r} is a link ({type(link).__name__}) that points elsewhere; "
                "refused."
            )
        return group[name]


def _strings(attributes, name, default=None):
    """A list of names, stored as bytes (h5py 2) or str (h5py 3); a long one is in chunks."""
    if name in attributes:
        values = list(np.atleast_1d(attributes[name]))
    elif f"{name}0" in attributes:
        values, index = [], 0
        while f"{name}{index}" in attributes:
            values += list(np.atleast_1d(attributes[f"{name}{index}"]))
            index += 1
    else:
        values = default
    return [value.decode("utf8") if isinstance(value, bytes) else str(value) for value in values]


# Maximum bytes of an HDF5 attribute; Keras splits longer lists of names into name0, name1, ...
_ATTRIBUTE_LIMIT = 60_000


def save(
    model: Any,
    filepath: PathLike,
    overwrite: bool = True,
    kernel_dtype: Literal["float32", "float16"] = "float32",
    card: Card | None = None,
) -> None:
    """Save a model's weights in a file that the reference can load by name.

    The file is made in memory, 256 MB for a ResNet-101, written under a temporary name and then
    moved into place. So it is never half-written, and an older file survives a failure.

    Args:
        model: `keras.Model`.
        filepath: path to write; its folder must exist.
        overwrite: whether an existing file may be replaced.
        kernel_dtype: "float32", or "float16" for a file of half the size, with kernels accurate
            to three digits. Vectors (biases, BatchNorm statistics) stay float32.
        card: what the file says about its model; None: the `card` of the model, if it has one.

    Raises:
        FileExistsError: the file exists and `overwrite` is False.
        ValueError: unknown `kernel_dtype`, a kernel value that float16 cannot hold, or a card that
            cannot be written.
        OSError: the file cannot be written; the message names it.

    Example:
        >>> from mrcnn import weights
        >>> weights.save(model.keras_model, "cells.h5", kernel_dtype="float16")  # doctest: +SKIP
    """
    if kernel_dtype not in ("float32", "float16"):
        raise ValueError(f"kernel_dtype is {kernel_dtype!r}: it must be 'float32' or 'float16'.")
    path = Path(filepath)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} already exists; pass overwrite=True to replace it.")
    with new_hdf5(path) as file:
        _write(file, weighted_layers(model), kernel_dtype)
        if getattr(model, "is_bgr", False):
            file.attrs["pixel_order"] = "BGR"  # an extension, which the reference ignores
        add_card(file.attrs, card or _own_card(model))


def _is_bare(names: Collection[str], ends: tuple[str, str]) -> bool:
    """Whether a backbone with these first and last layers is all that a network has."""
    others = ("mrcnn_", "rpn_", "fpn_")
    return {*ends} <= {*names} and not any(name.startswith(others) for name in names)


def _own_card(model):
    """The card of a model; an empty one, with a warning, if it cannot be written."""
    card = getattr(model, "card", None) or Card()
    try:
        to_text(card)
    except ValueError as error:
        logger.warning("the weights file says nothing about its model: %s", error)
        return Card()
    return card


def save_arrays(layers: Mapping[str, list[Array]], filepath: PathLike, pixel_order: str) -> None:
    """Save arrays as `save` saves a model's weights.

    Args:
        layers: the arrays of each layer by its name, such as a kernel [3, 3, in, out] and a bias
            [out], in the order of the layer's weights.
        filepath: path to write; its folder must exist.
        pixel_order: "RGB" or "BGR", the order that the weights expect.

    Raises:
        OSError: the file cannot be written; the message names it.
    """
    with new_hdf5(Path(filepath)) as file:
        _write_names(file.attrs, "layer_names", layers)
        file.attrs["pixel_order"] = pixel_order
        for name, arrays in layers.items():
            group = file.create_group(name)
            names = [f"{name}/weight_{index}:0" for index in range(len(arrays))]
            _write_names(group.attrs, "weight_names", names)
            for weight_name, array in zip(names, arrays, strict=True):
                group.create_dataset(weight_name, data=array)


def weighted_layers(model: Any) -> dict[str, list[Any]]:
    """Each layer's variables, in the order of the file; layers without variables are left out.

    Args:
        model: `keras.Model`.

    Returns:
        The variables by layer name; a nested model counts as one layer.
    """
    return {layer.name: list(layer.weights) for layer in model.layers if layer.weights}


def _write(file, layers, kernel_dtype):
    _write_names(file.attrs, "layer_names", layers)
    # The layout is TensorFlow's whatever the backend; Keras 2 converts kernels for other backends.
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


def _halved(kernel: Array, name: str) -> Array:
    largest = np.abs(kernel).max(initial=0)
    if not largest <= np.finfo(np.float16).max:
        raise ValueError(f"{name} reaches {largest:g}, which float16 cannot hold.")
    return kernel.astype(np.float16)


def _weight_names(variables: list[Any]) -> list[str]:
    # The last two parts of a path are the innermost layer and the variable: conv1/kernel.
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
