"""The arguments of the RoIAlign layer, and a training step with it."""

import numpy as np
import pytest
from tiny import InMemory, TinyConfig, eager_training, shapes

from mrcnn.model import MaskRCNN
from mrcnn.network.poolers import ROIAlign

pytestmark = pytest.mark.network


def pooled(**options):
    """Two bins of a map of stride 16 whose cells hold the squares of their column numbers."""
    level = np.repeat(np.arange(8.0)[None, None, :, None] ** 2, 8, axis=1).astype("float32")
    meta = np.zeros((1, 13), "float32")
    meta[:, 4:7] = (128, 128, 3)
    boxes = np.array([[[0, 0, 1, 1]]], "float32")
    return np.asarray(ROIAlign((1, 2), **options)([boxes, meta, level]))[0, 0, 0, :, 0]


def test_each_argument_changes_the_points():
    # Aligned: columns 0 to 3, 4 to 7. Unaligned: half a cell to the right, 7 being the last value.
    np.testing.assert_allclose(pooled(), [3.5, 31.5], atol=1e-3)
    np.testing.assert_allclose(pooled(aggregation="max"), [9, 49], atol=1e-3)
    np.testing.assert_allclose(pooled(sampling_ratio=1), [2.5, 30.5], atol=1e-3)
    np.testing.assert_allclose(pooled(sampling_ratio=1, aligned=False), [4, 36], atol=1e-3)


@pytest.mark.parametrize("pooler", ["roi_align", "roi_pool"])
def test_a_network_learns_through_it(pooler, tmp_path):
    settings = {"ROI_POOLER": pooler, "STEPS_PER_EPOCH": 1, "VALIDATION_STEPS": 0}
    config = type("Changed", (TinyConfig,), settings)()
    data = InMemory(shapes(2))
    model = MaskRCNN("training", config, str(tmp_path))
    before = model.keras_model.get_layer("fpn_p2").get_weights()[0]
    with eager_training():
        model.train(data, data, config.LEARNING_RATE, epochs=1, layers="all")
    after = model.keras_model.get_layer("fpn_p2").get_weights()[0]
    assert np.isfinite(after).all() and np.abs(after - before).max() > 0
