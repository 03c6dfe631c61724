"""What the graph is given."""

import keras
from keras import layers, ops

from ..ops import norm_boxes_graph


class NormBoxes(layers.Layer):
    """Boxes in pixels to normalised ones.

    Call arguments:
        inputs: [boxes [B, N, 4] in pixels, image [B, H, W, C], whose size counts].

    Returns:
        Float tensor [B, N, 4], normalised.
    """

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})

    def call(self, inputs):
        """See the class. Zero rows, which are padding, stay zero."""
        boxes, image = inputs
        is_box = ops.any(boxes != 0, axis=-1, keepdims=True)
        return ops.where(is_box, norm_boxes_graph(boxes, ops.shape(image)[1:3]), 0.0)

    def compute_output_spec(self, inputs):
        """[B, N, 4], float32."""
        return keras.KerasTensor(inputs[0].shape, "float32")


def image_inputs(config):
    image = keras.Input(input_shape(config), name="input_image")
    image_meta = keras.Input((config.IMAGE_META_SIZE,), name="input_image_meta", dtype="float32")
    return image, image_meta


def input_shape(config):
    """Height and width are open where each image brings its own."""
    if config.IMAGE_RESIZE_MODE in ("square", "crop"):
        return tuple(int(side) for side in config.IMAGE_SHAPE)
    return (None, None, config.IMAGE_CHANNEL_COUNT)
