"""From a data set to batches."""

import itertools

import keras
import numpy as np

from ..legacy.debug_targets import build_detection_targets, generate_random_rois
from .source import SampleSource, stack
from .workers import WorkerPool


class BatchSequence(keras.utils.PyDataset):
    """Batches for `fit`: inputs of the training graph by name.

    An epoch has `steps` batches, however many images there are, and the next goes on where it
    ended.

    Args:
        source: `SampleSource`.
        steps: batches an epoch.
        workers: threads, or processes, that make batches ahead of time.
        processes: None makes them in threads; "spawn", "forkserver" or "fork" in processes that are
            started in this way (see `WorkerPool`; call `close` in the end).
        share: (host, hosts): which part of the rows of each batch it gives, of how many equal ones.
        kwargs: `max_queue_size` of `PyDataset`.

    Attributes:
        epoch: number of the epoch whose batches it gives, see `set_epoch`. If it stays, every
            epoch has the same batches, as validation should.
        skipped: batches of the epoch that it leaves out, because they are done already.
    """

    def __init__(self, source, steps, workers=1, processes=None, share=(0, 1), **kwargs):
        # Keras's own processes would be forked from TensorFlow's threads anew in every epoch. Here
        # its threads wait for processes that stay.
        super().__init__(workers=workers, **kwargs)
        self.source = source
        self.pool = WorkerPool(source, workers, processes) if processes else None
        self.steps = steps
        self.epoch = 0
        self.skipped = 0
        self.share = share

    def __len__(self):
        return self.steps - self.skipped

    def __getitem__(self, index):
        """A tuple of one dict: input name to array [B, ...]."""
        numbers, (host, hosts) = self.numbers(index), self.share
        rows = len(numbers) // hosts
        numbers = numbers[host * rows : (host + 1) * rows]
        samples = list(map((self.pool or self.source).sample, numbers))
        return ({f"input_{name}": array for name, array in stack(samples).items()},)

    def numbers(self, index):
        """Numbers of the samples in batch `index` of the epoch, that of all hosts; a range."""
        size = self.source.config.BATCH_SIZE
        first = (self.epoch * self.steps + self.skipped + index) * size
        return range(first, first + size)

    def set_epoch(self, epoch, logs=None):
        """Give the batches of an epoch; to be called when it begins.

        (`PyDataset.on_epoch_end` would not do: Keras calls it before the first epoch as well.)

        Args:
            epoch: number of the epoch, from 0.
            logs: not used; Keras hands them to what it calls.
        """
        self.epoch = epoch

    def close(self):
        """End the processes, if there are any."""
        if self.pool:
            self.pool.close()


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
            [B, A, 1] int32, rpn_bbox [B, K, 4] deltas, gt_class_ids [B, G] int32, gt_boxes
            [B, G, 4] int32 pixels, gt_masks [B, h, w, G] bool; with random_rois rpn_rois
            [B, n, 4] pixels; with detection_targets rois [B, T, 4] pixels.
        outputs: empty list, or with detection_targets class_ids [B, T, 1], bbox
            [B, T, NUM_CLASSES, 4] deltas, masks [B, T, h, w, NUM_CLASSES].
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
