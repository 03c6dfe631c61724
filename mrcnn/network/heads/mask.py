"""The mask head (Mask R-CNN, section 3): by default, an independent sigmoid mask for each class."""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from ...config import Config
from ...config_rules.necks import shared_side, shares_stage5
from ...config_rules.values import is_integer
from ...decoding.fields import pasted
from ...instances.masks import InstanceMasks
from ...instances.pasting import class_masks
from ...loading.inputs import Input, mask_input
from ...types import Array, Tensor
from ..blocks import Norm
from .head import Features, Found, Head, Matched
from .mask_layers import mask_head, mlp_mask_head
from .mask_losses import (
    mrcnn_mask_logits_loss_graph,
    mrcnn_mask_loss_graph,
    mrcnn_mask_softmax_loss_graph,
)
from .mask_targets import MaskTargets

# MASK_LOSS also names the masks' activation.
LOSSES: dict[str, Callable[..., Tensor]] = {
    "sigmoid": mrcnn_mask_loss_graph,
    "softmax": mrcnn_mask_softmax_loss_graph,
}
# Hidden layers of the fully connected MASK_HEADs; "fcn" has none.
HIDDEN = {"fcn": 0, "mlp2": 2, "mlp3": 3}


class MaskHead(Head):
    """Predicts one mask per class for each RoI; the box head's class selects one of them.

    MASK_HEAD chooses its layers (Mask R-CNN, table 2e), MASK_LOSS whether classes compete for
    pixels (table 2b), and MASK_CLASS_AGNOSTIC one mask for all classes (section 4.1).
    """

    name = "mask"
    field = "masks"
    needs = ("masks",)
    loss_names = ("mrcnn_mask_loss",)
    layer_names = r"mrcnn_mask.*"

    @classmethod
    def problems(cls, config: Config) -> list[str]:
        """See `Head.problems`.

        Args:
            config: MASK_HEAD, MASK_LOSS, MASK_CLASS_AGNOSTIC, MASK_SHAPE, MASK_POOL_SIZE,
                USE_MINI_MASK, MINI_MASK_SHAPE.
        """
        found = [
            f"{name} is {value!r}: it must be one of {', '.join(map(repr, table))}."
            for name, table in (("MASK_HEAD", HIDDEN), ("MASK_LOSS", LOSSES))
            if (value := getattr(config, name)) not in list(table)
        ]
        agnostic = config.MASK_CLASS_AGNOSTIC
        if not isinstance(agnostic, bool | np.bool_):
            found.append(f"MASK_CLASS_AGNOSTIC is {agnostic!r}: it must be True or False.")
        elif agnostic and config.MASK_LOSS == "softmax":
            found.append(
                "MASK_LOSS is 'softmax' and MASK_CLASS_AGNOSTIC is True: classes that share one "
                "mask cannot compete for its pixels. Use 'sigmoid', or a mask for each class."
            )
        if problem := _shape_problem(config):
            found.append(problem)
        mini = config.MINI_MASK_SHAPE
        if config.USE_MINI_MASK and (len(mini) < 2 or min(mini[:2]) < 1):
            found.append(f"MINI_MASK_SHAPE is {mini!r}: it must be (height, width).")
        return found

    @classmethod
    def inputs(cls, config: Config) -> list[Input]:
        """See `Head.inputs`.

        Args:
            config: see `mask_input`.
        """
        return [mask_input(config)]

    def build(self, features: Features) -> None:
        """See `Head.build`."""
        config = self.config
        self.is_shared = features.is_shared
        if features.is_shared:
            self.pool = features.shared(config.POOL_SIZE)
        else:
            self.pool = features.pooler(config.MASK_POOL_SIZE, name="roi_align_mask")
        masks = 1 if config.MASK_CLASS_AGNOSTIC else config.NUM_CLASSES
        self.of_logits = config.MASK_LOSS == "sigmoid" and config.MASK_TARGETS != "reference"
        activation = "linear" if self.of_logits else config.MASK_LOSS
        if hidden := HIDDEN[config.MASK_HEAD]:
            self.predict = mlp_mask_head(
                _given,
                masks,
                config.MASK_SHAPE,
                hidden,
                config.FPN_CLASSIF_FC_LAYERS_SIZE,
                activation,
            )
        else:
            self.predict = mask_head(
                _given,
                masks,
                Norm.of(config) if config.MASK_HEAD_NORM else None,
                config.MASK_HEAD_CHANNELS,
                activation,
                convolutions=0 if features.is_shared else 4,
            )

    def outputs(self, rois: Tensor) -> dict[str, Tensor]:
        """`mrcnn_mask` [B, R, h, w, C], in 0..1; C is 1 with MASK_CLASS_AGNOSTIC.

        Args:
            rois: float tensor [B, R, 4], normalised.
        """
        return {"mrcnn_mask": self._probabilities(self.predict(self.pool(rois)))}

    def train(self, matched: Matched) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """See `Head.train`.

        RoIs that cannot be positive are left out: they have no mask to learn, but would take two
        thirds of the head's time and memory. If BatchNorm uses batch statistics, they stay in,
        because they belong to the batch. With ROI_SAMPLING "torchvision", they do not: there, as
        in torchvision, the statistics are those of the positive RoIs.
        """
        config, total = self.config, self.config.TRAIN_ROIS_PER_IMAGE
        has_norms = config.MASK_HEAD_NORM and not HIDDEN[config.MASK_HEAD] and not self.is_shared
        is_frozen = config.TRAIN_BN is False or not has_norms
        of_positives = not is_frozen and config.ROI_SAMPLING == "torchvision"
        learners = matched.positives if is_frozen or of_positives else total
        counted = matched.class_ids[:, :learners] > 0 if of_positives else None
        learned = self._masks(matched.rois, 0, learners, counted)
        of_logits = mrcnn_mask_logits_loss_graph
        loss_graph = of_logits if self.of_logits else LOSSES[config.MASK_LOSS]
        loss = self.loss(
            "mrcnn_mask_loss",
            loss_graph,
            [self.targets(matched)[:, :learners], matched.class_ids[:, :learners], learned],
        )
        masks = learned
        if learners < total:
            # Computed only when this output is requested.
            rest = self._masks(matched.rois, learners, total)
            masks = ops.concatenate([learned, rest], axis=1)
        return {"mrcnn_mask": self._probabilities(masks)}, {"mrcnn_mask_loss": loss}

    def _probabilities(self, masks: Tensor) -> Tensor:
        return ops.sigmoid(masks) if self.of_logits else masks

    def _masks(self, rois, first, end, counted=None):
        """The masks of some RoIs, or their logits."""
        given = () if counted is None else (counted,)
        if self.is_shared:
            # Stage 5 processes all RoIs for the box head anyway.
            return self.predict(self.pool(rois)[:, first:end], *given)
        return self.predict(self.pool(rois[:, first:end]), *given)

    def targets(self, matched: Matched) -> Tensor:
        """The part of each instance's mask that its RoI covers, float tensor [B, T, *MASK_SHAPE].

        Args:
            matched: the training RoIs.
        """
        truth = matched.truth
        return MaskTargets(self.config, matched.positives, name="mask_targets")(
            [matched.rois, matched.class_ids, matched.instances, truth["boxes"], truth["masks"]]
        )

    def decode(self, outputs: dict[str, Array], found: Found) -> Array | InstanceMasks:
        """The masks of the detected classes, pasted into the image.

        Args:
            outputs, found: see `Head.decode`.

        Returns:
            bool [H, W, N] if `found.dense`, else an `InstanceMasks`.
        """
        masks = class_masks(outputs["mrcnn_mask"], found.rows, found.class_ids)  # [N, h, w]
        return pasted(masks, found, self.config.MASK_PASTING)


def _given(features: Tensor) -> Tensor:
    return features


def _shape_problem(config: Config) -> str:
    """What is wrong with a MASK_SHAPE, one sentence or ""."""

    def is_side(side: Any) -> bool:
        return is_integer(side) and side > 0

    shape = list(config.MASK_SHAPE) if np.iterable(config.MASK_SHAPE) else config.MASK_SHAPE
    if config.MASK_HEAD in list(HIDDEN) and HIDDEN[config.MASK_HEAD]:
        if isinstance(shape, list) and len(shape) == 2 and all(map(is_side, shape)):
            return ""
        return f"MASK_SHAPE is {shape}: it must be (height, width), such as [28, 28]."
    side, doubled = config.MASK_POOL_SIZE, f"MASK_POOL_SIZE ({config.MASK_POOL_SIZE})"
    if shares_stage5(config):
        if not (side := shared_side(config)):
            return ""
        doubled = f"the {side}x{side} cells that stage 5 makes of POOL_SIZE ({config.POOL_SIZE})"
    expected = [2 * side] * 2
    if shape == expected:
        return ""
    return f"MASK_SHAPE is {shape}: the mask head doubles {doubled}, so it must be {expected}."
