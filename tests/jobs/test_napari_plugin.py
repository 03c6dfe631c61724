import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import npe2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import mrcnn
from mrcnn.instances import InstanceBoxes
from mrcnn.jobs import napari_plugin

SHAPE = (30, 40)
BOXES = [[2, 3, 12, 13], [8, 8, 20, 30]]


class Network:
    class_names = ("BG", "cell")

    def __init__(self, with_masks=True):
        self.with_masks, self.images = with_masks, []

    def detect(self, images):
        self.images += images
        found = {"rois": np.array(BOXES), "class_ids": [1, 1], "scores": np.array([0.9, 0.5])}
        masks = InstanceBoxes(BOXES, SHAPE).filled()
        return [{**found, "masks": masks} if self.with_masks else found]


@pytest.fixture
def network(monkeypatch):
    network = Network()
    monkeypatch.setattr(napari_plugin, "_network", {"nuclei": network}.__getitem__)
    return network


def layer(data, rgb=False, **given):
    return SimpleNamespace(
        **{
            "data": data,
            "rgb": rgb,
            "multiscale": False,
            "name": "a",
            "scale": (0.5, 0.25),
            **given,
        }
    )


def test_objects_become_labels(network):
    image = layer(np.ones(SHAPE, np.uint16))
    labels, options, kind = napari_plugin.detect(image)
    assert kind == "labels" and network.images[0] is image.data
    expected = np.zeros(SHAPE, int)
    expected[8:20, 8:30], expected[2:12, 3:13] = 2, 1
    assert_array_equal(labels, expected)
    assert (options["name"], options["scale"]) == ("a: nuclei", (0.5, 0.25))
    assert options["features"]["class"].tolist() == ["cell", "cell"]


def test_the_least_score(network):
    labels, options, _ = napari_plugin.detect(layer(np.ones(SHAPE)), min_score=0.6)
    assert np.unique(labels).tolist() == [0, 1]
    assert options["features"]["index"].tolist() == [1]


def test_colours_and_pyramids(network):
    colours = np.ones((*SHAPE, 3), np.uint8)
    for image in (
        layer(colours, rgb=True),
        layer([colours, colours[::2, ::2]], rgb=True, multiscale=True),
    ):
        assert napari_plugin.detect(image)[0].shape == SHAPE
        assert network.images.pop() is colours


def test_stacks_and_boxes_are_refused(network):
    with pytest.raises(ValueError, match=r"^a is a stack of shape \(5, 30, 40\)"):
        napari_plugin.detect(layer(np.ones((5, *SHAPE))))
    network.with_masks = False
    with pytest.raises(ValueError, match=r"^nuclei finds boxes only"):
        napari_plugin.detect(layer(np.ones(SHAPE)))


def test_the_model_is_loaded_once(monkeypatch):
    loaded = []
    model = SimpleNamespace(load=lambda name: loaded.append(name) or Network())
    monkeypatch.setitem(sys.modules, "mrcnn.mask_rcnn", SimpleNamespace(MaskRCNN=model))
    napari_plugin._network.cache_clear()
    for _ in range(2):
        napari_plugin.detect(layer(np.ones(SHAPE)), "my.h5")
    assert loaded == ["my.h5"]
    napari_plugin._network.cache_clear()


def test_manifest():
    package = Path(mrcnn.__file__).parent
    manifest = npe2.PluginManifest.from_file(package / "napari.yaml")
    manifest.validate_imports()
    (command,), (widget,) = manifest.contributions.commands, manifest.contributions.widgets
    assert command.id == widget.command and widget.autogenerate
    assert command.python_name == "mrcnn.jobs.napari_plugin:detect"
    project = tomllib.loads((package.parent / "pyproject.toml").read_text(encoding="utf8"))
    assert project["project"]["entry-points"]["napari.manifest"] == {
        manifest.name: "mrcnn:napari.yaml"
    }
    assert manifest.name == project["project"]["name"]
    assert "napari.yaml" in project["tool"]["setuptools"]["package-data"]["mrcnn"]
