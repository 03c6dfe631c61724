"""What `--model` and `--from` name."""

import pytest

from mrcnn.cli.model_file import find_model, labels


def run_folder(place, name, epochs=(), best=False):
    folder = place / name
    (folder / "weights").mkdir(parents=True)
    for epoch in epochs:
        (folder / f"mask_rcnn_x_{epoch:04d}.h5").touch()
    if best:
        (folder / "weights" / "best.h5").touch()
    return folder


def test_a_name_and_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_model("nuclei") == "nuclei"
    (tmp_path / "own.h5").touch()
    assert find_model("own.h5") == "own.h5"
    # A file of that name is meant rather than the model.
    (tmp_path / "nuclei").touch()
    assert find_model("nuclei") == "nuclei"
    with pytest.raises(FileNotFoundError, match=r"no such weights file: nuclej.*Did you mean"):
        find_model("nuclej")


def test_a_run_folder(tmp_path):
    folder = run_folder(tmp_path, "cells20261120T1405", [2, 10])
    assert find_model(folder) == str(folder / "mask_rcnn_x_0010.h5")
    (folder / "weights" / "best.h5").touch()
    assert find_model(folder) == str(folder / "weights" / "best.h5")
    with pytest.raises(FileNotFoundError, match="it must be the folder of a training run"):
        find_model(tmp_path)


def test_the_latest_run(tmp_path):
    run_folder(tmp_path, "cells20261120T1405", [1], best=True)
    late = run_folder(tmp_path, "cells20261121T1405", [3, 12], best=True)
    other = run_folder(tmp_path, "birds20261122T0000", [7])
    run_folder(tmp_path, "cells20261123T0000")  # no epoch was finished
    assert find_model("last", tmp_path, "cells") == str(late / "mask_rcnn_x_0012.h5")
    assert find_model("best", tmp_path, "Cells") == str(late / "weights" / "best.h5")
    assert find_model("last", tmp_path) == str(other / "mask_rcnn_x_0007.h5")
    assert find_model("best", tmp_path) == str(other / "mask_rcnn_x_0007.h5")
    with pytest.raises(FileNotFoundError, match="no run named 'dogs'"):
        find_model("last", tmp_path, "dogs")
    with pytest.raises(FileNotFoundError, match=r"no training run in .*gone has weights"):
        find_model("last", tmp_path / "gone")


def test_labels():
    run = "logs/cells20261120T1405/weights"
    paths = ["nuclei", f"{run}/best.h5", f"{run}/last.h5", "a/b.h5", "c/b.h5", "d/b.h5"]
    assert labels(paths) == [
        "nuclei",
        "cells20261120T1405",
        "cells20261120T1405 last",
        "b",
        "b (2)",
        "b (3)",
    ]


def test_published_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "torchvision:maskrcnn_resnet50_fpn_v2"
    assert find_model(name) == name  # not downloaded
    assert labels([name, "nuclei"]) == [name, "nuclei"]
    with pytest.raises(ValueError, match=f"did you mean '{name}'"):
        find_model("torchvision:maskrcnn_resnet50_v2")
