"""Stand-in for `parallel_model` of matterport's Mask_RCNN: here, GPU_COUNT replaces it."""

import logging
from typing import Any

logger = logging.getLogger(__name__)


def ParallelModel(keras_model: Any, gpu_count: int) -> Any:
    """Return the model unchanged: with GPU_COUNT set, `MaskRCNN` trains on several devices.

    Args:
        keras_model: any model.
        gpu_count: number of devices.

    Returns:
        `keras_model`.
    """
    logger.warning(
        "ParallelModel returns the model unchanged: set GPU_COUNT = %s in your Config, and "
        "MaskRCNN.train() will use that many devices.",
        gpu_count,
    )
    return keras_model
