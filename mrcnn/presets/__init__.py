"""Complete networks and training recipes as `Config` mixins."""

from .paper import FasterRCNN, PaperC4, PaperFPN, PaperResNeXt
from .small import SmallNetwork

__all__ = ["FasterRCNN", "PaperC4", "PaperFPN", "PaperResNeXt", "SmallNetwork"]
