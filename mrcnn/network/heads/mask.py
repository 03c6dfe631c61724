"""The mask head (Mask R-CNN, section 3): an independent sigmoid mask for each class."""

from collections.abc import Callable
from typing import Any

from keras import layers, ops

from ...config import Config
from ...instances.masks import InstanceMasks
from ...instances.pasting import unmold_crops, unmold_masks
from ...loading.inputs import Input, mask_input
from ...ops import crop_and_resize, gather_rows
from ...types import Array, Tensor
from ..layers import BatchNorm, Conv2D, Conv2DTranspose
from ..losses import mean_of
from .head import Features, Found, Head, Matched


class MaskHead(Head):
    """Predicts one mask per class for each RoI; the box head's class selects one of them."""

    name = "mask"
    field = "masks"
    needs = ("masks",)
    loss_names = ("mrcnn_mask_loss",)
    layer_names = r"mrcnn_mask.*"

    @classmethod
    def problems(cls, config: Config) -> list[str]:
        """See `Head.problems`.

        Args:
            config: MASK_SHAPE, MASK_POOL_SIZE, USE_MINI_MASK, MINI_MASK_SHAPE.
        """
        found, expected = [], [2 * config.MASK_POOL_SIZE] * 2
        if list(config.MASK_SHAPE) != expected:
            found.append(
                f"MASK_SHAPE is {list(config.MASK_SHAPE)}: the mask head doubles MASK_POOL_SIZE "
                f"({config.MASK_POOL_SIZE}), so it must be {expected}."
            )
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
        self.graph = mask_head(
            features.pooler(config.MASK_POOL_SIZE, name="roi_align_mask"),
            config.NUM_CLASSES,
            config.TRAIN_BN,
            config.MASK_HEAD_CHANNELS,
        )

    def outputs(self, rois: Tensor) -> dict[str, Tensor]:
        """`mrcnn_mask` [B, R, h, w, C], in 0..1.

        Args:
            rois: float tensor [B, R, 4], normalised.
        """
        return {"mrcnn_mask": self.graph(rois)}

    def train(self, matched: Matched) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """See `Head.train`.

        RoIs that cannot be positive are left out: they have no mask to learn, but would take two
        thirds of the head's time and memory. They stay in if BatchNorm uses batch statistics,
        because they belong to the batch.
        """
        total = self.config.TRAIN_ROIS_PER_IMAGE
        learners = matched.positives if self.config.TRAIN_BN is False else total
        learned = self.graph(matched.rois[:, :learners])
        loss = self.loss(
            "mrcnn_mask_loss",
            mrcnn_mask_loss_graph,
            [self.targets(matched)[:, :learners], matched.class_ids[:, :learners], learned],
        )
        masks = learned
        if learners < total:
            # Computed only when this output is requested.
            masks = ops.concatenate([learned, self.graph(matched.rois[:, learners:])], axis=1)
        return {"mrcnn_mask": masks}, {"mrcnn_mask_loss": loss}

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
        masks = outputs["mrcnn_mask"][found.rows, :, :, found.class_ids]  # [N, h, w]
        if found.dense:
            return unmold_masks(masks, found.boxes, found.image_shape)
        crops = unmold_crops(masks, found.boxes)
        return InstanceMasks(crops, found.boxes[:, :2], found.image_shape)


def mask_head(
    pool: Callable[[Tensor], Tensor],
    num_classes: int,
    train_bn: bool | None = True,
    channels: int = 256,
) -> Callable[[Tensor], Tensor]:
    """Create the layers of the head.

    Args:
        pool: function from RoIs [B, R, 4], normalised, to their features
            [B, R, side, side, depth].
        num_classes: number of classes, including the background.
        train_bn: `training` argument of the BatchNorm layers.
        channels: output channels of the convolutions.

    Returns:
        Function (rois) -> masks [B, R, 2 * side, 2 * side, num_classes], in 0..1; all calls use
        the same layers.
    """
    blocks = [
        (
            Conv2D(channels, (3, 3), padding="same", name=f"mrcnn_mask_conv{index}"),
            BatchNorm(name=f"mrcnn_mask_bn{index}"),
            layers.Activation("relu"),
        )
        for index in range(1, 5)
    ]
    deconv = Conv2DTranspose(
        channels, (2, 2), strides=2, activation="relu", name="mrcnn_mask_deconv"
    )
    # In half precision, the sigmoid would saturate at 0 or 1 too early for the loss.
    masks = Conv2D(num_classes, (1, 1), activation="sigmoid", dtype="float32", name="mrcnn_mask")

    def graph(rois: Tensor) -> Tensor:
        x = pool(rois)
        for convolution, norm, relu in blocks:
            x = relu(norm(convolution(x), training=train_bn))
        return masks(deconv(x))

    return graph


