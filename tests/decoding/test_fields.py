"""Masks and keypoints in pixels of the image."""

import numpy as np
import pytest

from mrcnn.decoding.fields import located, pasted
from mrcnn.decoding.found import Found
from mrcnn.geometry.heatmaps import keypoints_of_heatmaps
from mrcnn.images.frame import Frame
from mrcnn.instances.masks import InstanceMasks


def found(dense=True):
    """A detection in the lower right quarter of an image of 20 x 40, whose input is 40 x 80."""
    boxes = np.array([[10, 20, 20, 40]], np.int32)
    frame = Frame.of_window((20, 40, 3), (40, 80, 3), (0, 0, 40, 80))
    return Found(np.array([0]), np.array([1]), boxes, (20, 40, 3), dense, frame)


@pytest.mark.parametrize("dense", [True, False])
def test_pasted(dense):
    masks = np.zeros((1, 4, 4), np.float32)
    masks[:, :, 2:] = 1  # the right half of the box
    result = pasted(masks, found(dense), "reference")
    assert isinstance(result, np.ndarray if dense else InstanceMasks)
    full = result if dense else result.dense()
    assert full.shape == (20, 40, 1) and full.dtype == bool
    assert full[10:20, 31:39].all()  # what is outside of the mask counts as 0
    full[10:20, 29:40] = False
    assert not full.any()


def test_located():
    maps = np.full((1, 14, 14, 2), -10, np.float32)
    maps[0, 0, 0, 0] = maps[0, 13, 13, 1] = 10
    box = np.array([[20 / 39, 40 / 79, 1, 1]], np.float32)  # normalised to the input
    points = located(maps, box, found(), "reference")
    assert points.shape == (1, 2, 3) and points.dtype == np.float32
    # Half a cell, and thus a fourteenth of half the box's side, from its corners.
    np.testing.assert_allclose(points[0, :, 0], [10.4, 19.6], atol=0.4)
    np.testing.assert_allclose(points[0, :, 1], [20.7, 39.3], atol=0.8)
    _, logits, scores = keypoints_of_heatmaps(maps, found().frame.in_input(box))
    np.testing.assert_array_equal(points[..., 2], scores)
    np.testing.assert_array_equal(located(maps, box, found(), "torchvision")[..., 2], logits)
