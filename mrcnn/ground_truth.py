"""One image and its ground truth, as the network trains on it."""

import dataclasses
import logging
import random

import numpy as np

from .augment import augment as apply_augmentation
from .config_checks import check_sides
from .image_meta import compose_image_meta
from .masks import extract_bboxes, minimize_mask
from .pixels import as_channels
from .rpn_targets import build_rpn_targets
from .text import some
from .transforms import mold_image, resize_mask, resize_to_input

logger = logging.getLogger(__name__)


def load_image_gt(
    dataset, config, image_id, augment=False, augmentation=None, use_mini_mask=False, rng=None
):
    """An image at the network's input size and its ground truth.

    Args:
        dataset: a prepared `Dataset`.
        config: a `Config`.
        image_id: index of the image in the data set.
        augment: True flips at random from left to right (older projects; `augmentation` is more).
        augmentation: an imgaug augmenter or a callable, see `mrcnn.augment`. It runs after
            padding, and the meta's window is that before it.
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
    rng = np.random.default_rng() if rng is None else rng
    image, mask, class_ids = _read(dataset, config, image_id)
    original_shape = image.shape
    image, window, scale, padding, crop = resize_to_input(
        image, config, rng=random.Random(int(rng.integers(2**32)))
    )
    mask = resize_mask(mask, scale, padding, crop)
    if augment and rng.integers(2):
        image, mask = np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(mask[:, ::-1])
    if augmentation is not None:
        image, mask = apply_augmentation(augmentation, image, mask, rng)

    # Cropping and augmentation may have moved instances out of sight.
    seen = mask.any(axis=(0, 1))
    mask, class_ids = mask[:, :, seen], class_ids[seen]
    bbox = extract_bboxes(mask)
    active = np.zeros([dataset.num_classes], dtype=np.int32)
    active[dataset.source_class_ids[dataset.image_info[image_id]["source"]]] = 1
    if use_mini_mask:
        mask = minimize_mask(bbox, mask, config.MINI_MASK_SHAPE)
    image_meta = compose_image_meta(image_id, original_shape, image.shape, window, scale, active)
    return image, image_meta, class_ids, bbox, mask


def check_classes(dataset, config):
    """See that a data set and a configuration have as many classes.

    Raises:
        ValueError: they have not.
    """
    if dataset.num_classes != config.NUM_CLASSES:
        raise ValueError(
            f"NUM_CLASSES is {config.NUM_CLASSES}, but the data set has {dataset.num_classes} "
            f"classes with the background: {some(dataset.class_names)}."
        )


def _read(dataset, config, image_id):
    """Image, bool masks [H, W, N] and int32 class ids [N], checked against each other."""
    info = dataset.image_info[image_id]
    where = f"image {image_id} ({info.get('path')})"
    if info["source"] not in dataset.source_class_ids:
        known = ", ".join(repr(source) for source in dataset.sources if source)
        raise ValueError(
            f"{where}: its source {info['source']!r} has no classes; those that have are {known}."
        )
    image = as_channels(dataset.load_image(image_id), config.IMAGE_CHANNEL_COUNT, where)
    mask, class_ids = map(np.asarray, dataset.load_mask(image_id))
    if class_ids.size and class_ids.dtype.kind not in "iuf":
        raise TypeError(
            f"{where}: load_mask gave class ids of {class_ids.dtype}, such as "
            f"{class_ids.flat[0]!r}: they must be numbers, 1 for the first class."
        )
    class_ids = class_ids.astype(np.int32).reshape(-1)
    if not len(class_ids):
        mask = np.zeros((*image.shape[:2], 0), dtype=bool)
    if mask.shape != (*image.shape[:2], len(class_ids)):
        raise ValueError(
            f"{where}: load_mask gave masks of shape {mask.shape} and {len(class_ids)} class ids; "
            f"for this image they must be ({image.shape[0]}, {image.shape[1]}, "
            f"{len(class_ids)})."
        )
    unknown = [int(i) for i in class_ids if i == 0 or abs(i) >= dataset.num_classes]
    if unknown:
        raise ValueError(
            f"{where}: class ids {sorted(set(unknown))} are out of range: they run from 1 to "
            f"{dataset.num_classes - 1} (negative for a crowd)."
        )
    has_pixels = mask.any(axis=(0, 1))
    if not has_pixels.all():
        logger.warning("%s: %d masks without any pixel dropped", where, (~has_pixels).sum())
    return image, mask[:, :, has_pixels].astype(bool), class_ids[has_pixels]


@dataclasses.dataclass
class Sample:
    """The arrays of one image, unbatched, that the training graph takes.

    Attributes:
        image: float32 [H, W, C], the mean subtracted.
        image_meta: float64 [12 + NUM_CLASSES].
        rpn_match: int32 [A, 1].
        rpn_bbox: float64 [RPN_TRAIN_ANCHORS_PER_IMAGE, 4].
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
        anchors_of: function of an image shape that gives the anchors [A, 4] in pixels.
    """
    image, image_meta, class_ids, boxes, masks = load_image_gt(
        dataset, config, image_id, augment, augmentation, config.USE_MINI_MASK, rng
    )
    check_sides(image.shape)
    rpn_match, rpn_bbox = build_rpn_targets(
        image.shape, anchors_of(image.shape), class_ids, boxes, config, rng=rng
    )
    limit = config.MAX_GT_INSTANCES
    if len(class_ids) > limit:
        chosen = np.sort(rng.choice(len(class_ids), limit, replace=False))
        class_ids, boxes, masks = class_ids[chosen], boxes[chosen], masks[:, :, chosen]
    missing = limit - len(class_ids)
    return Sample(
        image=mold_image(image.astype(np.float32), config).astype(np.float32),
        image_meta=image_meta,
        rpn_match=rpn_match[:, np.newaxis].astype(np.int32),
        rpn_bbox=rpn_bbox,
        gt_class_ids=np.pad(class_ids, (0, missing)).astype(np.int32),
        gt_boxes=np.pad(boxes, [(0, missing), (0, 0)]).astype(np.int32),
        gt_masks=np.pad(masks, [(0, 0), (0, 0), (0, missing)]).astype(bool),
    )
