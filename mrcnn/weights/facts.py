"""What the layers of a weights file tell about its network: backbone, heads, classes, size."""

import collections
import dataclasses
import math
import re

from .source import WeightsSource

# A ResNet's depth by the number of blocks in its stages 2 to 5.
_DEPTHS: dict[tuple[int, ...], int] = {(3, 4, 6, 3): 50, (3, 4, 23, 3): 101, (3, 8, 36, 3): 152}


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is known of a network from its layers.

    Attributes:
        layers: number of layers with weights.
        parameters: number of their values.
        backbone: its BACKBONE, such as "resnet101"; None if the layers are not those of a known
            one.
        heads: names of its heads, such as ("box", "mask"); empty for a backbone alone.
        num_classes: number of classes, the background included; None without a box head.
        channels: number of channels that the first convolution takes; None if that is unknown.
    """

    layers: int
    parameters: int
    backbone: str | None
    heads: tuple[str, ...]
    num_classes: int | None
    channels: int | None

    @property
    def kind(self) -> str:
        """What the network is called."""
        if "keypoint" in self.heads:
            return "Keypoint R-CNN" if "mask" not in self.heads else "Mask R-CNN with keypoints"
        if "mask" in self.heads:
            return "Mask R-CNN"
        if self.heads:
            return "Faster R-CNN (boxes only)"
        return "a backbone alone" if self.backbone else "another network"


def facts(source: WeightsSource) -> Facts:
    """What the layers of an open weights file tell; no tensor is read.

    Args:
        source: see `readers.open_source`.

    Raises:
        ValueError: the file is damaged.
    """
    shapes = {name: source.shapes(name) for name in source.layer_names if source.has_weights(name)}
    logits = shapes.get("mrcnn_class_logits")
    heads = [
        head
        for head, layer in (("box", "class_logits"), ("mask", "mask"), ("keypoint", "keypoint"))
        if any(name.startswith(f"mrcnn_{layer}") for name in shapes)
    ]
    stem = next((shapes[name] for name in ("conv1", "block1_conv1", "conv") if name in shapes), [])
    return Facts(
        layers=len(shapes),
        parameters=sum(math.prod(shape) for layer in shapes.values() for shape in layer),
        backbone=_backbone(shapes),
        heads=tuple(heads),
        num_classes=logits[-1][-1] if logits and logits[-1] else None,
        channels=stem[0][2] if stem and len(stem[0]) == 4 else None,
    )


def _backbone(shapes: dict[str, list[tuple[int, ...]]]) -> str | None:
    if "small5" in shapes:
        return "small_resnet"
    if "block5_conv3" in shapes:
        return "vgg16"
    if any(name.startswith("expanded_conv") for name in shapes):
        return "mobilenet_v3_large"
    found = (re.fullmatch(r"res([2-5])[a-z]+\d*_branch2b", name) for name in shapes)
    counts = collections.Counter(match[1] for match in found if match)
    depth = _DEPTHS.get(tuple(counts[stage] for stage in "2345"))
    if depth is None:
        return None
    kernel, last = (next(iter(shapes.get(f"res2a_branch2{x}", [])), ()) for x in "bc")
    if len(kernel) == 4 and 0 < kernel[2] < kernel[3]:  # grouped
        return f"resnext{depth}_{kernel[3] // kernel[2]}x{kernel[2]}d"
    is_wide = len(kernel) == len(last) == 4 and last[3] != 4 * kernel[3]
    return None if is_wide else f"resnet{depth}"
