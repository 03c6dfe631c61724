"""Training runs as they are planned, announced, started and printed."""

import argparse

import every_format
import pytest
from every_format import UNNAMED, WRITERS, drawn

from mrcnn.cli import train
from mrcnn.cli.training_plan import TrainingPlan, has_gpu, name_of
from mrcnn.runs import record, state
from mrcnn.runs.settings import stored
from mrcnn.runs.stages import Stage
from mrcnn.weights.report import LoadReport

from .weights_files import FakeRCNN, save_card


@pytest.fixture
def parse():
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    return lambda *words: parser.parse_args([str(word) for word in words])


@pytest.fixture
def pets(tmp_path):
    return save_card(tmp_path / "pets.h5")


@pytest.fixture
def cells(tmp_path):
    every_format.labelme(drawn(10), tmp_path / "cells")
    return tmp_path / "cells"


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr("mrcnn.mask_rcnn.MaskRCNN", FakeRCNN)
    monkeypatch.setattr("mrcnn.cli.training_plan.has_gpu", lambda: False)
    monkeypatch.setattr(
        "mrcnn.weights.start_weights.load_fitting", lambda model, name: FakeRCNN.report
    )
    monkeypatch.setattr("mrcnn.weights.start_weights.load", lambda model, name: FakeRCNN.report)
    FakeRCNN.made = []
    return FakeRCNN


def test_ten_images(parse, pets, cells, fake, capsys):
    TrainingPlan.of(parse(cells, "--from", pets, "--logs", "somewhere")).run()
    (model,) = fake.made
    assert (model.mode, model.model_dir) == ("training", "somewhere")
    config = model.config
    assert (config.NAME, config.NUM_CLASSES, config.IMAGE_MAX_DIM) == ("cells", 3, 64)
    assert (config.STEPS_PER_EPOCH, config.VALIDATION_STEPS) == (20, 1)
    assert len(model.trained.pop("train")) == 8
    assert len(model.trained.pop("val")) == 2
    assert model.trained == {
        "class_names": ["BG", "cat", "dog"],
        "rate": 0.0025,  # a quarter of the model's
        "epochs": 10,
        "layers": "all",
        "augmentation": 2,  # photographs
        "resume": False,
    }
    assert capsys.readouterr().out.splitlines() == [
        f"Data: 8 images with 16 objects for training, 2 images with 4 objects for validation, "
        f"drawn at random (labelme, {cells})",
        "  2 classes: cat, dog",
        f"Start: {pets}",
        "  The model knows the classes: its learning rate is lowered to 0.0025.",
        "Training: all layers, epochs 1 to 10, each of 20 batches of 2 images; learning rate "
        "0.0025; augmentation: photographs",
        "Network: 1.2 million weights",
        "  Its classes are the data's: all layers keep their weights.",
        "  On two CPU cores, this takes about 1 minute.",
        "",
        "Weights: somewhere/run/weights/last.h5",
        f"  mrcnn evaluate {cells} --model somewhere/run/weights/last.h5 --val 0.2",
        "  mrcnn detect IMAGES --model somewhere/run/weights/last.h5",
    ]


COMMANDS = {
    "plain": [],
    "settings": ["--set=LEARNING_RATE=1e-4", "--set=MEAN_PIXEL=1,2,3", "--name=x", "--limit=5"],
    "classes": ["--class-names=dog,cat,cow", "--val=0", "--augment=none", "--epochs=2"],
    "heads": ["--layers=heads", "--resume", "--augment=microscopy"],
    "published": ["--from=imagenet", "--augment=flips"],
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=[*COMMANDS])
def test_python_lines_do_the_same(parse, pets, cells, fake, words):
    plan = TrainingPlan.of(parse(cells, "--from", pets, *words))
    plan.run()
    exec(plan.python(), {})
    first, second = fake.made
    assert first.trained == second.trained
    assert stored(first.config) == stored(second.config)
    assert first.model_dir == second.model_dir


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_every_format(parse, tmp_path, pets, fake, write):
    (tmp_path / "cells").mkdir()
    write(drawn(4), tmp_path / "cells")
    plan = TrainingPlan.of(parse(tmp_path / "cells", "--from", pets))
    heads = ("box",) if WRITERS[write] == "voc" else ("box", "mask")
    assert heads == plan.recipe.config.HEADS
    assert (2 if WRITERS[write] in UNNAMED else 3) == plan.recipe.config.NUM_CLASSES
    plan.run()


