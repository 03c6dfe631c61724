"""RoIWarp as a layer."""

import numpy as np
import pytest

from mrcnn.network.poolers import ROIAlign, ROIWarp

pytestmark = pytest.mark.network


def test_a_roi_is_rounded_to_cells_but_its_bins_are_not():
    level = np.arange(8, dtype="float32")[None, None, :, None] * np.ones((1, 8, 1, 1), "float32")
    meta = np.zeros((1, 13), "float32")
    meta[:, 4:7] = (128, 128, 3)  # stride 16

    def pooled(kind, x1, x2):
        boxes = np.array([[[0, x1 / 127, 1, (x2 - 1) / 127]]], "float32")
        inputs = [boxes, meta, level]
        return np.asarray(kind((1, 3), sampling_ratio=1)(inputs))[0, 0, 0, :, 0]

    # Pixels 20 to 76 are 1.25 to 4.75 in cells, which rounds to cells 1 to 5.
    np.testing.assert_allclose(pooled(ROIAlign, 20, 76), 0.75 + 3.5 / 6 * np.array([1, 3, 5]), 1e-5)
    np.testing.assert_allclose(pooled(ROIWarp, 20, 76), 0.5 + 5 / 6 * np.array([1, 3, 5]), 1e-5)
