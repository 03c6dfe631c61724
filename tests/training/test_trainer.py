"""Runs that end early and are resumed: what is saved and restored, and that nothing is lost."""

import contextlib
import gc
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tiny import InMemory, TinyConfig, eager_training, shapes

from mrcnn.augment import Flips
from mrcnn.model import MaskRCNN
from mrcnn.runs import history, state

try:
    import resource
except ImportError:  # on Windows
    resource = None

pytestmark = pytest.mark.network

TWO_STAGES = {"layers": ["heads", "all"], "epochs": [1, 3], "learning_rate": [0.01, 0.005]}


@pytest.fixture(autouse=True, scope="module")
def quickly():
    """Training without figures and without a graph, which takes longer to compile than to run."""
    with eager_training(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("mrcnn.training.callbacks.record.draw", lambda *_, **__: None)
        yield


@pytest.fixture(scope="module")
def dataset():
    return InMemory(shapes(5))


def build(folder, **settings):
    keras.utils.set_random_seed(0)
    config = TinyConfig()
    config.STEPS_PER_EPOCH = 3
    config.VALIDATION_EVERY = 0
    config.SEED = None
    for name, value in settings.items():
        setattr(config, name, value)
    return MaskRCNN("training", config, str(folder))


class Kill(Exception):
    """Stands in for SIGKILL inside a test: nothing is saved after it."""


class KillAt(keras.callbacks.Callback):
    """Ends the run at the start of a batch, counted over the epochs that it sees."""

    def __init__(self, batch):
        super().__init__()
        self.left = batch

    def on_train_batch_begin(self, batch, logs=None):
        if not self.left:
            raise Kill
        self.left -= 1


def train(model, dataset, callbacks=(), val=None, **options):
    options = {**TWO_STAGES, **options}
    model.train(
        dataset,
        val,
        augmentation=Flips(),
        custom_callbacks=list(callbacks),
        **options,
    )


def state_of(folder):
    [log_dir] = Path(folder).glob("tiny*")
    with h5py.File(log_dir / "state.h5") as file:
        arrays = {
            f"{kind} {index} {data.attrs['path'].split('/')[-1]}": data[()]
            for kind in ("model", "optimizer")
            for index, data in file[kind].items()
        }
    return arrays, state.load_progress(log_dir / "state.h5")


def assert_same_run(folder, other):
    (arrays, progress), (others, other_progress) = state_of(folder), state_of(other)
    assert arrays.keys() == others.keys() and len(arrays) > 100
    for name, array in arrays.items():
        assert_allclose(array, others[name], rtol=1e-5, atol=1e-6, err_msg=name)
    for ours, theirs in zip(progress.history, other_progress.history, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)
    for name in ("epoch", "step", "stage", "best_epoch", "waited", "seed"):
        assert getattr(progress, name) == getattr(other_progress, name), name


@pytest.fixture(scope="module")
def straight(tmp_path_factory, dataset, quickly):
    """Folder of an uninterrupted run of two stages."""
    folder = tmp_path_factory.mktemp("straight")
    train(build(folder, SEED=3), dataset)
    return folder


# Output


def test_a_silent_run_prints_nothing_and_records_everything(tmp_path, dataset, capsys):
    settings = {"MONITOR": "score", "EARLY_STOPPING": 1, "STEPS_PER_EPOCH": 1}
    options = {"layers": "heads", "epochs": 9, "learning_rate": 0.01}
    val = InMemory(shapes(2, seed=9))
    model = build(tmp_path, **settings)
    capsys.readouterr()
    train(model, dataset, [Score(1, 2, 1)], val, resume=True, verbose=0, **options)
    assert capsys.readouterr() == ("", "")
    assert model.epoch == 3
    log_dir = Path(model.log_dir)
    assert len((log_dir / "history.csv").read_text().splitlines()) == 4
    assert (log_dir / "weights" / "best.h5").exists()


def test_an_average_precision_is_in_the_history_of_the_epochs_that_have_one(tmp_path, dataset):
    settings = {"VALIDATION_EVERY": 3, "VALIDATION_IMAGES": 1, "STEPS_PER_EPOCH": 1}
    model = build(tmp_path, **settings)
    options = {"layers": "heads", "epochs": 5, "learning_rate": 0.01}
    train(model, dataset, val=InMemory(shapes(2, seed=9)), verbose=0, **options)
    rows = history.read(model.log_dir)
    for name in ("val_segm_AP", "val_mean_iou"):
        assert [name in row for row in rows] == [True, False, True, False, True]


# Kills


def test_a_run_that_was_killed_ends_like_one_that_was_not(tmp_path, dataset):
    """With averaged weights and accumulated gradients; some kills hit a half-finished sum."""
    val = InMemory(shapes(2, seed=9))
    settings = {"SEED": 3, "EMA": 0.5, "GRADIENT_ACCUMULATION": 2}
    straight = build(tmp_path / "straight", **settings)
    train(straight, dataset, val=val)
    settings["SAVE_EVERY_MINUTES"] = 1e-9
    for batches in (4, 0, 3):
        with pytest.raises(Kill):
            model = build(tmp_path / "killed", **settings)
            train(model, dataset, [KillAt(batches)], val, resume=True)
    model = build(tmp_path / "killed", **settings)
    train(model, dataset, val=val, resume=True)
    assert_same_run(tmp_path / "killed", tmp_path / "straight")
    for ours, theirs in zip(model.keras_model.weights, straight.keras_model.weights, strict=True):
        assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-6, err_msg=ours.path)
    names = sorted(path.name for path in Path(model.log_dir).glob("mask_rcnn*"))
    assert names == [f"mask_rcnn_tiny_000{epoch}.h5" for epoch in (1, 2, 3)]


