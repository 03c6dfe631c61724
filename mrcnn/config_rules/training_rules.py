"""Checks of a `Config`'s training settings: what is wrong, and what is accepted instead."""

from typing import Any

import numpy as np

from .values import either, is_integer, is_number, is_positive

START_METHODS = (None, "spawn", "forkserver", "fork")
OPTIMIZERS = ("sgd", "adam", "adamw")
LR_SCHEDULES = ("constant", "step", "cosine")
PRECISIONS = (None, "bfloat16", "float16")
RPN_LOSS_KINDS = ("mean", "faster_rcnn", "sampled")
PENALTIES = ("mean", "sum")
INITS = ("glorot", "gaussian")


def problems(config: Any) -> list[str]:
    """List all problems with the training settings.

    Args:
        config: a `Config`.

    Returns:
        One sentence per problem; empty if the settings can work.
    """
    checks = (
        _devices, _loader, _new_layers, _rpn_loss, _optimizer, _learning_rate, _class_weights,
        _validation, _run,
    )  # fmt: skip
    return [line for check in checks for line in check(config)]


def remarks(config: Any) -> list[str]:
    """List the training settings of a valid configuration that another setting leaves unused.

    Args:
        config: a `Config`.

    Returns:
        One sentence for each.
    """
    if config.RPN_LOSS == "faster_rcnn" or config.RPN_LOSS_LAMBDA == 10:
        return []
    return [
        f"RPN_LOSS_LAMBDA is {config.RPN_LOSS_LAMBDA}, but only RPN_LOSS 'faster_rcnn' uses it; "
        "LOSS_WEIGHTS also changes the balance."
    ]


def _devices(config):
    devices, hosts = config.GPU_COUNT, config.HOST_COUNT
    if not is_integer(hosts) or hosts < 1:
        yield f"HOST_COUNT is {hosts!r}: it must be a whole number of at least 1."
    elif is_integer(devices) and devices % hosts:
        yield (
            f"HOST_COUNT is {hosts}: GPU_COUNT, the number of devices on all hosts together, must "
            f"be a multiple of it ({max(1, devices // hosts) * hosts}), but is {devices}."
        )


def _loader(config):
    workers, processes = config.LOADER_WORKERS, config.LOADER_PROCESSES
    if workers is not None and (not is_integer(workers) or workers < 1):
        yield f"LOADER_WORKERS is {workers!r}: it must be None or a whole number of at least 1."
    if processes not in START_METHODS:
        yield (
            f"LOADER_PROCESSES is {processes!r}: it must be None for threads, or one of "
            f"{', '.join(START_METHODS[1:])}."
        )


def _rpn_loss(config):
    kind, balance = config.RPN_LOSS, config.RPN_LOSS_LAMBDA
    if kind not in RPN_LOSS_KINDS:
        yield f"RPN_LOSS is {kind!r}: it must be {either(RPN_LOSS_KINDS)}."
    if not is_positive(balance) or not np.isfinite(balance):
        yield f"RPN_LOSS_LAMBDA is {balance!r}: it must be a positive number; the paper has 10."


def _new_layers(config):
    if config.NEW_LAYERS_INIT not in INITS:
        yield f"NEW_LAYERS_INIT is {config.NEW_LAYERS_INIT!r}: it must be {either(INITS)}."


def _optimizer(config):
    if config.WEIGHT_DECAY_ON not in PENALTIES:
        yield f"WEIGHT_DECAY_ON is {config.WEIGHT_DECAY_ON!r}: it must be {either(PENALTIES)}."
    if not callable(config.OPTIMIZER) and config.OPTIMIZER not in OPTIMIZERS:
        yield (
            f"OPTIMIZER is {config.OPTIMIZER!r}: it must be one of {', '.join(OPTIMIZERS)}, or a "
            "function (learning_rate, **options) that returns a Keras optimizer."
        )
    if not is_number(config.LEARNING_MOMENTUM) or not 0 <= config.LEARNING_MOMENTUM < 1:
        yield f"LEARNING_MOMENTUM is {config.LEARNING_MOMENTUM!r}: it must lie in [0, 1)."
    if not is_number(config.WEIGHT_DECAY) or not 0 <= config.WEIGHT_DECAY < np.inf:
        yield f"WEIGHT_DECAY is {config.WEIGHT_DECAY!r}: it must be a number of at least 0."
    if config.EMA is not None and not (is_number(config.EMA) and 0 < config.EMA < 1):
        yield f"EMA is {config.EMA!r}: it must be None, or a momentum in (0, 1) such as 0.999."
    if config.MIXED_PRECISION not in PRECISIONS:
        yield (
            f"MIXED_PRECISION is {config.MIXED_PRECISION!r}: it must be None (float32), "
            f"{' or '.join(PRECISIONS[1:])}."
        )


