"""The instances of an image in numpy: masks, boxes, keypoints, and what is computed from them."""

from .boxes import InstanceBoxes
from .instances import Instances
from .keypoint_layout import KeypointLayout
from .keypoints import InstanceKeypoints
from .masks import InstanceMasks, as_instances

__all__ = [
    "InstanceBoxes",
    "InstanceKeypoints",
    "InstanceMasks",
    "Instances",
    "KeypointLayout",
    "as_instances",
]
