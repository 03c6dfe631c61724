"""RoIAlign over the pyramid (Mask R-CNN, section 3; FPN, equation 1)."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ...images.meta import parse_image_meta_graph
from ...ops import crop_pyramid
from ...types import Tensor


@keras.saving.register_keras_serializable(package="mrcnn")
class PyramidROIAlign(keras.layers.Layer):
    """The features of each RoI, from the pyramid level that suits its size.

    The level is `4 + round(log2(sqrt(h * w) / (224 / sqrt(image area))))` clipped to 2..5, with
    h and w normalised: a RoI of 224 pixels is pooled from P4. Each bin is one bilinear sample.

    Args:
        pool_shape: (height, width) of the output.

    Call arguments:
        inputs: [boxes [B, R, 4] normalised, image_meta [B, 12 + classes], P2, P3, P4, P5], or one
            map in place of the four.

    Returns:
        Float tensor [B, R, height, width, channels]. No gradient reaches the boxes.

    Example:
        >>> from mrcnn.network.poolers import PyramidROIAlign
        >>> pyramid = [np.full((1, side, side, 3), side, "float32") for side in (32, 16, 8, 4)]
        >>> boxes = np.array([[[0, 0, 1, 1], [0, 0, 0.5, 0.5]]], "float32")
        >>> meta = np.zeros((1, 13), "float32")
        >>> meta[:, 4:7] = (448, 448, 3)  # the network's input
        >>> features = PyramidROIAlign((7, 7))([boxes, meta, *pyramid])
        >>> np.array(features)[0, :, 0, 0, 0]  # from P5, of 4 x 4 cells, and from P4
        array([4., 8.], dtype=float32)
    """

    def __init__(self, pool_shape: Sequence[int], **kwargs: Any) -> None:
        # Boxes and the image area need float32, even if features run in half precision.
        super().__init__(**{"dtype": "float32", **kwargs})
        height, width = pool_shape
        self.pool_shape: tuple[int, int] = (height, width)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), "pool_shape": list(self.pool_shape)}

    def call(self, inputs: Any, training: bool = False) -> Tensor:
        """See the class."""
        boxes, image_meta, *pyramid = inputs
        image_shape = parse_image_meta_graph(image_meta)["image_shape"]  # [B, 3]
        image_area = ops.cast(image_shape[:, 0] * image_shape[:, 1], "float32")[:, None]
        level = ops.minimum(level_of(boxes, image_area) - 2, len(pyramid) - 1)
        return crop_pyramid(pyramid, boxes, level, self.pool_shape, training=training)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """[B, R, height, width, channels]."""
        return (*input_shape[0][:2], *self.pool_shape, input_shape[2][-1])


def level_of(boxes: Tensor, image_area: Tensor) -> Tensor:
    """The pyramid level, 2 to 5, that each box is pooled from.

    Args:
        boxes: float tensor [B, R, 4], normalised.
        image_area: float tensor [B, 1] in pixels.

    Returns:
        Int32 tensor [B, R].

    Example:
        >>> from mrcnn.network.poolers.align import level_of
        >>> boxes = np.array([[[0, 0, 1, 1], [0, 0, 0.5, 0.5], [0, 0, 0.25, 0.25]]], "float32")
        >>> np.array(level_of(boxes, np.array([[448.0 * 448]], "float32")))
        array([[5, 4, 3]], dtype=int32)
    """
    height, width = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    level = 4.0 + ops.round(log2_graph(ops.sqrt(height * width) / (224.0 / ops.sqrt(image_area))))
    # Padding rows have no area, so their level is -inf until it is clipped.
    return ops.cast(ops.clip(level, 2.0, 5.0), "int32")


def log2_graph(x: Tensor) -> Tensor:
    """Base-2 logarithm of `x`, a float tensor of any shape."""
    return ops.log(x) / math.log(2.0)
