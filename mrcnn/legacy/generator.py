"""Batches in the format of `data_generator` in matterport's Mask_RCNN."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..config import Config
from ..config_rules import parts as config_parts
from ..datasets.dataset import Dataset
from ..loading.alike import padded_alike
from ..loading.source import SampleSource, stack
from ..types import Array
from .debug_targets import build_detection_targets, generate_random_rois


def data_generator(
    dataset: Dataset,
    config: Config,
    shuffle: bool = True,
    augment: bool = False,
    augmentation: Any = None,
    random_rois: int = 0,
    batch_size: int = 1,
    detection_targets: bool = False,
    no_augmentation_sources: Iterable[str] | None = None,
    seed: int | None = None,
) -> Iterator[tuple[list[Array], list[Array]]]:
    """Endless batches, as lists in the order of the training graph's inputs.

    Images without instances are included: their anchors are all negative.

    Args:
        dataset, config, shuffle, augment, augmentation, no_augmentation_sources, seed: see
            `SampleSource`.
        random_rois: number of random RoIs to add per image, to train only the heads.
        batch_size: images per batch.
        detection_targets: with `random_rois`, whether to add the heads' targets too.

    Raises:
        ValueError: `detection_targets` without a mask head; or see `SampleSource`.

    Yields:
        inputs: list of images [B, H, W, C] float32, image_meta [B, 12 + NUM_CLASSES], rpn_match
            [B, A, 1] int32, rpn_bbox [B, K, 4] deltas, gt_class_ids [B, G] int32, gt_boxes
            [B, G, 4] int32 pixels, and what the heads need: gt_masks [B, h, w, G] bool, then
            gt_keypoints [B, G, K, 3] float32; with random_rois, also rpn_rois [B, n, 4] pixels;
            with detection_targets, also rois [B, T, 4] pixels.
        outputs: empty list; with detection_targets, list of class_ids [B, T, 1], bbox
            [B, T, NUM_CLASSES, 4] deltas, masks [B, T, h, w, NUM_CLASSES].
    """
    if detection_targets and "masks" not in config_parts.needed_fields(config):
        raise ValueError(
            f"detection_targets is True but HEADS is {config.HEADS}: the targets are for 'box' and "
            "'mask', so both heads are needed."
        )
    source = SampleSource(
        dataset, config, shuffle, augment, augmentation, no_augmentation_sources, seed
    )
    for first in itertools.count(step=batch_size):
        numbers = range(first, first + batch_size)
        samples = padded_alike([source.sample(number) for number in numbers], numbers, source)
        inputs, outputs = list(stack(samples).values()), []
        if random_rois:
            rngs = [_legacy_rng([source.seed, 2, number]) for number in numbers]
            rois = [
                _random_rois(sample, random_rois, rng)
                for sample, rng in zip(samples, rngs, strict=True)
            ]
            inputs.append(np.stack(rois))
            if detection_targets:
                targets = [
                    _head_targets(*parts, config) for parts in zip(samples, rois, rngs, strict=True)
                ]
                batch_rois, class_ids, boxes, masks = (
                    np.stack(part) for part in zip(*targets, strict=True)
                )
                inputs.append(batch_rois)
                outputs = [class_ids[..., np.newaxis], boxes, masks]
        yield inputs, outputs


def _legacy_rng(seed):
    return np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seed)))


def _random_rois(sample, count, rng):
    real = sample["gt_class_ids"] > 0
    return generate_random_rois(
        sample["image"].shape, count, sample["gt_class_ids"][real], sample["gt_boxes"][real], rng
    )


def _head_targets(sample, rois, rng, config):
    if (sample["gt_class_ids"] > 0).any():
        return build_detection_targets(
            rois, sample["gt_class_ids"], sample["gt_boxes"], sample["gt_masks"], config, rng
        )
    total, classes = config.TRAIN_ROIS_PER_IMAGE, config.NUM_CLASSES
    return (
        rois[np.arange(total) % len(rois)],
        np.zeros(total, np.int32),
        np.zeros((total, classes, 4), np.float32),
        np.zeros((total, *config.MASK_SHAPE, classes), np.float32),
    )