def test_without_a_seed_a_run_keeps_the_one_it_drew(tmp_path, dataset):
    options = {"layers": "heads", "epochs": 1, "learning_rate": 0.01}
    with pytest.raises(Kill):
        train(build(tmp_path), dataset, [KillAt(0)], **options)
    seed = state_of(tmp_path)[1].seed
    assert seed > 2**32
    train(build(tmp_path, STEPS_PER_EPOCH=3), dataset, resume=True, **options)
    assert state_of(tmp_path)[1].seed == seed


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("mrcnn.weights.loading.save", marks=pytest.mark.slow),
        "mrcnn.runs.state.save",
        pytest.param("mrcnn.runs.folder.publish", marks=pytest.mark.slow),
        "mrcnn.runs.folder.prune",
    ],
)
def test_a_kill_while_an_epoch_is_saved(tmp_path, dataset, monkeypatch, straight, place):
    """Before each of the four writes at the end of the second epoch."""

    class KillInEpoch2(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                patch.setattr(place, _raise_kill)

    settings = {"SEED": 3, "KEEP_CHECKPOINTS": 1}
    with pytest.raises(Kill), monkeypatch.context() as patch:
        train(build(tmp_path, **settings), dataset, [KillInEpoch2()])
    model = build(tmp_path, **settings)
    train(model, dataset, resume=True)
    assert_same_run(tmp_path, straight)
    log_dir = Path(model.log_dir)
    assert [path.name for path in log_dir.glob("mask_rcnn*")] == ["mask_rcnn_tiny_0003.h5"]
    assert (log_dir / "weights" / "last.h5").samefile(log_dir / "mask_rcnn_tiny_0003.h5")
    assert not list(log_dir.rglob("*.part"))


@pytest.mark.slow
def test_sigkills_at_random_moments(tmp_path):
    """Separate processes, with compiled graphs, save after every batch: many kills hit a write."""
    settings = (
        '{"STEPS_PER_EPOCH": 8, "SAVE_EVERY_MINUTES": 1e-9, "VALIDATION_EVERY": 2, '
        '"KEEP_CHECKPOINTS": 2, "EMA": 0.9}'
    )
    script = Path(__file__).parents[1] / "run_training.py"

    def start(name):
        command = [sys.executable, "-u", str(script), str(tmp_path / name), "[2, 4]", settings]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL)

    straight = start("straight")
    straight.communicate()
    rng, kills, code = random.Random(0), 0, None
    while code != 0:
        process = start("killed")
        if kills < 6:
            saved = _state_time(tmp_path / "killed")
            while process.poll() is None and _state_time(tmp_path / "killed") == saved:
                time.sleep(0.05)  # the graph is compiled first
            time.sleep(rng.uniform(0, 1))
            process.kill()
        process.communicate()
        code = process.returncode
        assert code in (0, -signal.SIGKILL)
        kills += code != 0
    assert straight.returncode == 0 and kills >= 3
    assert_same_run(tmp_path / "killed", tmp_path / "straight")


