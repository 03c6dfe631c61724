"""The reference's `parallel_model`: several devices are a setting here."""

import logging

logger = logging.getLogger(__name__)


def ParallelModel(keras_model, gpu_count):
    """The model itself: GPU_COUNT makes `MaskRCNN` train on several devices.

    Args:
        keras_model: any model.
        gpu_count: devices.

    Returns:
        `keras_model`.
    """
    logger.warning(
        "ParallelModel returns the model as it is: set GPU_COUNT = %s in your Config, and "
        "MaskRCNN.train() uses as many devices.",
        gpu_count,
    )
    return keras_model
