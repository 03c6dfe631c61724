"""The graph of an exported model: one image tensor in, named results out."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from ..config import Config
from ..config_rules.coordinates import box_margin
from ..ops import boxes_in_pixels_graph
from ..types import Tensor
from .config_layer import ConfigLayer
from .graph import detections_of
from .precision import precision_of
from .raw_image import RawImage

# Exported outputs by their names in the inference graph. The proposals say which limit, if any, cut
# the detections. The outputs of custom heads keep their names.
RAW = {
    "mrcnn_keypoint": "keypoint_maps",
    "ROI": "proposals",
    "mrcnn_class": "proposal_scores",
    "mrcnn_bbox": "proposal_deltas",
}
_LEFT_OUT = ("mrcnn_detection", "mrcnn_mask", "rpn_class", "rpn_bbox")


def build_exported(
    config: Config, sides: Sequence[int | None], batch: int | None = None
) -> keras.Model:
    """Build the graph that is exported.

    Args:
        config: valid settings, without MIXED_PRECISION.
        sides: (height, width) of the input in pixels; None where a side is open.
        batch: number of images; None leaves it open.

    Returns:
        A model with the input `image` float32 [B, H, W, C], see `RawImage`, and a dict of outputs,
        see `Results`.
    """
    with precision_of(config):
        image = keras.Input((*sides, config.IMAGE_CHANNEL_COUNT), batch, name="image")
        molded, meta = RawImage(config, name="raw_image")(image)
        outputs, _, _ = detections_of(molded, meta, None, config)
        results = Results(config, name="results")([outputs, image])
    return keras.Model(image, results, name="mask_rcnn_exported")


@keras.saving.register_keras_serializable(package="mrcnn")
class Results(ConfigLayer):
    """Converts the outputs of the inference graph to those of an exported model.

    Args:
        config: for BOX_COORDINATES and MASK_CLASS_AGNOSTIC.

    Call arguments:
        inputs: [dict of the inference graph's outputs, see `graph.build_inference`; image
            [B, H, W, C], of which only the size counts].

    Returns:
        dict of tensors. Of D rows, the first `count` are detections, and the others zero.
        `boxes` float32 [B, D, 4] in pixels of the input, not rounded; `class_ids` int32 [B, D];
        `scores` float32 [B, D]; `count` int32 [B]; with a mask head, `masks` float32 [B, D, h, w]
        in 0..1, of the boxes and their classes; with a keypoint head, `keypoint_maps` float32
        [B, D, h, w, K], logits; the outputs of custom heads; and `proposals` [B, R, 4],
        normalised, with `proposal_scores` [B, R, C] and `proposal_deltas` [B, R, C, 4].

    Raises:
        ValueError: a custom head has an output of such a name.
    """

    def __init__(self, config: Config | None = None, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)

    def call(self, inputs: Any) -> dict[str, Tensor]:
        """See the class."""
        outputs, image = inputs
        detections = outputs["mrcnn_detection"]  # [B, D, 6]
        class_ids = ops.cast(detections[..., 4], "int32")
        is_found = class_ids > 0  # [B, D]
        size = ops.stack([ops.cast(ops.shape(image)[axis], "float32") for axis in (1, 2)])
        boxes = boxes_in_pixels_graph(detections[..., :4], size, box_margin(self.config))
        results = {
            "boxes": ops.where(is_found[..., None], boxes, 0.0),
            "class_ids": class_ids,
            "scores": detections[..., 5],
            "count": ops.sum(ops.cast(is_found, "int32"), axis=1),
        }
        if "mrcnn_mask" in outputs:
            masks = _of_class(outputs["mrcnn_mask"], class_ids)
            results["masks"] = ops.where(is_found[..., None, None], masks, 0.0)
        raw = _raw(outputs)
        if taken := sorted(results.keys() & raw.keys()):
            raise ValueError(
                f"a head has the outputs {taken}, which are names of exported outputs: give them "
                "others."
            )
        return {**results, **raw}


def _raw(outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        RAW.get(name, name): tensor for name, tensor in outputs.items() if name not in _LEFT_OUT
    }


def _of_class(masks: Tensor, class_ids: Tensor) -> Tensor:
    """Masks [B, D, h, w] of the classes [B, D], of masks [B, D, h, w, C]; C may be 1."""
    _, count, height, width, classes = masks.shape
    if classes == 1:
        return masks[..., 0]
    flat = ops.reshape(masks, (-1, height * width, classes))
    chosen = ops.reshape(ops.one_hot(class_ids, classes, dtype=masks.dtype), (-1, classes, 1))
    return ops.reshape(ops.matmul(flat, chosen), (-1, count, height, width))
