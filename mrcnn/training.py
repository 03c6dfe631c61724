"""Which layers train, with what optimiser, and the run over the epochs."""

import functools
import importlib.util
import logging
import os
import re

import keras

from .averaging import with_averages
from .callbacks import record
from .callbacks.finite import StopIfNotFinite
from .callbacks.in_step import Agree, Follow
from .callbacks.progress import ProgressBar
from .callbacks.state import SaveState
from .callbacks.validation import ValidateAP
from .checkpoints import SaveWeights
from .distribution import OneDevice
from .loader import BatchSequence
from .optimization import build_optimizer, l2_factor
from .sample_source import SampleSource

logger = logging.getLogger(__name__)

_HEADS = r"(mrcnn\_.*)|(rpn\_.*)|(fpn\_.*)"

# Names for the regular expressions of layers that train together.
LAYER_REGEX = {
    "heads": _HEADS,
    "3+": r"(res3.*)|(bn3.*)|(res4.*)|(bn4.*)|(res5.*)|(bn5.*)|" + _HEADS,
    "4+": r"(res4.*)|(bn4.*)|(res5.*)|(bn5.*)|" + _HEADS,
    "5+": r"(res5.*)|(bn5.*)|" + _HEADS,
    "all": ".*",
}


def set_trainable(model, layer_regex):
    """Let the layers train whose whole name matches, freeze all others.

    Args:
        model: `keras.Model`; a model nested in it is looked into.
        layer_regex: regular expression.

    Returns:
        Names of the layers with weights that train.
    """
    chosen = []
    for layer in model.layers:
        if hasattr(layer, "layers"):
            chosen += set_trainable(layer, layer_regex)
        else:
            layer.trainable = bool(re.fullmatch(layer_regex, layer.name))
            if layer.trainable and layer.weights:
                chosen.append(layer.name)
    return chosen


def compile_model(
    model, config, learning_rate, momentum, total_epochs=None, first_epoch=0, distribution=None
):
    """Losses and optimizer as configured, gradients clipped by the norm of all of them together.

    Args:
        model: `GraphModel` in training mode.
        config: a `Config`, for LOSS_WEIGHTS, WEIGHT_DECAY and what `build_optimizer` reads.
        learning_rate, momentum, total_epochs, first_epoch: see `optimization.build_optimizer`.
        distribution: the devices that the model was made for, see `distribution.choose`; None: one.
    """
    model.set_loss(config.LOSS_WEIGHTS, l2_factor(config))
    with (distribution or OneDevice()).scope():
        optimizer = build_optimizer(config, learning_rate, momentum, total_epochs, first_epoch)
    model.compile(optimizer=optimizer, jit_compile=jit_compile(config))


def jit_compile(config):
    """Keras's `jit_compile`: the configuration decides for TensorFlow, Keras for the others."""
    return bool(config.XLA) if keras.backend.backend() == "tensorflow" else "auto"


def batches(
    config,
    train_dataset,
    val_dataset,
    augmentation=None,
    no_augmentation_sources=None,
    seed=None,
    share=(0, 1),
):
    """Sequences of training and validation batches.

    Validation sees the same images in every epoch, so that its losses compare.

    Args:
        config: a `Config`.
        train_dataset, val_dataset, augmentation, no_augmentation_sources: see `MaskRCNN.train`.
        seed: of the training batches; None takes one from the system.
        share: of the rows of each batch, see `BatchSequence`.

    Returns:
        (`BatchSequence`, `BatchSequence` or None without a validation data set or steps).
    """
    options = {
        "workers": config.LOADER_WORKERS or min(4, os.cpu_count() or 1),
        "processes": config.LOADER_PROCESSES,
        "max_queue_size": 8,
        "share": share,
    }
    source = SampleSource(
        train_dataset,
        config,
        augmentation=augmentation,
        no_augmentation_sources=no_augmentation_sources,
        seed=seed,
    )
    train = BatchSequence(source, config.STEPS_PER_EPOCH, **options)
    if val_dataset is None or not config.VALIDATION_STEPS:
        return train, None
    source = SampleSource(val_dataset, config, seed=0)
    return train, BatchSequence(source, config.VALIDATION_STEPS, **options)


