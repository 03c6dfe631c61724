"""Heads: the branches of the network over RoIs, one a file."""

from .box import BoxHead
from .head import Features, Found, Head, Matched
from .mask import MaskHead

__all__ = ["BoxHead", "Features", "Found", "Head", "MaskHead", "Matched"]
