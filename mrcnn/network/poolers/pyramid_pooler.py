"""What RoIAlign, RoIPool and RoIWarp share: each RoI is pooled from one level of a pyramid."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from ...config_rules.coordinates import box_margin
from ...config_rules.pooling_rules import LEVEL_RULES
from ...images.meta import parse_image_meta_graph
from ...types import Tensor
from . import levels
from .align import level_of


class PyramidPooler(keras.layers.Layer):
    """Base of the poolers: chooses the level of a RoI and converts its box to cells.

    A box in cells is the box in pixels (see `levels.in_pixels`) times the scale of its level. The
    scale is 1 / stride: the power of two that is nearest to the map's size divided by the image's.
    A pyramid of one map takes all RoIs.

    Args:
        pool_shape: (height, width) of the output, in bins.
        level_rule: how a RoI's level is chosen: "round" (as `PyramidROIAlign` does), "torchvision"
            or "detectron2" (see `levels.floor_level`).
        margin: of normalised boxes, 1 or 0, see `config_rules.coordinates`.

    Call arguments:
        inputs: [boxes [B, R, 4] normalised, image_meta [B, 12 + classes], P2, P3, P4, P5], or one
            map in place of the four.

    Returns:
        Float tensor [B, R, height, width, channels]. No gradient reaches the boxes.

    Raises:
        ValueError: the `level_rule` is unknown.
    """

    operator: Callable[..., Tensor]

    def __init__(
        self,
        pool_shape: Sequence[int],
        level_rule: str = "round",
        margin: float = 1.0,
        **kwargs: Any,
    ) -> None:
        # Boxes need float32, even if features run in half precision.
        super().__init__(**{"dtype": "float32", **kwargs})
        height, width = pool_shape
        self.pool_shape: tuple[int, int] = (height, width)
        if level_rule not in LEVEL_RULES:
            raise ValueError(
                f"level_rule is {level_rule!r}: it must be 'round', 'torchvision' or 'detectron2'."
            )
        self.level_rule: str = level_rule
        self.margin: float = margin

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "pool_shape": list(self.pool_shape),
            "level_rule": self.level_rule,
            "margin": self.margin,
        }

    @classmethod
    def options(cls, config: Any) -> dict[str, Any]:
        """The arguments that a `Config` chooses."""
        return {"level_rule": config.ROI_LEVEL_RULE, "margin": float(box_margin(config))}

    def operator_options(self) -> dict[str, Any]:
        """Further arguments of the layer's operator."""
        return {}

    def call(self, inputs: Any, training: bool = False) -> Tensor:
        """See the class."""
        boxes, image_meta, *pyramid = inputs
        image_shape = parse_image_meta_graph(image_meta)["image_shape"]  # [B, 3]
        pixels = levels.in_pixels(ops.stop_gradient(boxes), image_shape, self.margin)
        if self.level_rule == "round":
            area = ops.cast(image_shape[:, 0] * image_shape[:, 1], "float32")[:, None]
            level = level_of(boxes, area)
        else:
            level = levels.floor_level(pixels, self.level_rule)
        index = ops.minimum(level - 2, len(pyramid) - 1)
        scales = ops.stack([levels.scale_of(x, image_shape) for x in pyramid], axis=1)  # [B, L, 2]
        scale = ops.take_along_axis(scales, index[..., None], axis=1)  # [B, R, 2]
        cells = pixels * ops.concatenate([scale, scale], axis=2)
        return type(self).operator(
            pyramid, cells, index, self.pool_shape, training=training, **self.operator_options()
        )

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """[B, R, height, width, channels]."""
        return (*input_shape[0][:2], *self.pool_shape, input_shape[2][-1])
