"""What a terminal and a log file show."""

import os
from types import SimpleNamespace

import keras
import pytest

from mrcnn.runs import history
from mrcnn.training.callbacks import progress

LOGS = {
    "loss": 1.25,
    "mrcnn_bbox_loss": 0.2,
    "mrcnn_class_loss": 0.1,
    "mrcnn_mask_loss": 0.3,
    "rpn_bbox_loss": 0.6,
    "rpn_class_loss": 0.05,
}
LOSSES = tuple(
    f"{name}_loss" for name in ("rpn_class", "rpn_bbox", "mrcnn_class", "mrcnn_bbox", "mrcnn_mask")
)
TRAIN = (
    "loss=1.2500 rpn_class=0.0500 rpn_bbox=0.6000 "
    "mrcnn_class=0.1000 mrcnn_bbox=0.2000 mrcnn_mask=0.3000"
)
FIGURES = {"val_loss": 2.0, "val_mask_AP": 0.5}


@pytest.fixture
def shown(monkeypatch, capsys):
    """Function: terminal columns (None for a file), verbosity -> output lines of two epochs.

    The first step takes 100 s, each of the other nine 7 s, validation 30 s.
    """

    def show(columns, verbose=1, *options):
        monkeypatch.setattr(progress, "_can_redraw", lambda: columns is not None)
        monkeypatch.setattr(
            progress.shutil, "get_terminal_size", lambda _: os.terminal_size((columns or 80, 24))
        )
        clock = [1000.0]
        monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
        bar = progress.ProgressBar(*options)
        bar.set_model(SimpleNamespace(loss_names=LOSSES))
        run = keras.callbacks.CallbackList(
            [bar], add_progbar=True, verbose=verbose, epochs=2, steps=10
        )
        assert run.callbacks == [bar]  # Keras adds no bar of its own
        run.on_train_begin()
        for epoch in range(2):
            run.on_epoch_begin(epoch)
            for step in range(10):
                clock[0] += 7 if step else 100
                run.on_train_batch_end(step, LOGS)
            run.on_test_begin()
            clock[0] += 30
            run.on_test_batch_end(3, LOGS)
            run.on_test_end({})
            # The logs as earlier callbacks leave them: `CallbackList` would make floats of them.
            bar.on_epoch_end(epoch, {**LOGS, **(FIGURES if epoch else {})})
        run.on_train_end()
        return capsys.readouterr().out.split("\n")

    return show


def drawn(line):
    """The texts drawn on a line, one after another."""
    return [text.strip() for text in line.split("\r") if text.strip()]


@pytest.mark.parametrize(
    ("columns", "fifth"),
    [
        (170, f"5/10 ━━━━━━━━━━────────── 0:35 left, 1:45 to epoch 2 {TRAIN}"),
        (
            120,
            "5/10 0:35 left, 1:45 to epoch 2 loss=1.250 rpn_class=0.050 rpn_bbox=0.600 class=0.100 "
            "bbox=0.200 mask=0.300",
        ),
        (
            90,
            "5/10 0:35 left loss=1.25 rpn_class=0.05 rpn_bbox=0.60 class=0.10 bbox=0.20 mask=0.30",
        ),
        (80, "50% 0:35 loss=1.25 rpn_class=.05 rpn_bbox=.60 class=.10 bbox=.20 mask=.30"),
        (60, "5/10 0:35 left loss=1.250"),
        (10, "5/10 0:35"),
    ],
)
def test_a_line_that_fits(shown, columns, fifth):
    lines = shown(columns)
    assert lines[0] == "Epoch 1/2"
    steps = drawn(lines[1])
    assert steps[4] == fifth
    assert steps[10] == "validation, step 4"[: columns - 1].strip()
    assert all(len(text) < columns for text in steps[:11])


def test_the_end_of_an_epoch(shown):
    lines = shown(200)
    assert drawn(lines[1])[-1] == "3:13, 3:13 to epoch 2"
    assert lines[2] == f"  train {TRAIN}"
    assert lines[3] == "Epoch 2/2"
    assert drawn(lines[4])[-1] == "3:13"
    assert lines[5:] == [f"  train {TRAIN}", "  val   loss=2.0000", "  val   mask_AP=0.5000", ""]


def test_a_log_file_gets_a_line_a_minute(shown):
    lines = shown(None)
    assert lines[:3] == [
        f"Epoch 1/2, step 1/10: {TRAIN}",
        f"Epoch 1/2, step 10/10, 0:00 left, 1:10 to epoch 2: {TRAIN}",
        "Epoch 1/2: 3:13, 3:13 to epoch 2",
    ]
    assert not any("\r" in line or "\b" in line for line in lines)


def test_values_of_an_earlier_epoch_are_not_shown_again(shown, monkeypatch):
    monkeypatch.setitem(FIGURES, "val_mask_AP", history.Carried(0.5))
    assert shown(200)[5:] == [f"  train {TRAIN}", "  val   loss=2.0000", ""]


def test_a_resumed_epoch_counts_all_its_batches(shown):
    lines = shown(120, 1, SimpleNamespace(skipped=30), 5)
    assert lines[0] == "Epoch 1/5"
    assert drawn(lines[1])[4].startswith("35/40 0:35 left, 5:15 to epoch 5 ")


def test_silent(shown):
    assert shown(80, verbose=0) == shown(None, verbose=0) == [""]


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3671, "1:01:11")])
def test_clock(seconds, text):
    assert progress._clock(seconds) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (2.5e-5, 4, "2.5e-05"),
        (2.5e-5, 2, "0.00"),
        (1234.5, 4, "1.23e+03"),
        (float("nan"), 2, "nan"),
    ],
)
def test_values(value, digits, text):
    assert progress._values({"loss": value}, {}, digits) == f"loss={text}"