class MaskTargets(layers.Layer):
    """The masks that RoIs should predict.

    Args:
        config: USE_MINI_MASK, MASK_SHAPE.
        positives: P; only the first P RoIs can be positive.

    Call arguments:
        inputs: [rois [B, T, 4] normalised, class_ids [B, T], instances [B, T], ground-truth
            boxes [B, G, 4] normalised, ground-truth masks [B, h, w, G], cropped to the
            boxes if USE_MINI_MASK].

    Returns:
        Float tensor [B, T, *MASK_SHAPE] of 0 and 1; 0 for all but positives.
    """

    def __init__(self, config: Config, positives: int, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.config = config
        self.positives = positives

    def call(self, inputs: Any) -> Tensor:
        """See the class."""
        rois, class_ids, instances, gt_boxes, gt_masks = inputs
        rest = rois.shape[1] - self.positives
        rois, class_ids, instances = (x[:, : self.positives] for x in (rois, class_ids, instances))
        if self.config.USE_MINI_MASK:
            rois = _within(rois, gather_rows(gt_boxes, instances))
        height, width = self.config.MASK_SHAPE
        masks = _crops(gt_masks, rois, instances, (height, width))
        masks = ops.where((class_ids > 0)[..., None, None], masks, 0.0)
        return ops.pad(masks, [[0, 0], [0, rest], [0, 0], [0, 0]])

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """[B, T, *MASK_SHAPE]."""
        return (*input_shape[0][:2], *self.config.MASK_SHAPE)


def _crops(gt_masks: Tensor, rois: Tensor, instances: Tensor, size: tuple[int, int]) -> Tensor:
    """The part of its instance's mask that each RoI covers, [B, P, *size] of 0 and 1."""
    shape = ops.shape(gt_masks)
    batch, height, width, count = shape[0], shape[1], shape[2], shape[3]
    masks = ops.transpose(gt_masks, (0, 3, 1, 2))  # [B, G, h, w]
    masks = ops.reshape(masks, (-1, height, width, 1))
    first = ops.arange(batch, dtype="int32")[:, None] * count
    which = ops.reshape(ops.cast(instances, "int32") + first, (-1,))
    crops = crop_and_resize(masks, ops.reshape(rois, (-1, 4)), which, size, training=True)
    return ops.round(ops.reshape(crops, (batch, rois.shape[1], *size)))


def _within(rois: Tensor, boxes: Tensor) -> Tensor:
    """RoIs in box coordinates: 0 is the box's first edge, 1 its second."""
    height = boxes[..., 2] - boxes[..., 0]
    width = boxes[..., 3] - boxes[..., 1]
    height, width = (ops.where(side > 0, side, 1.0) for side in (height, width))
    origin = ops.concatenate([boxes[..., :2], boxes[..., :2]], axis=-1)
    return (rois - origin) / ops.stack([height, width, height, width], axis=-1)


def mrcnn_mask_loss_graph(
    target_masks: Tensor, target_class_ids: Tensor, pred_masks: Tensor
) -> Tensor:
    """Mean binary cross entropy of the masks that positive RoIs predict for their class.

    Args:
        target_masks: tensor [B, T, h, w] of 0 and 1.
        target_class_ids: int tensor [B, T]; 0 for negatives and padding.
        pred_masks: float tensor [B, T, h, w, C], in 0..1.

    Returns:
        Float scalar.
    """
    chosen = ops.one_hot(target_class_ids, pred_masks.shape[-1], dtype=pred_masks.dtype)
    # A matrix product picks the class without copying all the others.
    predicted = ops.matmul(pred_masks, chosen[:, :, None, :, None])[..., 0]  # [B, T, h, w]
    target = ops.cast(target_masks, predicted.dtype)
    losses = ops.mean(ops.binary_crossentropy(target, predicted), axis=(2, 3))
    return mean_of(losses, target_class_ids > 0)
