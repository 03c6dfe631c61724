"""The keypoint head (Mask R-CNN, section 5): a one-hot heatmap for each keypoint."""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

from ...config import Config
from ...config_rules.coordinates import box_margin
from ...config_rules.values import is_integer
from ...decoding.fields import located
from ...instances.keypoint_layout import check_flip_pairs
from ...loading.inputs import Input, keypoint_input
from ...types import Array, Tensor
from ..layers import Conv2D, Conv2DTranspose
from .head import Features, Found, Head, Matched
from .keypoint_targets import KeypointTargets, mrcnn_keypoint_loss_graph

# A heatmap's side, per cell of the RoI features: the transposed convolution doubles them, then
# bilinear interpolation.
SCALE = 4


class KeypointHead(Head):
    """Predicts where in each RoI the keypoints are; the maps do not depend on the class."""

    name = "keypoint"
    field = "keypoints"
    needs = ("keypoints",)
    loss_names = ("mrcnn_keypoint_loss",)
    layer_names = r"mrcnn_keypoint.*"

    @classmethod
    def problems(cls, config: Config) -> list[str]:
        """See `Head.problems`.

        Args:
            config: NUM_KEYPOINTS, KEYPOINT_POOL_SIZE, KEYPOINT_HEAD_LAYERS,
                KEYPOINT_HEAD_CHANNELS, KEYPOINT_FLIP_PAIRS.
        """
        found = []
        names = (
            "NUM_KEYPOINTS", "KEYPOINT_POOL_SIZE", "KEYPOINT_HEAD_LAYERS", "KEYPOINT_HEAD_CHANNELS",
        )  # fmt: skip
        for name in names:
            value = getattr(config, name)
            if not is_integer(value) or value < 1:
                found.append(f"{name} is {value!r}: it must be a whole number of at least 1.")
        if config.KEYPOINT_FLIP_PAIRS is not None and not found:
            try:
                check_flip_pairs(config.KEYPOINT_FLIP_PAIRS, config.NUM_KEYPOINTS)
            except (TypeError, ValueError) as error:
                found.append(f"KEYPOINT_FLIP_PAIRS is {config.KEYPOINT_FLIP_PAIRS!r}: {error}")
        return found

    @classmethod
    def inputs(cls, config: Config) -> list[Input]:
        """See `Head.inputs`.

        Args:
            config: see `keypoint_input`.
        """
        return [keypoint_input(config)]

    def build(self, features: Features) -> None:
        """See `Head.build`."""
        config = self.config
        self.graph = keypoint_head(
            features.pooler(config.KEYPOINT_POOL_SIZE, name="roi_align_keypoint"),
            config.NUM_KEYPOINTS,
            config.KEYPOINT_HEAD_LAYERS,
            config.KEYPOINT_HEAD_CHANNELS,
        )

    def outputs(self, rois: Tensor) -> dict[str, Tensor]:
        """`mrcnn_keypoint` [B, R, side, side, K], logits; side is 4 * KEYPOINT_POOL_SIZE.

        Args:
            rois: float tensor [B, R, 4], normalised.
        """
        return {"mrcnn_keypoint": self.graph(rois)}

    def train(self, matched: Matched) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """See `Head.train`; RoIs that cannot be positive have no keypoints and are left out."""
        learners = matched.positives
        learned = self.graph(matched.rois[:, :learners])
        cells, counts = self.targets(matched)
        loss = self.loss("mrcnn_keypoint_loss", mrcnn_keypoint_loss_graph, [cells, counts, learned])
        maps = learned
        if learners < self.config.TRAIN_ROIS_PER_IMAGE:
            # Computed only when this output is requested.
            maps = ops.concatenate([learned, self.graph(matched.rois[:, learners:])], axis=1)
        return {"mrcnn_keypoint": maps}, {"mrcnn_keypoint_loss": loss}

    def targets(self, matched: Matched) -> tuple[Tensor, Tensor]:
        """The heatmap cell of each keypoint of the first RoIs, see `KeypointTargets`.

        Args:
            matched: the training RoIs.
        """
        first, side = matched.positives, SCALE * self.config.KEYPOINT_POOL_SIZE
        return KeypointTargets(side, box_margin(self.config), name="keypoint_targets")(
            [
                matched.rois[:, :first],
                matched.class_ids[:, :first],
                matched.of("keypoints")[:, :first],
                matched.image_shape,
            ]
        )

    def decode(self, outputs: dict[str, Array], found: Found) -> Array:
        """The keypoints, float32 [N, K, 3] of (y, x, score), y and x in pixels of the image.

        They are decoded in the network's input, where the maps were made, and scaled to the image;
        see `keypoints_of_heatmaps` for the scores, and KEYPOINT_SCORES for which of them it is.

        Args:
            outputs, found: see `Head.decode`.
        """
        maps = outputs["mrcnn_keypoint"][found.rows]
        boxes = outputs["mrcnn_detection"][found.rows, :4]
        return located(maps, boxes, found, self.config.KEYPOINT_SCORES)


