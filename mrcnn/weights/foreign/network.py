"""Settings of a network that follow from its layers' shapes."""

import re
from typing import Any

from ..facts import facts
from ..objectness import LAYER, logits_of
from ..source import WeightsSource


def network_settings(source: WeightsSource) -> dict[str, Any]:
    """The settings of the network whose weights these are, as far as shapes tell.

    Args:
        source: with layers by our names.

    Returns:
        Values by the names of `Config`: BACKBONE, and unless it is a backbone alone HEADS,
        NUM_CLASSES, and the numbers, widths and norms of the other layers.
    """
    known = facts(source)
    shapes = {name: source.shapes(name) for name in source.layer_names}
    found: dict[str, Any] = {"BACKBONE": known.backbone} if known.backbone else {}
    if not known.heads:
        return found
    found |= {"HEADS": known.heads, "NUM_CLASSES": known.num_classes}
    if "fpn_c5p5" in shapes:
        found["TOP_DOWN_PYRAMID_SIZE"] = shapes["fpn_c5p5"][0][-1]
        found["FPN_NORM"] = "fpn_c5p5_bn" in shapes
    if rpn := shapes.get(LAYER):
        found["RPN_CHANNELS"] = rpn[0][-1]
        found["RPN_CONVOLUTIONS"] = len(rpn) // 2 - 2
        found["RPN_LOGITS"] = logits_of(rpn)
    found |= _box_head(shapes)
    if "mrcnn_mask_conv1" in shapes:
        found["MASK_HEAD_CHANNELS"] = shapes["mrcnn_mask_conv1"][0][-1]
        found["MASK_HEAD_NORM"] = "mrcnn_mask_bn1" in shapes
    if "mrcnn_keypoint_conv1" in shapes:
        found["KEYPOINT_HEAD_CHANNELS"] = shapes["mrcnn_keypoint_conv1"][0][-1]
        found["KEYPOINT_HEAD_LAYERS"] = _count(shapes, r"mrcnn_keypoint_conv\d+")
    if "mrcnn_keypoint_deconv" in shapes:
        found["NUM_KEYPOINTS"] = shapes["mrcnn_keypoint_deconv"][0][2]
    return found


def _box_head(shapes: dict[str, list[tuple[int, ...]]]) -> dict[str, Any]:
    if "mrcnn_class_conv1" not in shapes:  # stage 5 is the head
        return {}
    side, *_, width = shapes["mrcnn_class_conv1"][0]
    found: dict[str, Any] = {
        "POOL_SIZE": side,
        "FPN_CLASSIF_FC_LAYERS_SIZE": width,
        "BOX_HEAD_LAYERS": _count(shapes, r"mrcnn_class_conv\d+"),
        "BOX_HEAD_CONVOLUTIONS": _count(shapes, r"mrcnn_class_spatial\d+"),
        "BOX_HEAD_NORM": None,
    }
    if "mrcnn_class_spatial1" in shapes:
        found["BOX_HEAD_CHANNELS"] = shapes["mrcnn_class_spatial1"][0][-1]
    if "mrcnn_class_bn1" in shapes:
        found["BOX_HEAD_NORM"] = "all"
    elif "mrcnn_class_spatial_bn1" in shapes:
        found["BOX_HEAD_NORM"] = "convolutions"
    return found


def _count(shapes: dict[str, list[tuple[int, ...]]], pattern: str) -> int:
    return sum(bool(re.fullmatch(pattern, name)) for name in shapes)
