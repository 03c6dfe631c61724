"""RoIAlign with several sampling points a bin (Mask R-CNN, section 3)."""

from typing import Any

import keras

from ... import ops
from .pyramid_pooler import PyramidPooler


@keras.saving.register_keras_serializable(package="mrcnn")
class ROIAlign(PyramidPooler):
    """RoIAlign as the paper defines it; its values are torchvision's and Detectron2's.

    Args:
        pool_shape: (height, width) of the output, in bins.
        sampling_ratio: points per bin along each axis; 0 for as many as the bin has cells along it,
            rounded up.
        aggregation: "avg" or "max" of the points.
        aligned: whether a cell's centre lies half a cell from its edge (Detectron2), or boxes are
            not shifted (torchvision).
        level_rule, margin: see `PyramidPooler`.

    Call arguments:
        inputs: [boxes [B, R, 4] normalised, image_meta [B, 12 + classes], P2, P3, P4, P5], or one
            map in place of the four.

    Returns:
        Float tensor [B, R, height, width, channels]. No gradient reaches the boxes.

    Example:
        >>> from mrcnn.network.poolers import ROIAlign
        >>> columns = np.arange(8, dtype="float32").reshape(1, 1, 8, 1)
        >>> level = np.repeat(columns, 8, axis=1)  # stride 16; a cell's value is its column
        >>> meta = np.zeros((1, 13), "float32")
        >>> meta[:, 4:7] = (128, 128, 3)  # the network's input
        >>> boxes = np.array([[[0, 0, 1, 1]]], "float32")  # the whole image
        >>> np.array(ROIAlign((4, 4), sampling_ratio=2)([boxes, meta, level]))[0, 0, 0, :, 0]
        array([0.5, 2.5, 4.5, 6.5], dtype=float32)
    """

    operator = staticmethod(ops.roi_align)

    def __init__(
        self,
        pool_shape: Any,
        sampling_ratio: int = 0,
        aggregation: str = "avg",
        aligned: bool = True,
        level_rule: str = "round",
        margin: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_shape, level_rule, margin, **kwargs)
        self.sampling_ratio: int = sampling_ratio
        self.aggregation: str = aggregation
        self.aligned: bool = aligned

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), **self.operator_options()}

    @classmethod
    def options(cls, config: Any) -> dict[str, Any]:
        """The arguments that a `Config` chooses."""
        return super().options(config) | {
            "sampling_ratio": config.SAMPLING_RATIO,
            "aggregation": config.ROI_ALIGN_AGGREGATION,
            "aligned": config.ROI_ALIGN_ALIGNED,
        }

    def operator_options(self) -> dict[str, Any]:
        """See `PyramidPooler`."""
        return {
            "sampling_ratio": self.sampling_ratio,
            "aggregation": self.aggregation,
            "aligned": self.aligned,
        }
