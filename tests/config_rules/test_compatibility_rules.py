"""Settings in which the networks of other projects differ."""

import numpy as np
import pytest

from mrcnn.config_rules.compatibility_rules import problems, remarks

from .test_network_rules import Valid


def found(**settings):
    return list(problems(Valid.from_dict(settings)))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"RESNET_POOL_PADDING": "both", "BOX_HEAD_NORM": None, "RPN_ANCHOR_GRID": "image"},
        {"BOX_COORDINATES": "continuous", "IMAGE_RESAMPLING": "torchvision"},
        {"MASK_PASTING": "detectron2", "KEYPOINT_SCORES": "torchvision", "FPN_NORM": True},
        {"RPN_MIN_SIZE": 0, "DETECTION_MIN_SIZE": 0.01, "BOX_DELTA_LIMIT": np.log(62.5)},
        {"BATCH_NORM_EPSILON": 0.0, "PIXEL_STD": (58.4, 57.1, 57.4), "IMAGE_SIDE_MULTIPLE": 1},
        {"ROI_SAMPLING": "torchvision", "BOX_LOSS": "sampled", "BOX_LOSS_BETA": 0, "RPN_LOGITS": 1},
        {"MASK_TARGETS": "torchvision", "USE_MINI_MASK": False},
        {"BOX_HEAD_CONVOLUTIONS": 4, "BOX_HEAD_LAYERS": 1, "RPN_CONVOLUTIONS": 2},
    ],
)
def test_valid(settings):
    assert found(**settings) == []


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("RESNET_POOL_PADDING", "same", "None, 'end' or 'both'"),
        ("BOX_HEAD_NORM", True, "'all', 'convolutions' or None"),
        ("RPN_ANCHOR_GRID", "cells", "'strides' or 'image'"),
        ("BOX_COORDINATES", "pixels", "'reference' or 'continuous'"),
        ("IMAGE_RESAMPLING", "nearest", "'reference', 'torchvision' or 'detectron2'"),
        ("MASK_PASTING", None, "'reference', 'torchvision' or 'detectron2'"),
        ("KEYPOINT_SCORES", "logit", "'detectron2' or 'torchvision'"),
        ("ROI_SAMPLING", "detectron2", "'reference' or 'torchvision'"),
        ("BOX_LOSS", "sum", "'mean' or 'sampled'"),
        ("BOX_LOSS_BETA", -1, "a number of at least 0"),
        ("RPN_LOGITS", 3, "2 or 1"),
        ("NORM_REPLACES_BIAS", 1, "True or False"),
        ("RPN_NMS_BY_LEVEL", None, "True or False"),
        ("RPN_CONVOLUTIONS", 0, "a whole number of at least 1"),
        ("IMAGE_SIDE_MULTIPLE", 32.0, "a whole number of at least 1"),
        ("BOX_HEAD_CONVOLUTIONS", -1, "a whole number of at least 0"),
        ("BOX_HEAD_CHANNELS", 0, "a whole number of at least 1"),
        ("PRE_NMS_LIMIT_TRAINING", 0, "None or a whole number of at least 1"),
        ("RPN_CLIP_TO_IMAGE", 1, "True or False"),
        ("RPN_MIN_SIZE", -1, "None or a number of pixels of at least 0"),
        ("DETECTION_MIN_SIZE", "1", "None or a number of pixels of at least 0"),
    ],
)
def test_what_is_accepted_instead(name, value, accepted):
    assert found(**{name: value}) == [f"{name} is {value!r}: it must be {accepted}."]


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("BOX_DELTA_LIMIT", 0, "None, or above 0 and at most 20"),
        ("BOX_DELTA_LIMIT", 62.5, "None, or above 0 and at most 20"),
        ("PIXEL_STD", (1.0, 2.0), "a positive number, or one for each of the 3 channels of"),
        ("PIXEL_STD", 0, "a positive number, or one for each of the 3 channels of"),
    ],
)
def test_numbers(name, value, accepted):
    [line] = found(**{name: value})
    assert line.startswith(f"{name} is {value!r}: it must be {accepted}")


def test_epsilon():
    assert found(BATCH_NORM_EPSILON=1) == ["BATCH_NORM_EPSILON is 1: it must lie in [0, 1)."]


def test_mask_targets_need_whole_masks():
    [line] = found(MASK_TARGETS="detectron2")
    assert line.endswith("which needs whole masks: set USE_MINI_MASK to False.")


def test_hosts_need_inputs_of_one_size():
    settings = {"IMAGE_RESIZE_MODE": "short_side", "GPU_COUNT": 2, "HOST_COUNT": 2}
    [line] = found(**settings)
    assert line.startswith("IMAGE_RESIZE_MODE is 'short_side' and HOST_COUNT is 2: hosts would")


def test_an_array_is_no_choice():
    [line] = found(MASK_PASTING=np.array(["reference", "torchvision"]))
    assert line.startswith("MASK_PASTING is array(")


def test_remarks():
    assert remarks(Valid()) == []
    boxes = {"BOX_COORDINATES": "continuous"}
    assert remarks(Valid.from_dict({**boxes, "ROI_POOLER": "roi_align"})) == []
    [line] = remarks(Valid.from_dict(boxes))
    assert "up to a pixel away: use 'roi_align'" in line