def _learning_rate(config):
    rate = config.LEARNING_RATE
    if not is_number(rate) or not 0 <= rate < np.inf:
        yield f"LEARNING_RATE is {rate!r}: it must be a number of at least 0, such as 0.001."
    if config.LR_SCHEDULE not in LR_SCHEDULES:
        yield f"LR_SCHEDULE is {config.LR_SCHEDULE!r}: it must be one of {', '.join(LR_SCHEDULES)}."
    epochs = config.LR_STEPS
    if (
        not isinstance(epochs, list | tuple | np.ndarray)
        or not all(is_integer(epoch) and epoch > 0 for epoch in epochs)
        or list(epochs) != sorted(set(epochs))
    ):
        yield f"LR_STEPS is {epochs!r}: it must be a list of increasing epochs, such as [30, 40]."
    elif config.LR_SCHEDULE == "step" and not len(epochs):
        yield (
            f"LR_STEPS is {epochs!r}: with LR_SCHEDULE 'step' it must list the epochs after which "
            "the learning rate falls, such as [30, 40]."
        )
    if not is_positive(config.LR_FACTOR) or config.LR_FACTOR > 1:
        yield f"LR_FACTOR is {config.LR_FACTOR!r}: it must lie in (0, 1]."
    if not is_integer(config.LR_WARMUP_STEPS) or config.LR_WARMUP_STEPS < 0:
        yield (
            f"LR_WARMUP_STEPS is {config.LR_WARMUP_STEPS!r}: it must be a whole number of batches, "
            "0 for no warm-up."
        )


def _class_weights(config):
    weights = config.CLASS_WEIGHTS
    if weights is None:
        return
    if not isinstance(weights, dict):
        yield f"CLASS_WEIGHTS is {weights!r}: it must be None, or a dict of class id to weight."
        return
    for class_id, weight in weights.items():
        # NUM_CLASSES may itself be wrong; another check reports that.
        if not is_integer(class_id) or not 0 <= class_id < config.NUM_CLASSES:
            yield (
                f"CLASS_WEIGHTS has the key {class_id!r}: class ids run from 0, the background, to "
                f"{config.NUM_CLASSES - 1}."
            )
        if not is_number(weight) or not 0 <= weight < np.inf:
            yield (
                f"CLASS_WEIGHTS has {weight!r} for class {class_id!r}: it must be finite and at "
                "least 0."
            )


def _validation(config):
    every, images = config.VALIDATION_EVERY, config.VALIDATION_IMAGES
    if not is_integer(every) or every < 0:
        yield f"VALIDATION_EVERY is {every!r}: it must be a whole number of epochs, or 0 for never."
    if images is not None and (not is_integer(images) or images < 1):
        yield f"VALIDATION_IMAGES is {images!r}: it must be None or a whole number of at least 1."


def _run(config):
    for name in ("EARLY_STOPPING", "KEEP_CHECKPOINTS"):
        value = getattr(config, name)
        if value is not None and (not is_integer(value) or value < 1):
            yield f"{name} is {value!r}: it must be None or a whole number of at least 1."
    minutes = config.SAVE_EVERY_MINUTES
    if minutes is not None and not is_positive(minutes):
        yield f"SAVE_EVERY_MINUTES is {minutes!r}: it must be None or a positive number."
    if config.MONITOR is not None and not isinstance(config.MONITOR, str):
        yield f"MONITOR is {config.MONITOR!r}: it must be None or a name, such as 'val_loss'."