def test_keypoints(parse, tmp_path, pets, fake):
    every_format.coco_keypoints(drawn(4), tmp_path / "cells")
    words = ["--from", pets, "--set=HEADS=box,mask,keypoint"]
    plan = TrainingPlan.of(parse(tmp_path / "cells", *words))
    assert plan.recipe.config.NUM_KEYPOINTS == 2
    assert plan.augmentation == "flips"


def test_stages(parse, cells, fake):
    plan = TrainingPlan.of(parse(cells, "--from=imagenet", "--epochs=5"))
    plan.run()
    assert fake.made[0].trained["layers"] == ["heads", "all"]
    assert fake.made[0].trained["epochs"] == [2, 5]
    assert "Training: the layers heads, epochs 1 to 2, each of" in plan.announcement()
    assert "Training: all layers, epochs 3 to 5, each of" in plan.announcement()


def test_parts_of_the_data(parse, pets, tmp_path, fake, capsys):
    for part, count in (("train", 3), ("val", 2)):
        every_format.labelme(drawn(count), tmp_path / "cells" / part)
    TrainingPlan.of(parse(tmp_path / "cells", "--from", pets)).run()
    assert fake.made[0].trained["val"] == ["image0", "image1"]
    out = capsys.readouterr().out
    assert "2 images with 4 objects for validation (labelme, " in out
    assert "--val" not in out
    with pytest.raises(ValueError, match="has a part for validation: leave out --val, or"):
        TrainingPlan.of(parse(tmp_path / "cells", "--from", pets, "--val=0.5"))


def test_a_resumed_run_has_its_own_settings(parse, pets, cells, tmp_path, fake, capsys):
    """More epochs would give a new run a longer warm-up."""
    logs = tmp_path / "logs"
    folder = logs / "cells20261120T1405"
    folder.mkdir(parents=True)
    first = TrainingPlan.of(parse(cells, "--from", pets, "--set=LR_WARMUP_STEPS=100"))
    record.write(folder, first.recipe.config, seed=0, **first.arguments())
    open(state.path_in(folder), "w").close()
    words = ["--from", pets, "--logs", logs, "--resume"]
    plan = TrainingPlan.of(parse(cells, *words))
    assert stored(plan.recipe.config) == stored(first.recipe.config)
    assert plan.arguments() == {**first.arguments(), "resume": True}
    plan = TrainingPlan.of(parse(cells, *words, "--epochs=30"))
    assert stored(plan.recipe.config) == stored(first.recipe.config)
    assert plan.arguments()["epochs"] == 30
    plan.run()
    assert f"  resumed in {folder}, with the settings of that run\n" in capsys.readouterr().out
    exec(plan.python(), {})
    assert fake.made[0].trained == fake.made[1].trained
    assert fake.made[0].trained["resume"]


def test_what_is_kept(parse, pets, cells, fake, monkeypatch, capsys):
    plan = TrainingPlan.of(parse(cells, "--from", pets, "--class-names=cat,dog,cow"))
    plan.run()
    assert plan.recipe.config.LEARNING_RATE == 0.01
    assert "All layers keep their weights, as a start for other classes." in capsys.readouterr().out
    report = LoadReport("file", loaded=["conv1"], mismatched={"mrcnn_mask": "1 and 2"})
    monkeypatch.setattr(fake, "report", report)
    TrainingPlan.of(parse(cells, "--from", pets)).run()
    assert "These layers start afresh: mrcnn_mask." in capsys.readouterr().out


def test_classes_in_the_models_order(parse, cells, tmp_path, fake):
    path = save_card(tmp_path / "zoo.h5", names=("dog", "owl", "cat"), NUM_CLASSES=4)
    plan = TrainingPlan.of(parse(cells, "--from", path))
    assert plan.train.class_names == ["BG", "dog", "owl", "cat"]
    assert plan.recipe.config.NUM_CLASSES == 4
    assert "  The model also knows owl, which the files do not have" in plan.announcement()
    plan = TrainingPlan.of(parse(cells, "--from", path, "--class-names=cat,dog"))
    assert plan.train.class_names == ["BG", "cat", "dog"]


