"""`MaskRCNN` in training: log folders, trainable layers, runs, checkpoints."""

import contextlib
import datetime
import logging
import random
import re
import types

import keras
import numpy as np
import pytest
from conftest import needs_bfloat16
from numpy.testing import assert_array_equal
from tiny import InMemory, TinyConfig, eager_training, shapes

from mrcnn.augment import Flips
from mrcnn.loading.batches import BatchSequence
from mrcnn.model import MaskRCNN
from mrcnn.training import trainable

pytestmark = pytest.mark.network

LOSSES = [
    "rpn_class_loss",
    "rpn_bbox_loss",
    "mrcnn_class_loss",
    "mrcnn_bbox_loss",
    "mrcnn_mask_loss",
]
BACKBONE = ["conv1", "bn_conv1", "res2a", "bn2a", "res3a", "bn3a", "res4a", "bn4a", "res5a", "bn5a"]


def build(folder, mode="training", **settings):
    """A model whose losses reach every layer from the first step.

    Its first proposals are its anchors, so some of them lie on the shapes. The RPN trains on enough
    anchors to include the coarsest.
    """
    keras.utils.set_random_seed(0)
    config = TinyConfig()
    config.RPN_TRAIN_ANCHORS_PER_IMAGE = 512
    config.VALIDATION_EVERY = 0
    for name, value in settings.items():
        setattr(config, name, value)
    model = MaskRCNN(mode, config, str(folder))
    kernel = model.keras_model.get_layer("rpn_model").get_layer("rpn_bbox_pred").kernel
    kernel.assign(np.zeros(kernel.shape))
    return model


@pytest.fixture(scope="module")
def dataset():
    return InMemory(shapes(5))


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """An untrained model in training mode."""
    return build(tmp_path_factory.mktemp("logs"))


class Notes(keras.callbacks.Callback):
    """Records the logs of each batch and epoch."""

    def __init__(self):
        super().__init__()
        self.batches, self.epochs = [], {}

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(dict(logs))

    def on_epoch_end(self, epoch, logs=None):
        self.epochs[epoch] = dict(logs)


@pytest.fixture
def eagerly(monkeypatch):
    """Training without a graph and without figures."""
    monkeypatch.setattr("mrcnn.training.callbacks.record.draw", lambda *_, **__: None)
    with eager_training():
        yield


# Log folders


@pytest.fixture
def renamed(shared):
    """The shared model, whose log folder a test may change."""
    kept = shared.model_dir, shared.config
    yield shared
    shared.model_dir, shared.config = kept
    shared.set_log_dir()


def test_a_new_run_has_a_folder_named_after_its_date(renamed):
    before = datetime.datetime.now().replace(second=0, microsecond=0)
    renamed.model_dir = "logs"
    renamed.set_log_dir()
    assert renamed.epoch == 0
    match = re.fullmatch(r"logs/tiny(\d{8}T\d{4})", renamed.log_dir)
    date = datetime.datetime.strptime(match[1], "%Y%m%dT%H%M")
    assert before <= date <= datetime.datetime.now()
    assert renamed.checkpoint_path == f"{renamed.log_dir}/mask_rcnn_tiny_{{epoch:04d}}.h5"


@pytest.mark.parametrize(
    ("path", "date", "epoch"),
    [
        ("/logs/tiny20171029T2315/mask_rcnn_tiny_0001.h5", "20171029T2315", 1),
        ("tiny20171029T2315/mask_rcnn_tiny_0012.h5", "20171029T2315", 12),
        (r"C:\logs\other20260101T0000\mask_rcnn_other_0160.h5", "20260101T0000", 160),
    ],
)
def test_a_checkpoint_is_continued_after_its_epoch(renamed, path, date, epoch):
    renamed.model_dir = "logs"
    renamed.set_log_dir(path)
    assert renamed.epoch == epoch
    assert renamed.log_dir == f"logs/tiny{date}"
    assert renamed.checkpoint_path == f"logs/tiny{date}/mask_rcnn_tiny_{{epoch:04d}}.h5"


