"""The curves of a training run."""

import io
import math

import matplotlib.pyplot as plt
import pytest

from mrcnn import visualize
from mrcnn.runs import history


def rows_of(count):
    rows = []
    for epoch in range(1, count + 1):
        row = {"epoch": epoch, "loss": 8 / epoch, "val_loss": 9 / epoch, "learning_rate": 0.01}
        row |= {"mrcnn_mask_loss": 1 / epoch**2, "val_mrcnn_mask_loss": 0.5, "seconds": 12.0}
        if epoch % 2 == 0:
            row |= {"val_mask_AP": epoch / 100, "val_mask_APs": -1.0}
        rows.append(row)
    return rows


def curves(ax):
    return {line.get_label(): line for line in ax.lines}


class TestHistory:
    def test_curves(self):
        rows = rows_of(6)
        rows[2]["loss"] = math.nan
        fig = visualize.plot_history(rows)
        total, parts, precision, rate = fig.axes
        training_loss, validation_loss = total.lines
        assert training_loss.get_xdata().tolist() == [1, 2, 4, 5, 6]
        assert training_loss.get_ydata().tolist() == [8, 4, 2, 1.6, 8 / 6]
        assert training_loss.get_linestyle() == "-" and validation_loss.get_linestyle() == "--"
        mask, val_mask = parts.lines
        assert mask.get_label() == "mrcnn_mask" and mask.get_color() == val_mask.get_color()
        assert list(curves(precision)) == ["mask_AP"]  # that of small objects is only in the file
        assert precision.lines[0].get_xdata().tolist() == [2, 4, 6]
        assert rate.lines[0].get_ydata().tolist() == [0.01] * 6
        assert (total.get_yscale(), rate.get_yscale()) == ("log", "linear")
        assert fig.get_suptitle() == "epoch 6: loss 1.333, 12 s"

    def test_ticks_are_epochs(self):
        for count in (1, 2, 3, 50):
            fig = visualize.plot_history(rows_of(count))
            ticks = fig.axes[0].get_xticks()
            assert all(tick == int(tick) for tick in ticks)
            assert any(1 <= tick <= count for tick in ticks)
            assert (fig.axes[0].lines[0].get_marker() == "o") == (count <= 40)

    def test_of_a_file_to_a_file_without_pyplot(self, tmp_path, monkeypatch):
        monkeypatch.setattr(plt, "figure", None)
        history.write(tmp_path / "history.csv", rows_of(1))
        buffer = io.BytesIO()
        fig = visualize.plot_history(tmp_path, save_to=buffer)
        assert plt.imread(io.BytesIO(buffer.getvalue())).shape[0] > 500
        assert fig.axes[2].get_title() == "no validation metrics yet"

    def test_losses_of_any_head(self):
        row = {"area_loss": 0.5, "mrcnn_bbox_loss": 0.25, "loss": 1.0, "rpn_class_loss": 0.25}
        row |= {f"val_{name}": 2 * value for name, value in row.items()}
        fig = visualize.plot_history([{"epoch": 1, **row, "val_bbox_AP": 0.5, "lossless": 3.0}])
        total, parts, figures, _ = fig.axes
        assert [line.get_ydata()[0] for line in total.lines] == [1, 2]
        assert [text.get_text() for text in parts.get_legend().get_texts()] == [
            "rpn_class", "mrcnn_bbox", "area",
        ]  # fmt: skip
        assert [line.get_ydata()[0] for line in parts.lines] == [0.25, 0.25, 0.5, 0.5, 0.5, 1]
        assert parts.lines[2].get_color() == parts.lines[5].get_color()
        assert list(curves(figures)) == ["bbox_AP"]

    def test_no_epoch(self):
        with pytest.raises(ValueError, match="no epochs"):
            visualize.plot_history([])