def _state_time(folder):
    """When the state of the run in a folder was last saved, in nanoseconds."""
    return max((path.stat().st_mtime_ns for path in folder.glob("*/state.h5")), default=0)


def _raise_kill(*_, **__):
    raise Kill


# Signals


class SendAt(keras.callbacks.Callback):
    def __init__(self, batch, number=signal.SIGINT):
        super().__init__()
        self.at, self.number, self.batches = batch, number, 0

    def on_train_batch_begin(self, batch, logs=None):
        if self.batches == self.at:
            os.kill(os.getpid(), self.number)
        self.batches += 1


@pytest.mark.parametrize("batch", [4, 5])  # in the middle of an epoch, and its last batch
def test_ctrl_c_stops_after_the_batch_and_saves(tmp_path, dataset, capsys, straight, batch):
    model, send = build(tmp_path, SEED=3), SendAt(batch)
    with pytest.raises(KeyboardInterrupt):
        train(model, dataset, [send])
    assert send.batches == batch + 1
    place = "batch 2 of epoch 2" if batch == 4 else "epoch 2"
    assert (
        f"Stopped after {place}; everything is saved in {model.log_dir}" in capsys.readouterr().out
    )
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    # The same object can resume too.
    train(model, dataset, resume=True)
    assert_same_run(tmp_path, straight)


def test_sigterm_ends_the_process(tmp_path, dataset):
    with pytest.raises(SystemExit) as caught:
        train(build(tmp_path), dataset, [SendAt(1, signal.SIGTERM)])
    assert caught.value.code == 143
    assert state_of(tmp_path)[1].step == 2


# Resuming


def test_nothing_to_resume_starts_a_run(tmp_path, dataset, capsys):
    model = build(tmp_path, STEPS_PER_EPOCH=1)
    train(model, dataset, resume=True, layers="heads", epochs=1, learning_rate=0.01)
    assert "No run of 'Tiny' to resume: starting a new one." in capsys.readouterr().out
    assert model.epoch == 1


def test_a_finished_run_says_so_and_has_its_weights(tmp_path, dataset, caplog):
    options = {"layers": "heads", "epochs": 1, "learning_rate": 0.01}
    first = build(tmp_path, STEPS_PER_EPOCH=1)
    train(first, dataset, **options)
    second = build(tmp_path, STEPS_PER_EPOCH=1)
    train(second, dataset, resume=True, **options)
    assert caplog.messages[-1] == "the run finished after epoch 1: there is nothing left to train"
    assert second.epoch == 1 and second.log_dir == first.log_dir
    for ours, theirs in zip(second.keras_model.weights, first.keras_model.weights, strict=True):
        assert_array_equal(ours.numpy(), theirs.numpy())
    # With more epochs it continues.
    train(second, dataset, resume=True, **{**options, "epochs": 2})
    assert second.epoch == 2


