"""The model of a job: what its file says, and the network itself."""

import dataclasses
import hashlib
import json
import shutil

import h5py
import numpy as np
import pytest
from weights.foreign.models import narrow

from mrcnn.cli.settings import read_settings
from mrcnn.jobs.job import DetectJob
from mrcnn.jobs.model import Model, ModelFile, card_of
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.weights.card import Card, read_card
from mrcnn.weights.catalogue import find
from mrcnn.weights.zoo import ZOO, Entry

CARD = Card(
    config={"POST_NMS_ROIS_INFERENCE": 1000},
    class_names=["BG", "cat", "dog"],
    object_size=40.0,
    min_score=0.8,
)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "best.h5"
    path.write_bytes(b"weights")
    return path


def job(path, **values):
    return DetectJob(model=str(path), out="o", **values)


def file(path, job, card=CARD):
    return dataclasses.replace(ModelFile.of(dataclasses.replace(job, classes=())), card=card)


def test_a_file_without_a_card(path):
    found = ModelFile.of(job(path))
    assert found.digest == hashlib.sha256(b"weights").hexdigest()
    assert found.card == Card()
    with pytest.raises(ValueError, match="does not say how large the objects were"):
        ModelFile.of(job(path, object_size=20))
    with pytest.raises(ValueError, match="has no class 'cat': its classes are unknown"):
        ModelFile.of(job(path, classes=("cat",)))


def test_no_such_model(tmp_path):
    with pytest.raises(FileNotFoundError, match="nucleii"):
        ModelFile.of(job("nucleii"))


def test_classes_to_keep(path):
    found = file(path, job(path))
    assert found.class_ids(job(path, classes=("dog", "cat"))) == [2, 1]
    assert found.class_ids(job(path)) == []
    for name in ("BG", "horse"):
        with pytest.raises(ValueError, match="its classes are cat, dog"):
            found.class_ids(job(path, classes=(name,)))


def test_options_become_settings(path):
    found = file(path, job(path))
    assert found.settings(job(path)) == {}
    assert found.settings(job(path, min_score=0.3)) == {"DETECTION_MIN_CONFIDENCE": 0.3}
    assert found.settings(job(path, max_instances=400)) == {
        "DETECTION_MAX_INSTANCES": 400,
        "POST_NMS_ROIS_INFERENCE": 1000,
    }
    assert found.settings(job(path, max_instances=3000))["POST_NMS_ROIS_INFERENCE"] == 3000
    # Such as those of --config, which an option overrides.
    given = job(path, min_score=0.3, settings={"DETECTION_MIN_CONFIDENCE": 0.1, "EMA": None})
    assert found.settings(given) == {"DETECTION_MIN_CONFIDENCE": 0.3, "EMA": None}


def test_the_score_below_which_objects_are_left_out(path):
    found = file(path, job(path))
    assert found.min_score(job(path)) == 0.8
    assert found.min_score(job(path, min_score=0.0)) == 0.0
    # Scores by class, or one that is lower than what the model recommends.
    assert found.min_score(job(path, settings={"DETECTION_MIN_CONFIDENCE": {1: 0.2}})) == 0.0
    assert ModelFile.of(job(path)).min_score(job(path)) == 0.0


@pytest.mark.network
def test_the_network():
    model = Model(job("nuclei", max_instances=7, object_size=30, classes=("nucleus",)))
    assert (model.class_names, model.class_ids) == (["BG", "nucleus"], [1])
    card, config = model.file.card, model.detector.config
    assert (model.min_score, config.DETECTION_MAX_INSTANCES) == (card.min_score, 7)
    assert model.detector.scale_of((100, 100)) == pytest.approx(card.object_size / 30)


@pytest.mark.network
def test_a_file_without_a_card_needs_its_configuration(tmp_path):
    card = read_card("nuclei")
    (tmp_path / "config.json").write_text(json.dumps(card.config))
    bare = tmp_path / "bare.h5"
    shutil.copy(find("nuclei"), bare)
    with h5py.File(bare, "r+") as file:
        for name in [name for name in file.attrs if name.startswith("mrcnn_card")]:
            del file.attrs[name]
    with pytest.raises(ValueError, match=r"written before 3\.1: give --config"):
        Model(job(bare))
    model = Model(job(bare, settings=read_settings(tmp_path / "config.json"), min_score=0.3))
    assert (model.class_names, model.min_score) == (["BG", "class 1"], 0.3)
    assert model.detector.config.DETECTION_MIN_CONFIDENCE == 0.3


@pytest.mark.network
def test_a_file_of_another_project(tmp_path):
    np.savez(tmp_path / "narrow.npz", **narrow(width=1))
    found = ModelFile.of(job(tmp_path / "narrow.npz"))
    assert found.card.class_names is None and found.card.config["NUM_CLASSES"] == 3
    assert found.min_score(job(found.path)) == 0.5
    assert found.min_score(job(found.path, min_score=0.1)) == 0.1
    # An epsilon is known of the name, but not of the file.
    assert card_of(found.path).config["BATCH_NORM_EPSILON"] == 1e-5


@pytest.mark.network
def test_published_weights_keep_their_name(tmp_path, monkeypatch):
    np.savez(tmp_path / "narrow.npz", **narrow(width=1))
    published = Entry("https://example.org/x-1.pth", None, "BSD", epsilon=0.0)
    monkeypatch.setitem(ZOO, "torchvision:x", published)
    monkeypatch.setattr("mrcnn.weights.zoo.published_weights", lambda name: tmp_path / "narrow.npz")
    assert card_of("torchvision:x").config["BATCH_NORM_EPSILON"] == 0
    loaded = []

    def load(name, **settings):
        loaded.append((name, settings))
        raise KeyboardInterrupt

    monkeypatch.setattr(MaskRCNN, "load", load)
    with pytest.raises(KeyboardInterrupt):
        Model(job("torchvision:x"))
    assert loaded == [("torchvision:x", {})]