def test_the_time_that_it_takes(parse, cells, fake, monkeypatch, capsys):
    monkeypatch.setattr(fake, "count_params", lambda self: 9_000_000)
    plan = TrainingPlan.of(parse(cells, "--from=nuclei"))  # 200 batches of two images
    plan.run()
    assert "  On two CPU cores, this takes about 8 minutes.\n" in capsys.readouterr().out
    monkeypatch.setattr(fake, "count_params", lambda self: 64_000_000)
    plan.run()
    assert "  There is no GPU: on a CPU, a step of a network of this" in capsys.readouterr().out
    monkeypatch.setattr("mrcnn.cli.training_plan.has_gpu", lambda: True)
    plan.run()
    assert "GPU" not in capsys.readouterr().out


@pytest.mark.network
def test_a_gpu_is_looked_for():
    import keras

    names = keras.distribution.list_devices()
    assert has_gpu() == any("gpu" in name for name in names)


def test_the_best_epoch(parse, pets, cells, tmp_path):
    plan = TrainingPlan.of(parse(cells, "--from", pets, "--val=0.3", "--limit=7"))
    weights = tmp_path / "weights" / "best.h5"
    weights.parent.mkdir()
    weights.touch()
    lines = plan.conclusion(tmp_path).splitlines()
    assert lines[1:3] == [
        f"Weights: {weights}",
        f"  mrcnn evaluate {cells} --model {weights} --val 0.3 --limit 7",
    ]
    progress = state.Progress(epoch=5, step=0, stage=Stage("all", 0.1, 0, 5), seed=0)
    progress.watch("val_segm_AP")
    progress.best, progress.best_epoch = 0.5, 3
    plan_state = (OSError, progress)
    for found, text in zip(plan_state, ("", ", of epoch 3 (mask AP 0.500)"), strict=True):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(state, "load_progress", _returning(found))
            assert plan.conclusion(tmp_path).splitlines()[1] == f"Weights: {weights}{text}"


def _returning(found):
    def load(path):
        if isinstance(found, type):
            raise found
        return found

    return load


def test_a_loss_that_is_not_a_number(parse, pets, cells, fake, monkeypatch):
    def train(*arguments, **named):
        raise FloatingPointError("the loss is NaN")

    monkeypatch.setattr(fake, "train", train)
    with pytest.raises(ValueError, match="the loss is NaN"):
        TrainingPlan.of(parse(cells, "--from", pets)).run()


def test_fast_numbers_only_where_they_are_fast(parse, cells, tmp_path, monkeypatch):
    path = save_card(tmp_path / "b.h5", MIXED_PRECISION="bfloat16")
    for fast, precision in ((True, "bfloat16"), (False, None)):
        monkeypatch.setattr("mrcnn.cli.training_plan.has_fast_bfloat16", lambda fast=fast: fast)
        plan = TrainingPlan.of(parse(cells, "--from", path))
        assert precision == plan.recipe.config.MIXED_PRECISION


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set=IMAGE_MAX_DIM=100"], "IMAGE_MAX_DIM is 100: it must be a multiple of 64"),
        (["--limit=1"], "there is only one image, and none can be held back for validation"),
        (["--from=gone.h5"], "no such weights file: gone.h5"),
    ],
)
def test_what_is_wrong_shows_before_the_network_is_made(parse, pets, cells, fake, words, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        TrainingPlan.of(parse(cells, "--from", pets, *words))
    assert not fake.made


def test_a_file_without_a_configuration(parse, cells, tmp_path):
    path = save_card(tmp_path / "old.h5")
    import h5py

    h5py.File(path, "w").close()
    with pytest.raises(ValueError, match=r"written before 3\.1: give --config"):
        TrainingPlan.of(parse(cells, "--from", path))
    run = tmp_path / "run.yaml"
    run.write_text("NUM_CLASSES: 3\nIMAGE_MAX_DIM: 64\nIMAGE_MIN_DIM: 64\n")
    plan = TrainingPlan.of(parse(cells, "--from", path, "--config", run))
    assert (plan.recipe.config.IMAGE_MAX_DIM, plan.recipe.config.NUM_CLASSES) == (64, 3)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("cells", "cells"),
        ("my cells (2)/train/", "my_cells_2"),
        ("a/cells/annotations/instances.json", "cells"),
        ("a/b.c", "a"),
        ("/", "run"),
    ],
)
def test_names_of_runs(path, name):
    assert name_of(path) == name


def test_a_single_image(parse, pets, tmp_path):
    every_format.labelme(drawn(1), tmp_path / "cells")
    plan = TrainingPlan.of(parse(tmp_path / "cells", "--from", pets, "--val=0"))
    assert plan.val is None
    assert "1 image with 2 objects for training, none for validation" in plan.announcement()
