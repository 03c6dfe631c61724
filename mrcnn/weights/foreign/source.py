"""Weights of other projects as a `WeightsSource`: layers by our names, tensors in our layout."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...text import some
from ...types import Array, PathLike
from ..source import WeightsSource
from . import caffe2_names, detectron2_names, torchvision_names
from .kind import Kind
from .network import network_settings
from .prefixes import without_prefixes
from .table import Part, Table

# Layers whose shapes depend on the classes or keypoints.
CLASS_LAYERS = frozenset(
    {"mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask", "mrcnn_keypoint_deconv"}
)
KNOWN = (
    "torchvision's Faster, Mask and Keypoint R-CNN (versions 1 and 2) and ResNets; Detectron2's "
    "with FPN, C4 and DC5 and its ResNets; and those in Detectron's (Caffe2's) names"
)
# Deviation of ImageNet's pixels (RGB), times 255, and what both projects add to variances.
IMAGENET_STD = (58.395, 57.12, 57.375)
EPSILON = 1e-5
_BACKBONES = "ResNet-50, 101 and 152, and ResNeXt of these depths"
_NO_STD = (1.0, 1.0, 1.0)


class ForeignWeights(WeightsSource):
    """Tensors of torchvision or Detectron2.

    Args:
        tensors: arrays of any shape by their names in the file, perhaps with `PREFIXES`. Nothing is
            copied before `arrays`.
        path: of the file, for messages.
        author: what the file says about where its weights are from, such as "torchvision".
        matching_heuristics: whether names may lack their first parts, as the file says.

    Attributes:
        layer_names: our names; then, as in the file, those of tensors that belong to no layer.
        unknown: names in the file that belong to no layer.
        kind: what the file holds.
        table: the parts of each layer.
        epsilon: what the network adds to variances, if it is certain: of a backbone alone.
        pixel_std: likewise, the deviation of each channel (RGB) by which pixels are divided.
        class_layers: the layers that depend on the number of classes or keypoints.

    Raises:
        ValueError: the model is not of a known kind, or a tensor is missing.
    """

    class_layers = CLASS_LAYERS

    def __init__(
        self,
        tensors: Mapping[str, Array],
        path: PathLike = "the file",
        author: str | None = None,
        matching_heuristics: bool = False,
    ) -> None:
        self.path, self._tensors = path, without_prefixes(tensors)
        self._is_caffe2 = caffe2_names.is_caffe2(list(self._tensors))
        self.kind, self.table, found = self._recognise(matching_heuristics)
        self._found = self._resolved(found, matching_heuristics)
        self.unknown = self._rest()
        self._unknown = frozenset(self.unknown)
        self.layer_names = [*self.table, *self.unknown]
        self._author = author
        alone = self.kind.neck is None
        self.epsilon = EPSILON if alone else None
        self.pixel_std = self._std() if alone else None
        settings = network_settings(self)
        if "BACKBONE" not in settings:
            raise ValueError(f"{self.path}: {self.kind}, but {self._backbone()}.")
        if alone:
            settings["RESNET_STRIDE_IN"] = "1x1" if self.pixel_std == _NO_STD else "3x3"
        self.kind = replace(self.kind, settings=settings)

    def close(self) -> None:
        """Forget the tensors."""
        self._tensors = {}

    def has_weights(self, layer: str) -> bool:
        """See `WeightsSource.has_weights`."""
        return layer in self.table or layer in self._unknown

    def shapes(self, layer: str) -> list[tuple[int, ...]]:
        """See `WeightsSource.shapes`."""
        return [array.shape for array in self._variables(layer)]

    def arrays(self, layer: str) -> list[Array]:
        """See `WeightsSource.arrays`."""
        arrays = [np.ascontiguousarray(a, dtype=np.float32) for a in self._variables(layer)]
        for array in arrays:
            if not np.isfinite(array).all():
                raise ValueError(f"{self.path}: {layer} holds NaN or infinite values.")
        return arrays

    def is_bgr(self) -> bool:
        """Whether the network expects BGR: Detectron2's, but not one made from torchvision's."""
        is_converted = self.kind.neck is None and self._author == "torchvision"
        return self.kind.project == "detectron2" and not is_converted

    def _backbone(self) -> str:
        """What its ResNet is, in words."""
        blocks = [
            sum(bool(re.fullmatch(rf"res{stage}[a-z]+_branch2c", name)) for name in self.table)
            for stage in range(2, 6)
        ]
        *_, width, outputs = self._variables("res2a_branch2c")[0].shape
        return (
            f"its ResNet has stages of {', '.join(map(str, blocks))} blocks, the first {width} "
            f"channels wide for {outputs} outputs: known are {_BACKBONES}"
        )

    def _std(self) -> tuple[float, ...]:
        kernel = self._variables("res2a_branch2b")[0] if "res2a_branch2b" in self.table else None
        is_grouped = kernel is not None and kernel.shape[2] < kernel.shape[3]
        return IMAGENET_STD if is_grouped or not self.is_bgr() else _NO_STD

    def _recognise(self, heuristics: bool) -> tuple[Kind, Table, dict[str, str]]:
        """The kind, its table, and the tensors in the file by the table's names."""
        names = list(self._tensors)
        if self._is_caffe2:
            ends = {
                caffe2_names.detectron2_name(name): name
                for name in names
                if not caffe2_names.is_ignored(name)
            }
            return self._by_suffix(ends, background_first=True)
        current = torchvision_names.with_current_names(self._tensors)
        shapes = self._shapes(current)
        if kind := torchvision_names.kind_of(shapes):
            return kind, torchvision_names.table_of(shapes), current
        own = {name: name for name in names}
        kind = detectron2_names.kind_of(self._shapes(own))
        if kind is None:
            raise ValueError(self._description())
        if heuristics:
            return self._by_suffix(own)
        return kind, detectron2_names.table_of(self._shapes(own), kind), own

    def _by_suffix(self, ends, background_first=False):
        shapes = self._shapes(ends)
        kind = detectron2_names.kind_of(shapes)
        if kind is None:
            raise ValueError(self._description())
        table = detectron2_names.table_of(shapes, kind, background_first)
        wanted = [part.name for parts in table.values() for part in parts]
        matched = detectron2_names.by_longest_suffix(list(ends), wanted)
        return kind, table, {name: ends[end] for name, end in matched.items()}

    def _shapes(self, names: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
        return {name: tuple(self._tensors[own].shape) for name, own in names.items()}

    def _resolved(self, found: Mapping[str, str], heuristics: bool) -> dict[str, str]:
        """The tensors in the file by the table's names, of those that the table has."""
        parts = [part for parts in self.table.values() for part in parts]
        self._found = {part.name: found[part.name] for part in parts if part.name in found}
        is_old = self.kind.neck is None and self.kind.project == "detectron2"
        may_lack_statistics = self._is_caffe2 or heuristics or is_old
        if problem := self._problem(parts, may_lack_statistics):
            raise ValueError(f"{self.path}: {self.kind}, but {problem}.")
        for part in parts:
            name = self._found.get(part.name)
            shape = self._tensors[name].shape if name is not None else None
            if shape is not None and (len(shape) != part.dimensions or 0 in shape):
                raise ValueError(
                    f"{self.path}: {name} is {list(shape)}: it must have {part.dimensions} "
                    "dimensions, none of size 0."
                )
        return self._found

    def _problem(self, parts: Sequence[Part], may_lack_statistics: bool) -> str:
        """What the file lacks, in words; "" if nothing."""
        lacking = [part for part in parts if part.name not in self._found]
        first, last = (self.table.get(f"res2a_branch2{x}", parts)[0] for x in "ac")
        if first not in lacking and last in lacking:
            return (
                "its ResNet's blocks have two convolutions, as those of ResNet-18 and 34: known "
                f"are {_BACKBONES}"
            )
        bare = [part.name for part in lacking if part.default is not None]
        norms = [f"{name.rpartition('.')[0]}.weight" for name in bare]
        if not may_lack_statistics and any(name in self._found for name in norms):
            return f"its norms have no running statistics (GroupNorm?): {some(bare)}"
        missing = [part.name for part in lacking if part.default is None]
        if not missing:
            return ""
        rest = self._rest()
        has = f"; and has {some(rest)}" if rest else ""
        return f"it lacks {len(missing)} of its tensors: {some(missing)}{has}"

    def _rest(self) -> list[str]:
        """Names in the file that belong to no layer."""
        used = set(self._found.values())
        return [name for name in self._tensors if name not in used and not self._skips(name)]

    def _skips(self, name: str) -> bool:
        if self._is_caffe2:
            end = caffe2_names.detectron2_name(name)
            return caffe2_names.is_ignored(name) or detectron2_names.is_ignored(end)
        projects = {"torchvision": torchvision_names, "detectron2": detectron2_names}
        return projects[self.kind.project].is_ignored(name)

    def _variables(self, layer: str) -> list[Array]:
        """A layer's tensors in our layout, views where possible."""
        if layer not in self.table:
            return [self._tensors[layer]]
        parts = self.table[layer]
        try:
            return [self._variable(part, parts[0]) for part in parts]
        except (ArithmeticError, IndexError, TypeError, ValueError) as error:
            names = some([part.name for part in parts])
            shapes = some([str(self._tensors[self._found[p.name]].shape) for p in parts[:1]])
            raise ValueError(
                f"{self.path}: {layer} cannot be made of {names} {shapes}: {error}."
            ) from error

    def _variable(self, part: Part, first: Part) -> Array:
        if part.name in self._found:
            return part.ours(np.asarray(self._tensors[self._found[part.name]]))
        length = self._tensors[self._found[first.name]].shape[0]
        return np.full(length, part.default, np.float32)

    def _description(self) -> str:
        count = len(self._tensors)
        seen = [f"{name} {list(array.shape)}" for name, array in self._tensors.items()]
        values = sum(math.prod(array.shape) for array in self._tensors.values())
        return (
            f"{self.path} is not a model of a known kind. It holds {count} tensors with {values} "
            f"values: {some(seen)}. Known are {KNOWN}."
        )


def open_foreign(filepath: PathLike) -> ForeignWeights:
    """The weights in a file of another project.

    Args:
        filepath: a .pth, .pt, .pkl, .safetensors or .npz.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or unsafe, or its model is not of a known kind.

    Example:
        >>> from mrcnn.weights.foreign import open_foreign
        >>> with open_foreign("maskrcnn_resnet50_fpn_v2.pth") as source:  # doctest: +SKIP
        ...     source.shapes("conv1")
        [(7, 7, 3, 64)]
    """
    from ...checkpoints import read

    path = Path(filepath).expanduser()
    checkpoint = read(path)
    return ForeignWeights(
        checkpoint.tensors, path, checkpoint.author, bool(checkpoint.matching_heuristics)
    )
