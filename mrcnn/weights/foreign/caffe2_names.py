"""Names of Caffe2, which Detectron and its ImageNet backbones have, as Detectron2's names."""

import re

# In order, as regular expressions, on a name whose underscores are dots.
_ENDINGS = (
    (r"\.b$", ".bias"),
    (r"\.w$", ".weight"),
    (r"\.bn\.(?:s|gamma)$", ".norm.weight"),
    (r"\.bn\.(?:bias|beta)$", ".norm.bias"),
    (r"\.bn\.(?:rm|running\.mean)$", ".norm.running_mean"),
    (r"\.bn\.(?:riv|running\.var)$", ".norm.running_var"),
)
_STARTS = (
    (r"^res\.conv1\.norm\.", "stem.conv1.norm."),
    (r"^conv1\.", "stem.conv1."),
    (r"^(res\d+\.\d+)\.branch1\.", r"\1.shortcut."),
    (r"^(res\d+\.\d+)\.branch2a\.", r"\1.conv1."),
    (r"^(res\d+\.\d+)\.branch2b\.", r"\1.conv2."),
    (r"^(res\d+\.\d+)\.branch2c\.", r"\1.conv3."),
    (r"^fpn\.inner\.res(\d)\.\d+\.sum(?:\.lateral)?\.", r"fpn_lateral\1."),
    (r"^fpn\.res(\d)\.\d+\.sum\.", r"fpn_output\1."),
    (r"^conv\.rpn(?:\.fpn2)?\.", "rpn_head.conv."),
    (r"^rpn\.cls\.logits(?:\.fpn2)?\.", "rpn_head.objectness_logits."),
    (r"^rpn\.bbox\.pred(?:\.fpn2)?\.", "rpn_head.anchor_deltas."),
    (r"^fc6\.", "box_head.fc1."),
    (r"^fc7\.", "box_head.fc2."),
    (r"^cls\.score\.", "cls_score."),
    (r"^bbox\.pred\.", "bbox_pred."),
    (r"^\.?(?:\[mask\]|mask)\.fcn(\d+)\.", r"mask_head.mask_fcn\1."),
    (r"^conv5\.mask\.", "mask_head.deconv."),
    (r"^mask\.fcn\.logits\.", "mask_head.predictor."),
    (r"^conv\.fcn(\d+)\.", r"keypoint_head.conv_fcn\1."),
    (r"^kps\.score\.lowres\.", "keypoint_head.score_lowres."),
    (r"^pred\.", "linear."),
)
# Blobs of a training run, and the fixed kernel that enlarges keypoint maps.
_IGNORED = re.compile(r".*_momentum|lr|weight_order|kps_score_[wb]")


def is_caffe2(names: list[str]) -> bool:
    """Whether a file's names are those of Caffe2."""
    return "conv1_w" in names and "res2_0_branch2a_w" in names


def is_ignored(name: str) -> bool:
    """Whether a blob has no part in the network.

    Args:
        name: of the blob.
    """
    return bool(_IGNORED.fullmatch(name))


def detectron2_name(name: str) -> str:
    """The end of the name that Detectron2 gives a blob.

    Example:
        >>> from mrcnn.weights.foreign.caffe2_names import detectron2_name
        >>> detectron2_name("res2_0_branch2a_bn_s"), detectron2_name("fpn_res4_5_sum_w")
        ('res2.0.conv1.norm.weight', 'fpn_output4.weight')
    """
    name = name.replace("_", ".")
    for pattern, replacement in (*_ENDINGS, *_STARTS):
        name = re.sub(pattern, replacement, name)
    return name
