"""RoIPool (Fast R-CNN, section 2.1), which RoIAlign replaces."""

import keras

from ... import ops
from .pyramid_pooler import PyramidPooler


@keras.saving.register_keras_serializable(package="mrcnn")
class ROIPool(PyramidPooler):
    """The maximum of each bin's cells; the RoI and its bins are rounded to cells.

    Args and call arguments are those of `PyramidPooler`.
    """

    operator = staticmethod(ops.roi_pool)