def test_runs_started_at_the_same_time_get_a_folder_each(tmp_path, dataset):
    options = {"layers": "heads", "epochs": 1, "learning_rate": 0.01}
    first, second = (build(tmp_path, STEPS_PER_EPOCH=1) for _ in range(2))
    second.set_log_dir(first.checkpoint_path.format(epoch=1))
    second.epoch = 0
    assert first.log_dir == second.log_dir
    for model in (first, second):
        train(model, dataset, **options)
    assert Path(first.log_dir).parent == Path(second.log_dir).parent == tmp_path
    assert first.log_dir < second.log_dir
    for model in (first, second):
        assert os.path.isfile(model.checkpoint_path.format(epoch=1))


def test_a_full_disk_ends_a_run_only_in_its_last_epoch(tmp_path, dataset, monkeypatch, caplog):
    options = {"layers": "heads", "learning_rate": 0.01}
    save = state.save

    def full_after(epoch):
        def save_or_fail(path, model, progress):
            if progress.epoch == epoch:
                raise OSError(f"{path} cannot be written: No space left on device.")
            save(path, model, progress)

        return save_or_fail

    monkeypatch.setattr(state, "save", full_after(1))
    model = build(tmp_path, STEPS_PER_EPOCH=1, KEEP_CHECKPOINTS=1)
    train(model, dataset, epochs=2, **options)
    assert "training continues, and the last saved state is kept" in caplog.text
    assert state.load_progress(Path(model.log_dir) / "state.h5").epoch == 2
    assert [path.name for path in Path(model.log_dir).glob("mask*")] == ["mask_rcnn_tiny_0002.h5"]
    monkeypatch.setattr(state, "save", full_after(3))
    with pytest.raises(OSError, match="No space left"):
        train(model, dataset, epochs=3, **options)
    assert state.load_progress(Path(model.log_dir) / "state.h5").epoch == 2
    # When a stage ends, the averages are in the model: the next stage needs the file.
    monkeypatch.setattr(state, "save", full_after(1))
    with pytest.raises(OSError, match="No space left"):
        train(build(tmp_path / "averages", STEPS_PER_EPOCH=1, EMA=0.5), dataset)


class FullDisk(keras.callbacks.Callback):
    """Lets no file grow beyond 100 bytes at the end of an epoch, counted from 0."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch
        self.limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def on_epoch_begin(self, epoch, logs=None):
        resource.setrlimit(resource.RLIMIT_FSIZE, self.limits)
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, self.limits[1]))


@pytest.mark.skipif(resource is None, reason="limits the size of files")
@pytest.mark.parametrize("epoch", [1, 2])
def test_no_file_can_be_written(tmp_path, dataset, caplog, epoch):
    disk = FullDisk(epoch)
    options = {"layers": "heads", "learning_rate": 0.01, "epochs": 3, "val": dataset, "verbose": 0}
    model = build(tmp_path, STEPS_PER_EPOCH=1)
    is_last = epoch == 2
    try:
        with pytest.raises(OSError) if is_last else contextlib.nullcontext() as caught:
            train(model, dataset, [disk], **options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, disk.limits)
    folder = Path(model.log_dir)
    reasons = [
        f"{folder / name} cannot be written: File too large."
        for name in (f"mask_rcnn_tiny_000{epoch + 1}.h5", "state.h5")
    ]
    assert f"no checkpoint for epoch {epoch + 1}: {reasons[0]}" in caplog.text
    assert caplog.text.count("no more TensorBoard logs in") == 1
    kept = f"training continues, and the last saved state is kept: {reasons[1]}"
    assert (kept in caplog.text) is not is_last
    assert caught is None or str(caught.value) == reasons[1]
    written = [1, 2, 3]
    written.remove(epoch + 1)
    assert sorted(path.name for path in folder.glob("mask*")) == [
        f"mask_rcnn_tiny_000{number}.h5" for number in written
    ]
    assert state.load_progress(folder / "state.h5").epoch == written[-1]
    assert [row["epoch"] for row in history.read(folder)] == ([1, 2] if is_last else [1, 2, 3])
    assert not list(folder.rglob(".*"))


def test_other_settings_are_refused(tmp_path, dataset):
    train(build(tmp_path, STEPS_PER_EPOCH=1), dataset, layers="heads", epochs=1, learning_rate=0.01)
    model = build(tmp_path, STEPS_PER_EPOCH=1, LEARNING_MOMENTUM=0.8, LOADER_WORKERS=1)
    with pytest.raises(ValueError, match=r"LEARNING_MOMENTUM is 0\.8, was 0\.9") as caught:
        train(model, dataset, resume=True, layers="heads", epochs=2, learning_rate=0.01)
    assert "LOADER" not in str(caught.value)


def test_consecutive_calls_are_stages(tmp_path, dataset, straight):
    """A call per stage, as in matterport's Mask_RCNN (the reference), each with resume."""

    def call_both(callbacks=()):
        model = build(tmp_path, SEED=3)
        for layers, epochs, rate in zip(*TWO_STAGES.values(), strict=True):
            options = {"layers": layers, "epochs": epochs, "learning_rate": rate}
            train(model, dataset, callbacks, resume=True, **options)

    with pytest.raises(Kill):
        call_both([KillAt(5)])
    call_both()
    assert_same_run(tmp_path, straight)


