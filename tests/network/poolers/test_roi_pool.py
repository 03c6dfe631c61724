"""RoIPool as a layer."""

import numpy as np
import pytest

from mrcnn.network.poolers import ROIPool

pytestmark = pytest.mark.network


def test_a_bin_is_the_maximum_of_its_cells():
    level = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    meta = np.zeros((1, 13), "float32")
    meta[:, 4:7] = (64, 64, 3)  # stride 16
    boxes = np.array([[[0, 0, 47 / 63, 47 / 63]]], "float32")  # 48 pixels: cells 0 to 3
    ours = np.asarray(ROIPool((2, 2))([boxes, meta, level]))[0, 0, :, :, 0]
    np.testing.assert_array_equal(ours, [[5, 7], [13, 15]])
