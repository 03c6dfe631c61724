"""What the keypoint head learns: the heatmap cell of each keypoint, by cross entropy."""

from typing import Any

import keras
from keras import ops

from ...ops import boxes_in_pixels_graph
from ...types import Tensor
from ..losses import mean_of


@keras.saving.register_keras_serializable(package="mrcnn")
class KeypointTargets(keras.layers.Layer):
    """The cell of the heatmap in which each keypoint of a RoI's instance lies.

    A keypoint counts if it is labelled, hidden or not, and lies in the RoI, as in Detectron2. One
    on the RoI's lower or right edge belongs to the last cell.

    Args:
        side: of the heatmap, in cells.
        margin: of normalised boxes, 1 or 0, see `config_rules.coordinates`.

    Call arguments:
        inputs: [rois [B, R, 4] normalised, class_ids [B, R], 0 for RoIs that are not positive,
            keypoints [B, R, K, 3] of (y, x, visibility) of each RoI's instance, y and x in pixels
            of the network's input, image_shape [B, 3] of (height, width, channels)].

    Returns:
        cells: int32 [B, R, K], `row * side + column`; 0 where a keypoint does not count.
        counts: bool [B, R, K], whether it does.
    """

    def __init__(self, side: int, margin: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.side = side
        self.margin = margin

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), "side": self.side, "margin": self.margin}

    def call(self, inputs: Any) -> tuple[Tensor, Tensor]:
        """See the class."""
        rois, class_ids, keypoints, image_shape = inputs
        pixels = boxes_in_pixels_graph(rois, image_shape[:, None, :2], self.margin)[:, :, None]
        start, length = pixels[..., :2], pixels[..., 2:] - pixels[..., :2]  # [B, R, 1, (y, x)]
        # A keypoint on the edge is inside, even if the pixels of the RoI are rounded.
        within = (keypoints[..., :2] - start) / ops.maximum(length, 1e-6)
        epsilon = 1e-4
        inside = ops.all((within >= -epsilon) & (within <= 1 + epsilon), axis=-1)
        cell = ops.cast(ops.floor(within * self.side), "int32")
        cell = ops.clip(cell, 0, self.side - 1)
        counts = inside & (keypoints[..., 2] > 0) & (class_ids > 0)[..., None]
        cells = cell[..., 0] * self.side + cell[..., 1]
        return ops.where(counts, cells, 0), counts

    def compute_output_spec(self, inputs: Any) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """[B, R, K], int32 and bool."""
        shape = inputs[2].shape[:3]
        return keras.KerasTensor(shape, "int32"), keras.KerasTensor(shape, "bool")


@keras.saving.register_keras_serializable(package="mrcnn")
def mrcnn_keypoint_loss_graph(cells: Tensor, counts: Tensor, logits: Tensor) -> Tensor:
    """Mean cross entropy of the heatmaps, each a softmax over all its cells.

    The mean is over all keypoints of the batch that count, as in torchvision and, by default,
    Detectron2; the paper does not say.

    Args:
        cells: int tensor [B, R, K], `row * w + column` of each keypoint.
        counts: bool tensor [B, R, K], which of them count.
        logits: float tensor [B, R, h, w, K].

    Returns:
        Float scalar.
    """
    height, width = logits.shape[2:4]
    numbers = ops.reshape(ops.arange(height * width, dtype="int32"), (height, width, 1))
    # A product with the one-hot map: on a GPU, the gradient of a look-up is not deterministic.
    target = ops.cast(numbers == ops.cast(cells, "int32")[:, :, None, None], logits.dtype)
    chosen = ops.sum(logits * target, axis=(2, 3))  # [B, R, K]
    return mean_of(ops.logsumexp(logits, axis=(2, 3)) - chosen, counts)
