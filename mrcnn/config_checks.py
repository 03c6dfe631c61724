"""What is wrong with a `Config`, in words that say what would be right."""

import numbers

import numpy as np

RESIZE_MODES = ("square", "pad64", "crop", "none")
SCALINGS = ("auto", "percentile", "full")
LOSS_NAMES = (
    "rpn_class_loss",
    "rpn_bbox_loss",
    "mrcnn_class_loss",
    "mrcnn_bbox_loss",
    "mrcnn_mask_loss",
)
BACKBONES = ("resnet50", "resnet101")
START_METHODS = (None, "spawn", "forkserver", "fork")
OPTIMIZERS = ("sgd", "adam", "adamw")
LR_SCHEDULES = ("constant", "step", "cosine")
PRECISIONS = (None, "bfloat16", "float16")


def problems(config):
    """All problems of a configuration.

    Args:
        config: a `Config`.

    Returns:
        A list of sentences, empty if the configuration can work.
    """
    checks = (
        _name, _counts, _fractions, _sizes, _backbone, _anchors, _channels, _masks, _losses,
        _loader, _optimizer, _learning_rate, _class_weights, _validation, _run,
    )  # fmt: skip
    return [line for check in checks for line in check(config)]


def _name(config):
    if not isinstance(config.NAME, str) or not config.NAME:
        yield f"NAME is {config.NAME!r}: give your subclass a name, such as NAME = 'balloon'."
    if not _is_whole(config.NUM_CLASSES) or config.NUM_CLASSES < 2:
        yield (
            f"NUM_CLASSES is {config.NUM_CLASSES!r}: it counts the background too, so it is a "
            "whole number of at least 2 (1 + your number of classes)."
        )


def _counts(config):
    names = (
        "GPU_COUNT", "IMAGES_PER_GPU", "BATCH_SIZE", "STEPS_PER_EPOCH", "RPN_ANCHOR_STRIDE",
        "RPN_TRAIN_ANCHORS_PER_IMAGE", "PRE_NMS_LIMIT", "POST_NMS_ROIS_TRAINING",
        "POST_NMS_ROIS_INFERENCE", "TRAIN_ROIS_PER_IMAGE", "POOL_SIZE", "MASK_POOL_SIZE",
        "MAX_GT_INSTANCES", "DETECTION_MAX_INSTANCES", "IMAGE_CHANNEL_COUNT",
        "FPN_CLASSIF_FC_LAYERS_SIZE", "TOP_DOWN_PYRAMID_SIZE", "GRADIENT_ACCUMULATION",
    )  # fmt: skip
    for name in names:
        value = getattr(config, name)
        if not _is_whole(value) or value < 1:
            yield f"{name} is {value!r}: it must be a whole number of at least 1."


def _fractions(config):
    for name in ("RPN_NMS_THRESHOLD", "DETECTION_NMS_THRESHOLD", "ROI_POSITIVE_RATIO"):
        value = getattr(config, name)
        if not _is_number(value) or not 0 < value <= 1:
            yield f"{name} is {value!r}: it must lie in (0, 1]."
    confidence = config.DETECTION_MIN_CONFIDENCE
    if confidence is not None and not (_is_number(confidence) and 0 <= confidence <= 1):
        yield f"DETECTION_MIN_CONFIDENCE is {confidence!r}: it must lie in [0, 1]."
    if config.TRAIN_BN not in (True, False, None):
        yield f"TRAIN_BN is {config.TRAIN_BN!r}: it is False (frozen), None or True."


def _sizes(config):
    mode = config.IMAGE_RESIZE_MODE
    if mode not in RESIZE_MODES:
        yield f"IMAGE_RESIZE_MODE is {mode!r}: it is one of {', '.join(RESIZE_MODES)}."
        return
    # In the modes none and pad64 the image's own size counts, and is checked when it comes.
    names = {"square": ["IMAGE_MAX_DIM"], "crop": ["IMAGE_MIN_DIM"], "pad64": ["IMAGE_MIN_DIM"]}
    for name in names.get(mode, []):
        side = getattr(config, name)
        if mode == "pad64" and not side:
            continue
        if not _is_whole(side) or side < 64 or side % 64:
            yield f"{name} is {side!r}: {multiple_of_64(side)}"


def multiple_of_64(side):
    """The reason why a side is refused, with the sides that would do: "it must be ..."."""
    if not _is_whole(side) or side < 64:
        whole = "" if _is_whole(side) else "a whole number and "
        return (
            f"it must be {whole}a multiple of 64, because the pyramid halves the image six times."
        )
    below = int(side) // 64 * 64
    return (
        f"it must be a multiple of 64 ({below} or {below + 64}), because the pyramid halves the "
        "image six times."
    )


