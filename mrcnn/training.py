"""Which layers train, with what optimiser, and the run over the epochs."""

import importlib.util
import logging
import os
import re

import keras

from .checkpoints import SaveWeights
from .loader import BatchSequence
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


def compile_model(model, config, learning_rate, momentum):
    """SGD with momentum and gradients clipped by the norm of all of them together.

    Args:
        model: `GraphModel` in training mode.
        config: a `Config`, for GRADIENT_CLIP_NORM, LOSS_WEIGHTS and WEIGHT_DECAY.
        learning_rate, momentum: of SGD.
    """
    model.set_loss(config.LOSS_WEIGHTS, config.WEIGHT_DECAY)
    optimizer = keras.optimizers.SGD(
        learning_rate=learning_rate, momentum=momentum, global_clipnorm=config.GRADIENT_CLIP_NORM
    )
    model.compile(optimizer=optimizer, jit_compile=jit_compile(config))


def jit_compile(config):
    """Keras's `jit_compile`: the configuration decides for TensorFlow, Keras for the others."""
    return bool(config.XLA) if keras.backend.backend() == "tensorflow" else "auto"


def batches(config, train_dataset, val_dataset, augmentation=None, no_augmentation_sources=None):
    """Sequences of training and validation batches.

    Validation sees the same images in every epoch, so that its losses compare.

    Returns:
        (`BatchSequence`, `BatchSequence` or None without a validation data set or steps).
    """
    options = {
        "workers": config.LOADER_WORKERS or min(4, os.cpu_count() or 1),
        "processes": config.LOADER_PROCESSES,
        "max_queue_size": 8,
    }
    source = SampleSource(
        train_dataset,
        config,
        augmentation=augmentation,
        no_augmentation_sources=no_augmentation_sources,
        seed=config.SEED,
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


def callbacks(log_dir, checkpoint_path, custom_callbacks=None):
    """TensorBoard (where TensorFlow is installed), a checkpoint an epoch, then the user's own.

    Raises:
        ValueError: a ModelCheckpoint among the user's would save the whole model, which fails.
    """
    for callback in custom_callbacks or ():
        if isinstance(callback, keras.callbacks.ModelCheckpoint) and not callback.save_weights_only:
            raise ValueError(
                f"ModelCheckpoint({callback.filepath!r}) would save the whole model: pass "
                "save_weights_only=True and a path that ends in .weights.h5."
            )
    chosen = [SaveWeights(checkpoint_path)]
    if importlib.util.find_spec("tensorflow") and importlib.util.find_spec("tensorboard"):
        chosen.insert(0, keras.callbacks.TensorBoard(log_dir, write_graph=False))
    else:
        logger.warning("no TensorBoard logs: tensorflow or tensorboard is not installed")
    return chosen + list(custom_callbacks or ())
