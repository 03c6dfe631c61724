"""The start of an exported graph: pixels in, the network's two inputs out."""

from typing import Any

import keras
import numpy as np
from keras import ops

from ..config import Config
from ..images.normalising import PADDING
from ..types import Tensor
from .config_layer import ConfigLayer


@keras.saving.register_keras_serializable(package="mrcnn")
class RawImage(ConfigLayer):
    """Normalises pixels and finds the window, as `mold_input` does outside of the graph.

    Args:
        config: for MEAN_PIXEL, PIXEL_STD, IMAGE_RESIZE_MODE and NUM_CLASSES.

    Call arguments:
        image: float32 tensor [B, H, W, C], RGB in 0..255 as the image was resized. Pixels of
            -1e9, `normalising.PADDING`, are padding, which may surround each image of the batch.

    Returns:
        molded_images: float32 tensor [B, H, W, C].
        image_metas: float32 tensor [B, 12 + NUM_CLASSES].
    """

    def __init__(self, config: Config | None = None, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)

    def call(self, image: Any) -> tuple[Tensor, Tensor]:
        """See the class."""
        config = self.config
        image = ops.cast(image, "float32")
        is_padding = image[..., :1] < PADDING / 2  # [B, H, W, 1]
        mean, std = np.asarray(config.MEAN_PIXEL), np.asarray(config.PIXEL_STD)
        molded = (ops.where(is_padding, 0.0, image) - mean.astype(np.float32)) / std.astype(
            np.float32
        )
        if config.IMAGE_RESIZE_MODE == "short_side":
            molded = ops.where(is_padding, 0.0, molded)
        return molded, self._metas(image, ops.logical_not(is_padding[..., 0]))

    def _metas(self, image: Tensor, is_inside: Tensor) -> Tensor:
        batch, height, width, channels = ops.shape(image)
        y1, y2 = _extent(ops.any(is_inside, axis=2))  # [B, 1] each
        x1, x2 = _extent(ops.any(is_inside, axis=1))
        one = ops.ones_like(y1)
        sizes = [ops.cast(side, "float32") * one for side in (height, width, channels)]
        rest = ops.zeros((batch, self.config.NUM_CLASSES), "float32")
        # The image id, the shapes before and after resizing, the window, the scale, the classes.
        return ops.concatenate([0 * one, *sizes, *sizes, y1, x1, y2, x2, one, rest], axis=1)

    def compute_output_spec(self, image: Any) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """[B, H, W, C] and [B, 12 + NUM_CLASSES], float32."""
        meta = (image.shape[0], 12 + self.config.NUM_CLASSES)
        return keras.KerasTensor(image.shape, "float32"), keras.KerasTensor(meta, "float32")


def _extent(flags: Tensor) -> tuple[Tensor, Tensor]:
    """First and last true entry plus 1 of each row of flags [B, N], float32 [B, 1] each."""
    count = ops.shape(flags)[1]
    places = ops.cast(ops.arange(count), "float32")[None]  # [1, N]
    first = ops.min(ops.where(flags, places, ops.cast(count, "float32")), axis=1, keepdims=True)
    last = ops.max(ops.where(flags, places + 1.0, 0.0), axis=1, keepdims=True)
    return ops.minimum(first, last), last