def check_sides(image_shape):
    """See that a resized image fits the pyramid.

    Raises:
        ValueError: height or width is no multiple of 64.
    """
    for side in image_shape[:2]:
        if side % 64:
            raise ValueError(f"an image has a side of {side} pixels: {multiple_of_64(side)}")


def _backbone(config):
    if callable(config.BACKBONE):
        if not callable(config.COMPUTE_BACKBONE_SHAPE):
            yield (
                f"COMPUTE_BACKBONE_SHAPE is {config.COMPUTE_BACKBONE_SHAPE!r}: with a function as "
                "BACKBONE it must be a function (image_shape) -> [[height, width], ...] of P2..P6."
            )
    elif config.BACKBONE not in BACKBONES:
        yield f"BACKBONE is {config.BACKBONE!r}: it is {' or '.join(BACKBONES)}, or a function."


def _anchors(config):
    levels = len(config.BACKBONE_STRIDES)
    if levels != 5:
        yield f"BACKBONE_STRIDES has {levels} entries: the pyramid P2..P6 needs 5."
    if len(config.RPN_ANCHOR_SCALES) != levels:
        yield (
            f"RPN_ANCHOR_SCALES has {len(config.RPN_ANCHOR_SCALES)} entries: it needs one for each "
            f"of the {levels} BACKBONE_STRIDES."
        )
    for name in ("RPN_ANCHOR_SCALES", "RPN_ANCHOR_RATIOS", "RPN_BBOX_STD_DEV", "BBOX_STD_DEV"):
        values = getattr(config, name)
        if not np.iterable(values) or not len(values) or not all(map(_is_positive, values)):
            yield f"{name} is {values!r}: it must be a list of positive numbers."
        elif name.endswith("STD_DEV") and len(values) != 4:
            yield f"{name} has {len(values)} entries: it needs 4, for dy, dx, log dh and log dw."


def _channels(config):
    mean, channels = np.atleast_1d(config.MEAN_PIXEL), config.IMAGE_CHANNEL_COUNT
    if len(mean) not in (1, channels):
        # 114.8 is the mean of the default's three.
        example = (
            "np.array([123.7, 116.8, 103.9])" if channels == 3 else f"np.full({channels}, 114.8)"
        )
        yield (
            f"MEAN_PIXEL has {len(mean)} entries: it needs one for each of the {channels} channels "
            f"of IMAGE_CHANNEL_COUNT, or one number for all. To start with, write MEAN_PIXEL = "
            f"{example}; the mean of your own images is better."
        )
    if problem := scaling_problem(config.IMAGE_SCALING):
        yield f"IMAGE_SCALING {problem}"


def scaling_problem(scaling):
    """What is wrong with an IMAGE_SCALING: "is ...: it must be ...", or ""."""
    if isinstance(scaling, str):
        right = scaling in SCALINGS
    else:
        right = (
            isinstance(scaling, tuple | list | np.ndarray)
            and len(scaling) == 2
            and all(_is_number(value) and np.isfinite(value) for value in scaling)
            and scaling[0] < scaling[1]
        )
    if right:
        return ""
    return (
        f"is {scaling!r}: it must be 'auto', 'percentile', 'full', or (low, high), the values that "
        "become 0 and 255, such as (0, 4095)."
    )


def _masks(config):
    expected = [2 * config.MASK_POOL_SIZE] * 2
    if list(config.MASK_SHAPE) != expected:
        yield (
            f"MASK_SHAPE is {list(config.MASK_SHAPE)}: the mask head doubles MASK_POOL_SIZE "
            f"({config.MASK_POOL_SIZE}), so it must be {expected}."
        )
    if config.USE_MINI_MASK and (
        len(config.MINI_MASK_SHAPE) < 2 or min(config.MINI_MASK_SHAPE[:2]) < 1
    ):
        yield f"MINI_MASK_SHAPE is {config.MINI_MASK_SHAPE!r}: it must be (height, width)."


def _losses(config):
    missing = [name for name in LOSS_NAMES if name not in config.LOSS_WEIGHTS]
    unknown = [name for name in config.LOSS_WEIGHTS if name not in LOSS_NAMES]
    if unknown:
        yield f"LOSS_WEIGHTS names {unknown}: the losses are {', '.join(LOSS_NAMES)}."
    if missing and unknown:
        yield f"LOSS_WEIGHTS lacks {missing}."


