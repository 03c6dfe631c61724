"""RoIWarp (MNC, section 3.2; Mask R-CNN, section 4.1)."""

import keras

from ... import ops
from .roi_align import ROIAlign


@keras.saving.register_keras_serializable(package="mrcnn")
class ROIWarp(ROIAlign):
    """RoIAlign of a RoI rounded to cells as RoIPool rounds it: bilinear, but not aligned.

    Args and call arguments are those of `ROIAlign`.
    """

    operator = staticmethod(ops.roi_warp)
