"""From a data set to batches."""

import dataclasses
import itertools
import logging

import keras
import numpy as np

from .anchors import pyramid_anchors
from .augment import check_augmentation
from .debug_targets import build_detection_targets, generate_random_rois
from .ground_truth import Sample, build_sample, check_classes

logger = logging.getLogger(__name__)

# Images of a data set that may fail to load before a run is given up.
MAX_ERRORS = 5


class SampleSource:
    """Samples of a data set in an endless order that a seed decides.

    Sample number n is always the same: which image it is and how it is augmented follows from
    the seed and n alone, not from the worker that makes it or what was made before.

    Args:
        dataset: a prepared `Dataset`.
        config: a `Config`.
        shuffle: whether each pass over the data set has an order of its own.
        augment, augmentation: see `load_image_gt`.
        no_augmentation_sources: names of sources whose images are not augmented.
        seed: int; None takes one from the system.

    Raises:
        ValueError: the data set has no images, or not as many classes as the configuration.
        TypeError: the augmentation is none.
    """

    def __init__(
        self,
        dataset,
        config,
        shuffle=True,
        augment=False,
        augmentation=None,
        no_augmentation_sources=None,
        seed=None,
    ):
        self.image_ids = np.copy(dataset.image_ids)
        if not len(self.image_ids):
            raise ValueError(f"{type(dataset).__name__} has no images: was add_image called?")
        check_classes(dataset, config)
        check_augmentation(augmentation)
        self.dataset = dataset
        self.config = config
        self.shuffle = shuffle
        self.augment = augment
        self.augmentation = augmentation
        self.unaugmented = set(no_augmentation_sources or ())
        self.seed = np.random.SeedSequence(seed).entropy
        self._anchors = {}
        self._failed = set()

    def sample(self, number):
        """The `Sample` of this number; an image that fails is replaced by the next.

        Raises:
            Exception: that of the image, once more than MAX_ERRORS images, or all, have failed.
        """
        while True:
            image_id = self.image_id(number)
            try:
                return self._build(image_id, np.random.default_rng([self.seed, 1, number]))
            except Exception:
                self._failed.add(int(image_id))
                info = self.dataset.image_info[image_id]
                logger.exception("image %s (%s) cannot be used", image_id, info.get("path"))
                if len(self._failed) > min(MAX_ERRORS, len(self.image_ids) - 1):
                    raise
                number += 1

    def image_id(self, number):
        """The image of sample `number`."""
        round_, place = divmod(number, len(self.image_ids))
        if not self.shuffle:
            return self.image_ids[place]
        order = np.random.default_rng([self.seed, 0, round_]).permutation(len(self.image_ids))
        return self.image_ids[order[place]]

    def anchors(self, image_shape):
        """Anchors [A, 4] in pixels of images of this shape."""
        key = tuple(image_shape[:2])
        if key not in self._anchors:
            self._anchors[key] = pyramid_anchors(self.config, image_shape)
        return self._anchors[key]

    def _build(self, image_id, rng):
        plain = self.dataset.image_info[image_id]["source"] in self.unaugmented
        return build_sample(
            self.dataset,
            self.config,
            image_id,
            self.anchors,
            augment=self.augment and not plain,
            augmentation=None if plain else self.augmentation,
            rng=rng,
        )


def stack(samples):
    """Batch samples.

    Args:
        samples: list of `Sample`.

    Returns:
        dict of field name to array [B, ...].

    Raises:
        ValueError: the images differ in size.
    """
    shapes = sorted({sample.image.shape for sample in samples})
    if len(shapes) > 1:
        raise ValueError(
            f"the images of a batch have the shapes {shapes}: with IMAGE_RESIZE_MODE 'none' or "
            "'pad64' set IMAGES_PER_GPU to 1, or use 'square' or 'crop'."
        )
    names = [field.name for field in dataclasses.fields(Sample)]
    return {name: np.stack([getattr(sample, name) for sample in samples]) for name in names}


class BatchSequence(keras.utils.PyDataset):
    """Batches for `fit`: inputs of the training graph by name.

    An epoch has `steps` batches, however many images there are, and the next goes on where it
    ended.

    Args:
        source: `SampleSource`.
        steps: batches an epoch.
        kwargs: `workers`, `use_multiprocessing`, `max_queue_size` of `PyDataset`.

    Attributes:
        epoch: number of the epoch whose batches it gives, see `set_epoch`. If it stays, every
            epoch has the same batches, as validation should.
    """

    def __init__(self, source, steps, **kwargs):
        super().__init__(**kwargs)
        self.source = source
        self.steps = steps
        self.epoch = 0

    def __len__(self):
        return self.steps

    def __getitem__(self, index):
        """A tuple of one dict: input name to array [B, ...]."""
        size = self.source.config.BATCH_SIZE
        first = (self.epoch * self.steps + index) * size
        samples = [self.source.sample(first + place) for place in range(size)]
        return ({f"input_{name}": array for name, array in stack(samples).items()},)

    def set_epoch(self, epoch, logs=None):
        """Give the batches of an epoch; to be called when it begins.

        (`PyDataset.on_epoch_end` would not do: Keras calls it before the first epoch as well.)
        """
        self.epoch = epoch


def data_generator(
    dataset,
    config,
    shuffle=True,
    augment=False,
    augmentation=None,
    random_rois=0,
    batch_size=1,
    detection_targets=False,
    no_augmentation_sources=None,
    seed=None,
):
    """Batches without end, as lists in the order of the training graph's inputs.

    Images without instances are included: their anchors are all negative.

    Args:
        dataset, config, shuffle, augment, augmentation, no_augmentation_sources, seed: see
            `SampleSource`.
        random_rois: number of random RoIs of each image to add, to train the heads alone.
        batch_size: images in a batch.
        detection_targets: with `random_rois`, whether to add the heads' targets.

    Yields:
        inputs: list of images [B, H, W, C] float32, image_meta [B, 12 + NUM_CLASSES], rpn_match
            [B, A, 1] int32, rpn_bbox [B, K, 4], gt_class_ids [B, G] int32, gt_boxes [B, G, 4]
            int32 pixels, gt_masks [B, h, w, G] bool; with random_rois rpn_rois [B, n, 4]; with
            detection_targets rois [B, T, 4].
        outputs: empty list, or with detection_targets class_ids [B, T, 1], bbox
            [B, T, NUM_CLASSES, 4], masks [B, T, h, w, NUM_CLASSES].
    """
    source = SampleSource(
        dataset, config, shuffle, augment, augmentation, no_augmentation_sources, seed
    )
    for first in itertools.count(step=batch_size):
        numbers = range(first, first + batch_size)
        samples = [source.sample(number) for number in numbers]
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
    real = sample.gt_class_ids > 0
    return generate_random_rois(
        sample.image.shape, count, sample.gt_class_ids[real], sample.gt_boxes[real], rng
    )


def _head_targets(sample, rois, rng, config):
    if (sample.gt_class_ids > 0).any():
        return build_detection_targets(
            rois, sample.gt_class_ids, sample.gt_boxes, sample.gt_masks, config, rng
        )
    total, classes = config.TRAIN_ROIS_PER_IMAGE, config.NUM_CLASSES
    return (
        rois[np.arange(total) % len(rois)],
        np.zeros(total, np.int32),
        np.zeros((total, classes, 4), np.float32),
        np.zeros((total, *config.MASK_SHAPE, classes), np.float32),
    )