def _loader(config):
    workers, processes = config.LOADER_WORKERS, config.LOADER_PROCESSES
    if workers is not None and (not _is_whole(workers) or workers < 1):
        yield f"LOADER_WORKERS is {workers!r}: it must be None or a whole number of at least 1."
    if processes not in START_METHODS:
        yield (
            f"LOADER_PROCESSES is {processes!r}: it is None for threads, or one of "
            f"{', '.join(START_METHODS[1:])}."
        )


def _optimizer(config):
    if not callable(config.OPTIMIZER) and config.OPTIMIZER not in OPTIMIZERS:
        yield (
            f"OPTIMIZER is {config.OPTIMIZER!r}: it is one of {', '.join(OPTIMIZERS)}, or a "
            "function (learning_rate, **options) that gives a Keras optimizer."
        )
    if config.EMA is not None and not (_is_number(config.EMA) and 0 < config.EMA < 1):
        yield f"EMA is {config.EMA!r}: it is None, or a momentum in (0, 1) such as 0.999."
    if config.MIXED_PRECISION not in PRECISIONS:
        yield (
            f"MIXED_PRECISION is {config.MIXED_PRECISION!r}: it is None for float32, "
            f"{' or '.join(PRECISIONS[1:])}."
        )


def _learning_rate(config):
    if config.LR_SCHEDULE not in LR_SCHEDULES:
        yield f"LR_SCHEDULE is {config.LR_SCHEDULE!r}: it is one of {', '.join(LR_SCHEDULES)}."
    epochs = config.LR_STEPS
    if (
        not isinstance(epochs, list | tuple | np.ndarray)
        or not all(_is_whole(epoch) and epoch > 0 for epoch in epochs)
        or list(epochs) != sorted(set(epochs))
    ):
        yield f"LR_STEPS is {epochs!r}: it must be a list of rising epochs, such as [30, 40]."
    elif config.LR_SCHEDULE == "step" and not len(epochs):
        yield (
            f"LR_STEPS is {epochs!r}: with LR_SCHEDULE 'step' it must name the epochs after which "
            "the learning rate falls, such as [30, 40]."
        )
    if not _is_positive(config.LR_FACTOR) or config.LR_FACTOR > 1:
        yield f"LR_FACTOR is {config.LR_FACTOR!r}: it must lie in (0, 1]."
    if not _is_whole(config.LR_WARMUP_STEPS) or config.LR_WARMUP_STEPS < 0:
        yield (
            f"LR_WARMUP_STEPS is {config.LR_WARMUP_STEPS!r}: it must be a whole number of batches, "
            "0 for no warm-up."
        )


def _class_weights(config):
    weights = config.CLASS_WEIGHTS
    if weights is None:
        return
    if not isinstance(weights, dict):
        yield f"CLASS_WEIGHTS is {weights!r}: it is None, or a dict of class id to weight."
        return
    for class_id, weight in weights.items():
        # NUM_CLASSES may itself be wrong, which another check says.
        if not _is_whole(class_id) or not 0 <= class_id < config.NUM_CLASSES:
            yield (
                f"CLASS_WEIGHTS has the key {class_id!r}: class ids go from 0, the background, to "
                f"{config.NUM_CLASSES - 1}."
            )
        if not _is_number(weight) or not 0 <= weight < np.inf:
            yield f"CLASS_WEIGHTS has {weight!r} for class {class_id!r}: it must be at least 0."


def _validation(config):
    every, images = config.VALIDATION_EVERY, config.VALIDATION_IMAGES
    if not _is_whole(every) or every < 0:
        yield f"VALIDATION_EVERY is {every!r}: it must be a whole number of epochs, or 0 for never."
    if images is not None and (not _is_whole(images) or images < 1):
        yield f"VALIDATION_IMAGES is {images!r}: it must be None or a whole number of at least 1."


def _run(config):
    for name in ("EARLY_STOPPING", "KEEP_CHECKPOINTS"):
        value = getattr(config, name)
        if value is not None and (not _is_whole(value) or value < 1):
            yield f"{name} is {value!r}: it must be None or a whole number of at least 1."
    minutes = config.SAVE_EVERY_MINUTES
    if minutes is not None and not _is_positive(minutes):
        yield f"SAVE_EVERY_MINUTES is {minutes!r}: it must be None or a positive number."
    if config.MONITOR is not None and not isinstance(config.MONITOR, str):
        yield f"MONITOR is {config.MONITOR!r}: it must be None or a name, such as 'val_loss'."


def _is_positive(value):
    return _is_number(value) and value > 0


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _is_whole(value):
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