def feed(batch_sequence, model):
    """What `fit` takes the batches from.

    On TensorFlow, Keras fixes the shapes of all batches by the first two. Where images bring their
    own sizes, the shapes are those of the model's inputs.

    Args:
        batch_sequence: `BatchSequence`, or None.
        model: the training graph.

    Returns:
        `batch_sequence` itself, or a `tf.data.Dataset` of it.
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


def averages(model):
    """Whether the optimizer of a compiled model keeps averages of its weights."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    return bool(optimizer.use_ema)


def callbacks(run, is_last_stage=True):
    """All callbacks of a run, in the order in which they are asked.

    First those that add to the logs, with the averaged weights in the model if there are any; then
    those that write logs and weights; then the user's own; last the state of the run, which holds
    what all others have done. Where several hosts train, the others than the chief have only those
    that keep them in step with it.

    Args:
        run: `runs.Run`; its progress learns what tells the best epoch.
        is_last_stage: whether EARLY_STOPPING counts.

    Raises:
        ValueError: a ModelCheckpoint among the user's would save the whole model, which fails;
            or EARLY_STOPPING has nothing to watch.
    """
    custom = list(run.custom_callbacks)
    for callback in custom:
        if isinstance(callback, keras.callbacks.ModelCheckpoint) and not callback.save_weights_only:
            raise ValueError(
                f"ModelCheckpoint({callback.filepath!r}) would save the whole model: pass "
                "save_weights_only=True and a path that ends in .weights.h5."
            )
    log_dir, config = run.model.log_dir, run.config
    finite = StopIfNotFinite(run.train_batches, run.last_saved)
    set_epoch = keras.callbacks.LambdaCallback(on_epoch_begin=run.train_batches.set_epoch)
    if not run.distribution.is_chief:
        return [set_epoch, finite, *with_averages([]), Agree(run), Follow(run)]
    validation = []
    if run.val_dataset is not None and config.VALIDATION_EVERY:
        names = run.val_dataset.class_names
        show = functools.partial(record.draw_predictions, log_dir, class_names=names)
        validation = [ValidateAP(run.val_dataset, config, show=show)]
        validation[0].set_model(run.model.keras_model)
        validation[0].values = last_figures(run.progress.history)
    monitor = config.MONITOR
    if monitor is None and validation and len(validation[0].image_ids):
        monitor = "val_segm_AP"
    elif monitor is None and run.val_batches is not None:
        monitor = "val_loss"
    if config.EARLY_STOPPING and monitor is None:
        raise ValueError(
            f"EARLY_STOPPING is {config.EARLY_STOPPING}, but there is nothing to watch: give a "
            "val_dataset, or set MONITOR to 'loss'."
        )
    run.progress.watch(monitor)
    has_others = run.distribution.hosts > 1
    return [
        set_epoch,
        finite,
        *with_averages(
            [
                *validation,
                *_tensorboard(log_dir),
                *record.callbacks(log_dir, run.train_batches),
                SaveWeights(run.model.checkpoint_path),
                *custom,
            ]
        ),
        ProgressBar(),
        *([Agree(run)] if has_others else []),
        SaveState(run, finite, custom, is_last_stage),
        *([Follow(run)] if has_others else []),
    ]


def last_figures(history):
    """The average precisions of the last epoch of a history, by name without "val_"."""
    last = history[-1] if history else {}
    kinds = ("val_bbox_", "val_segm_")
    return {name[4:]: value for name, value in last.items() if name.startswith(kinds)}


def _tensorboard(log_dir):
    if importlib.util.find_spec("tensorflow") and importlib.util.find_spec("tensorboard"):
        return [keras.callbacks.TensorBoard(log_dir, write_graph=False)]
    logger.warning("no TensorBoard logs: tensorflow or tensorboard is not installed")
    return []
