"""Detectron2's names: its R-CNN models with a pyramid, C4 or DC5, and ResNets for ImageNet."""

import re

from .kind import Kind, Shapes, numbers_in
from .layouts import BackgroundAdded, BackgroundFirst, Changes, RatiosFirst, Yx
from .table import Table, convolution, dense, dense_of_cells, norm, resnet

# What a file may hold besides the network's weights.
_IGNORED = re.compile(
    r"pixel_(mean|std)|(.*\.)?(cell_anchors\.\d+|num_batches_tracked)"
    r"|((.*\.)?stem\.fc|linear|fc1000)\.(weight|bias)|(stem\.)?conv1\.bias"
)

_BRANCHES = {"1": "shortcut", "2a": "conv1", "2b": "conv2", "2c": "conv3"}
_RATIOS = 3  # of the anchors of C4 and DC5, which have several sizes in a cell


def is_ignored(name: str) -> bool:
    """Whether `name` is of something beside the network, such as the image's mean."""
    return bool(_IGNORED.fullmatch(name))


def kind_of(shapes: Shapes) -> Kind | None:
    """The kind of a model with these tensors; None if it is not one of Detectron2's.

    Args:
        shapes: by name, perhaps without the first parts of the names.
    """
    if not (_ending(shapes, "stem.conv1.weight") and _ending(shapes, "res2.0.conv1.weight")):
        return None
    if _ending(shapes, "fpn_output2.weight"):
        return Kind("detectron2", "fpn")
    if _ending(shapes, "box_head.fc1.weight"):
        return Kind("detectron2", "dc5")
    # RetinaNet has a head.cls_score; Caffe2's names have no parts before it.
    has_boxes = "cls_score.weight" in shapes or _ending(shapes, "box_predictor.cls_score.weight")
    return Kind("detectron2", "c4" if has_boxes else None)


def table_of(shapes: Shapes, kind: Kind, background_first: bool = False) -> Table:
    """The layers of a model.

    Args:
        shapes: by name, perhaps without the first parts of the names.
        kind: see `kind_of`.
        background_first: whether the first class is the background, in all layers, as in
            Detectron.
    """
    stem = _ending(shapes, "stem.conv1.weight")
    prefix = {"fpn": "backbone.bottom_up.", "c4": "backbone.", "dc5": "backbone."}.get(
        kind.neck or "", stem.removesuffix("stem.conv1.weight")
    )

    def block(stage: int, index: int, branch: str) -> tuple[str, str]:
        of_heads = kind.neck == "c4" and stage == 5
        name = f"{'roi_heads.' if of_heads else prefix}res{stage}.{index}.{_BRANCHES[branch]}"
        return name, f"{name}.norm"

    blocks = [
        len(numbers_in(shapes, rf"(?:.*\.)?res{stage}\.(\d+)\.conv1\.weight"))
        for stage in range(2, 6)
    ]
    table = resnet(blocks, (f"{prefix}stem.conv1", f"{prefix}stem.conv1.norm"), block)
    if kind.neck is None:
        return table
    if kind.neck == "fpn":
        for level in range(2, 6):
            table[f"fpn_c{level}p{level}"] = convolution(f"backbone.fpn_lateral{level}")
            table[f"fpn_p{level}"] = convolution(f"backbone.fpn_output{level}")
    _add_rpn(table, shapes)
    _add_box_head(table, shapes, background_first)
    if _ending(shapes, "mask_head.deconv.weight"):
        _add_mask_head(table, shapes, () if background_first else (BackgroundAdded(),))
    if _ending(shapes, "score_lowres.weight"):
        _add_keypoint_head(table, shapes)
    return table


def _add_rpn(table: Table, shapes: Shapes) -> None:
    head = "proposal_generator.rpn_head"
    rows = (shapes.get(_ending(shapes, "rpn_head.objectness_logits.weight")) or (0,))[0]
    several = rows > _RATIOS and rows % _RATIOS == 0
    scores: Changes = (RatiosFirst(_RATIOS, 1),) if several else ()
    deltas: Changes = (RatiosFirst(_RATIOS, 4),) if several else ()
    table["rpn_model"] = [
        *convolution(f"{head}.conv"),
        *convolution(f"{head}.objectness_logits", rows=scores),
        *convolution(f"{head}.anchor_deltas", rows=(*deltas, Yx())),
    ]


def _add_box_head(table: Table, shapes: Shapes, background_first: bool) -> None:
    head, predictor = "roi_heads.box_head", "roi_heads.box_predictor"
    last_map = _ending(shapes, "fpn_output2.weight") or _ending(shapes, "res5.0.conv3.weight")
    channels = (shapes.get(last_map) or (0,))[0]
    for number in numbers_in(shapes, r"(?:.*\.)?box_head\.fc(\d+)\.weight", first=1):
        parts = dense_of_cells(f"{head}.fc{number}", channels if number == 1 else 0)
        table[f"mrcnn_class_conv{number}"] = parts
    classes: Changes = () if background_first else (BackgroundFirst(),)
    boxes: Changes = () if background_first else (BackgroundAdded(4),)
    table["mrcnn_class_logits"] = dense(f"{predictor}.cls_score", rows=classes)
    table["mrcnn_bbox_fc"] = dense(f"{predictor}.bbox_pred", rows=(*boxes, Yx()))


def _add_mask_head(table: Table, shapes: Shapes, rows: Changes) -> None:
    head = "roi_heads.mask_head"
    for number in numbers_in(shapes, r"(?:.*\.)?mask_fcn(\d+)\.weight", first=1):
        name = f"{head}.mask_fcn{number}"
        has_norm = bool(_ending(shapes, f"mask_fcn{number}.norm.weight"))
        table[f"mrcnn_mask_conv{number}"] = convolution(name, bias=not has_norm)
        if has_norm:
            table[f"mrcnn_mask_bn{number}"] = norm(f"{name}.norm")
    table["mrcnn_mask_deconv"] = convolution(f"{head}.deconv")
    table["mrcnn_mask"] = convolution(f"{head}.predictor", rows=rows)


def _add_keypoint_head(table: Table, shapes: Shapes) -> None:
    head = "roi_heads.keypoint_head"
    for number in numbers_in(shapes, r"(?:.*\.)?conv_fcn(\d+)\.weight", first=1):
        table[f"mrcnn_keypoint_conv{number}"] = convolution(f"{head}.conv_fcn{number}")
    table["mrcnn_keypoint_deconv"] = convolution(f"{head}.score_lowres")


def by_longest_suffix(names: list[str], wanted: list[str]) -> dict[str, str]:
    """The name in a file for each name in a model: the longest that ends it, at a dot.

    Args:
        names: in the file.
        wanted: in the model.

    Example:
        >>> from mrcnn.weights.foreign.detectron2_names import by_longest_suffix
        >>> by_longest_suffix(["res2.0.conv1.weight"], ["backbone.res2.0.conv1.weight"])
        {'backbone.res2.0.conv1.weight': 'res2.0.conv1.weight'}
    """
    known, found = set(names), {}
    for name in wanted:
        parts = name.split(".")
        ends = (".".join(parts[start:]) for start in range(len(parts)))
        if match := next((end for end in ends if end in known), None):
            found[name] = match
    return found


def _ending(shapes: Shapes, end: str) -> str:
    """The first name that ends so, at a dot; "" if there is none."""
    return next((name for name in shapes if name == end or name.endswith(f".{end}")), "")
