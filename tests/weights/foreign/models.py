"""Small and whole models of other projects for tests: tensors by name."""

import functools
import json
import re
import sys

import numpy as np
import pytest
from shared_data import FOREIGN

MANIFESTS = [
    *(f"torchvision_{name}" for name in ("maskrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn_v2")),
    *(f"torchvision_{name}" for name in ("fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2")),
    "torchvision_keypointrcnn_resnet50_fpn",
    *(f"detectron2_mask_rcnn_{name}_3x" for name in ("R_50_FPN", "R_50_C4", "R_50_DC5")),
    "detectron2_mask_rcnn_X_101_32x8d_FPN_3x",
    "detectron2_faster_rcnn_R_50_FPN_3x",
    "detectron2_keypoint_rcnn_R_50_FPN_3x",
]

PREDICTOR = "roi_heads.box_predictor"


def manifest(name):
    """What lists a model's tensors; skips the test without it."""
    path = FOREIGN / f"{name}.manifest.json"
    if not path.exists():
        pytest.skip("no foreign reference values")
    return json.loads(path.read_text())


def shapes_only(listed, legacy=False):
    """Zeros that take no memory, by name.

    Args:
        listed: a manifest.
        legacy: whether names are those of older files.
    """
    alias = listed.get("legacy_names", {}) if legacy else {}
    return {
        alias.get(row["name"], row["name"]): np.broadcast_to(
            np.zeros((), row["dtype"]), row["shape"]
        )
        for row in listed["tensors"]
    }


def seeded(listed):
    """The tensors of a manifest with their values."""
    sys.path.insert(0, str(FOREIGN))
    try:
        from make_foreign_weights import make_weights
    finally:
        sys.path.remove(str(FOREIGN))
    return make_weights(listed)


def resnet(blocks=(3, 4, 6, 3), width=1, groups=1, convert=lambda name: name):
    """A narrow ResNet in Detectron2's names, with random values.

    Args:
        blocks: of each stage.
        width: channels of stage 2, a quarter of what it puts out.
        groups: of the 3x3 convolutions; above 1, these have twice as many channels.
        convert: function from a name to that of another project.
    """
    rng = np.random.default_rng(0)
    found = {}

    def add(name, *shape):
        found[convert(f"{name}.weight")] = rng.normal(size=shape).astype(np.float32)
        for part in ("weight", "bias", "running_mean"):
            found[convert(f"{name}.norm.{part}")] = rng.normal(size=shape[0]).astype(np.float32)
        variance = rng.uniform(0.5, 2, shape[0]).astype(np.float32)
        found[convert(f"{name}.norm.running_var")] = variance

    add("stem.conv1", width, 3, 7, 7)
    depth = width
    for stage, count in enumerate(blocks, 2):
        inner, out = (
            width * 2 ** (stage - 2) * (2 if groups > 1 else 1),
            4 * width * 2 ** (stage - 2),
        )
        for index in range(count):
            name = f"res{stage}.{index}"
            if index == 0:
                add(f"{name}.shortcut", out, depth, 1, 1)
            add(f"{name}.conv1", inner, depth, 1, 1)
            add(f"{name}.conv2", inner, inner // groups, 3, 3)
            add(f"{name}.conv3", out, inner, 1, 1)
            depth = out
    return found


def caffe2_name(name):
    """The name of a tensor of a backbone in Caffe2's files."""
    name = name.replace("stem.conv1.norm", "res_conv1.norm").replace("stem.conv1", "conv1")
    ends = {
        "norm.weight": "bn_s", "norm.bias": "bn_b", "norm.running_mean": "bn_rm",
        "norm.running_var": "bn_riv", "weight": "w",
    }  # fmt: skip
    for theirs, ours in ends.items():
        if name.endswith(f".{theirs}"):
            name = f"{name.removesuffix(theirs)}{ours}"
    for theirs, ours in (("shortcut", "1"), ("conv1", "2a"), ("conv2", "2b"), ("conv3", "2c")):
        name = re.sub(rf"^(res\d\.\d+)\.{theirs}\.", rf"\1.branch{ours}.", name)
    return name.replace(".", "_")


def torchvision_name(name):
    """The name of a tensor of a backbone in torchvision's files."""
    name = name.replace("stem.conv1.norm", "bn1").replace("stem.conv1", "conv1")
    name = re.sub(r"\.shortcut\.norm", ".downsample.1", name)
    name = re.sub(r"\.shortcut", ".downsample.0", name)
    name = re.sub(r"\.conv(\d)\.norm", r".bn\1", name)
    return re.sub(r"res(\d)", lambda found: f"layer{int(found[1]) - 1}", name)


def narrow(width=64, **changes):
    """torchvision's Mask R-CNN with few channels, in the names of older files.

    Args:
        width: of the backbone; ours has 64.
        changes: tensors that replace others or are added.
    """
    return {**_narrow(width), **changes}


@functools.cache
def _narrow(width):
    classes = 3
    rng = np.random.default_rng(1)
    found = {
        f"backbone.body.{name}": value
        for name, value in resnet(width=width, convert=torchvision_name).items()
    }

    def add(name, *shape, outputs=None):
        found[f"{name}.weight"] = rng.normal(size=shape).astype(np.float32)
        found[f"{name}.bias"] = rng.normal(size=outputs or shape[0]).astype(np.float32)

    for level in range(4):
        add(f"backbone.fpn.inner_blocks.{level}", 16, 256 * 2**level, 1, 1)
        add(f"backbone.fpn.layer_blocks.{level}", 16, 16, 3, 3)
    add("rpn.head.conv", 16, 16, 3, 3)
    add("rpn.head.cls_logits", 3, 16, 1, 1)
    add("rpn.head.bbox_pred", 12, 16, 1, 1)
    add("roi_heads.box_head.fc6", 32, 16 * 49)
    add("roi_heads.box_head.fc7", 32, 32)
    add(f"{PREDICTOR}.cls_score", classes, 32)
    add(f"{PREDICTOR}.bbox_pred", 4 * classes, 32)
    for number in range(1, 5):
        add(f"roi_heads.mask_head.mask_fcn{number}", 16, 16, 3, 3)
    add("roi_heads.mask_predictor.conv5_mask", 16, 16, 2, 2, outputs=16)
    add("roi_heads.mask_predictor.mask_fcn_logits", classes, 16, 1, 1)
    return found
