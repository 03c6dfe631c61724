"""RoI poolers, one per file: the features of each RoI, from the pyramid.

A pooler is a Keras layer class, created as `pooler((height, width), name=...)`. It is called with
[boxes [B, R, 4] normalised, image_meta [B, 12 + classes], P2, P3, P4, P5] and returns
[B, R, height, width, channels]. `Config.ROI_POOLER` takes the class, or a name such as
"roi_align". A class may have a method `options(config)` that returns further arguments.
"""

from .align import PyramidROIAlign
from .roi_align import ROIAlign
from .roi_pool import ROIPool
from .roi_warp import ROIWarp

__all__ = ["PyramidROIAlign", "ROIAlign", "ROIPool", "ROIWarp"]