def test_training_from_weights_continues_the_history(tmp_path, dataset):
    val = InMemory(shapes(2, seed=9))
    options = {"layers": "heads", "learning_rate": 0.01}
    train(build(tmp_path, STEPS_PER_EPOCH=1), dataset, val=val, epochs=2, **options)
    before = state_of(tmp_path)[1]
    model = build(tmp_path, STEPS_PER_EPOCH=1)
    model.load_weights(model.find_last())
    train(model, dataset, val=val, epochs=3, **options)
    after = state_of(tmp_path)[1]
    assert after.history[:2] == before.history and after.checkpoints == [1, 2, 3]
    assert after.stage.begin == 2
    keras_history = model.keras_model.history.history
    assert keras_history["loss"] == pytest.approx([epoch["loss"] for epoch in after.history])


class OldSubclass(MaskRCNN):
    """Has the reference's `compile`."""

    def compile(self, learning_rate, momentum):
        super().compile(learning_rate, momentum)


def test_failing_records_do_not_end_training(tmp_path, dataset, caplog, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no space left")

    class Note(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs |= {"note": "a text", "nothing": None}

    save = state.save

    def full_within_epochs(path, model, progress):
        if progress.step:
            raise OSError("no space for the state")
        save(path, model, progress)

    monkeypatch.setattr(state, "save", full_within_epochs)
    model = build(tmp_path, STEPS_PER_EPOCH=2, SAVE_EVERY_MINUTES=1e-9)
    model.__class__ = OldSubclass
    options = {"layers": "heads", "learning_rate": 0.01}
    train(model, dataset, epochs=1, **options)
    Path(model.log_dir, "state.h5").write_text("damaged")
    monkeypatch.setattr("mrcnn.runs.record.write", refuse)
    monkeypatch.setattr("mrcnn.runs.folder.publish", refuse)
    train(model, dataset, [Note()], epochs=2, **options)
    assert model.epoch == 2 and state_of(tmp_path)[1].history[0].keys() >= {"epoch", "loss"}
    for warning in (
        "continuing without the run's history",
        "are incomplete: no space left",
        "or remove old checkpoints: no space left",
        "the last saved state is kept: no space for the state",
    ):
        assert warning in caplog.text


def test_a_learning_rate_that_a_callback_changes_keeps_falling(tmp_path, dataset):
    def plateau():
        return keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)

    options = {"layers": "heads", "epochs": 4, "learning_rate": 0.01}
    with pytest.raises(Kill):
        model = build(tmp_path, STEPS_PER_EPOCH=1)
        train(model, dataset, [plateau(), KillAt(3)], **options)
    model = build(tmp_path, STEPS_PER_EPOCH=1)
    train(model, dataset, [plateau()], resume=True, **options)
    # It halves after every epoch but the first.
    assert float(model.keras_model.optimizer.learning_rate) == pytest.approx(0.01 / 8)


# Best, early stopping, checkpoints


class Score(keras.callbacks.Callback):
    """Logs given values of a metric, epoch by epoch."""

    def __init__(self, *values):
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        logs["score"] = self.values[epoch]


def test_the_best_is_kept_and_early_stopping_ends_the_last_stage(tmp_path, dataset, capsys):
    settings = {
        "MONITOR": "score",
        "EARLY_STOPPING": 2,
        "KEEP_CHECKPOINTS": 1,
        "STEPS_PER_EPOCH": 1,
    }
    scores = Score(5, 1, 1, 1, 7, 6, 6, 9)
    options = {"layers": ["heads", "all"], "epochs": [4, 9], "learning_rate": 0.01}
    model = build(tmp_path, **settings)
    train(model, dataset, [scores], **options)
    # The first stage is not stopped early, though it does not improve either.
    assert model.epoch == 7
    out = capsys.readouterr().out
    assert "No better score for 2 epochs: training ends here." in out
    assert "Best score: 7.0000 after epoch 5." in out
    log_dir = Path(model.log_dir)
    names = sorted(path.name for path in log_dir.glob("mask_rcnn*"))
    assert names == ["mask_rcnn_tiny_0005.h5", "mask_rcnn_tiny_0007.h5"]
    assert (log_dir / "weights" / "best.h5").samefile(log_dir / names[0])
    assert (log_dir / "weights" / "last.h5").samefile(log_dir / names[1])
    # The run is finished, unless more patience is allowed.
    train(build(tmp_path, **settings), dataset, [scores], resume=True, **options)
    assert state_of(tmp_path)[1].epoch == 7
    more = build(tmp_path, **{**settings, "EARLY_STOPPING": 3})
    train(more, dataset, [scores], resume=True, **{**options, "epochs": [4, 8]})
    assert more.epoch == 8 and state_of(tmp_path)[1].best_epoch == 8


def test_nothing_to_watch(tmp_path, dataset):
    with pytest.raises(ValueError, match="EARLY_STOPPING is 2, but there is nothing to watch"):
        train(build(tmp_path, EARLY_STOPPING=2), dataset)


# Ends


class Poison(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        if self.model.optimizer.iterations == 2:
            kernel = self.model.get_layer("mrcnn_class_logits").kernel
            kernel.assign(np.full(kernel.shape, np.nan))


def test_a_nan_loss_stops_training_and_names_the_good_checkpoint(tmp_path, dataset):
    model = build(tmp_path, STEPS_PER_EPOCH=2)
    options = {"layers": "heads", "epochs": 3, "learning_rate": 0.01}
    with pytest.raises(FloatingPointError) as caught:
        train(model, dataset, [Poison()], **options)
    assert "training stopped in epoch 2, batch 1: loss, mrcnn_class_loss became nan" in str(
        caught.value
    )
    good = Path(model.log_dir) / "mask_rcnn_tiny_0001.h5"
    assert f"The last checkpoint is good: {good}." in str(caught.value)
    arrays, progress = state_of(tmp_path)
    assert progress.epoch == 1
    assert all(np.isfinite(array).all() for array in arrays.values())


@pytest.mark.parametrize("processes", [None, "fork"])
@pytest.mark.parametrize("killed", [False, True])
def test_no_loader_thread_is_left(tmp_path, dataset, processes, killed):
    model = build(tmp_path, LOADER_WORKERS=2, LOADER_PROCESSES=processes)
    before = set(threading.enumerate())
    options = {"layers": "heads", "epochs": 1, "learning_rate": 0.01}
    with contextlib.suppress(Kill):
        train(model, dataset, [KillAt(1)] if killed else [], **options)
    gc.collect()
    left = [thread for thread in threading.enumerate() if thread not in before]
    for thread in left:
        thread.join(5)
    assert [thread.name for thread in left if thread.is_alive()] == []
    assert multiprocessing.active_children() == []
