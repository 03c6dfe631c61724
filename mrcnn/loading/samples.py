"""One image and its ground truth, as the network trains on it."""

import dataclasses
import random

import numpy as np

from ..anchors.targets import build_rpn_targets
from ..augment import augment as apply_augmentation
from ..datasets.reading import read_image
from ..images.meta import compose_image_meta
from ..images.resizing import check_sides, mold_image, resize_to_input


def load_image_gt(
    dataset, config, image_id, augment=False, augmentation=None, use_mini_mask=False, rng=None
):
    """An image at the network's input size and its ground truth.

    Args:
        dataset: a prepared `Dataset`.
        config: a `Config`.
        image_id: index of the image in the data set.
        augment: True flips at random from left to right (older projects; `augmentation` is more).
        augmentation: an imgaug augmenter, Keras layers or a callable, see `mrcnn.augment`. It
            runs after padding, and the meta's window is that before it.
        use_mini_mask: whether masks are returned as crops of their boxes.
        rng: `numpy.random.Generator` of crops and augmentation; None takes a fresh one.

    Returns:
        image: [H, W, C], the pixels' dtype.
        image_meta: float64 [12 + classes of the data set], see `compose_image_meta`.
        class_ids: int32 [N]; a crowd has a negative one.
        bbox: int32 [N, 4], pixels of the resized image.
        mask: bool [H, W, N], or [*MINI_MASK_SHAPE, N].

    Raises:
        ValueError: image, masks, class ids and configuration disagree; the image is named.
    """
    image, image_meta, class_ids, masks = _load(
        dataset, config, image_id, augment, augmentation, rng
    )
    mask = masks.minimize(config.MINI_MASK_SHAPE[:2]) if use_mini_mask else masks.dense()
    return image, image_meta, class_ids, masks.boxes, mask


def _load(dataset, config, image_id, augment, augmentation, rng):
    """What `load_image_gt` returns, but for boxes and mask: both are in an `InstanceMasks`."""
    rng = np.random.default_rng() if rng is None else rng
    image, masks, class_ids = read_image(dataset, config, image_id)
    original_shape = image.shape
    image, window, scale, padding, crop = resize_to_input(
        image, config, rng=random.Random(int(rng.integers(2**32)))
    )
    masks = masks.resize(scale, padding, crop)
    if augment and rng.integers(2):
        image, masks = np.ascontiguousarray(image[:, ::-1]), masks.flip(1)
    if augmentation is not None:
        image, masks = apply_augmentation(augmentation, image, masks, rng)

    # Cropping and augmentation may have moved instances out of sight.
    seen = masks.visible
    active = np.zeros([dataset.num_classes], dtype=np.int32)
    active[dataset.source_class_ids[dataset.image_info[image_id]["source"]]] = 1
    image_meta = compose_image_meta(image_id, original_shape, image.shape, window, scale, active)
    return image, image_meta, class_ids[seen], masks[seen]


@dataclasses.dataclass
class Sample:
    """The arrays of one image, unbatched, that the training graph takes.

    Attributes:
        image: float32 [H, W, C], the mean subtracted.
        image_meta: float64 [12 + NUM_CLASSES].
        rpn_match: int32 [A, 1]; 1 positive, -1 negative, 0 neutral.
        rpn_bbox: float64 [RPN_TRAIN_ANCHORS_PER_IMAGE, 4], deltas, see `build_rpn_targets`.
        gt_class_ids: int32 [MAX_GT_INSTANCES], zeros at the end.
        gt_boxes: int32 [MAX_GT_INSTANCES, 4], pixels.
        gt_masks: bool [h, w, MAX_GT_INSTANCES].
    """

    image: np.ndarray
    image_meta: np.ndarray
    rpn_match: np.ndarray
    rpn_bbox: np.ndarray
    gt_class_ids: np.ndarray
    gt_boxes: np.ndarray
    gt_masks: np.ndarray


def build_sample(dataset, config, image_id, anchors_of, augment, augmentation, rng):
    """The `Sample` of an image.

    Args:
        dataset, config, image_id, augment, augmentation, rng: see `load_image_gt`.
        anchors_of: function of an image shape that gives the `AnchorLattice`.
    """
    image, image_meta, class_ids, masks = _load(
        dataset, config, image_id, augment, augmentation, rng
    )
    check_sides(image.shape)
    rpn_match, rpn_bbox = build_rpn_targets(
        image.shape, anchors_of(image.shape), class_ids, masks.boxes, config, rng=rng
    )
    limit = config.MAX_GT_INSTANCES
    if len(class_ids) > limit:
        chosen = np.sort(rng.choice(len(class_ids), limit, replace=False))
        class_ids, masks = class_ids[chosen], masks[chosen]
    pixels = masks.minimize(config.MINI_MASK_SHAPE[:2]) if config.USE_MINI_MASK else masks.dense()
    missing = limit - len(class_ids)
    return Sample(
        image=mold_image(image, config),
        image_meta=image_meta,
        rpn_match=rpn_match[:, np.newaxis].astype(np.int32),
        rpn_bbox=rpn_bbox,
        gt_class_ids=np.pad(class_ids, (0, missing)).astype(np.int32),
        gt_boxes=np.pad(masks.boxes, [(0, missing), (0, 0)]).astype(np.int32),
        gt_masks=np.pad(pixels, [(0, 0), (0, 0), (0, missing)]),
    )
