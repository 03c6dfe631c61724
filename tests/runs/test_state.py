import json
import re

import h5py
import keras
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.runs import state as train_state
from mrcnn.runs.stages import Stage
from mrcnn.runs.state import Progress


def progress(**fields):
    return Progress(epoch=3, step=2, stage=Stage("4+", 0.01, 1, 9), seed=2**100 + 1, **fields)


def model(units=3, optimizer=None):
    """A model with weights, random state, an optimizer with momentum and a metric."""
    built = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(units), keras.layers.Dropout(0.5)]
    )
    built.compile(optimizer or keras.optimizers.SGD(0.1, momentum=0.9), loss="mse")
    built.optimizer.build(built.trainable_variables)
    return built


def train(built, steps):
    rng = np.random.default_rng(0)
    for _ in range(steps):
        built.train_on_batch(rng.normal(size=(8, 4)), rng.normal(size=(8, 3)))


def variables(built):
    found = [*built.variables, *built.optimizer.variables, *built.metrics_variables]
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in found]


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.SGD(0.1, momentum=0.9),
        lambda: keras.optimizers.AdamW(0.1, use_ema=True, gradient_accumulation_steps=2),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1, momentum=0.5)),
    ],
)
def test_a_model_resumes_from_its_state(tmp_path, optimizer):
    path = tmp_path / "state.h5"
    first, second = model(optimizer=optimizer()), model(optimizer=optimizer())
    train(first, 3)
    train_state.save(path, first, progress())
    saved = variables(first)
    train_state.restore(path, second, ["model", "optimizer", "metrics"])
    for ours, theirs in zip(variables(second), saved, strict=True):
        assert_array_equal(ours, theirs)
    # Dropout draws the same values, and momentum continues unchanged.
    train(first, 2)
    train(second, 2)
    for ours, theirs in zip(variables(second), variables(first), strict=True):
        assert_array_equal(ours, theirs)
    assert len(saved) >= 9


def test_means_are_saved_in_a_fixed_order(tmp_path, monkeypatch):
    built = model()
    train(built, 2)
    loss = keras.ops.convert_to_numpy(built.metrics_variables[0])
    train_state.save(tmp_path / "state.h5", built, progress())
    backwards = built.metrics_variables[::-1]
    for variable in backwards:
        variable.assign(0.0)
    monkeypatch.setattr(type(built), "metrics_variables", backwards)
    train_state.restore(tmp_path / "state.h5", built, ["metrics"])
    assert keras.ops.convert_to_numpy(backwards[-1]) == loss != 0


def test_only_the_weights(tmp_path):
    first, second = model(), model()
    train(first, 3)
    train_state.save(tmp_path / "state.h5", first, progress())
    train_state.restore(tmp_path / "state.h5", second, ["model"])
    assert_array_equal(second.layers[0].kernel.numpy(), first.layers[0].kernel.numpy())
    assert int(second.optimizer.iterations) == 0


def test_bfloat16(tmp_path):
    keras.config.set_dtype_policy("bfloat16")
    try:
        first, second = model(), model()
    finally:
        keras.config.set_dtype_policy("float32")
    first.layers[0].kernel.assign(np.full((4, 3), 0.1))
    train_state.save(tmp_path / "state.h5", first, progress())
    train_state.restore(tmp_path / "state.h5", second)
    kernel = keras.ops.convert_to_numpy(second.layers[0].kernel)
    assert kernel.dtype.name == "bfloat16"
    assert_array_equal(kernel, keras.ops.convert_to_numpy(first.layers[0].kernel))


def test_another_network(tmp_path):
    path = tmp_path / "state.h5"
    train_state.save(path, model(), progress())
    message = f"{path} does not fit this model: the file holds 3 variables where 3 are expected, or"
    with pytest.raises(ValueError, match=re.escape(message)):
        train_state.restore(path, model(units=5), ["model"])
    with pytest.raises(ValueError, match="this optimizer: the file holds 4 variables where 6 are"):
        train_state.restore(path, model(optimizer=keras.optimizers.Adam()))


def test_progress_is_what_was_saved(tmp_path):
    path = tmp_path / "state.h5"
    saved = progress(monitor="val_loss", history=[{"epoch": 1, "loss": 0.1}], best=np.inf)
    # Longer than an HDF5 attribute may be.
    saved.history += [{"epoch": epoch, "x" * 100: 1 / 3} for epoch in range(2, 1000)]
    train_state.save(path, model(), saved)
    assert train_state.load_progress(path) == saved


