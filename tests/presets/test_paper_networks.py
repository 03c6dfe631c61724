"""The whole networks of the papers train a step and detect, on TensorFlow and JAX."""

import numpy as np
import pytest
from on_backend import arrays_on

pytestmark = [pytest.mark.network, pytest.mark.slow]

NETWORKS = ("R50-C4", "R101-FPN", "X101-FPN", "Faster R-CNN R101-FPN", "Faster R-CNN VGG-16")


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
@pytest.mark.parametrize("network", NETWORKS)
def test_it_trains_and_detects(tmp_path, network, backend):
    found = arrays_on(backend, "run_paper.py", tmp_path, network)
    losses = {name for name in found if name.startswith("loss.")}
    assert all(np.isfinite(found[name]) for name in losses)
    assert found["changed"] and found["detections"] > 0
    has_masks = not network.startswith("Faster")
    assert ("loss.mrcnn_mask_loss" in losses) == has_masks
    expected = [128, 128, found["detections"]] if has_masks else []
    np.testing.assert_array_equal(found["masks"], expected)
