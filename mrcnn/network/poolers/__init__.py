"""RoI poolers, one per file: the features of each RoI, from the pyramid.

A pooler is a Keras layer class, created as `pooler((height, width), name=...)`. It is called with
[boxes [B, R, 4] normalised, image_meta [B, 12 + classes], P2, P3, P4, P5] and returns
[B, R, height, width, channels]. `Config.ROI_POOLER` takes the class, or a name such as "align".
"""

from .align import PyramidROIAlign

__all__ = ["PyramidROIAlign"]
