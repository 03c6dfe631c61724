import os
import re

import numpy as np
import pytest
from tiny import InMemory, TinyConfig, shapes

from mrcnn.runs.folder import RunFolder
from mrcnn.runs.stages import Stage, plan
from mrcnn.runs.state import Progress
from mrcnn.training import resume

THREE = [["heads", "4+", "all"], [20, 25, 30], 0.1]


def at(epoch, step=0, stage=None, **fields):
    return Progress(epoch, step, stage or Stage("4+", 0.1, 20, 25), 0, **fields)


@pytest.fixture(scope="module")
def dataset():
    return InMemory(shapes(3))


def describe(dataset, val=None, augmentation=None, sources=None, **settings):
    config = TinyConfig()
    for name, value in settings.items():
        setattr(config, name, value)
    return resume.describe(config, dataset, val, augmentation, sources)


# What may change


def test_what_matters_is_described(dataset):
    described = describe(dataset, dataset, sources=["b", "a"])
    assert described["STEPS_PER_EPOCH"] == 2 and described["BATCH_SIZE"] == 2
    assert described["MEAN_PIXEL"] == [123.7, 116.8, 103.9]
    assert described["no_augmentation_sources"] == ["a", "b"]
    assert described["augmentation"] is None
    assert re.fullmatch("3 images, ids [0-9a-f]{8}", described["train_dataset"])
    assert described["val_dataset"] == described["train_dataset"]


@pytest.mark.parametrize(
    "settings",
    [
        {"LOADER_WORKERS": 3},
        {"GPU_COUNT": 2, "HOST_COUNT": 2, "IMAGES_PER_GPU": 1},
        {"KEEP_CHECKPOINTS": None},
        {"EARLY_STOPPING": 4},
        {"MY_FOLDER": "/data"},
    ],
)
def test_what_may_change(dataset, settings):
    assert describe(dataset, **settings) == describe(dataset)


def test_what_may_not_change(dataset):
    past = at(22, described=describe(dataset))
    changed = describe(
        InMemory(shapes(4)), dataset, np.flip, STEPS_PER_EPOCH=9, LOSS_WEIGHTS={}, IMAGES_PER_GPU=4
    )
    with pytest.raises(ValueError) as caught:
        resume.stage_to_resume(past, plan("all", 30, 0.2), changed, "logs/state.h5")
    lines = str(caught.value).splitlines()
    assert lines[0] == (
        "the run in logs/state.h5 cannot be resumed because it was started with different settings:"
    )
    assert [re.match(r"- (\w+) is", line)[1] for line in lines[1:-1]] == [
        "BATCH_SIZE", "LOSS_WEIGHTS", "STEPS_PER_EPOCH", "train_dataset", "val_dataset",
        "augmentation", "layers", "learning_rate",
    ]  # fmt: skip
    assert "- STEPS_PER_EPOCH is 9, was 2" in lines
    assert "- layers is 'all', was '4+'" in lines
    assert "- learning_rate is 0.2, was 0.1" in lines


def test_images_are_known_by_their_ids(dataset):
    other = InMemory(shapes(3))
    assert describe(other) == describe(dataset)
    other.image_info[1]["id"] = "another"
    assert describe(other)["train_dataset"] != describe(dataset)["train_dataset"]


# Where it resumes


@pytest.mark.parametrize(
    ("progress", "arguments", "expected"),
    [
        (at(22), THREE, (1, True)),
        (at(22, step=7), THREE, (1, True)),
        # The stage is over, and the next one starts.
        (at(25), THREE, (2, False)),
        (at(20, stage=Stage("heads", 0.1, 0, 20)), THREE, (1, False)),
        # More epochs for the current stage, or for one that was over.
        (at(22), [["heads", "4+"], [20, 40], 0.1], (1, True)),
        (at(25), ["4+", 40, 0.1], (0, True)),
        # Consecutive calls.
        (at(22), ["4+", 25, 0.1], (0, True)),
        (at(25), ["all", 30, 0.01], (0, False)),
        # Two stages with the same settings have an optimizer each.
        (at(25), [["heads", "4+", "4+"], [20, 25, 30], 0.1], (2, False)),
    ],
)
def test_where_it_resumes(progress, arguments, expected):
    stages = plan(*arguments, first_epoch=progress.epoch)
    assert resume.stage_to_resume(progress, stages, {}, "state.h5") == expected


@pytest.mark.parametrize(
    ("progress", "arguments", "over"),
    [
        (at(25), ["4+", 25, 0.1], True),
        (at(25), ["4+", 20, 0.1], True),
        (at(25), ["4+", 26, 0.1], False),
        (at(24, step=9), ["4+", 25, 0.1], False),
        (at(22, stopped_early=True, waited=5), ["4+", 25, 0.1], True),
        (at(22, stopped_early=True, waited=3), ["4+", 25, 0.1], False),
        # The next of several calls.
        (at(22, stopped_early=True, waited=5), ["all", 30, 0.1], False),
    ],
)
def test_a_run_that_is_over(progress, arguments, over):
    config = TinyConfig()
    config.EARLY_STOPPING = 5
    assert resume.is_over(progress, plan(*arguments), config) is over


def test_without_patience_training_continues():
    progress = at(22, stopped_early=True, waited=5)
    assert not resume.is_over(progress, plan("4+", 25, 0.1), TinyConfig())


# Which run


@pytest.fixture
def folder(tmp_path):
    return RunFolder(os.path.join(tmp_path, "tiny20260103T0000"), TinyConfig.NAME)


def make(folder, *names):
    for name in names:
        (folder / name).mkdir()
        (folder / name / "state.h5").touch()


def test_the_last_run_with_a_state(folder, tmp_path):
    assert resume.find_state(folder, tmp_path) is None
    make(tmp_path, "tiny20260101T0000", "tiny20260102T0000", "other20260109T0000")
    (tmp_path / "tiny20260105T0000").mkdir()
    assert resume.find_state(folder, tmp_path) == str(tmp_path / "tiny20260102T0000" / "state.h5")


def test_the_models_own_run_comes_first(folder, tmp_path):
    make(tmp_path, "tiny20260103T0000", "tiny20260104T0000")
    assert resume.find_state(folder, tmp_path) == str(tmp_path / "tiny20260103T0000" / "state.h5")


def test_weights_of_a_run_without_a_state_lead_to_no_other(folder, tmp_path):
    make(tmp_path, "tiny20260104T0000")
    folder.epoch = 4
    assert resume.find_state(folder, tmp_path) is None


def test_older_weights_are_a_contradiction():
    for epoch in (0, 9, 10):
        resume.check_weights(epoch, at(9), "state.h5")
    with pytest.raises(ValueError, match=r"are from epoch 8, but state\.h5 is from epoch 9"):
        resume.check_weights(8, at(9), "state.h5")
