"""The whole networks of the papers train a step and detect, on TensorFlow and JAX."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.network, pytest.mark.slow]

SCRIPT = Path(__file__).parents[1] / "run_paper.py"
NETWORKS = ("R50-C4", "R101-FPN", "X101-FPN", "Faster R-CNN R101-FPN", "Faster R-CNN VGG-16")


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
@pytest.mark.parametrize("network", NETWORKS)
def test_it_trains_and_detects(tmp_path, network, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = os.environ | {
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "XLA_FLAGS": "--xla_backend_optimization_level=0",  # compiles in half the time
    }
    command = [sys.executable, SCRIPT, network, tmp_path / "out.npz"]
    subprocess.run(command, env=environment, check=True, cwd=tmp_path)
    with np.load(tmp_path / "out.npz") as archive:
        found = dict(archive)
    losses = {name for name in found if name.startswith("loss.")}
    assert all(np.isfinite(found[name]) for name in losses)
    assert found["changed"] and found["detections"] > 0
    has_masks = not network.startswith("Faster")
    assert ("loss.mrcnn_mask_loss" in losses) == has_masks
    expected = [128, 128, found["detections"]] if has_masks else []
    np.testing.assert_array_equal(found["masks"], expected)
