"""The graph's inputs, built from their declarations in `mrcnn.loading.inputs`."""

from typing import Any

import keras
from keras import layers, ops

from ..loading.inputs import Input
from ..ops import norm_boxes_graph
from ..types import Tensor


def keras_input(declared: Input) -> keras.KerasTensor:
    """The Keras input for `declared`; its name gets the prefix "input_"."""
    return keras.Input(declared.shape, name=f"input_{declared.name}", dtype=declared.dtype)


@keras.saving.register_keras_serializable(package="mrcnn")
class NormBoxes(layers.Layer):
    """Converts boxes from pixels to normalised coordinates.

    Args:
        margin: 1 or 0, see `config_rules.coordinates`.

    Call arguments:
        inputs: [boxes [B, N, 4] in pixels, image [B, H, W, C], of which only the size counts].

    Returns:
        Float tensor [B, N, 4], normalised.
    """

    def __init__(self, margin: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.margin: float = margin

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), "margin": self.margin}

    def call(self, inputs: Any) -> Tensor:
        """See the class. Zero rows are padding and stay zero."""
        boxes, image = inputs
        is_box = ops.any(boxes != 0, axis=-1, keepdims=True)
        normalised = norm_boxes_graph(boxes, ops.shape(image)[1:3], self.margin)
        return ops.where(is_box, normalised, 0.0)

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """[B, N, 4], float32."""
        return keras.KerasTensor(inputs[0].shape, "float32")
