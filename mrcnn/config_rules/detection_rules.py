"""Checks of the settings that choose detections: score thresholds and suppression."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..types import Array
from .values import is_integer, is_number, is_positive

SUPPRESSIONS = ("hard", "soft_linear", "soft_gaussian")

# The threshold of classes that DETECTION_MIN_CONFIDENCE does not list: the setting's own default.
UNLISTED = 0.7

# One score for all classes, or one for each by its id.
Confidence = float | Mapping[int, float] | None


def min_scores(config: Any, classes: int | None = None) -> list[float]:
    """The score that a detection of each class needs, by class id; 0 if it needs none.

    Args:
        config: a `Config`, for DETECTION_MIN_CONFIDENCE.
        classes: number of classes, including the background; None is NUM_CLASSES.

    Example:
        >>> from types import SimpleNamespace
        >>> from mrcnn.config_rules.detection_rules import min_scores
        >>> min_scores(SimpleNamespace(NUM_CLASSES=4, DETECTION_MIN_CONFIDENCE={2: 0.5}))
        [0.7, 0.7, 0.5, 0.7]
    """
    classes = config.NUM_CLASSES if classes is None else classes
    return by_class(config.DETECTION_MIN_CONFIDENCE, classes)


def scores_needed(config: Any, class_ids: Array) -> Array:
    """The score that each of several detections needs, by its class; 0 if it needs none.

    Args:
        config: a `Config`, for DETECTION_MIN_CONFIDENCE.
        class_ids: int [N], 0 or more; they may be above NUM_CLASSES.

    Returns:
        float64 [N].

    Example:
        >>> from types import SimpleNamespace
        >>> from mrcnn.config_rules.detection_rules import scores_needed
        >>> scores_needed(SimpleNamespace(DETECTION_MIN_CONFIDENCE={2: 0.5}), np.array([2, 1, 2]))
        array([0.5, 0.7, 0.5])
    """
    return np.array(min_scores(config, int(class_ids.max(initial=0)) + 1))[class_ids]


def by_class(confidence: Confidence, classes: int) -> list[float]:
    """The score that a detection of each class needs, by class id.

    Args:
        confidence: see DETECTION_MIN_CONFIDENCE.
        classes: number of classes, including the background.
    """
    if isinstance(confidence, Mapping):
        return [float(confidence.get(class_id, UNLISTED)) for class_id in range(classes)]
    return [float(confidence or 0)] * classes


def lowest_min_score(config: Any) -> float:
    """The lowest score that a detection of any class needs; 0 if it needs none.

    Args:
        config: a `Config`, for DETECTION_MIN_CONFIDENCE and, if that is a dict, NUM_CLASSES.

    Example:
        >>> from types import SimpleNamespace
        >>> from mrcnn.config_rules.detection_rules import lowest_min_score
        >>> lowest_min_score(SimpleNamespace(NUM_CLASSES=3, DETECTION_MIN_CONFIDENCE={1: 0.9}))
        0.7
    """
    if isinstance(config.DETECTION_MIN_CONFIDENCE, Mapping):
        return min(min_scores(config)[1:], default=0.0)
    return float(config.DETECTION_MIN_CONFIDENCE or 0)


def problems(config: Any) -> Iterator[str]:
    """Yield what is wrong with the settings that choose detections, one sentence per problem.

    Args:
        config: a `Config`.
    """
    # NUM_CLASSES may itself be wrong; another check reports that.
    yield from confidence_problems(
        "DETECTION_MIN_CONFIDENCE", config.DETECTION_MIN_CONFIDENCE, config.NUM_CLASSES
    )
    if not isinstance(config.NMS_ACROSS_CLASSES, bool | np.bool_):
        yield f"NMS_ACROSS_CLASSES is {config.NMS_ACROSS_CLASSES!r}: it must be True or False."
    if config.DETECTION_NMS not in list(SUPPRESSIONS):
        yield (
            f"DETECTION_NMS is {config.DETECTION_NMS!r}: it must be one of "
            f"{', '.join(map(repr, SUPPRESSIONS))}."
        )
    sigma = config.SOFT_NMS_SIGMA
    if not is_positive(sigma) or not np.isfinite(sigma):
        yield f"SOFT_NMS_SIGMA is {sigma!r}: it must be a finite number above 0, such as 0.5."


def remarks(config: Any) -> list[str]:
    """List the settings of a valid configuration that its DETECTION_NMS leaves unused.

    Args:
        config: a `Config`.

    Returns:
        One sentence for each.
    """
    sigma, kind = config.SOFT_NMS_SIGMA, config.DETECTION_NMS
    if kind == "soft_gaussian" or sigma == 0.5:
        return []
    return [f"SOFT_NMS_SIGMA is {sigma}, but DETECTION_NMS {kind!r} does not use it."]


def confidence_problems(name: str, confidence: Any, classes: int) -> Iterator[str]:
    """Yield what is wrong with a score threshold, one sentence per problem.

    Args:
        name: of the setting or argument.
        confidence: its value; it should be a `Confidence` in [0, 1].
        classes: number of classes, including the background.
    """
    if confidence is None or _is_fraction(confidence):
        return
    if not isinstance(confidence, Mapping):
        or_dict = (
            ""
            if is_number(confidence) or isinstance(confidence, str)
            else (", or be a dict of class id to score, such as {2: 0.5}")
        )
        yield f"{name} is {confidence!r}: it must lie in [0, 1]{or_dict}."
        return
    for class_id, score in confidence.items():
        if not is_integer(class_id) or not 0 < class_id < classes:
            yield (
                f"{name} has the key {class_id!r}: class ids run from 1 to {classes - 1}; the "
                "background, 0, is never detected."
            )
        if not _is_fraction(score):
            yield f"{name} has {score!r} for class {class_id!r}: it must lie in [0, 1]."


def _is_fraction(value: Any) -> bool:
    return is_number(value) and bool(0 <= value <= 1)