@pytest.mark.parametrize(
    "path",
    [
        "/weights/mask_rcnn_coco.h5",
        "/logs/tiny20171029T2315/weights_0001.h5",
        "/logs/tiny20171399T2315/mask_rcnn_tiny_0001.h5",
        "/logs/tiny/mask_rcnn_tiny_0001.h5",
    ],
)
def test_a_foreign_file_starts_a_new_run(renamed, path):
    renamed.set_log_dir("/logs/tiny20171029T2315/mask_rcnn_tiny_0005.h5")
    assert renamed.epoch == 5
    renamed.set_log_dir(path)
    assert renamed.epoch == 0
    assert f"tiny{datetime.date.today():%Y%m}" in renamed.log_dir


def test_the_last_checkpoint(renamed, tmp_path):
    renamed.model_dir = str(tmp_path)
    with pytest.raises(FileNotFoundError, match="no run named 'tiny' in this folder") as caught:
        renamed.find_last()
    assert caught.value.filename == str(tmp_path)
    for name in (
        "tiny20260101T0000/mask_rcnn_tiny_0009.h5",
        "tiny20260102T0000/mask_rcnn_tiny_0002.h5",
        "tiny20260102T0000/mask_rcnn_tiny_0010.h5",
        "tiny20260102T0000/notes.h5",
        "tiny20260102T0000/mask_rcnn_tiny_0011.h5.part",
        "tiny_v220260103T0000/mask_rcnn_tiny_v2_0001.h5",
        "other20260104T0000/mask_rcnn_other_0001.h5",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    last = renamed.find_last()
    assert last == str(tmp_path / "tiny20260102T0000" / "mask_rcnn_tiny_0010.h5")
    renamed.set_log_dir(last)
    assert renamed.epoch == 10
    (tmp_path / "tiny20260105T0000").mkdir()
    assert renamed.find_last() == last


@pytest.mark.parametrize("name", ["Tiny", "my model", "cells.v2", "a-b_c"])
def test_what_find_last_finds_is_continued(renamed, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    renamed.config = TinyConfig()
    renamed.config.NAME = name
    for folder in (".", "logs", str(tmp_path / "all")):
        renamed.model_dir = folder
        renamed.set_log_dir()
        run = tmp_path / renamed.log_dir
        run.mkdir(parents=True)
        (run / f"mask_rcnn_{name.lower()}_0007.h5").touch()
        log_dir = renamed.log_dir
        renamed.set_log_dir(renamed.find_last())
        assert renamed.epoch == 7
        assert (tmp_path / renamed.log_dir).samefile(tmp_path / log_dir)


# Trainable layers


def heads():
    names = ["rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred"]
    names += [f"fpn_c{n}p{n}" for n in (2, 3, 4, 5)] + [f"fpn_p{n}" for n in (2, 3, 4, 5)]
    for branch, numbers in (("class", (1, 2)), ("mask", (1, 2, 3, 4))):
        names += [f"mrcnn_{branch}_{kind}{n}" for n in numbers for kind in ("conv", "bn")]
    return [*names, "mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask_deconv", "mrcnn_mask"]


@pytest.mark.parametrize(
    ("layers", "backbone"),
    [
        ("heads", []),
        ("3+", BACKBONE[4:]),
        ("4+", BACKBONE[6:]),
        ("5+", BACKBONE[8:]),
        ("all", BACKBONE),
    ],
)
def test_layers_that_train(shared, layers, backbone):
    shared.set_trainable(trainable.regex_of(layers, shared.config), verbose=0)
    model = shared.keras_model
    names = {variable.path.split("/")[-2] for variable in model.trainable_variables}
    assert names == {*backbone, *heads()}
    frozen = {layer.name for layer in shared.get_trainable_layers() if not layer.trainable}
    assert frozen == set(BACKBONE) - set(backbone)


def test_layers_by_a_regular_expression(shared, capsys):
    shared.set_trainable("rpn_class_raw|mrcnn_mask_conv.", indent=2)
    names = {variable.path.split("/")[-2] for variable in shared.keras_model.trainable_variables}
    assert names == {"rpn_class_raw"} | {f"mrcnn_mask_conv{n}" for n in range(1, 5)}
    # Layers inside the nested RPN count too, and only full names match: mrcnn_mask does not.
    assert capsys.readouterr().out == ("  Training 5 layers, rpn_class_raw to mrcnn_mask_conv4\n")
    shared.set_trainable(".*", verbose=0)
    assert capsys.readouterr().out == ""


def test_the_layers_of_another_model(shared):
    inputs = keras.Input((4,))
    other = keras.Model(
        inputs, keras.layers.Dense(2, name="b")(keras.layers.Dense(3, name="a")(inputs))
    )
    shared.set_trainable(".*", verbose=0)
    shared.set_trainable("b", keras_model=other, verbose=0)
    assert [variable.path for variable in other.trainable_variables] == ["b/kernel", "b/bias"]
    assert shared.keras_model.get_layer("conv1").trainable


def test_the_optimiser(shared, monkeypatch):
    monkeypatch.setattr(shared.config, "GRADIENT_CLIP_NORM", 3.0)
    shared.compile(0.02, 0.8)
    optimizer = shared.keras_model.optimizer
    settings = optimizer.get_config()
    assert isinstance(optimizer, keras.optimizers.SGD)
    assert settings["learning_rate"] == pytest.approx(0.02) and settings["momentum"] == 0.8
    # All gradients are clipped together, not one by one, as in matterport's Mask_RCNN.
    assert settings["global_clipnorm"] == 3 and settings["clipnorm"] is None


@pytest.mark.parametrize("regex", ["Heads", "conv", "input_image", "mrcnn"])
def test_no_layer_of_that_name(shared, regex):
    with pytest.raises(ValueError) as caught:
        shared.set_trainable(regex)
    assert str(caught.value) == (
        f"layers is {regex!r}, which matches no layer: it must be heads, 3+, 4+, 5+, all, or a "
        "regular expression for layer names."
    )


# A run


@pytest.fixture(scope="module")
def run(tmp_path_factory, dataset):
    """A model after two epochs of two steps, its folder, and the `Notes` of its training."""
    folder = tmp_path_factory.mktemp("logs")
    model = build(folder)
    notes = Notes()
    model.train(dataset, InMemory(shapes(3, seed=9)), 0.01, 2, "all", custom_callbacks=[notes])
    return model, folder, notes


def test_a_run_writes_one_checkpoint_per_epoch_and_tensorboard_logs(run):
    model, folder, _ = run
    [log_dir] = folder.iterdir()
    assert str(log_dir) == model.log_dir
    names = sorted(path.name for path in log_dir.iterdir())
    assert [name for name in names if not name.endswith((".csv", ".json", ".png"))] == [
        "mask_rcnn_tiny_0001.h5", "mask_rcnn_tiny_0002.h5", "state.h5", "train", "validation",
        "weights",
    ]  # fmt: skip
    assert (log_dir / "weights" / "last.h5").samefile(log_dir / "mask_rcnn_tiny_0002.h5")
    for part in ("train", "validation"):
        [events] = (log_dir / part).glob("events.out.tfevents.*")
        assert events.stat().st_size > 500
    assert model.epoch == 2
    assert model.find_last() == str(log_dir / "mask_rcnn_tiny_0002.h5")


def test_a_run_reports_its_losses_by_name(run):
    model, _, notes = run
    assert len(notes.batches) == 4 and list(notes.epochs) == [0, 1]
    for logs in notes.batches:
        assert set(logs) == {"loss", *LOSSES}
    for logs in notes.epochs.values():
        assert set(logs) == {"loss", *LOSSES, "val_loss", *(f"val_{name}" for name in LOSSES)}
        assert np.isfinite(list(logs.values())).all()
        # The L2 penalty is small.
        total = sum(logs[name] for name in LOSSES)
        assert total <= logs["loss"] < total + 0.01
    history = model.keras_model.history.history
    assert history["mrcnn_mask_loss"] == [logs["mrcnn_mask_loss"] for logs in notes.epochs.values()]


def test_the_last_checkpoint_has_the_weights_of_the_model(run, tmp_path):
    model, _, _ = run
    other = build(tmp_path, "inference")
    report = other.load_weights(model.find_last())
    assert not report.missing and not report.mismatched and not report.left_over
    ours = {variable.path: variable.numpy() for variable in model.keras_model.weights}
    assert len(other.keras_model.weights) > 60
    for variable in other.keras_model.weights:
        assert_array_equal(variable.numpy(), ours[variable.path], variable.path)


def test_a_run_is_continued(run, dataset, caplog, eagerly):
    model, folder, _ = run
    other = build(folder)
    assert other.epoch == 0
    with caplog.at_level(logging.INFO, "mrcnn.mask_rcnn"):
        other.load_weights(other.find_last())
    assert f"continuing in {model.log_dir} after epoch 2" in caplog.messages
    assert other.epoch == 2 and other.log_dir == model.log_dir
    notes = Notes()
    other.train(dataset, None, 0.01, 3, "heads", custom_callbacks=[notes])
    assert list(notes.epochs) == [2] and len(notes.batches) == 2
    assert set(notes.epochs[2]) == {"loss", *LOSSES}
    assert other.epoch == 3
    assert other.find_last().endswith("/mask_rcnn_tiny_0003.h5")
    assert [path.name for path in folder.iterdir()] == [model.log_dir.rsplit("/", 1)[-1]]


def test_nothing_is_left_to_train(run, dataset, caplog, monkeypatch):
    model, _, _ = run
    monkeypatch.setattr(model, "epoch", 2)
    before = [variable.numpy() for variable in model.keras_model.weights]
    notes = Notes()
    for epochs in (2, 1):
        model.train(dataset, None, 0.01, epochs, "heads", custom_callbacks=[notes])
        assert (
            caplog.messages[-1] == f"epoch 2 is already done: nothing to train up to epoch {epochs}"
        )
    assert not notes.batches and model.epoch == 2
    for variable, value in zip(model.keras_model.weights, before, strict=True):
        assert_array_equal(variable.numpy(), value)


@pytest.mark.parametrize("how", ["stop", "interrupt"])
def test_a_run_that_ends_early_knows_its_epoch(tmp_path, dataset, eagerly, how):
    class End(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = how == "stop"

        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    model = build(tmp_path, STEPS_PER_EPOCH=1)
    with contextlib.suppress(KeyboardInterrupt):
        model.train(dataset, None, 0.01, 5, "heads", custom_callbacks=[End()])
    assert model.epoch == 1
    train(model, dataset, 2, "heads")
    assert model.epoch == 2 and model.find_last().endswith("_0002.h5")


def test_each_epoch_has_its_own_batches(tmp_path, dataset, eagerly, monkeypatch):
    epochs, batch = [], BatchSequence.__getitem__

    def noted(sequence, index):
        epochs.append(sequence.epoch)
        return batch(sequence, index)

    monkeypatch.setattr(BatchSequence, "__getitem__", noted)
    model = build(tmp_path, STEPS_PER_EPOCH=1)
    # Keras looks at one batch before it starts, and another is drawn.
    train(model, dataset, 2, "heads")
    assert epochs[2:] == [0, 1]
    train(model, dataset, 4, "heads")
    assert epochs[6:] == [2, 3]


# What is trained, and how well


def train(model, dataset, epochs, layers, learning_rate=0.01, **options):
    """Train and return the logs of each batch."""
    notes = Notes()
    model.train(dataset, None, learning_rate, epochs, layers, custom_callbacks=[notes], **options)
    return notes.batches


def changed(model, before):
    names = set()
    for variable in model.keras_model.weights:
        if not np.array_equal(variable.numpy(), before[variable.path]):
            names.add("/".join(variable.path.split("/")[-2:]))
    return names


def values(model):
    return {variable.path: variable.numpy() for variable in model.keras_model.weights}


def test_frozen_layers_and_batch_norm_statistics_stay(tmp_path, dataset, eagerly):
    model = build(tmp_path)
    before = values(model)
    train(model, dataset, 1, "heads")
    names = changed(model, before)
    assert {name.split("/")[0] for name in names} == set(heads())
    assert "mrcnn_mask_bn1/gamma" in names
    assert not [name for name in names if "moving" in name]
    train(model, dataset, 2, "all")
    names = changed(model, before)
    assert {name.split("/")[0] for name in names} == {*heads(), *BACKBONE}
    assert not [name for name in names if "moving" in name]


def test_batch_norm_statistics_move_if_allowed(tmp_path, dataset, eagerly):
    model = build(tmp_path, TRAIN_BN=None)
    before = values(model)
    train(model, dataset, 1, "heads")
    moved = {name.split("/")[0] for name in changed(model, before) if "moving" in name}
    # As in Keras: only those of trainable layers.
    assert moved == {name for name in heads() if "_bn" in name}


def test_one_image_is_learnt(tmp_path):
    model = build(tmp_path, STEPS_PER_EPOCH=60, SEED=0)
    batches = train(model, InMemory(shapes(1)), 1, "all", learning_rate=0.02)
    # Keras reports the mean since the start of the epoch.
    means = np.array([logs["loss"] for logs in batches])
    totals = np.diff(means * np.arange(1, 61), prepend=0)
    # Measured: from 6.7 to 0.5.
    assert totals[-10:].mean() < 0.25 * totals[:3].mean()


def test_the_same_seed_gives_the_same_weights(tmp_path, dataset, eagerly):
    first = build(tmp_path / "a")
    start = first.keras_model.get_weights()
    runs = []
    for number, seed in enumerate((5, 5, 6)):
        model = build(tmp_path / str(number), SEED=seed)
        model.keras_model.set_weights(start)
        random.seed(number)  # must not matter
        train(model, dataset, 2, "all", augmentation=Flips(0.5, 0.5))
        runs.append(values(model))
    paths = [path for path in runs[0] if "seed_generator" not in path]
    for path in paths:
        assert_array_equal(runs[0][path], runs[1][path], path)
    assert any(not np.array_equal(runs[0][path], runs[2][path]) for path in paths)


# What is rejected before training starts


def test_a_log_folder_that_cannot_be_written(tmp_path, dataset, monkeypatch):
    (tmp_path / "logs").write_text("a file is in the way")
    model = build(tmp_path / "logs")
    monkeypatch.setattr(model.keras_model, "fit", lambda *args, **kwargs: pytest.fail("trained"))
    with pytest.raises(OSError) as caught:
        model.train(dataset, None, 0.01, 1, "heads")
    message = str(caught.value)
    assert message.startswith(f"the log folder {model.log_dir} cannot be written to (")
    assert message.endswith("): choose another model_dir, or change its permissions.")


def test_no_layer_to_train(shared, dataset):
    with pytest.raises(ValueError, match="layers is 'head', which matches no layer"):
        shared.train(dataset, None, 0.01, 1, "head")


def test_a_dataset_of_other_classes(shared):
    data = InMemory(shapes(1), names=["a"])
    for arguments in ((data, None), (InMemory(shapes(1)), data)):
        with pytest.raises(ValueError, match="NUM_CLASSES is 3, but the dataset has 2 classes"):
            shared.train(*arguments, 0.01, 1, "heads")


def test_a_configuration_that_was_broken_afterwards(shared, dataset, monkeypatch):
    monkeypatch.setattr(shared.config, "ROI_POSITIVE_RATIO", 2)
    with pytest.raises(ValueError, match="ROI_POSITIVE_RATIO is 2"):
        shared.train(dataset, None, 0.01, 1, "heads")


def test_several_gpus_are_warned_about(tmp_path, dataset, caplog, eagerly, monkeypatch):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["cpu:0"])
    model = build(tmp_path, GPU_COUNT=2, IMAGES_PER_GPU=1)
    assert model.config.BATCH_SIZE == 2
    train(model, dataset, 1, "heads")
    assert (
        "GPU_COUNT is 2, but this machine has 1: a single device takes all 2 images of a batch"
        in caplog.messages
    )


def test_images_without_instances_train(tmp_path, eagerly):
    image = np.full((64, 64, 3), 80, np.uint8)
    empty = image, np.zeros((64, 64, 0), bool), np.zeros(0, np.int32)
    model = build(tmp_path)
    [first, _] = train(model, InMemory([empty, empty]), 1, "all")
    assert np.isfinite(list(first.values())).all()
    assert first["rpn_bbox_loss"] == first["mrcnn_bbox_loss"] == first["mrcnn_mask_loss"] == 0
    assert first["rpn_class_loss"] > 0 and first["mrcnn_class_loss"] > 0


def test_no_validation_steps(tmp_path, dataset, eagerly):
    model = build(tmp_path, VALIDATION_STEPS=0, STEPS_PER_EPOCH=1)
    model.train(dataset, dataset, 0.01, 1, "heads")
    assert set(model.keras_model.history.history) == {"loss", *LOSSES}


def test_loss_weights(tmp_path, dataset, eagerly):
    weights = dict.fromkeys(LOSSES, 0.0) | {"rpn_class_loss": 3.0}
    model = build(tmp_path, LOSS_WEIGHTS=weights, WEIGHT_DECAY=0.0)
    before = values(model)
    [first, _] = train(model, dataset, 1, "heads")
    assert first["loss"] == pytest.approx(3 * first["rpn_class_loss"], rel=1e-5)
    assert first["mrcnn_class_loss"] > 0
    assert {name.split("/")[0] for name in changed(model, before)} == {
        *("rpn_conv_shared", "rpn_class_raw"),
        *(f"fpn_c{n}p{n}" for n in (2, 3, 4, 5)),
        *(f"fpn_p{n}" for n in (2, 3, 4, 5)),
    }


def test_rois_from_outside_need_a_generator(tmp_path, dataset):
    model = build(tmp_path, USE_RPN_ROIS=False)
    with pytest.raises(ValueError, match=r"^USE_RPN_ROIS is False: train\(\) does not supply RoIs"):
        model.train(dataset, None, 0.01, 1, "heads")
    assert not (tmp_path / "logs").exists()


def test_a_config_class_is_rejected(tmp_path):
    with pytest.raises(TypeError, match=r"^config is the class TinyConfig: pass an instance"):
        MaskRCNN("inference", TinyConfig, str(tmp_path))


@pytest.mark.parametrize("mode", ["training", "inference"])
def test_a_subclass_builds_before_it_sets_anything(tmp_path, monkeypatch, mode):
    class Ours(MaskRCNN):
        def __init__(self, mode, config, model_dir):
            self.keras_model = self.build(mode, config)
            self.mode, self.config, self.model_dir = mode, config, model_dir
            self.set_log_dir()

    monkeypatch.setattr("mrcnn.mask_rcnn.graph.build", lambda *_, **__: types.SimpleNamespace())
    chosen = types.SimpleNamespace(scope=contextlib.nullcontext)
    monkeypatch.setattr("mrcnn.training.distribution.choose", lambda _: chosen)
    model = Ours(mode, TinyConfig(), str(tmp_path))
    assert (model.distribution is chosen) == (mode == "training")


def test_a_model_checkpoint_must_save_weights_only(run, dataset):
    callback = keras.callbacks.ModelCheckpoint("best.keras")
    with pytest.raises(ValueError, match=r"ModelCheckpoint\('best.keras'\) would save the whole"):
        run[0].train(dataset, None, 0.01, 9, "heads", custom_callbacks=[callback])


@pytest.mark.parametrize("mode", ["none", "pad64"])
def test_images_of_many_sizes_train(tmp_path, mode, eagerly):
    """The first two images are equal in size; Keras would take that size for all others."""
    sizes = [(64, 64), (64, 64), (64, 128), (128, 64), (128, 192)]
    samples = [shapes(1, size, seed)[0] for seed, size in enumerate(sizes)]
    model = build(
        tmp_path,
        IMAGE_RESIZE_MODE=mode,
        IMAGE_MIN_DIM=None,
        IMAGES_PER_GPU=1,
        STEPS_PER_EPOCH=5,
        POST_NMS_ROIS_TRAINING=20,
    )
    notes = Notes()
    model.train(InMemory(samples), InMemory(samples), 0.001, 1, "all", custom_callbacks=[notes])
    assert np.isfinite(list(notes.epochs[0].values())).all()
    assert {f"val_{name}" for name in LOSSES} < set(notes.epochs[0])


@pytest.mark.parametrize(
    "policy", [pytest.param("mixed_bfloat16", marks=needs_bfloat16), "mixed_float16"]
)
def test_mixed_precision(tmp_path, dataset, policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = build(tmp_path)
        train(model, dataset, 1, "all")
        inference = build(tmp_path, "inference")
    finally:
        keras.config.set_dtype_policy("float32")
    inference.load_weights(model.find_last(), by_name=True)
    assert all(np.isfinite(weight.numpy()).all() for weight in model.keras_model.weights)
    [result] = inference.detect([dataset.load_image(0)])
    assert np.isfinite(result["scores"]).all()


def test_weights_of_another_run_start_a_new_one(tmp_path, run, shared):
    path = tmp_path / "other20260101T0000" / "mask_rcnn_other_0160.h5"
    path.parent.mkdir()
    run[0].keras_model.save_weights(path)
    shared.load_weights(path)
    assert shared.epoch == 0


def test_loading_only_some_layers_of_its_own_run_starts_a_new_one(shared, run):
    path = run[0].find_last()
    shared.load_weights(path)
    assert shared.epoch > 0
    shared.load_weights(path, exclude=["mrcnn_mask"])
    assert shared.epoch == 0