def keypoint_head(
    pool: Callable[[Tensor], Tensor], num_keypoints: int, depth: int = 8, channels: int = 512
) -> Callable[[Tensor], Tensor]:
    """Create the layers of the head.

    Args:
        pool: function from RoIs [B, R, 4], normalised, to their features
            [B, R, side, side, channels].
        num_keypoints: K, number of heatmaps.
        depth: number of 3x3 convolutions.
        channels: output channels of each.

    Returns:
        Function (rois) -> logits [B, R, 4 * side, 4 * side, K]; all calls use the same layers.
    """
    blocks = [
        Conv2D(
            channels,
            (3, 3),
            padding="same",
            activation="relu",
            # With Keras's default, the signal would vanish over eight layers.
            kernel_initializer=keras.initializers.HeNormal(),
            name=f"mrcnn_keypoint_conv{index}",
        )
        for index in range(1, depth + 1)
    ]
    deconv = Conv2DTranspose(
        num_keypoints,
        (4, 4),
        strides=2,
        padding="same",
        # All cells are equally likely at first.
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.001),
        dtype="float32",
        name="mrcnn_keypoint_deconv",
    )
    double = Doubled(name="mrcnn_keypoint")

    def graph(rois: Tensor) -> Tensor:
        x = pool(rois)
        for convolution in blocks:
            x = convolution(x)
        return double(deconv(x))

    return graph


@keras.saving.register_keras_serializable(package="mrcnn")
class Doubled(layers.Layer):
    """Bilinear interpolation to twice the height and width, the border repeated beyond the ends.

    Call arguments:
        inputs: float tensor [B, R, h, w, channels].

    Returns:
        Float32 tensor [B, R, 2 * h, 2 * w, channels].
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})

    def call(self, inputs: Any) -> Tensor:
        """See the class."""
        return _doubled(_doubled(inputs, 2), 3)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """[B, R, 2 * h, 2 * w, channels]."""
        batch, rois, height, width, channels = input_shape
        return batch, rois, 2 * height, 2 * width, channels


def _doubled(x: Tensor, axis: int) -> Tensor:
    """`x` with twice as many elements along an axis, a quarter of a cell from the original ones."""
    size = x.shape[axis]
    before = ops.concatenate([_part(x, axis, 0, 1), _part(x, axis, 0, size - 1)], axis)
    after = ops.concatenate([_part(x, axis, 1, size), _part(x, axis, size - 1, size)], axis)
    both = ops.stack([0.25 * before + 0.75 * x, 0.75 * x + 0.25 * after], axis=axis + 1)
    return ops.reshape(both, (-1, *x.shape[1:axis], 2 * size, *x.shape[axis + 1 :]))


def _part(x: Tensor, axis: int, first: int, end: int) -> Tensor:
    return x[(slice(None),) * axis + (slice(first, end),)]
