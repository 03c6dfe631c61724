"""Figures are drawn without a display, and none is left open."""

import matplotlib
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from mrcnn.instances import InstanceMasks


@pytest.fixture
def no_masks(monkeypatch):
    """Fail the test if a mask is built."""
    monkeypatch.setattr(InstanceMasks, "__init__", lambda *_: pytest.fail("a mask was built"))


@pytest.fixture(autouse=True)
def no_figure_leaks():
    plt.close("all")
    yield
    plt.close("all")
