"""RoIAlign of masks, each RoI with its own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from shared_data import foreign_values

from mrcnn import ops

pytestmark = pytest.mark.network


@settings(deadline=None, max_examples=4)
@given(st.integers(0, 10_000), st.booleans())
def test_the_values_of_roi_align(seed, aligned):
    rng = np.random.default_rng(seed)
    masks = (rng.random((2, 23, 31, 3)) < 0.4).astype("uint8")
    corners = rng.uniform(-6, 34, (2, 5, 2, 2))
    boxes = np.concatenate([corners.min(axis=2), corners.max(axis=2)], axis=-1).astype("float32")
    instances = rng.integers(0, 3, (2, 5))
    flat = np.moveaxis(masks, -1, 1).reshape(-1, 23, 31)
    which = instances + np.array([[0], [3]])
    found = ops.align_masks(flat, boxes.reshape(-1, 4), which.ravel(), (4, 7), aligned)
    found = np.array(found).reshape(2, 5, 4, 7)
    level = np.zeros((2, 5), int)
    every = ops.roi_align([masks.astype("float32")], boxes, level, (4, 7), aligned=aligned)
    expected = np.take_along_axis(np.array(every), instances[:, :, None, None, None], axis=-1)
    assert_allclose(found, expected[..., 0], atol=1e-5)


@pytest.mark.parametrize("project", ["torchvision", "detectron2"])
def test_the_targets_of_other_projects(project):
    values = foreign_values(f"{project}_ops")
    masks = values["mask_target.masks"].astype("uint8")
    boxes = values["mask_target.boxes"][:, [1, 0, 3, 2]]
    index = values["mask_target.index"] if project == "torchvision" else np.arange(4)
    aligned = project == "detectron2"
    found = np.array(ops.align_masks(masks, boxes, index, (28, 28), aligned))
    if aligned:
        assert np.array_equal(found >= 0.5, values["mask_target.out"])
    else:
        assert_allclose(found, values["mask_target.out"], atol=2e-6)
