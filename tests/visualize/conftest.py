"""Figures are drawn without a screen, and none is left open."""

import matplotlib
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from mrcnn.instances import InstanceMasks


@pytest.fixture
def no_masks(monkeypatch):
    """Where a mask is made, the test fails."""
    monkeypatch.setattr(InstanceMasks, "__init__", lambda *_: pytest.fail("a mask was made"))


@pytest.fixture(autouse=True)
def no_figure_leaks():
    plt.close("all")
    yield
    plt.close("all")
