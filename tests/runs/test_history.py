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
        # Losses are float32: not a bit of them is lost.
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
    assert history.read(tmp_path)[1] == rows[1]  # of a folder


def test_an_epoch_that_is_repeated():
    rows = [{"epoch": number} for number in (1, 2, 3)]
    assert history.add(rows, {"epoch": 2, "loss": 1}) == [{"epoch": 1}, {"epoch": 2, "loss": 1}]


@pytest.mark.parametrize("text", ["epoch,loss\n1,2\nx,3\n", "loss\n1\n2\n", "epoch\n1\n1.5\n"])
def test_a_row_without_its_epoch(tmp_path, text):
    path = tmp_path / "history.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"history.csv, line [23]: epoch is .*whole number"):
        history.read(path)
