"""RoI sampling: which RoIs train the heads, and on which instance (Fast R-CNN, section 2.3)."""

from typing import Any

import keras
from keras import ops

from ..config import Config
from ..ops import gather_rows, overlaps_graph, take_flagged, uniform_keys
from ..types import Tensor
from .config_layer import ConfigLayer

POSITIVE_IOU = 0.5
# A RoI in a crowd is not a negative: a crowd's objects are not annotated one by one.
CROWD_IOU = 0.001


def max_positives(config: Config) -> int:
    """How many of an image's sampled RoIs a `Config` allows to be positive; these come first."""
    return max(1, int(config.TRAIN_ROIS_PER_IMAGE * config.ROI_POSITIVE_RATIO))


@keras.saving.register_keras_serializable(package="mrcnn")
class RoiSampler(ConfigLayer):
    """Samples RoIs from the proposals and matches them with the ground truth.

    A proposal is positive if its IoU with an instance is at least 0.5. Otherwise it is negative,
    unless it overlaps a crowd; then it is neither. At most a fraction ROI_POSITIVE_RATIO of the
    RoIs is positive, and the number of negatives keeps that ratio. An image without positives
    yields only negatives.

    With ROI_SAMPLING "torchvision", the boxes of the instances are among the proposals, and
    negatives fill up the number, whatever their ratio.

    Args:
        config: TRAIN_ROIS_PER_IMAGE, ROI_POSITIVE_RATIO, ROI_SAMPLING.
        shuffle: False takes the proposals in order instead of at random.
        seed: for the sampling; None leaves it to Keras.

    Call arguments:
        inputs: [proposals [B, N, 4], gt_class_ids [B, G], gt_boxes [B, G, 4]]; boxes are
            normalised, zero rows are padding, crowds have a negative class id.

    Returns:
        rois: float tensor [B, T, 4], normalised, positives first, then negatives, then zeros;
            T is TRAIN_ROIS_PER_IMAGE.
        class_ids: int32 tensor [B, T], 0 for negatives and padding.
        instances: int32 tensor [B, T], index of the instance that a positive overlaps most; 0 for
            all others.
    """

    def __init__(
        self, config: Config, shuffle: bool = True, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(config, **kwargs)
        self.shuffle = shuffle
        self.seed = seed
        self.random = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        proposals, gt_class_ids, gt_boxes = inputs
        config, total = self.config, self.config.TRAIN_ROIS_PER_IMAGE
        gt_class_ids = ops.cast(gt_class_ids, "int32")
        is_gt = ops.any(gt_boxes != 0, axis=-1)  # [B, G]
        instance, crowd = is_gt & (gt_class_ids > 0), is_gt & (gt_class_ids < 0)
        if config.ROI_SAMPLING == "torchvision":
            own = ops.where(instance[..., None], ops.cast(gt_boxes, "float32"), 0.0)
            proposals = ops.concatenate([proposals, own], axis=1)
        missing = total - proposals.shape[1]
        if missing > 0:
            proposals = ops.pad(proposals, [[0, 0], [0, missing], [0, 0]])
        overlaps = overlaps_graph(proposals, gt_boxes)  # [B, N, G]
        instance_overlaps = ops.where(instance[:, None], overlaps, 0.0)
        crowd_iou = ops.max(ops.where(crowd[:, None], overlaps, 0.0), axis=2)  # [B, N]
        best_iou = ops.max(instance_overlaps, axis=2)
        is_proposal = ops.any(proposals != 0, axis=-1)
        positive = is_proposal & (best_iou >= POSITIVE_IOU)
        negative = is_proposal & (best_iou < POSITIVE_IOU) & (crowd_iou < CROWD_IOU)

        positives = max_positives(config)
        positive_at, positive_count = take_flagged(positive, positives, self._keys(positive))
        negative_at, negative_count = take_flagged(negative, total, self._keys(negative))
        negative_count = ops.minimum(negative_count, self._negatives_for(positive_count))

        slot = ops.arange(total, dtype="int32")[None]  # [1, T]
        is_positive = slot < positive_count[:, None]
        in_negatives = slot - positive_count[:, None]
        is_roi = in_negatives < negative_count[:, None]  # positives included
        source = ops.where(is_positive, ops.minimum(slot, positives - 1), positives + in_negatives)
        candidates = ops.concatenate([positive_at, negative_at], axis=1)
        taken = gather_rows(candidates, ops.clip(source, 0, positives + total - 1))  # [B, T]
        rois = ops.where(is_roi[..., None], gather_rows(proposals, taken), 0.0)

        # Only the first slots can be positive: the rest need no match.
        best = ops.argmax(gather_rows(instance_overlaps, positive_at), axis=2)  # [B, positives]
        best = ops.where(is_positive[:, :positives], ops.cast(best, "int32"), 0)
        class_ids = ops.where(is_positive[:, :positives], gather_rows(gt_class_ids, best), 0)
        rest = [[0, 0], [0, total - positives]]
        return rois, ops.pad(class_ids, rest), ops.pad(best, rest)

    def _keys(self, flags: Tensor) -> Tensor | None:
        if not self.shuffle:
            return None
        # From (0, 1]: a key of 0 would count as not flagged.
        return 1.0 - uniform_keys(ops.shape(flags), self.random)

    def _negatives_for(self, positive_count: Tensor) -> Tensor:
        total, share = self.config.TRAIN_ROIS_PER_IMAGE, self.config.ROI_POSITIVE_RATIO
        if self.config.ROI_SAMPLING == "torchvision":
            return total - positive_count
        count = ops.cast(positive_count, "float32") * (1.0 / share)
        count = ops.cast(count, "int32") - positive_count
        return ops.where(positive_count > 0, count, total)

    def get_config(self) -> dict[str, Any]:
        """See `ConfigLayer.get_config`."""
        return {**super().get_config(), "shuffle": self.shuffle, "seed": self.seed}

    def save_own_variables(self, store: Any) -> None:
        """Write how far the random numbers are; Keras saves only weights.

        Args:
            store: dict of name to array.
        """
        store["random"] = ops.convert_to_numpy(self.random.state)

    def load_own_variables(self, store: Any) -> None:
        """Read what `save_own_variables` wrote.

        Args:
            store: dict of name to array.
        """
        self.random.state.assign(store["random"])

    def compute_output_spec(self, inputs: Any) -> tuple[keras.KerasTensor, ...]:
        """Shapes and dtypes of the three outputs."""
        batch, total = inputs[0].shape[0], self.config.TRAIN_ROIS_PER_IMAGE
        return (
            keras.KerasTensor((batch, total, 4), "float32"),
            keras.KerasTensor((batch, total), "int32"),
            keras.KerasTensor((batch, total), "int32"),
        )
