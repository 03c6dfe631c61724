"""Starting weights, by the names that command lines use for them."""

import types

import keras
import numpy as np
import pytest
from tiny import TinyConfig

from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.weights import loading, start_weights, zoo
from mrcnn.weights.report import LoadReport

from .conftest import chain

pytestmark = pytest.mark.network


class OtherClasses(TinyConfig):
    NUM_CLASSES = 1 + 4


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model of four classes whose weights are saved in a run, and the run's folder."""
    folder = tmp_path_factory.mktemp("logs")
    model = MaskRCNN("inference", OtherClasses(), str(folder))
    for weight in model.keras_model.weights:
        weight.assign(np.full(weight.shape, 0.25))
    run = folder / "tiny20261120T1405"
    (run / "weights").mkdir(parents=True)
    model.keras_model.save_weights(str(run / "mask_rcnn_tiny_0003.h5"))
    for weight in model.keras_model.weights:
        weight.assign(np.full(weight.shape, 0.5))
    model.keras_model.save_weights(str(run / "weights" / "best.h5"))
    return model, run


def value(model, layer):
    return float(np.ravel(model.keras_model.get_layer(layer).weights[0].numpy())[0])


@pytest.mark.parametrize(("name", "expected"), [("last", 0.25), ("best", 0.5)])
def test_weights_of_the_last_run(trained, name, expected):
    model, run = trained
    model.keras_model.get_layer("conv1").weights[0].assign(np.zeros((3, 3, 3, 8)))
    report = start_weights.load(model, name)
    assert value(model, "conv1") == value(model, "mrcnn_mask") == expected
    assert not report.missing
    if name == "last":
        assert (model.log_dir, model.epoch) == (str(run), 3)


def test_a_path(trained, monkeypatch):
    model, run = trained
    monkeypatch.setenv("HOME", str(run))
    start_weights.load(model, run / "weights" / "best.h5")
    assert value(model, "conv1") == 0.5
    start_weights.load(model, "~/mask_rcnn_tiny_0003.h5")
    assert value(model, "conv1") == 0.25
    with pytest.raises(FileNotFoundError, match="nowhere"):
        start_weights.load(model, "nowhere.h5")


def test_imagenet(trained, monkeypatch):
    model, run = trained
    path = str(run / "weights" / "best.h5")
    monkeypatch.setattr(model, "get_imagenet_weights", lambda: path)
    start_weights.load(model, "imagenet")
    assert value(model, "conv1") == 0.5


def test_coco_leaves_out_what_depends_on_the_classes(trained, tmp_path, monkeypatch):
    _, run = trained
    model = MaskRCNN("inference", TinyConfig(), str(tmp_path))
    before = value(model, "mrcnn_mask")
    report = start_weights.load(model, "coco", run / "weights" / "best.h5")
    assert value(model, "conv1") == 0.5
    assert value(model, "mrcnn_mask") == before
    left = {"mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"}
    assert set(report.mismatched) == left
    assert model.epoch == 0

    def download(path):
        raise ConnectionError(f"cannot reach {path}")

    monkeypatch.setattr(start_weights, "download_trained_weights", download)
    with pytest.raises(ConnectionError, match=r"cannot reach .*coco\.h5"):
        start_weights.load(model, "coco", tmp_path / "coco.h5")


def test_further_names_are_weights_of_another_task(trained, tmp_path):
    _, run = trained
    model = MaskRCNN("inference", TinyConfig(), str(tmp_path))
    report = start_weights.load(model, "cells", others={"cells": run / "weights" / "best.h5"})
    assert value(model, "conv1") == 0.5 and model.epoch == 0
    assert set(report.mismatched) == {"mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"}
    with pytest.raises(FileNotFoundError, match="cells"):
        start_weights.load(model, "cells")


@pytest.fixture
def partly():
    """What `start_weights` needs of a `MaskRCNN`; only `conv1` is as in the weights for nuclei."""
    layers = [keras.layers.Conv2D(64, 7, name="conv1"), keras.layers.Dense(4, name="mrcnn_mask")]
    network = chain((8, 8, 3), *layers)
    return types.SimpleNamespace(
        keras_model=network,
        mode="training",
        set_log_dir=lambda: None,
        load_weights=lambda path, by_name: loading.load(network, path),
    )


def test_training_starts_from_what_fits_of_a_model_of_the_package(partly):
    for load in (start_weights.load, start_weights.load_fitting):
        report = load(partly, "nuclei")
        assert report.path.endswith("nuclei.h5") and list(report.mismatched) == ["mrcnn_mask"]
        assert partly.keras_model.loaded_from == "nuclei.h5"
    assert "nuclei" in start_weights.NAMES


def test_detection_needs_all_of_it(partly, tmp_path, monkeypatch):
    partly.mode = "inference"
    with pytest.raises(ValueError, match="shapes disagree in 1 layers"):
        start_weights.load(partly, "nuclei")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nuclei").write_text("own weights")
    partly.mode = "training"
    with pytest.raises(ValueError, match=r"^nuclei .11 bytes. cannot be read as an HDF5 file"):
        start_weights.load(partly, "nuclei")


@pytest.mark.parametrize("name", ["torchvision:x", "x-1a2b.pth"])
def test_the_epsilon_of_published_weights(partly, tmp_path, monkeypatch, caplog, name):
    entry = zoo.Entry("https://example.org/x-1a2b.pth", None, "BSD", epsilon=0.0)
    monkeypatch.setitem(zoo.ZOO, "torchvision:x", entry)
    monkeypatch.setattr(zoo, "published_weights", lambda name: tmp_path / entry.file)
    monkeypatch.chdir(tmp_path)
    (tmp_path / entry.file).touch()
    partly.load_weights = lambda path, by_name: LoadReport(path)
    partly.config = types.SimpleNamespace(BATCH_NORM_EPSILON=1e-3)
    start_weights.load(partly, name)
    assert caplog.messages == ["torchvision:x needs BATCH_NORM_EPSILON = 0, not 0.001."]
