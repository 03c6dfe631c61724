"""From the RPN's output to region proposals (Faster R-CNN, section 3.1)."""

from typing import Any

import keras
from keras import ops

from ..anchors.pyramid import anchors_per_cell, generate_anchors
from ..config import Config
from ..config_rules.coordinates import box_margin
from ..ops import (
    apply_box_deltas_graph,
    clip_boxes_graph,
    gather_rows,
    non_max_suppression,
    non_max_suppression_by_group,
    norm_boxes_graph,
)
from ..types import Tensor
from .config_layer import ConfigLayer
from .image_frame import sides_exceed, windows_of


def needs_more(config: Config) -> bool:
    """Whether the settings make a `ProposalLayer` need more than its first three inputs.

    Args:
        config: for RPN_NMS_BY_LEVEL, RPN_CLIP_TO_IMAGE and RPN_MIN_SIZE.
    """
    return bool(
        config.RPN_NMS_BY_LEVEL or config.RPN_CLIP_TO_IMAGE or config.RPN_MIN_SIZE is not None
    )


@keras.saving.register_keras_serializable(package="mrcnn")
class ProposalLayer(ConfigLayer):
    """The best-scoring anchors, refined, clipped to the image and thinned by NMS.

    Args:
        proposal_count: number of proposals per image, padded with zero rows if there are fewer.
        nms_threshold: IoU above which the lower-scoring of two boxes is dropped.
        config: for RPN_BBOX_STD_DEV, RPN_NMS_BY_LEVEL, RPN_MIN_SIZE, RPN_CLIP_TO_IMAGE,
            BOX_DELTA_LIMIT and PRE_NMS_LIMIT.
        pre_nms_limit: number to use instead of PRE_NMS_LIMIT.

    Call arguments:
        inputs: [rpn_probs [B, A, 2], rpn_bbox [B, A, 4] (deltas divided by RPN_BBOX_STD_DEV),
            anchors [B, A, 4] normalised]. Where `needs_more`, followed by [rpn_class_logits
            [B, A, 2], image_meta [B, 12 + C], and the feature maps that have anchors, of which only
            the sizes count].

    Returns:
        Float tensor [B, proposal_count, 4], normalised.
    """

    def __init__(
        self,
        proposal_count: int,
        nms_threshold: float,
        config: Config | None = None,
        pre_nms_limit: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(config, **kwargs)
        self.proposal_count = proposal_count
        self.nms_threshold = nms_threshold
        self.pre_nms_limit = pre_nms_limit

    def call(self, inputs: Any) -> Tensor:
        """See the class."""
        return self.steps(inputs)["proposals"]

    def steps(self, inputs: Any) -> dict[str, Tensor]:
        """Each step's boxes by name, for the notebooks.

        Args:
            inputs: see the class.

        Returns:
            dict of tensors: `pre_nms_anchors`, `refined_anchors`, `refined_anchors_clipped`
            (each [B, K, 4], normalised, best score first, with RPN_NMS_BY_LEVEL on each level),
            `rpn_non_max_suppression` (int32 [proposal_count], indices of the first image's kept
            boxes, then zeros), `proposals`.

        Raises:
            ValueError: the settings need more inputs.
        """
        config, count, threshold = self.config, self.proposal_count, self.nms_threshold
        probs, deltas, anchors, *more = inputs
        if needs_more(config) and not more:
            raise ValueError(
                "ProposalLayer has 3 inputs: RPN_NMS_BY_LEVEL, RPN_MIN_SIZE and RPN_CLIP_TO_IMAGE "
                "also need rpn_class_logits, image_meta and the feature maps that have anchors."
            )
        valid, window = None, ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0])
        if config.RPN_NMS_BY_LEVEL:
            logits, _, *maps = more
            scores, best, valid = self._best_of_levels(logits[..., 1] - logits[..., 0], maps)
        else:
            scores = probs[:, :, 1]  # [B, A]
            scores, best = ops.top_k(scores, _at_most(self._limit(), ops.shape(scores)[1]))
        std_dev = ops.convert_to_tensor(config.RPN_BBOX_STD_DEV, "float32")
        deltas = gather_rows(deltas, best) * std_dev
        anchors = gather_rows(anchors, best)
        refined = apply_box_deltas_graph(anchors, deltas, config.BOX_DELTA_LIMIT)
        if config.RPN_CLIP_TO_IMAGE:
            window = windows_of(more[1], config)
        clipped = clip_boxes_graph(refined, window)
        if config.RPN_MIN_SIZE is not None:
            large = sides_exceed(clipped, more[1], config.RPN_MIN_SIZE, config)
            valid = large if valid is None else valid & large
        if config.RPN_NMS_BY_LEVEL:
            levels = (ops.shape(scores)[0], len(maps), ops.shape(scores)[1] // len(maps))
            indices, kept = non_max_suppression_by_group(
                ops.reshape(clipped, (*levels, 4)),
                ops.reshape(scores, levels),
                count,
                threshold,
                ops.reshape(valid, levels),
            )
        else:
            indices, kept = non_max_suppression(clipped, scores, count, threshold, valid)
        is_kept = ops.arange(count) < kept[:, None]  # [B, proposal_count]
        proposals = ops.where(is_kept[..., None], gather_rows(clipped, indices), 0.0)
        return {
            "pre_nms_anchors": anchors,
            "refined_anchors": refined,
            "refined_anchors_clipped": clipped,
            "rpn_non_max_suppression": indices[0],
            "proposals": proposals,
        }

    def get_config(self) -> dict[str, Any]:
        """See `ConfigLayer.get_config`."""
        return {
            **super().get_config(),
            "proposal_count": self.proposal_count,
            "nms_threshold": self.nms_threshold,
            "pre_nms_limit": self.pre_nms_limit,
        }

    def _limit(self):
        return self.config.PRE_NMS_LIMIT if self.pre_nms_limit is None else self.pre_nms_limit

    def _best_of_levels(self, logits, maps):
        """Scores, indices and validity [B, levels * K] of the best anchors of each level.

        They are ranked by logits [B, A], because scores near 1 are equal in float32.
        """
        limit, step, first = self._limit(), self.config.RPN_ANCHOR_STRIDE, 0
        number = [
            -(-ops.shape(x)[1] // step)
            * -(-ops.shape(x)[2] // step)
            * anchors_per_cell(self.config)
            for x in maps
        ]
        if all(isinstance(of_level, int) for of_level in number):
            limit = min(limit, max(number))
        levels = []
        for of_level in number:
            part = logits[:, first : first + of_level]
            best_logits, best = ops.top_k(part, _at_most(limit, of_level))
            rows = (best_logits, ops.cast(best, "int32") + first, ops.ones_like(best, "bool"))
            levels.append([_filled(x, limit) for x in rows])
            first += of_level
        logits, best, valid = (ops.concatenate(x, axis=1) for x in zip(*levels, strict=True))
        return ops.sigmoid(logits), best, valid

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """[B, proposal_count, 4]."""
        return (input_shape[0][0], self.proposal_count, 4)


def _at_most(limit, number):
    """The smaller of two numbers; the second may be known only at run time."""
    return min(limit, number) if isinstance(number, int) else ops.minimum(limit, number)


def _filled(rows, count):
    """Fill rows [B, up to `count`] with zeros, or False, to [B, count]."""
    fill = ops.zeros((ops.shape(rows)[0], count), rows.dtype)
    return ops.concatenate([rows, fill], axis=1)[:, :count]


@keras.saving.register_keras_serializable(package="mrcnn")
class AnchorLayer(ConfigLayer):
    """The anchors of a pyramid, from the sizes of its feature maps.

    Args:
        config: for RPN_ANCHOR_* and BACKBONE_STRIDES.

    Call arguments:
        inputs: [image [B, H, W, C], P2, ..., P6]; or, without a pyramid, the one map.

    Returns:
        Float tensor [B, A, 4], normalised, in the order of `generate_pyramid_anchors`.
    """

    def __init__(self, config: Config, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)

    def call(self, inputs: Any) -> Tensor:
        """See the class."""
        image, *pyramid = inputs
        config, size = self.config, ops.shape(image)
        levels = []
        for scale, stride, features in zip(
            config.RPN_ANCHOR_SCALES, config.BACKBONE_STRIDES, pyramid, strict=True
        ):
            # The anchors of the cell at the origin, shifted to every cell.
            ratios, rounded = config.RPN_ANCHOR_RATIOS, config.RPN_ANCHOR_ROUNDING
            cell = generate_anchors(scale, ratios, (1, 1), stride, 1, rounded)
            shape, step = ops.shape(features), config.RPN_ANCHOR_STRIDE
            down = right = stride
            if config.RPN_ANCHOR_GRID == "image":
                down, right = (ops.cast(size[i] // shape[i], "float32") for i in (1, 2))
            y = ops.cast(ops.arange(0, shape[1], step), "float32") * down
            x = ops.cast(ops.arange(0, shape[2], step), "float32") * right
            y, x = ops.meshgrid(y, x, indexing="ij")
            moves = ops.reshape(ops.stack([y, x, y, x], axis=-1), (-1, 1, 4))
            levels.append(ops.reshape(moves + cell.astype("float32"), (-1, 4)))
        anchors = norm_boxes_graph(ops.concatenate(levels, axis=0), size[1:3], box_margin(config))
        return ops.repeat(anchors[None], size[0], axis=0)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """[B, A, 4]; A is None if the image size is."""
        step = self.config.RPN_ANCHOR_STRIDE
        cells = [shape[1:3] for shape in input_shape[1:]]
        if any(side is None for shape in cells for side in shape):
            return (input_shape[0][0], None, 4)
        number = sum(-(-h // step) * -(-w // step) for h, w in cells)
        return (input_shape[0][0], number * anchors_per_cell(self.config), 4)
