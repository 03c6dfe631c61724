"""RoI poolers: the features of each RoI, from the pyramid, one a file.

A pooler is a Keras layer class that is made as `pooler((height, width), name=...)` and called with
[boxes [B, R, 4] normalised, image_meta [B, 12 + classes], P2, P3, P4, P5]; it gives
[B, R, height, width, channels]. `Config.ROI_POOLER` takes one of the names here, or the class.
"""

from .align import PyramidROIAlign

__all__ = ["PyramidROIAlign"]
