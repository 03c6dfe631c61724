"""The model of a job: what its file says, and the network itself."""

import dataclasses
import hashlib

import pytest

from mrcnn.jobs.job import DetectJob
from mrcnn.jobs.model import ModelFile
from mrcnn.weights.card import Card

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
    # What is set by name has the last word.
    given = job(path, min_score=0.3, settings={"DETECTION_MIN_CONFIDENCE": 0.1})
    assert found.settings(given) == {"DETECTION_MIN_CONFIDENCE": 0.1}
