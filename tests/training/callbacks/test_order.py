from types import SimpleNamespace

import keras
import pytest
from tiny import InMemory, TinyConfig, shapes

from mrcnn.runs.folder import RunFolder
from mrcnn.runs.stages import Stage
from mrcnn.runs.state import Progress
from mrcnn.training import feeding
from mrcnn.training.callbacks import order as callback_list
from mrcnn.training.callbacks import validation
from mrcnn.training.distribution import OneDevice


def run_of(custom=(), val=True, **settings):
    """What `callback_list.callbacks` needs of a run."""
    config = TinyConfig()
    for name, value in settings.items():
        setattr(config, name, value)
    data = InMemory(shapes(4))
    train, val_batches = feeding.batches(config, data, data if val else None, seed=3)
    return SimpleNamespace(
        distribution=OneDevice(),
        model=SimpleNamespace(keras_model="the training graph"),
        folder=RunFolder("logs", "tiny"),
        config=config,
        stages=[Stage("all", 0.1, 0, 1)],
        progress=Progress(0, 0, Stage("all", 0.1, 0, 1), 3),
        train_batches=train,
        val_batches=val_batches,
        val_dataset=data if val else None,
        custom_callbacks=list(custom),
        last_saved=lambda: None,
    )


def test_callbacks_come_in_order():
    custom = keras.callbacks.TerminateOnNaN()
    names = [type(callback).__name__ for callback in callback_list.callbacks(run_of([custom]))]
    order = [
        "StopIfNotFinite", "_Averages", "ValidateAP", "TensorBoard", "WriteHistory", "SaveWeights",
        "TerminateOnNaN", "LambdaCallback", "ProgressBar", "SaveState",
    ]  # fmt: skip
    places = [len(names) - 1 - names[::-1].index(name) for name in order]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("settings", "monitor"),
    [
        ({}, "val_segm_AP"),
        ({"VALIDATION_EVERY": 0}, "val_loss"),
        ({"VALIDATION_STEPS": 0}, None),
        ({"VALIDATION_STEPS": 0, "VALIDATION_IMAGES": 2}, "val_segm_AP"),
        ({"val": False}, None),
        ({"MONITOR": "val_bbox_AP50"}, "val_bbox_AP50"),
    ],
)
def test_what_decides_the_best_epoch(settings, monitor, monkeypatch):
    monkeypatch.setattr(validation, "SharedDetector", lambda *args: args)
    run = run_of(**settings)
    callback_list.callbacks(run)
    assert run.progress.monitor == monitor


def test_without_ap_the_loss_decides_the_best_epoch(caplog):
    run = run_of()
    run.model.keras_model = keras.Sequential()
    callback_list.callbacks(run)
    assert run.progress.monitor == "val_loss" and "no AP while this network" in caplog.text


def test_metrics_of_the_last_epoch():
    metrics = {"segm_AP50": 0.5, "keypoints_AP": 0.25, "mean_iou": 0.75}
    last = {f"val_{name}": value for name, value in metrics.items()}
    history = [{"epoch": 1}, {"epoch": 2, "loss": 1.0, "val_loss": 2.0, **last}]
    assert callback_list.last_metrics(history) == metrics
    assert callback_list.last_metrics([]) == {}
