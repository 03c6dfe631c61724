"""Heads, one per file: the network's branches over RoIs."""

from .box import BoxHead
from .head import Features, Found, Head, Matched
from .keypoint import KeypointHead
from .mask import MaskHead

__all__ = ["BoxHead", "Features", "Found", "Head", "KeypointHead", "MaskHead", "Matched"]
