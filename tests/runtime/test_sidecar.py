"""What is written beside an exported model, and how it is read."""

import json

import pytest

from mrcnn.config import Config
from mrcnn.runs.settings import stored
from mrcnn.runtime import sidecar
from mrcnn.weights.card import Card


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "cells.onnx"
    path.write_bytes(b"graph")
    config = {**stored(Config()), "BACKBONE": "<mine.backbone>", "HEADS": ["box", "<mine.Area>"]}
    card = Card(config=config, class_names=["BG", "cell"], min_score=0.6)
    known = sidecar.Sidecar("onnx", card, (None, 512, 512, 3), {"mask-rcnn": "3.1.0"})
    sidecar.write_sidecar(sidecar.sidecar_of(path), known)
    return path


def test_it_comes_back(path):
    known = sidecar.read_sidecar(path)
    assert (known.format, known.input_shape) == ("onnx", (None, 512, 512, 3))
    assert known.card.class_names == ["BG", "cell"]
    assert known.versions == {"mask-rcnn": "3.1.0"}
    config = known.config()
    assert config.HEADS == ("box",)
    assert known.custom_heads == ["<mine.Area>"]
    assert config.IMAGE_MAX_DIM == 1024


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"MEAN_PIXEL": [1, 2]}, r"cells\.onnx: MEAN_PIXEL is .*a number for each of 3 channels"),
        ({"MEAN_PIXEL": "abc"}, "MEAN_PIXEL is 'abc'"),
        ({"IMAGE_CHANNEL_COUNT": 4}, "its input has 3 channels, but IMAGE_CHANNEL_COUNT is 4"),
    ],
)
def test_settings_that_do_not_fit(path, changes, message):
    beside = sidecar.sidecar_of(path)
    content = json.loads(beside.read_text())
    content["model"]["config"].update(changes)
    beside.write_text(json.dumps(content))
    known = sidecar.read_sidecar(path)
    with pytest.raises(ValueError, match=message):
        known.config(path)


def test_the_sidecar_of_a_folder_is_inside(tmp_path):
    assert sidecar.sidecar_of(tmp_path) == tmp_path / "mask_rcnn.json"
    assert sidecar.sidecar_of(tmp_path / "a.xml") == tmp_path / "a.xml.json"


def test_a_missing_model_or_sidecar(path):
    with pytest.raises(FileNotFoundError, match=r"other\.onnx: there is no such exported model"):
        sidecar.read_sidecar(path.with_name("other.onnx"))
    sidecar.sidecar_of(path).unlink()
    with pytest.raises(FileNotFoundError, match=r"cells\.onnx\.json is missing.*Copy both"):
        sidecar.read_sidecar(path)


def test_another_version(path):
    beside = sidecar.sidecar_of(path)
    content = json.loads(beside.read_text())
    beside.write_text(json.dumps({**content, "mask_rcnn": 2}))
    with pytest.raises(ValueError, match="exported in layout 2, but this version reads layout 1"):
        sidecar.read_sidecar(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"mask_rcnn": 1}',
        '{"mask_rcnn": 1, "input": {"shape": [1, 2]}, "format": "onnx", "model": {}}',
        "[" * 100_000,
        "\x00",
    ],
)
def test_damage(path, text):
    sidecar.sidecar_of(path).write_text(text)
    with pytest.raises(ValueError, match=r"cells\.onnx\.json is damaged: \S"):
        sidecar.read_sidecar(path)


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("input", {"shape": [None, -4, 512, 3]}),
        ("input", {"shape": [None, "512", 512, 3]}),
        ("input", {"shape": [True, 512, 512, 3]}),
        ("input", None),
        ("format", 3),
        ("model", {"config": {"HEADS": 3}}),
        ("model", {"config": None}),
        ("model", {"class_names": "cell"}),
        ("model", []),
        ("versions", None),
    ],
)
def test_wrong_entries(path, entry, value):
    beside = sidecar.sidecar_of(path)
    beside.write_text(json.dumps({**json.loads(beside.read_text()), entry: value}))
    with pytest.raises(ValueError, match="is damaged"):
        sidecar.read_sidecar(path)
