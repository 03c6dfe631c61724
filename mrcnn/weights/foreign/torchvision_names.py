"""torchvision's names: its R-CNN models, of versions 1 and 2, and its ResNets."""

import re
from collections.abc import Mapping

from .kind import Kind, Shapes, numbers_in
from .layouts import Yx
from .table import Table, convolution, dense, dense_of_cells, norm, resnet

# Names before version 2 of the modules, and the current ones.
_LEGACY = (
    (re.compile(r"(backbone\.fpn\.(?:inner|layer)_blocks\.\d+)\.(weight|bias)"), r"\1.0.\2"),
    (re.compile(r"(rpn\.head\.conv)\.(weight|bias)"), r"\1.0.0.\2"),
)
_MASK_FCN = re.compile(r"(roi_heads\.mask_head)\.mask_fcn(\d{1,4})\.(weight|bias)")
# What a file may hold besides the network's weights.
_IGNORED = re.compile(r"(.*\.)?num_batches_tracked|fc\.(weight|bias)")

_BRANCHES = {"2a": "1", "2b": "2", "2c": "3"}


def current_name(name: str) -> str:
    """The name in current versions, from a `name` in published files of version 1.

    Example:
        >>> from mrcnn.weights.foreign.torchvision_names import current_name
        >>> current_name("roi_heads.mask_head.mask_fcn1.weight")
        'roi_heads.mask_head.0.0.weight'
    """
    for legacy, current in _LEGACY:
        if legacy.fullmatch(name):
            return legacy.sub(current, name)
    if found := _MASK_FCN.fullmatch(name):
        return f"{found[1]}.{int(found[2]) - 1}.0.{found[3]}"
    return name


def is_ignored(name: str) -> bool:
    """Whether `name` is of something beside the network: a counter, or a ResNet's classifier."""
    return bool(_IGNORED.fullmatch(name))


def kind_of(shapes: Shapes) -> Kind | None:
    """The kind of a model with these tensors; None if it is not one of torchvision's.

    Args:
        shapes: by current names.
    """
    if {"backbone.body.conv1.weight", "rpn.head.cls_logits.weight"} <= set(shapes):
        return Kind("torchvision", "fpn")
    if "conv1.weight" in shapes and "layer1.0.conv1.weight" in shapes:
        return Kind("torchvision", None)
    return None


def table_of(shapes: Shapes) -> Table:
    """The layers of a model.

    Args:
        shapes: by current names.
    """
    body = "backbone.body." if "backbone.body.conv1.weight" in shapes else ""

    def block(stage: int, index: int, branch: str) -> tuple[str, str]:
        name = f"{body}layer{stage - 1}.{index}"
        if branch == "1":
            return f"{name}.downsample.0", f"{name}.downsample.1"
        return f"{name}.conv{_BRANCHES[branch]}", f"{name}.bn{_BRANCHES[branch]}"

    blocks = [
        len(numbers_in(shapes, rf"{re.escape(body)}layer{stage}\.(\d+)\.conv1\.weight"))
        for stage in range(1, 5)
    ]
    table = resnet(blocks, (f"{body}conv1", f"{body}bn1"), block)
    if not body:
        return table
    _add_pyramid(table, shapes)
    _add_rpn(table, shapes)
    _add_box_head(table, shapes)
    if any(name.startswith("roi_heads.mask_") for name in shapes):
        for index in numbers_in(shapes, r"roi_heads\.mask_head\.(\d+)\.0\.weight"):
            _add(table, shapes, f"roi_heads.mask_head.{index}", "mrcnn_mask_conv", index + 1)
        table["mrcnn_mask_deconv"] = convolution("roi_heads.mask_predictor.conv5_mask")
        table["mrcnn_mask"] = convolution("roi_heads.mask_predictor.mask_fcn_logits")
    if any(name.startswith("roi_heads.keypoint_") for name in shapes):
        # A ReLU follows each convolution.
        indices = numbers_in(shapes, r"roi_heads\.keypoint_head\.(\d+)\.weight", step=2)
        for number, index in enumerate(indices, 1):
            name = f"roi_heads.keypoint_head.{index}"
            table[f"mrcnn_keypoint_conv{number}"] = convolution(name)
        name = "roi_heads.keypoint_predictor.kps_score_lowres"
        table["mrcnn_keypoint_deconv"] = convolution(name)
    return table


def _add_pyramid(table: Table, shapes: Shapes) -> None:
    for index in range(4):
        for block, ours in (
            ("inner_blocks", f"fpn_c{index + 2}p{index + 2}"),
            ("layer_blocks", f"fpn_p{index + 2}"),
        ):
            _add_block(table, shapes, f"backbone.fpn.{block}.{index}", ours, f"{ours}_bn")


def _add_rpn(table: Table, shapes: Shapes) -> None:
    head, parts = "rpn.head", []
    for index in numbers_in(shapes, r"rpn\.head\.conv\.(\d+)\.0\.weight") or [0]:
        parts += convolution(f"{head}.conv.{index}.0")
    parts += convolution(f"{head}.cls_logits")
    table["rpn_model"] = parts + convolution(f"{head}.bbox_pred", rows=(Yx(),))


def _add_box_head(table: Table, shapes: Shapes) -> None:
    head = "roi_heads.box_head"
    channels = (shapes.get("backbone.fpn.layer_blocks.0.0.weight") or (0,))[0]
    names = ["fc6", "fc7"]
    if count := len(numbers_in(shapes, r"roi_heads\.box_head\.(\d+)\.0\.weight")):
        for index in range(count):
            _add(table, shapes, f"{head}.{index}", "mrcnn_class_spatial", index + 1)
        channels = (shapes.get(f"{head}.{count - 1}.0.weight") or (channels,))[0]
        # A layer that flattens follows the convolutions, and a ReLU each dense layer.
        start = count + 1
        pattern = r"roi_heads\.box_head\.(\d+)\.weight"
        names = [str(index) for index in numbers_in(shapes, pattern, start, 2) or [start]]
    for number, name in enumerate(names, 1):
        parts = dense_of_cells(f"{head}.{name}", channels if number == 1 else 0)
        table[f"mrcnn_class_conv{number}"] = parts
    predictor = "roi_heads.box_predictor"
    table["mrcnn_class_logits"] = dense(f"{predictor}.cls_score")
    table["mrcnn_bbox_fc"] = dense(f"{predictor}.bbox_pred", rows=(Yx(),))


def _add(table: Table, shapes: Shapes, name: str, ours: str, number: int) -> None:
    norm_name = ours.replace("conv", "bn") if "conv" in ours else f"{ours}_bn"
    _add_block(table, shapes, name, f"{ours}{number}", f"{norm_name}{number}")


def _add_block(table: Table, shapes: Shapes, name: str, ours: str, norm_name: str) -> None:
    """A convolution with a bias, or without one before a norm."""
    has_norm = f"{name}.1.weight" in shapes
    table[ours] = convolution(f"{name}.0", bias=not has_norm)
    if has_norm:
        table[norm_name] = norm(f"{name}.1")


def with_current_names(names: Mapping[str, object]) -> dict[str, str]:
    """The names of a file by their current form."""
    return {current_name(name): name for name in names}
