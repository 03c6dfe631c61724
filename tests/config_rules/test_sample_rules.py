"""Settings of which images are trained on, and in which size."""

import numpy as np
import pytest
from tiny import TinyConfig

from mrcnn.config import Config
from mrcnn.config_rules import network_rules


def problems_of(**settings):
    return network_rules.problems(type("Changed", (TinyConfig,), settings)())


def test_defaults_are_those_of_detection():
    assert Config.TRAIN_NEGATIVE_IMAGES is True
    assert Config.TRAIN_MIN_DIMS is None and Config.TRAIN_SCALE_JITTER is None


@pytest.mark.parametrize(
    "settings",
    [
        {"TRAIN_NEGATIVE_IMAGES": False},
        {"TRAIN_MIN_DIMS": [32, 48, 64]},
        {"TRAIN_MIN_DIMS": np.array([10, 64])},
        {"TRAIN_MIN_DIMS": (64,), "IMAGE_RESIZE_MODE": "crop"},
        {"TRAIN_MIN_DIMS": [640, 800], "IMAGE_RESIZE_MODE": "pad64"},
        {"TRAIN_SCALE_JITTER": (0.1, 2.0)},
        {"TRAIN_SCALE_JITTER": [1, 1], "IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_SCALE": 2},
    ],
)
def test_settings_that_work(settings):
    assert problems_of(**settings) == []


@pytest.mark.parametrize("value", [1, None, "no"])
def test_negative_images_are_a_yes_or_no(value):
    [line] = problems_of(TRAIN_NEGATIVE_IMAGES=value)
    assert line == f"TRAIN_NEGATIVE_IMAGES is {value!r}: it must be True or False."


@pytest.mark.parametrize("value", [800, [], "640", [640.5], [0, 64], [True], [[64]], (-64, 64)])
def test_lengths_that_cannot_work(value):
    [line] = problems_of(TRAIN_MIN_DIMS=value)
    assert line == (
        f"TRAIN_MIN_DIMS is {value!r}: it must be None, or a list of lengths in pixels, such as "
        "[640, 672, 704, 736, 768, 800]."
    )


def test_lengths_that_do_not_go_with_the_mode():
    assert problems_of(TRAIN_MIN_DIMS=(48, 80)) == [
        "TRAIN_MIN_DIMS has 80: it can be at most IMAGE_MAX_DIM, the side of the input, which is "
        "64."
    ]
    assert problems_of(TRAIN_MIN_DIMS=(48, 80), IMAGE_RESIZE_MODE="crop") == [
        "TRAIN_MIN_DIMS has 48: with IMAGE_RESIZE_MODE 'crop' it must be at least IMAGE_MIN_DIM, "
        "the side of the crop, which is 64."
    ]
    assert problems_of(TRAIN_MIN_DIMS=(48, 80), IMAGE_RESIZE_MODE="none") == [
        "TRAIN_MIN_DIMS is [48, 80]: with IMAGE_RESIZE_MODE 'none', which keeps the size of "
        "images, it must be None."
    ]
    assert problems_of(TRAIN_MIN_DIMS=[64], IMAGE_MIN_SCALE=2.0) == [
        "IMAGE_MIN_SCALE is 2.0: with TRAIN_MIN_DIMS, which alone sets the size of training "
        "images, it must be 0."
    ]


@pytest.mark.parametrize(
    "value", [2.0, (0.1,), (2.0, 0.1), (0, 2.0), ("a", "b"), (0.1, np.inf), (0.1, np.nan)]
)
def test_jitter_that_cannot_work(value):
    [line] = problems_of(TRAIN_SCALE_JITTER=value)
    assert line == (
        f"TRAIN_SCALE_JITTER is {value!r}: it must be None, or (low, high) above 0, such as (0.1, "
        "2.0)."
    )


@pytest.mark.parametrize("mode", ["none", "pad64"])
def test_jitter_needs_a_fixed_input_size(mode):
    assert problems_of(TRAIN_SCALE_JITTER=(0.1, 2.0), IMAGE_RESIZE_MODE=mode) == [
        f"TRAIN_SCALE_JITTER is (0.1, 2.0): with IMAGE_RESIZE_MODE {mode!r}, which has no fixed "
        "input size to crop or pad to, it must be None. Use 'square' or 'crop'."
    ]


def test_one_of_the_two_sets_the_size():
    assert problems_of(TRAIN_MIN_DIMS=[64], TRAIN_SCALE_JITTER=(0.5, 1.0)) == [
        "TRAIN_MIN_DIMS and TRAIN_SCALE_JITTER are both set: each sets the size of training "
        "images, so one of them must be None."
    ]
