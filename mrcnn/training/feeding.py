"""The batches of a training run, and how Keras's `fit` takes them."""

import math
import os
from collections.abc import Callable, Collection
from typing import Any

import keras

from ..config import Config
from ..datasets.crowds import check_not_only_crowds
from ..datasets.dataset import Dataset
from ..loading.batches import BatchSequence
from ..loading.source import SampleSource
from ..types import Array


def batches(
    config: Config,
    train_dataset: Dataset,
    val_dataset: Dataset | None,
    augmentation: Any = None,
    no_augmentation_sources: Collection[str] | None = None,
    seed: int | None = None,
    share: tuple[int, int] = (0, 1),
    rois: Callable[[dict[str, Array]], Array] | None = None,
) -> tuple[BatchSequence, BatchSequence | None]:
    """Sequences of training and validation batches.

    Validation sees the same images in every epoch, so that its losses are comparable.

    Args:
        config: the settings.
        train_dataset, val_dataset, augmentation, no_augmentation_sources: see `MaskRCNN.train`.
        seed: seed of the training batches; None takes one from the system.
        share, rois: see `BatchSequence`.

    Returns:
        The two sequences; the second is None without a validation dataset or validation steps.

    Raises:
        ValueError: the training dataset has only crowds; for other reasons, see `SampleSource`.
    """
    check_not_only_crowds(train_dataset)
    devices = max(1, config.GPU_COUNT // config.HOST_COUNT)
    options: dict[str, Any] = {
        "workers": config.LOADER_WORKERS or min(4 * devices, os.cpu_count() or 1),
        "processes": config.LOADER_PROCESSES,
        "max_queue_size": 8,
        "share": share,
        "rois": rois,
    }
    source = SampleSource(
        train_dataset,
        config,
        augmentation=augmentation,
        no_augmentation_sources=no_augmentation_sources,
        seed=seed,
    )
    train = BatchSequence(source, math.ceil(config.STEPS_PER_EPOCH), **options)
    if val_dataset is None or not config.VALIDATION_STEPS:
        return train, None
    source = SampleSource(val_dataset, config, seed=0, training=False)
    return train, BatchSequence(source, math.ceil(config.VALIDATION_STEPS), **options)


def feed(batch_sequence: BatchSequence | None, model: keras.Model) -> Any:
    """The batches in the form that `fit` needs.

    On TensorFlow, Keras infers the shapes of all batches from the first two. If image sizes vary, a
    `tf.data.Dataset` declares the shapes of the model's inputs instead.

    Args:
        batch_sequence: the batches, or None.
        model: the training graph.

    Returns:
        `batch_sequence` itself, or a `tf.data.Dataset` of its batches.
    """
    open_sizes = None in model.input_shape[0][1:3]
    if batch_sequence is None or not open_sizes or keras.backend.backend() != "tensorflow":
        return batch_sequence
    import tensorflow as tf

    names, shapes, dtypes = zip(*((x.name, x.shape, x.dtype) for x in model.inputs), strict=True)

    def arrays(index):
        (batch,) = batch_sequence[int(index)]
        return [batch[name].astype(dtype) for name, dtype in zip(names, dtypes, strict=True)]

    def batch(index):
        tensors = map(tf.ensure_shape, tf.numpy_function(arrays, [index], dtypes), shapes)
        return (dict(zip(names, tensors, strict=True)),)

    numbers = tf.data.Dataset.range(len(batch_sequence))
    return numbers.map(batch, num_parallel_calls=batch_sequence.workers).prefetch(2)
