"""A model's weights as a state dict of torchvision."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from ...text import some
from ...types import Array
from .. import objectness
from .table import Table, letter
from .torchvision_names import table_of

_Shape = tuple[int, ...]


def state_dict(layers: Mapping[str, Sequence[Array]], is_bgr: bool = False) -> dict[str, Array]:
    """The tensors of torchvision's R-CNN with these layers, under current names.

    Args:
        layers: what each layer of ours holds, by its name, in the shapes that it has here.
        is_bgr: whether the first convolution sees BGR; torchvision's sees RGB.

    Returns:
        float32 arrays in the shapes that torchvision has, and a counter of 0 for each BatchNorm.

    Raises:
        ValueError: the network has layers that torchvision's has not.
    """
    rpn = objectness.LAYER
    if rpn in layers:
        layers = {**layers, rpn: objectness.convert(layers[rpn], 1)}
    table = _table(layers)
    extra = [name for name in layers if name not in table]
    missing = [name for name in table if name not in layers]
    lengths = [
        f"{name} ({len(layers[name])} instead of {len(parts)})"
        for name, parts in table.items()
        if name in layers and len(layers[name]) != len(parts)
    ]
    for names, what in (
        (extra, "layers that torchvision's has not"),
        (missing, "no layers"),
        (lengths, "layers with other numbers of tensors, such as biases before a BatchNorm,"),
    ):
        if names:
            raise ValueError(
                f"this network has {what}: {some(names)}. The presets torchvision_* of "
                "mrcnn.presets have torchvision's networks."
            )
    found: dict[str, Array] = {}
    for name, parts in table.items():
        for part, array in zip(parts, layers[name], strict=True):
            array = array[:, :, ::-1] if name == "conv1" and is_bgr else array
            found[part.name] = np.ascontiguousarray(part.theirs(array), np.float32)
            if part.name.endswith(".running_var"):
                counter = part.name.removesuffix("running_var") + "num_batches_tracked"
                found[counter] = np.zeros((), np.int64)
    return found


def _table(layers: Mapping[str, Sequence[Array]]) -> Table:
    """torchvision's table of a network with these layers."""
    names: dict[str, _Shape] = {
        "backbone.body.conv1.weight": (64,),
        "backbone.fpn.layer_blocks.0.0.weight": _filters(layers, "fpn_p2"),
    }
    for stage in range(2, 6):
        index = 0
        while f"res{stage}{letter(index)}_branch2a" in layers:
            names[f"backbone.body.layer{stage - 1}.{index}.conv1.weight"] = ()
            index += 1
    for level in range(2, 6):
        blocks = ("inner_blocks", f"fpn_c{level}p{level}"), ("layer_blocks", f"fpn_p{level}")
        for block, ours in blocks:
            if f"{ours}_bn" in layers:
                names[f"backbone.fpn.{block}.{level - 2}.1.weight"] = ()
    for index in range(len(layers.get("rpn_model", ())) // 2 - 2):
        names[f"rpn.head.conv.{index}.0.weight"] = ()
    spatial = _count(layers, r"mrcnn_class_spatial\d+")
    for index in range(spatial):
        filters = _filters(layers, f"mrcnn_class_spatial{index + 1}")
        names[f"roi_heads.box_head.{index}.0.weight"] = filters
        if f"mrcnn_class_spatial_bn{index + 1}" in layers:
            names[f"roi_heads.box_head.{index}.1.weight"] = ()
    if spatial:
        for index in range(_count(layers, r"mrcnn_class_conv\d+")):
            names[f"roi_heads.box_head.{spatial + 1 + 2 * index}.weight"] = ()
    if "mrcnn_mask" in layers:
        names["roi_heads.mask_predictor.mask_fcn_logits.weight"] = ()
    for index in range(_count(layers, r"mrcnn_mask_conv\d+")):
        names[f"roi_heads.mask_head.{index}.0.weight"] = ()
        if f"mrcnn_mask_bn{index + 1}" in layers:
            names[f"roi_heads.mask_head.{index}.1.weight"] = ()
    for index in range(_count(layers, r"mrcnn_keypoint_conv\d+")):
        names[f"roi_heads.keypoint_head.{2 * index}.weight"] = ()
    return table_of(names)


def _filters(layers: Mapping[str, Sequence[Array]], name: str) -> _Shape:
    return layers[name][0].shape[-1:] if name in layers else (0,)


def _count(layers: Mapping[str, Sequence[Array]], pattern: str) -> int:
    return sum(bool(re.fullmatch(pattern, name)) for name in layers)
