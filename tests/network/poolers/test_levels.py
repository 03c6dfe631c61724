"""Levels of RoIs by the rules of other frameworks, and their boxes in pixels."""

import numpy as np
import pytest
from shared_data import foreign_values

from mrcnn.geometry.boxes import norm_boxes
from mrcnn.network.poolers import levels


@pytest.mark.parametrize("rule", ["torchvision", "detectron2"])
def test_levels_of_the_other_framework(rule):
    values = foreign_values(f"{rule}_ops")
    boxes, expected = values["levels.boxes"], values[f"levels.{rule}"]
    boxes = boxes[None, :, [1, 0, 3, 2]]
    np.testing.assert_array_equal(levels.floor_level(boxes, rule)[0], expected + 2)


@pytest.mark.parametrize("rule", ["torchvision", "detectron2"])
def test_a_factor_of_two_is_a_level(rule):
    sides = np.array([0, 1, 111.99, 112, 223.99, 224, 447.99, 448, 2000], "float32")
    boxes = np.stack([0 * sides, 0 * sides, sides, sides], axis=1)[None]
    np.testing.assert_array_equal(levels.floor_level(boxes, rule)[0], [2, 2, 2, 3, 3, 4, 4, 5, 5])


@pytest.mark.parametrize("size", [(64, 96), (800, 1333), (2048, 1024)])
def test_in_pixels_undoes_norm_boxes(size):
    sixteenths = np.random.default_rng(0).integers(0, 16 * min(size), (1, 500, 4)) / 16
    shape = np.array([[*size, 3.0]])
    ours = levels.in_pixels(norm_boxes(sixteenths[0], size)[None], shape)
    np.testing.assert_array_equal(ours, sixteenths)


def test_in_pixels_does_not_round():
    """A point that moves by a fraction f of a cell changes a value by f times the slope."""
    pixels = np.random.default_rng(0).uniform(0, 64, (500, 4))
    ours = levels.in_pixels(norm_boxes(pixels, (64, 96))[None], np.array([[64.0, 96.0, 3.0]]))
    np.testing.assert_allclose(ours[0], pixels, atol=2e-5)


def test_the_scale_is_a_power_of_two_even_if_the_map_is_rounded_up():
    features = np.zeros((1, 13, 25, 2), "float32")  # 200 / 16 and 400 / 16, rounded up
    scale = levels.scale_of(features, np.array([[200.0, 400.0, 3.0]]))
    np.testing.assert_array_equal(scale, [[1 / 16, 1 / 16]])


def test_continuous_boxes_in_pixels():
    sixteenths = np.random.default_rng(0).integers(0, 16 * 365, (1, 500, 4)) / 16
    boxes = norm_boxes(sixteenths[0], (384, 512), margin=0)[None]
    ours = levels.in_pixels(boxes, np.array([[384.0, 512.0, 3.0]]), margin=0)
    np.testing.assert_array_equal(ours, sixteenths)
