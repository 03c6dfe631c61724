"""What the tests of several verbs need."""

import every_format
import pytest
from every_format import drawn

from .colour_model import ColourModel, find
from .weights_files import save_card


@pytest.fixture
def colour_model(monkeypatch):
    """`ColourModel` in place of `MaskRCNN`."""
    monkeypatch.setattr("mrcnn.mask_rcnn.MaskRCNN", ColourModel)
    for module in ("mrcnn.evaluation.run", "mrcnn.inference.detector"):
        monkeypatch.setattr(f"{module}.detect_crops", find)
    ColourModel.loaded = []
    return ColourModel


@pytest.fixture
def no_plots(monkeypatch):
    """Plots take most of the time."""
    monkeypatch.setattr("mrcnn.evaluation.report.PLOTS", {})
    monkeypatch.setattr("mrcnn.visualize.plot_models", lambda results, save_to: None)


@pytest.fixture
def pets_here(tmp_path, monkeypatch):
    """The current folder, with four images of pets, a model and a worse one."""
    monkeypatch.chdir(tmp_path)
    every_format.labelme(drawn(4), tmp_path / "pets")
    save_card("pets.h5")
    save_card("worse.h5")
    return tmp_path
