"""What a training run starts from."""

import numpy as np
import pytest
from weights.foreign.models import narrow

from mrcnn.cli.python_lines import Lines
from mrcnn.cli.start import Start, add_defaults
from mrcnn.runs.settings import stored
from mrcnn.weights.card import Card

from .weights_files import save_card

GIVEN = {"NAME": "cells", "NUM_CLASSES": 2, "LEARNING_RATE": 0.5}


def configuration(start):
    """The configuration, and the one that the printed lines make."""
    lines = Lines()
    lines.add_dict("settings", GIVEN)
    start.add_config(lines) if start else add_defaults(lines)
    found = {}
    exec(str(lines), found)
    return stored(start.config(GIVEN) if start else found["config"]), stored(found["config"])


def test_a_weights_file(tmp_path):
    path = save_card(tmp_path / "pets.h5")
    start = Start.of(str(path), "logs", None)
    assert (start.name, start.class_names, start.layers) == (str(path), ["cat", "dog"], ["all"])
    config, of_lines = configuration(start)
    assert config == of_lines
    assert (config["IMAGE_MAX_DIM"], config["LEARNING_RATE"], config["NAME"]) == (64, 0.5, "cells")


@pytest.mark.parametrize(
    ("name", "layers", "backbone"),
    [("coco", ["heads"], "resnet101"), ("imagenet", ["heads", "all"], "resnet50")],
)
def test_published_weights(name, layers, backbone):
    start = Start.of(name, "logs", None)
    assert (start.layers, start.class_names) == (layers, None)
    assert backbone == start.config(GIVEN).BACKBONE
    assert start.config({**GIVEN, "BACKBONE": "resnet152"}).BACKBONE == "resnet152"


def test_defaults():
    config, of_lines = configuration(None)
    assert config == of_lines
    assert config["IMAGE_MAX_DIM"] == 1024


def test_the_model_of_the_package():
    start = Start.of("nuclei", "logs", None)
    assert start.class_names == ["nucleus"]
    assert start.config({}).NUM_CLASSES == 2


@pytest.mark.parametrize(
    ("layers", "epochs", "ends"),
    [(["all"], 10, [10]), (["heads", "all"], 5, [2, 5]), (["heads", "all"], 1, [1, 2])],
)
def test_stages_are_equally_long(layers, epochs, ends):
    assert Start("a", Card(), layers).ends(epochs) == ends


def test_loading(tmp_path, monkeypatch):
    calls = []
    for function in ("load", "load_fitting"):
        monkeypatch.setattr(
            f"mrcnn.weights.start_weights.{function}",
            lambda model, name, function=function: calls.append((function, model, name)),
        )
    path = str(save_card(tmp_path / "pets.h5"))
    for name in (path, "coco"):
        start, lines = Start.of(name, "logs", None), Lines()
        start.load("network")
        start.add_load(lines)
        exec(str(lines), {"model": "network"})
    assert calls == [("load_fitting", "network", path)] * 2 + [("load", "network", "coco")] * 2


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such weights file"):
        Start.of("nucleii", tmp_path, None)


@pytest.mark.network
def test_a_file_of_another_project(tmp_path):
    np.savez(tmp_path / "narrow.npz", **narrow(width=1))
    start = Start.of(str(tmp_path / "narrow.npz"), "logs", None)
    assert (start.layers, start.class_names) == (["3+"], None)
    config, of_lines = configuration(start)
    assert config == of_lines
    assert (config["NUM_CLASSES"], config["LEARNING_RATE"]) == (2, 0.5)
    assert config["IMAGE_RESIZE_MODE"] == "short_side" and config["SAMPLING_RATIO"] == 2
    assert config["PRE_NMS_LIMIT_TRAINING"] == 2000
