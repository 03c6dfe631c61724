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


@pytest.mark.network
def test_train_and_evaluate(tmp_path, capsys, monkeypatch):
    """Ten corrected images, one line; then the figures of the images that were held back."""
    from mrcnn.mask_rcnn import MaskRCNN

    monkeypatch.chdir(tmp_path)
    settings = {name: value for name, value in SETTINGS.items() if name != "BACKBONE"}
    start = MaskRCNN("training", TinySmall.from_dict(settings), "logs")
    start.class_names = ["BG", "cat", "dog"]
    start.keras_model.save_weights("pets.h5")
    every_format.labelme(drawn(10), tmp_path / "cells")
    command = ["train", "cells", "--from", "pets.h5", "--epochs=1", "--set=STEPS_PER_EPOCH=2"]
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

    # The command that `train` has printed.
    (line,) = (line for line in out.splitlines() if line.startswith("  mrcnn evaluate"))
    words = line.split()[1:]
    assert words == ["evaluate", "cells", "--model", str(best), "--val", "0.2"]
    assert run(*words, "--out=figures") == 0
    out = capsys.readouterr().out
    which = "the images of cells that --val 0.2 says are held back"
    assert out.startswith(f"2 images with 4 objects: {which}.\n")
    # A second epoch in the same run.
    with eager_training():
        assert run(*command[:-2], "--epochs=2", "--resume") == 0
    assert f"resumed in {folder}, with the settings of that run" in capsys.readouterr().out
    assert run_folders("logs", "cells") == [folder]
    assert [row["epoch"] for row in history.read(folder)] == [1, 2]

    result = json.loads((tmp_path / "figures" / "evaluation.json").read_text())
    assert (result["images"], result["instances"]) == (2, 4)
    assert result["settings"]["min_score"] == 0.5
