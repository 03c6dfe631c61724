"""What a run's weights files say about the model."""

import logging
import types

import numpy as np
import pytest
from tiny import InMemory, TinyConfig, shapes

from mrcnn import __version__
from mrcnn.runs.settings import stored
from mrcnn.training import model_card
from mrcnn.training.model_card import after_epoch, describe, object_size
from mrcnn.weights.card import Card, write_card
from mrcnn.weights.keras_h5 import save_arrays


def squares(*sides, size=128):
    """A dataset with one image per side, which shows one square."""
    samples = []
    for side in sides:
        mask = np.zeros((size, size, 1), bool)
        mask[:side, :side] = True
        samples.append((np.zeros((size, size, 3), np.uint8), mask, np.array([1])))
    return InMemory(samples)


def test_the_size_of_objects_is_that_in_the_network_s_input():
    config = TinyConfig()  # 64 pixels a side
    assert object_size(squares(10, 20, 60), config) == 10
    config.IMAGE_RESIZE_MODE, config.IMAGE_MIN_SCALE = "crop", 2.0
    assert object_size(squares(10, 20, 60), config) == 40


def test_wide_objects():
    image, masks, ids = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64, 2), bool), [1, 2]
    masks[:4, :16, 0] = masks[20:24, 20:24, 1] = True
    assert object_size(InMemory([(image, masks[..., :1], ids[:1])]), TinyConfig()) == 8
    assert object_size(InMemory([(image, masks, np.array(ids))]), TinyConfig()) == 6


def test_no_objects_and_images_that_cannot_be_read():
    nothing = (np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64, 0), bool), np.zeros(0, int))
    assert object_size(InMemory([nothing]), TinyConfig()) is None
    dataset = squares(10, 20, 30, size=64)
    dataset.samples[1] = dataset.samples[2] = None
    assert object_size(dataset, TinyConfig()) == 10


def test_a_large_dataset_is_sampled(monkeypatch):
    dataset = squares(*[10] * 200, size=64)
    read = []
    load_mask = dataset.load_mask
    monkeypatch.setattr(dataset, "load_mask", lambda i: read.append(i) or load_mask(i))
    object_size(dataset, TinyConfig())
    assert len(set(read)) == 50 and min(read) < 20 and max(read) > 180
    read.clear()
    monkeypatch.setattr(model_card, "_SECONDS", 0)
    assert object_size(dataset, TinyConfig()) == 10 and len(read) == 1


def test_a_card(monkeypatch):
    monkeypatch.setattr("sys.orig_argv", ["python", "train.py", "my cells"])
    model, config = types.SimpleNamespace(loaded_from="nuclei.h5"), TinyConfig()
    config.DETECTION_MIN_CONFIDENCE = 0.6
    describe(model, config, InMemory(shapes(4)), InMemory(shapes(2)))
    card = after_epoch(model.card, 7)
    assert card.config == stored(config) and card.config["NAME"] == "Tiny"
    assert card.class_names == ["BG", "red", "blue"]
    assert (card.min_score, card.licence) == (0.6, None) and 10 < card.object_size < 30
    about = card.provenance
    assert about["command"] == "python train.py 'my cells'"
    assert (about["name"], about["epochs"], about["started_from"]) == ("Tiny", 7, "nuclei.h5")
    assert about["dataset"] == {"images": 4, "validation_images": 2, "sources": ["shapes"]}
    assert about["versions"]["mask-rcnn"] == __version__ and about["date"][:2] == "20"


@pytest.mark.parametrize("score", [0, None, {1: 0.5}])
def test_no_score_is_recommended(score):
    model, config = types.SimpleNamespace(), TinyConfig()
    config.DETECTION_MIN_CONFIDENCE = score
    describe(model, config, InMemory(shapes(1)))
    assert model.card.min_score is None


def test_a_run_that_continues_keeps_its_start(tmp_path):
    path = tmp_path / "mask_rcnn_tiny_0003.h5"
    save_arrays({"conv1": [np.zeros(1)]}, path, "RGB")
    write_card(path, Card().with_provenance(started_from="coco.h5"))
    model = types.SimpleNamespace(loaded_from=path.name)
    for checkpoint, start in ((path, "coco.h5"), (None, path.name), (tmp_path / "x", path.name)):
        describe(model, TinyConfig(), InMemory(shapes(1)), checkpoint=checkpoint)
        assert model.card.provenance["started_from"] == start


def test_a_failure_does_not_stop_training(caplog):
    before = Card(config={"NAME": "tiny"})
    model, dataset = types.SimpleNamespace(card=before), InMemory(shapes(1))
    dataset.image_info = None
    with caplog.at_level(logging.WARNING):
        describe(model, TinyConfig(), dataset)
    assert "weights files will not say what the model was trained on" in caplog.text
    assert model.card is before
