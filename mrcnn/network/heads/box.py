"""The box head: classes and boxes (Fast R-CNN; Mask R-CNN, figure 4)."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from ...config import Config
from ...ops import box_refinement_graph, gather_rows
from ...types import Array, Tensor
from ..blocks import Norm
from ..config_layer import ConfigLayer
from ..losses import cross_entropy, mean_of, smooth_l1_loss, sum_per
from .box_layers import BoxLayers, box_head, shared_box_head
from .head import Features, Found, Head, Matched


class BoxHead(Head):
    """Predicts each RoI's class and, for each class, the deltas to the instance's box."""

    name = "box"
    field = "boxes"
    loss_names = ("mrcnn_class_loss", "mrcnn_bbox_loss")
    layer_names = r"mrcnn_(class|bbox).*"
    detection_outputs = ("mrcnn_class", "mrcnn_bbox")

    def build(self, features: Features) -> None:
        """See `Head.build`."""
        config = self.config
        if features.is_shared:
            self.graph = shared_box_head(
                features.shared(config.POOL_SIZE), config.NUM_CLASSES, config.NEW_LAYERS_INIT
            )
            return
        self.graph = box_head(
            features.pooler(config.POOL_SIZE, name="roi_align_classifier"),
            config.POOL_SIZE,
            config.NUM_CLASSES,
            BoxLayers.of(config),
            Norm.of(config),
            config.NEW_LAYERS_INIT,
        )

    def outputs(self, rois: Tensor) -> dict[str, Tensor]:
        """`mrcnn_class_logits` and `mrcnn_class` [B, R, C], `mrcnn_bbox` [B, R, C, 4].

        Args:
            rois: float tensor [B, R, 4], normalised.
        """
        names = ("mrcnn_class_logits", "mrcnn_class", "mrcnn_bbox")
        return dict(zip(names, self.graph(rois), strict=True))

    def targets(self, matched: Matched) -> Tensor:
        """Deltas from each RoI to its instance's box, float tensor [B, T, 4].

        Args:
            matched: the training RoIs.
        """
        return BoxTargets(self.config, matched.positives, name="box_targets")(
            [matched.rois, matched.class_ids, matched.instances, matched.truth["boxes"]]
        )

    def losses(
        self, outputs: dict[str, Tensor], targets: Any, matched: Matched
    ) -> dict[str, Tensor]:
        """See `mrcnn_class_loss_graph` and `mrcnn_bbox_loss_graph`.

        Args:
            outputs, targets, matched: see `Head.losses`.
        """
        config, rois = self.config, []
        if config.ROI_SAMPLING != "reference" or config.BOX_LOSS != "mean":
            rois = [matched.rois]
        return {
            "mrcnn_class_loss": self.loss(
                "mrcnn_class_loss",
                _class_loss,
                [matched.class_ids, outputs["mrcnn_class_logits"], matched.active_class_ids, *rois],
                config,
            ),
            "mrcnn_bbox_loss": self.loss(
                "mrcnn_bbox_loss",
                _bbox_loss,
                [targets, matched.class_ids, outputs["mrcnn_bbox"], *rois],
                config,
            ),
        }

    def decode(self, outputs: dict[str, Array], found: Found) -> Array:
        """The boxes themselves, int32 [N, 4] pixels.

        Args:
            outputs, found: see `Head.decode`.
        """
        return found.boxes


@keras.saving.register_keras_serializable(package="mrcnn")
class BoxTargets(ConfigLayer):
    """The deltas that RoIs should predict.

    As in matterport's Mask_RCNN, they are not constants: they are relative to the RoIs, which are
    proposals, so the gradient of the box loss reaches the RPN through them. Trained weights and
    learning rates rely on that. With ROI_SAMPLING "torchvision", they are constants.

    Args:
        config: BBOX_STD_DEV, ROI_SAMPLING.
        positives: P; only the first P RoIs can be positive.

    Call arguments:
        inputs: [rois [B, T, 4] normalised, class_ids [B, T], instances [B, T], ground-truth
            boxes [B, G, 4] normalised].

    Returns:
        Float tensor [B, T, 4] of (dy, dx, log dh, log dw), divided by BBOX_STD_DEV; 0 for
        all but positives.
    """

    def __init__(self, config: Config, positives: int, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.positives = positives

    def get_config(self) -> dict[str, Any]:
        """See `ConfigLayer.get_config`."""
        return {**super().get_config(), "positives": self.positives}

    def call(self, inputs: Any) -> Tensor:
        """See the class."""
        rois, class_ids, instances, gt_boxes = inputs
        if self.config.ROI_SAMPLING == "torchvision":
            rois = ops.stop_gradient(rois)
        rest = rois.shape[1] - self.positives
        rois, class_ids, instances = (x[:, : self.positives] for x in (rois, class_ids, instances))
        deltas = box_deltas(
            rois, gather_rows(gt_boxes, instances), class_ids > 0, self.config.BBOX_STD_DEV
        )
        return ops.pad(deltas, [[0, 0], [0, rest], [0, 0]])

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """[B, T, 4]."""
        return tuple(input_shape[0])


def box_deltas(
    rois: Tensor, boxes: Tensor, is_positive: Tensor, std_dev: Sequence[float] | Array
) -> Tensor:
    """Deltas from RoIs to boxes; 0 for RoIs that are not positive.

    Args:
        rois, boxes: float tensors [B, P, 4], normalised.
        is_positive: bool tensor [B, P].
        std_dev: [4], divisors of the deltas.

    Returns:
        Float tensor [B, P, 4] of (dy, dx, log dh, log dw), divided by `std_dev`.
    """
    # Rows that are not positive get a unit box, whose logarithms are finite.
    unit = ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0])
    rois = ops.where(is_positive[..., None], rois, unit)
    boxes = ops.where(is_positive[..., None], boxes, unit)
    return box_refinement_graph(rois, boxes) / ops.convert_to_tensor(std_dev, "float32")


def mrcnn_class_loss_graph(
    target_class_ids: Tensor,
    pred_class_logits: Tensor,
    active_class_ids: Tensor,
    class_weights: Mapping[int, float] | None = None,
    rois: Tensor | None = None,
) -> Tensor:
    """Mean cross entropy of the RoIs whose predicted class is in the image's dataset.

    Args:
        target_class_ids: int tensor [B, T]; 0 for negatives and padding.
        pred_class_logits: float tensor [B, T, C].
        active_class_ids: tensor [B, C]; 1 for classes of the image's dataset, 0 for others.
        class_weights: the weight of each class's RoIs in the mean, by class id; a missing class
            weighs 1. None: all weigh the same.
        rois: float tensor [B, T, 4], normalised, of which zero rows do not count. None: all rows
            count.

    Returns:
        Float scalar.
    """
    target_class_ids = ops.cast(target_class_ids, "int32")
    losses = cross_entropy(target_class_ids, pred_class_logits)  # [B, T]
    predicted = ops.one_hot(ops.argmax(pred_class_logits, axis=-1), pred_class_logits.shape[-1])
    active = ops.cast(active_class_ids, predicted.dtype)[:, None]  # [B, 1, C]
    counts = ops.sum(predicted * active, axis=-1) > 0
    if rois is not None:
        counts = counts & is_roi(rois)
    if class_weights:
        by_class = [class_weights.get(index, 1.0) for index in range(pred_class_logits.shape[-1])]
        weights = ops.take(ops.convert_to_tensor(by_class, losses.dtype), target_class_ids)
        counts = ops.cast(counts, losses.dtype) * weights
    return mean_of(losses, counts)


def mrcnn_bbox_loss_graph(
    target_bbox: Tensor,
    target_class_ids: Tensor,
    pred_bbox: Tensor,
    beta: float = 1.0,
    rois: Tensor | None = None,
) -> Tensor:
    """Smooth L1 loss of the deltas that positive RoIs predict for their class.

    Args:
        target_bbox: float tensor [B, T, 4], the deltas to predict.
        target_class_ids: int tensor [B, T]; 0 for negatives and padding.
        pred_bbox: float tensor [B, T, C, 4], the predicted deltas for each class.
        beta: see `smooth_l1_loss`.
        rois: float tensor [B, T, 4], normalised, zero rows are padding: the loss is the sum over
            all coordinates, divided by the number of RoIs, negatives included. None: it is the mean
            over the coordinates of positive RoIs.

    Returns:
        Float scalar.
    """
    chosen = ops.one_hot(target_class_ids, pred_bbox.shape[2], dtype=pred_bbox.dtype)
    predicted = ops.sum(pred_bbox * chosen[..., None], axis=2)  # [B, T, 4]
    losses = smooth_l1_loss(target_bbox, predicted, beta)
    if rois is None:
        return mean_of(ops.mean(losses, axis=-1), target_class_ids > 0)
    total = ops.where(target_class_ids > 0, ops.sum(losses, axis=-1), 0.0)
    return sum_per(total, is_roi(rois))


def is_roi(rois: Tensor) -> Tensor:
    """Which rows of normalised training RoIs [B, T, 4] are no padding, bool [B, T]."""
    return ops.any(rois != 0, axis=-1)


@keras.saving.register_keras_serializable(package="mrcnn", name="mrcnn_class_loss")
def _class_loss(config, class_ids, logits, active, rois=None):
    counted = rois if config.ROI_SAMPLING == "torchvision" else None
    return mrcnn_class_loss_graph(class_ids, logits, active, config.CLASS_WEIGHTS, counted)


@keras.saving.register_keras_serializable(package="mrcnn", name="mrcnn_bbox_loss")
def _bbox_loss(config, targets, class_ids, predicted, rois=None):
    sampled = rois if config.BOX_LOSS == "sampled" else None
    return mrcnn_bbox_loss_graph(targets, class_ids, predicted, config.BOX_LOSS_BETA, sampled)
