import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.runs import history

NUMBERS = st.floats(width=32) | st.integers(-1000, 1000).map(float)
ROWS = st.lists(
    st.dictionaries(st.sampled_from(["loss", "val_loss", "val_mask_AP", "seconds"]), NUMBERS)
)


@given(ROWS)
def test_reads_what_it_wrote(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "history.csv"
    rows = [{"epoch": number, **row} for number, row in enumerate(rows, 1)]
    history.write(path, rows)
    read = history.read(path)
    assert [sorted(row) for row in read] == [sorted(row) for row in rows]
    for row, again in zip(rows, read, strict=True):
        assert isinstance(again["epoch"], int)
        # Losses are float32: they are restored to the last bit.
        np.testing.assert_array_equal(
            np.float32([again[name] for name in row]), np.float32(list(row.values()))
        )


def test_columns_that_come_later_and_their_order(tmp_path):
    rows = [
        {"seconds": 1.5, "epoch": 1, "mrcnn_mask_loss": 0.5, "loss": math.nan},
        {"epoch": 2, "loss": 0.25, "val_mask_AP": 0.125, "val_loss": 2.0, "learning_rate": 1e-5},
    ]
    history.write(tmp_path / "history.csv", rows)
    assert (tmp_path / "history.csv").read_text().split() == [
        "epoch,loss,mrcnn_mask_loss,val_loss,val_mask_AP,learning_rate,seconds",
        "1,nan,0.5,,,,1.5",
        "2,0.25,,2.0,0.125,1e-05,",
    ]
    assert history.read(tmp_path)[1] == rows[1]  # from the folder


# In the order of Keras's logs of an epoch: by name.
LOSSES = ["loss", "mrcnn_bbox_loss", "mrcnn_class_loss", "mrcnn_mask_loss", "rpn_bbox_loss"]
LOSSES += ["rpn_class_loss"]


@pytest.mark.parametrize("backwards", [False, True])
def test_the_order_of_the_losses(tmp_path, backwards):
    names = [*LOSSES, *(f"val_{name}" for name in LOSSES), "val_mask_AP"]
    names = names[::-1] if backwards else names
    history.write(tmp_path / "history.csv", [{"epoch": 1, **dict.fromkeys(names, 1.0)}])
    parts = "rpn_class_loss,rpn_bbox_loss,mrcnn_class_loss,mrcnn_bbox_loss,mrcnn_mask_loss"
    assert (tmp_path / "history.csv").read_text().splitlines()[0] == (
        f"epoch,loss,{parts},val_loss,{','.join(f'val_{name}' for name in parts.split(','))},"
        "val_mask_AP"
    )


def test_losses_of_other_heads(tmp_path):
    rows = [
        {"epoch": 1, "zone_loss": 1.0, "mrcnn_bbox_loss": 1.0, "area_loss": 1.0, "loss": 4.0},
        {"epoch": 2, "val_area_loss": 1.0, "rpn_mask_loss": 1.0, "val_loss": 1.0, "gain": 1.0},
        {"epoch": 3, "seconds": 1.0, "val_depth_loss": 1.0, "lossless": 1.0, "zone_loss": 1.0},
    ]
    assert history.loss_names(rows) == [
        "loss", "rpn_mask_loss", "mrcnn_bbox_loss", "zone_loss", "area_loss", "depth_loss",
    ]  # fmt: skip
    history.write(tmp_path / "history.csv", rows)
    assert (tmp_path / "history.csv").read_text().splitlines()[0].split(",") == [
        "epoch", "loss", "rpn_mask_loss", "mrcnn_bbox_loss", "zone_loss", "area_loss",
        "val_loss", "val_area_loss", "val_depth_loss", "gain", "lossless", "seconds",
    ]  # fmt: skip
    # A file keeps their order.
    assert history.loss_names(history.read(tmp_path)) == history.loss_names(rows)


def test_what_is_a_loss():
    names = ["loss", "val_loss", "area_loss", "val_area_loss", "loss_of_area", "val_gloss", "epoch"]
    assert list(map(history.is_loss, names)) == [True] * 4 + [False] * 3


def test_an_epoch_that_is_repeated():
    rows = [{"epoch": number} for number in (1, 2, 3)]
    assert history.add(rows, {"epoch": 2, "loss": 1}) == [{"epoch": 1}, {"epoch": 2, "loss": 1}]


@pytest.mark.parametrize("text", ["epoch,loss\n1,2\nx,3\n", "loss\n1\n2\n", "epoch\n1\n1.5\n"])
def test_a_row_without_its_epoch(tmp_path, text):
    path = tmp_path / "history.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"history.csv, line [23]: epoch is .*whole number"):
        history.read(path)
