"""Checks of the settings that choose and scale training images."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .values import is_integer, is_positive


def problems(config: Any) -> Iterator[str]:
    """Yield what is wrong with a `Config`'s TRAIN_* settings for images, one sentence each."""
    if not isinstance(config.TRAIN_NEGATIVE_IMAGES, bool):
        yield (
            f"TRAIN_NEGATIVE_IMAGES is {config.TRAIN_NEGATIVE_IMAGES!r}: it must be True or False."
        )
    if config.TRAIN_MIN_DIMS is not None:
        yield from _min_dims(config)
    if config.TRAIN_SCALE_JITTER is not None:
        yield from _scale_jitter(config)
        if config.TRAIN_MIN_DIMS is not None:
            yield (
                "TRAIN_MIN_DIMS and TRAIN_SCALE_JITTER are both set: each sets the size of "
                "training images, so one of them must be None."
            )


def _min_dims(config):
    dims, mode = config.TRAIN_MIN_DIMS, config.IMAGE_RESIZE_MODE
    if not _is_list(dims) or not len(dims) or not all(is_integer(d) and d > 0 for d in dims):
        yield (
            f"TRAIN_MIN_DIMS is {dims!r}: it must be None, or a list of lengths in pixels, such as "
            "[640, 672, 704, 736, 768, 800]."
        )
        return
    longest, least = config.IMAGE_MAX_DIM, config.IMAGE_MIN_DIM
    if mode == "none":
        yield (
            f"TRAIN_MIN_DIMS is {list(dims)}: with IMAGE_RESIZE_MODE 'none', which keeps the size "
            "of images, it must be None."
        )
    elif mode == "square" and is_integer(longest) and max(dims) > longest:
        yield (
            f"TRAIN_MIN_DIMS has {max(dims)}: it can be at most IMAGE_MAX_DIM, the side of the "
            f"input, which is {longest}."
        )
    elif mode == "crop" and is_integer(least) and min(dims) < least:
        yield (
            f"TRAIN_MIN_DIMS has {min(dims)}: with IMAGE_RESIZE_MODE 'crop' it must be at least "
            f"IMAGE_MIN_DIM, the side of the crop, which is {least}."
        )
    if config.IMAGE_MIN_SCALE:
        yield (
            f"IMAGE_MIN_SCALE is {config.IMAGE_MIN_SCALE}: with TRAIN_MIN_DIMS, which alone sets "
            "the size of training images, it must be 0."
        )


def _scale_jitter(config):
    jitter, mode = config.TRAIN_SCALE_JITTER, config.IMAGE_RESIZE_MODE
    right = _is_list(jitter) and len(jitter) == 2 and all(map(is_positive, jitter))
    if not right or not jitter[0] <= jitter[1] < np.inf:
        yield (
            f"TRAIN_SCALE_JITTER is {jitter!r}: it must be None, or (low, high) above 0, such as "
            "(0.1, 2.0)."
        )
    elif mode not in ("square", "crop"):
        yield (
            f"TRAIN_SCALE_JITTER is {tuple(jitter)}: with IMAGE_RESIZE_MODE {mode!r}, which has no "
            "fixed input size to crop or pad to, it must be None. Use 'square' or 'crop'."
        )


def _is_list(value):
    return isinstance(value, list | tuple | np.ndarray) and np.ndim(value) == 1
