"""RoIWarp (MNC, section 3.2; Mask R-CNN, section 4.1)."""

from ... import ops
from .roi_align import ROIAlign


class ROIWarp(ROIAlign):
    """RoIAlign of a RoI rounded to cells as RoIPool rounds it: bilinear, but not aligned.

    Args and call arguments are those of `ROIAlign`.
    """

    operator = staticmethod(ops.roi_warp)