@pytest.mark.parametrize("damage", ["text", "cut", "foreign", "field"])
def test_a_damaged_state_is_named(tmp_path, damage):
    path = tmp_path / "state.h5"
    train_state.save(path, model(), progress())
    if damage == "text":
        path.write_text("no HDF5")
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:1000])
    else:
        with h5py.File(path, "a") as file:
            fields = json.loads(file["progress"].asstr()[()])
            del file["progress"]
            if damage == "field":
                file["progress"] = json.dumps({**fields, "unheard": 1})
    with pytest.raises(ValueError, match=re.escape(f"{path} is not the state of a training run")):
        train_state.load_progress(path)


def test_a_failure_keeps_the_older_state(tmp_path, monkeypatch):
    path = tmp_path / "state.h5"
    train_state.save(path, model(), progress())
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Progress, "to_json", full)
    with pytest.raises(OSError, match=f"{path} cannot be written: No space left on device"):
        train_state.save(path, model(), progress())
    assert path.read_bytes() == before
    assert [child.name for child in tmp_path.iterdir()] == ["state.h5"]


def test_the_best_epoch():
    run = Progress(epoch=0, step=7, stage=Stage("all", 0.1, 0, 9), seed=0, monitor="val_segm_AP")
    for value, best, epoch, waited in [
        (0.0, 0.0, 1, 0),
        (0.0, 0.0, 1, 1),
        (0.3, 0.3, 3, 0),
        (float("nan"), 0.3, 3, 0),
        (0.2, 0.3, 3, 1),
        (None, 0.3, 3, 1),
    ]:
        run.end_epoch({"loss": np.float32(2)} | ({} if value is None else {"val_segm_AP": value}))
        assert (run.best, run.best_epoch, run.waited) == (best, epoch, waited)
    assert (run.epoch, run.step) == (6, 0)
    assert run.history[5] == {"epoch": 6, "loss": 2.0}
    assert run.history[2] == {"epoch": 3, "loss": 2.0, "val_segm_AP": 0.3}


def test_losses_are_better_when_they_fall():
    run = Progress(0, 0, Stage("all", 0.1, 0, 9), 0, monitor="val_mrcnn_mask_loss")
    for value in (3.0, 1.0, 2.0):
        run.end_epoch({"val_mrcnn_mask_loss": value})
    assert (run.best, run.best_epoch, run.waited) == (1.0, 2, 1)


def test_another_monitor_forgets_the_best():
    run = progress(monitor="val_loss", best=0.5, best_epoch=2, waited=1)
    run.watch("val_loss")
    assert (run.best, run.best_epoch, run.waited) == (0.5, 2, 1)
    run.watch("val_segm_AP")
    assert (run.monitor, run.best, run.best_epoch, run.waited) == ("val_segm_AP", None, None, 0)


def test_a_value_that_never_is_a_number_is_replaced():
    run = Progress(0, 0, Stage("all", 0.1, 0, 9), 0)
    run.watch("val_segm_AP", "val_loss")
    run.end_epoch({"val_segm_AP": float("nan"), "val_loss": 2.0})
    assert (run.monitor, run.best, run.best_epoch) == ("val_loss", 2.0, 1)
    run.watch("val_segm_AP", "val_loss")  # when the run resumes
    run.end_epoch({"val_segm_AP": float("nan"), "val_loss": 1.0})
    assert (run.monitor, run.best, run.best_epoch) == ("val_loss", 1.0, 2)


def test_a_value_that_was_a_number_stays():
    run = Progress(0, 0, Stage("all", 0.1, 0, 9), 0)
    run.watch("val_segm_AP", "val_loss")
    run.end_epoch({"val_segm_AP": 0.2, "val_loss": 2.0})
    run.end_epoch({"val_segm_AP": float("nan"), "val_loss": 1.0})
    assert (run.monitor, run.best, run.best_epoch) == ("val_segm_AP", 0.2, 1)


def test_back_to_an_epoch():
    history = [{"epoch": epoch} for epoch in (1, 2, 3, 4)]
    run = progress(best=0.5, best_epoch=3, checkpoints=[1, 2, 3, 4], history=history)
    run.rewind_to(3)
    assert run.checkpoints == [1, 2, 3] and run.history == history[:3] and run.best_epoch == 3
    run.rewind_to(2)
    assert run.checkpoints == [1, 2] and (run.best, run.best_epoch) == (None, None)


def test_position():
    assert train_state.position(progress()) == "batch 2 of epoch 4"
    assert train_state.position(Progress(3, 0, None, 0)) == "epoch 3"
