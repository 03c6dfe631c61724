"""The settings that choose detections."""

import types

import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.config_rules.detection_rules import UNLISTED, lowest_min_score, min_scores
from mrcnn.config_rules.network_rules import problems
from mrcnn.runs import record


def config_of(**settings):
    return Config.from_dict({"NAME": "valid", "NUM_CLASSES": 4, **settings})


@pytest.mark.parametrize(
    ("confidence", "expected", "lowest"),
    [
        (0.5, [0.5] * 4, 0.5),
        (1, [1] * 4, 1),
        (0, [0] * 4, 0),
        (None, [0] * 4, 0),
        ({}, [0.7] * 4, 0.7),
        ({1: 0, 3: np.float64(0.9)}, [0.7, 0, 0.7, 0.9], 0),
        ({np.int64(2): 0.25}, [0.7, 0.7, 0.25, 0.7], 0.25),
        # The background, which is never detected, has no say.
        ({1: 0.8, 2: 0.9, 3: 0.75}, [0.7, 0.8, 0.9, 0.75], 0.75),
        (types.MappingProxyType({2: 0.5}), [0.7, 0.7, 0.5, 0.7], 0.5),
    ],
)
def test_the_score_that_each_class_needs(confidence, expected, lowest):
    config = config_of(DETECTION_MIN_CONFIDENCE=confidence)
    assert problems(config) == []
    assert min_scores(config) == expected
    assert lowest_min_score(config) == lowest
    # A network or dataset with a different number of classes, which other checks report.
    assert min_scores(config, 2) == expected[:2]
    assert min_scores(config, 5) == [*expected, expected[0]]


def test_classes_that_are_not_listed_have_the_default():
    assert UNLISTED == Config.DETECTION_MIN_CONFIDENCE


@pytest.mark.parametrize(
    "settings",
    [
        {"NMS_ACROSS_CLASSES": True},
        {"DETECTION_NMS": "soft_linear"},
        {"DETECTION_NMS": "soft_gaussian", "SOFT_NMS_SIGMA": 2},
    ],
)
def test_valid(settings):
    assert problems(config_of(**settings)) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"DETECTION_MIN_CONFIDENCE": {0: 0.5}},
            "DETECTION_MIN_CONFIDENCE has the key 0: class ids run from 1 to 3; the "
            "background, 0, is never detected.",
        ),
        (
            {"DETECTION_MIN_CONFIDENCE": {"cat": 0.5}},
            "DETECTION_MIN_CONFIDENCE has the key 'cat': class ids run from 1 to 3; the "
            "background, 0, is never detected.",
        ),
        (
            {"DETECTION_MIN_CONFIDENCE": {2: 50}},
            "DETECTION_MIN_CONFIDENCE has 50 for class 2: it must lie in [0, 1].",
        ),
        (
            {"DETECTION_MIN_CONFIDENCE": [0.5, 0.7]},
            "DETECTION_MIN_CONFIDENCE is [0.5, 0.7]: it must lie in [0, 1], or be a dict of class "
            "id to score, such as {2: 0.5}.",
        ),
        (
            {"DETECTION_MIN_CONFIDENCE": float("nan")},
            "DETECTION_MIN_CONFIDENCE is nan: it must lie in [0, 1].",
        ),
        ({"NMS_ACROSS_CLASSES": "yes"}, "NMS_ACROSS_CLASSES is 'yes': it must be True or False."),
        (
            {"DETECTION_NMS": "soft"},
            "DETECTION_NMS is 'soft': it must be one of 'hard', 'soft_linear', 'soft_gaussian'.",
        ),
        *[
            (
                {"SOFT_NMS_SIGMA": value},
                f"SOFT_NMS_SIGMA is {value!r}: it must be a finite number above 0, such as 0.5.",
            )
            for value in (0, -1, float("inf"), None, True)
        ],
    ],
)
def test_what_cannot_work(settings, message):
    assert problems(config_of(**settings)) == [message]


def test_thresholds_by_class_are_saved_with_the_run(tmp_path):
    config = config_of(DETECTION_MIN_CONFIDENCE={1: 0.9, 3: 0.25}, NMS_ACROSS_CLASSES=True)
    record.write(tmp_path, config, seed=0)
    again = record.read_config(tmp_path, type(config))
    assert again.DETECTION_MIN_CONFIDENCE == {1: 0.9, 3: 0.25}
    assert again.NMS_ACROSS_CLASSES is True


def test_a_sigma_that_no_suppression_uses(caplog):
    config = config_of(SOFT_NMS_SIGMA=0.3, DETECTION_NMS="soft_gaussian")
    config.validate()
    assert not caplog.messages
    config.DETECTION_NMS = "soft_linear"
    config.validate()
    assert caplog.messages == [
        "SOFT_NMS_SIGMA is 0.3, but DETECTION_NMS 'soft_linear' does not use it."
    ]
