"""`mrcnn train`, from the command line to weights that `mrcnn evaluate` measures."""

import json
import sys

import every_format
import pytest
from every_format import drawn
from tiny import eager_training

from mrcnn.cli.main import main
from mrcnn.config import Config
from mrcnn.presets import SmallNetwork
from mrcnn.runs import history
from mrcnn.runs.folder import run_folders
from mrcnn.weights.card import read_card

from .weights_files import SETTINGS


def run(*words):
    """The exit code."""
    with pytest.raises(SystemExit) as end:
        main([*map(str, words)])
    return end.value.code


def test_python_is_printed_without_a_network(tmp_path, capsys):
    every_format.labelme(drawn(5), tmp_path / "cells")
    assert run("train", tmp_path / "cells", "--print-python", "--set=LEARNING_RATE=1e-4") == 0
    out = capsys.readouterr().out
    assert out.startswith("from mrcnn import augment, formats\n")
    assert '    "LEARNING_RATE": 0.0001,\n' in out
    assert 'start_weights.load_fitting(model, "nuclei")' in out


def test_errors_take_one_line(tmp_path):
    assert run("train", tmp_path / "gone") == f"no such file or folder: {tmp_path / 'gone'}."


class TinySmall(SmallNetwork, Config):
    TOP_DOWN_PYRAMID_SIZE = 16
    RPN_CHANNELS = 16
    MASK_HEAD_CHANNELS = 16
    FPN_CLASSIF_FC_LAYERS_SIZE = 32
    POST_NMS_ROIS_TRAINING = 50
    POST_NMS_ROIS_INFERENCE = 20
    DETECTION_MAX_INSTANCES = 10
    TRAIN_ROIS_PER_IMAGE = 8


COMMAND = ["train", "cells", "--from", "pets.h5", "--set=STEPS_PER_EPOCH=1", "--epochs=1"]


@pytest.fixture
def cells(tmp_path, monkeypatch):
    """The current folder, with ten annotated images and a small network for their classes."""
    from mrcnn.mask_rcnn import MaskRCNN

    monkeypatch.chdir(tmp_path)
    settings = {name: value for name, value in SETTINGS.items() if name != "BACKBONE"}
    start = MaskRCNN("training", TinySmall.from_dict(settings), "logs")
    start.class_names = ["BG", "cat", "dog"]
    start.keras_model.save_weights("pets.h5")
    every_format.labelme(drawn(10), tmp_path / "cells")
    return tmp_path


@pytest.mark.network
def test_train(cells, capsys, monkeypatch):
    """Ten corrected images, one line."""
    command = [*COMMAND, "--set=VALIDATION_EVERY=0"]
    monkeypatch.setattr(sys, "orig_argv", ["mrcnn", *command])
    with eager_training():
        assert run(*command) == 0
    out = capsys.readouterr().out
    assert "Its classes are the data's: all layers keep their weights." in out
    (folder,) = run_folders("logs", "cells")
    best = folder / "weights" / "best.h5"
    card = read_card(best)
    assert card.class_names == ["BG", "cat", "dog"]
    assert card.config["TOP_DOWN_PYRAMID_SIZE"] == 16
    assert card.provenance["started_from"] == "pets.h5"
    (record,) = json.loads((folder / "starts.json").read_text())
    assert record["command"] == f"mrcnn {' '.join(command)}"
    assert f"\nWeights: {best}, of epoch 1 (validation loss " in out
    assert f"\n  mrcnn evaluate cells --model {best} --val 0.2\n" in out


@pytest.mark.slow
def test_evaluate_and_resume(cells, capsys):
    with eager_training():
        assert run(*COMMAND) == 0
    # The command that `train` has printed.
    lines = capsys.readouterr().out.splitlines()
    (line,) = (line for line in lines if line.startswith("  mrcnn evaluate"))
    assert run(*line.split()[1:], "--out=figures") == 0
    which = "the images of cells that --val 0.2 says are held back"
    assert capsys.readouterr().out.startswith(f"2 images with 4 objects: {which}.\n")
    result = json.loads((cells / "figures" / "evaluation.json").read_text())
    assert (result["images"], result["instances"]) == (2, 4)
    assert result["settings"]["min_score"] == 0.5
    (folder,) = run_folders("logs", "cells")
    with eager_training():
        assert run(*COMMAND[:-1], "--epochs=2", "--resume") == 0
    assert f"resumed in {folder}, with the settings of that run" in capsys.readouterr().out
    assert run_folders("logs", "cells") == [folder]
    assert [row["epoch"] for row in history.read(folder)] == [1, 2]
