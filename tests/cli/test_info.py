"""`mrcnn info`: what a weights file is."""

import subprocess
import sys

import h5py
import numpy as np
import pytest
from seeded_weights import write_h5
from weights.foreign.models import narrow, resnet, torchvision_name

from mrcnn.cli import main
from mrcnn.cli.info import describe, printed
from mrcnn.weights.card import Card, write_card

LAYERS = {
    "conv1": [("k", np.zeros((7, 7, 3, 2), np.float32)), ("b", np.zeros(2, np.float32))],
    "mrcnn_class_logits": [("k", np.zeros((4, 3), np.float32)), ("b", np.zeros(3, np.float32))],
}


@pytest.fixture
def path(tmp_path):
    write_h5(LAYERS, tmp_path / "own.h5")
    return tmp_path / "own.h5"


def output(capsys, *argv):
    with pytest.raises(SystemExit) as caught:
        main.main(["info", *map(str, argv)])
    assert caught.value.code == 0
    return capsys.readouterr().out


def test_a_model_of_the_package(capsys):
    lines = output(capsys, "nuclei").splitlines()
    assert lines[0].endswith("nuclei.h5")
    facts = dict(line.strip().split(":", 1) for line in lines[1:])
    facts = {name: text.strip() for name, text in facts.items()}
    assert facts["weights"].startswith("Mask R-CNN, 95 layers, 8,987,678 parameters, 18.4 MB in h")
    assert facts["classes"] == "nucleus (and the background, BG)"
    assert facts["score"] == "0.75 is recommended"
    assert facts["trained"] == "nucleus_small, 21 epochs, until 2026-11-20"
    assert facts["data"].startswith("502 images (BBBC038v1") and "CC0 1.0" in facts["licence"]
    assert facts["objects"].endswith("pixels a side in the network's input, in the median")
    assert "IMAGE_MIN_SCALE 2" in facts["input"] and "keras 3" in facts["versions"]


def test_a_file_without_a_card(path, capsys):
    text = output(capsys, path)
    assert "Faster R-CNN (boxes only), 2 layers, 311 parameters, 0.0 MB\n" in text
    assert "3 with the background; the file has no names" in text
    assert "written before 3.1, so detection needs --config" in text
    assert "licence" not in text and "trained" not in text


def test_a_card_without_a_licence(path):
    write_card(path, Card(config={"A": 1}, class_names=["BG", "a", "b"]))
    known = describe(str(path))
    assert (known["licence"], known["configuration"]) == ("not stated", "1 settings")
    assert known["classes"] == "a, b (and the background, BG)"


def test_a_damaged_card(path, capsys):
    with h5py.File(path, "r+") as file:
        file.attrs["mrcnn_card"] = np.bytes_(b"{")
    assert "what it says about its model is damaged" in output(capsys, path)


def test_what_a_file_says_cannot_control_the_terminal(path, capsys):
    evil = "\x1b[2Jcells\nfake: line"
    about = {"dataset": {"sources": [evil], "images": evil}, "versions": [1], "epochs": {"a": evil}}
    write_card(path, Card(class_names=[evil, evil], licence=evil * 1000, provenance=about))
    text = output(capsys, path)
    assert "\x1b" not in text and "[2Jcells fake" in text
    assert max(map(len, text.splitlines())) < 1100
    assert not [line for line in text.splitlines() if line.startswith("fake")]


def test_several_files(path, capsys):
    text = output(capsys, path, "nuclei")
    assert text.index("own.h5") < text.index("nuclei.h5")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such weights file"),
        (b"PK", "cannot be read as an HDF5 file"),
        ("state", "does not have the layout of Keras 2's save_weights"),
    ],
)
def test_what_is_no_weights_file(tmp_path, content, message):
    path = tmp_path / "state.h5"
    if content == "state":
        with h5py.File(path, "w") as file:
            file["progress"] = "{}"
    elif content:
        path.write_bytes(content)
    with pytest.raises(SystemExit, match=message):
        main.main(["info", str(path)])


def test_only_what_is_known_is_printed():
    assert list(printed({"a": "1", "b": ""})) == ["  a:             1"]


def test_it_is_quick():
    script = (
        "import sys\nfrom mrcnn.cli import info, models\ninfo.describe('nuclei')\n"
        "print([name for name in ('tensorflow', 'keras', 'matplotlib') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


@pytest.mark.network
def test_a_file_of_another_project(tmp_path, capsys):
    np.savez(tmp_path / "model.npz", **narrow(width=1))
    text = output(capsys, tmp_path / "model.npz")
    assert "Mask R-CNN, 125 layers" in text and "a model of torchvision with FPN\n" in text
    assert "IMAGE_RESIZE_MODE short_side, IMAGE_MIN_DIM 800, IMAGE_MAX_DIM 1333" in text
    assert "by what the tensors tell: presets.torchvision_maskrcnn_resnet50_fpn" in text
    assert "3 with the background; the file has no names" in text
    np.savez(tmp_path / "model.npz", **narrow(1, **{"roi_heads.extra.weight": np.zeros(3)}))
    assert "1 tensors belong to none of its layers: roi_heads.extra.weight" in output(
        capsys, tmp_path / "model.npz"
    )


def test_a_backbone_of_another_project(tmp_path, capsys):
    np.savez(tmp_path / "backbone.npz", **resnet(convert=torchvision_name))
    text = output(capsys, tmp_path / "backbone.npz")
    assert "a backbone alone, 106 layers" in text and "a ResNet of torchvision\n" in text
    assert "none: start_weights.load puts these weights into a network" in text


def test_published_weights_are_not_downloaded(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("mrcnn.weights.zoo.download", None)
    text = output(capsys, "detectron2:keypoint_rcnn_R_101_FPN_3x", "torchvision:resnet50")
    assert "box AP 56.4, keypoint AP 66.1, as published" in text
    assert f"not yet downloaded: {tmp_path / 'models' / 'resnet50-0676ba61.pth'}" in text
    assert "https://dl.fbaipublicfiles.com/detectron2/" in text and "CC BY-SA 3.0" in text
    assert "nothing by itself: a backbone" in text
