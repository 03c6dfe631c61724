import logging
import math

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
from tiny import InMemory, TinyConfig, eager_training, shapes

from mrcnn import mask_rcnn
from mrcnn.runs import history
from mrcnn.training import feeding
from mrcnn.training.callbacks import record

pytestmark = pytest.mark.network


@pytest.fixture(autouse=True, scope="module")
def eagerly():
    with eager_training():
        yield


class Judge(keras.callbacks.Callback):
    """Logs an average precision every second epoch; the third repeats the second's."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch % 2:
            logs["val_mask_AP"] = np.float32(0.5)
        elif epoch:
            logs["val_mask_AP"] = history.Carried(0.5)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Folder of a run of three epochs that was resumed after the second."""
    folder = tmp_path_factory.mktemp("run")
    config = TinyConfig()
    model = mask_rcnn.MaskRCNN("training", config, str(folder))
    data = InMemory(shapes(4))
    batches, validation = feeding.batches(config, data, data)
    model.compile(0.002, 0.9)
    for first, last in [(0, 3), (2, 4)]:
        model.keras_model.fit(
            batches,
            initial_epoch=first,
            epochs=last,
            shuffle=False,
            verbose=0,
            validation_data=validation,
            callbacks=[Judge(), *record.callbacks(folder, batches)],
        )
    return folder


def test_history(run):
    rows = history.read(run)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert [row.get("val_mask_AP") for row in rows] == [None, 0.5, None, 0.5]
    for row in rows:
        losses = [row[f"{part}_loss"] for part in ("rpn_class", "rpn_bbox", "mrcnn_class")]
        losses += [row["mrcnn_bbox_loss"], row["mrcnn_mask_loss"]]
        assert row["loss"] == pytest.approx(sum(losses), rel=0.01)  # and the L2 penalty
        assert row["learning_rate"] == pytest.approx(0.002)
        assert 0 < row["val_loss"] < math.inf
        assert 0 < row["seconds"] < 300
        assert row["images_per_second"] > 4 / row["seconds"] / 3


def test_pictures(run):
    for name in ("curves.png", "train_batch.png"):
        pixels = plt.imread(run / name)
        assert min(pixels.shape[:2]) > 300 and np.ptp(pixels[..., :3]) > 0.5
    names = {"history.csv", "curves.png", "train_batch.png"}
    assert {path.name for path in run.iterdir()} == names


def writer(path, clock, monkeypatch):
    callback = record.WriteHistory(path, batch_size=4)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, 1, 0.5)
    model.compile(keras.optimizers.SGD(schedule), "mse")
    model.loss_names = ("rpn_class_loss",)
    callback.set_model(model)
    monkeypatch.setattr(record.time, "perf_counter", lambda: clock[0])
    return callback


def test_speed_leaves_out_the_first_step(tmp_path, monkeypatch):
    clock = [100.0]
    callback = writer(tmp_path / "history.csv", clock, monkeypatch)
    callback.on_train_begin()
    for epoch, ends in enumerate([(130, 131, 132), (140,)]):
        clock[0] = 100 if epoch == 0 else 138
        callback.on_epoch_begin(epoch)
        for batch, clock[0] in enumerate(ends):
            callback.on_train_batch_end(batch)
        clock[0] += 5  # validation
        callback.on_epoch_end(epoch, {"loss": 1.0})
    first, second = history.read(tmp_path)
    assert (first["seconds"], first["images_per_second"]) == (37, 4)
    assert (second["seconds"], second["images_per_second"]) == (7, 2)
    assert first["learning_rate"] == 0.5


def test_a_history_that_cannot_be_read_is_kept(tmp_path, monkeypatch, caplog):
    path = tmp_path / "history.csv"
    path.write_text("epoch,loss\n?,1\n")
    callback = writer(path, [0.0], monkeypatch)
    callback.on_train_begin()
    callback.on_epoch_begin(3)
    callback.on_epoch_end(3, {"loss": 1.0})
    assert [row["epoch"] for row in history.read(path)] == [4]
    assert (tmp_path / "history.csv.unread").read_text() == "epoch,loss\n?,1\n"
    assert "line 2: epoch is '?'" in caplog.text


def test_a_failing_record_does_not_end_training(tmp_path, monkeypatch, caplog):
    callback = writer(tmp_path / "gone" / "history.csv", [0.0], monkeypatch)
    batches = feeding.batches(TinyConfig(), InMemory(shapes(2)), None)[0]
    monkeypatch.setattr(batches.source, "sample", None)
    curves = record.DrawCurves(tmp_path / "none.csv", tmp_path / "curves.png")
    batch = record.DrawBatch(batches, tmp_path / "batch.png")
    with caplog.at_level(logging.WARNING):
        for part in (callback, curves, batch):
            part.on_train_begin()
            part.on_epoch_begin(0)
            part.on_epoch_end(0, {})
        record.draw_predictions(tmp_path, [], ["BG"])
    for name in ("history.csv was not written", "curves.png was not drawn: FileNotFound"):
        assert name in caplog.text
    for name in ("batch.png was not drawn", "val_predictions.png was not drawn: ValueError"):
        assert name in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_learning_rate_within_loss_scaling():
    inner = keras.optimizers.SGD(0.25)
    assert record.learning_rate(keras.optimizers.LossScaleOptimizer(inner)) == 0.25
