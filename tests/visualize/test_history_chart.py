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

    def test_a_single_epoch_tells_training_from_validation(self):
        total, parts, *_ = visualize.plot_history(rows_of(1)).axes
        for ax in (total, parts):
            training, validation = ax.lines
            assert training.get_markerfacecolor() == training.get_color()
            assert validation.get_markerfacecolor() == "none"
            assert training.get_marker() != validation.get_marker()
        assert total.lines[0].get_color() != total.lines[1].get_color()
        assert [line.get_ydata().tolist() for line in total.lines] == [[8], [9]]

    def rows_with_metrics(self):
        names = [f"val_{kind}_AP{at}" for at in ("", "50", "75") for kind in ("bbox", "segm")]
        rows = [{"epoch": epoch, **dict.fromkeys(names, 0.0)} for epoch in (1, 2)]
        rows[1]["val_segm_AP75"] = 0.25
        return rows

    def test_AP_and_AP50_by_default(self):
        precision = visualize.plot_history(self.rows_with_metrics()).axes[2]
        drawn = curves(precision)
        assert list(drawn) == ["bbox_AP", "segm_AP", "bbox_AP50", "segm_AP50"]
        assert drawn["bbox_AP"].get_color() == drawn["bbox_AP50"].get_color()
        assert drawn["bbox_AP"].get_color() != drawn["segm_AP"].get_color()
        assert drawn["bbox_AP"].get_linestyle() != drawn["bbox_AP50"].get_linestyle()
        assert precision.get_ylim()[0] < 0 < 1 == precision.get_ylim()[1]  # zeros are visible

    def test_mean_iou_by_default(self):
        rows = self.rows_with_metrics()
        rows[1]["val_mean_iou"] = 0.75
        drawn = curves(visualize.plot_history(rows).axes[2])
        assert list(drawn) == ["bbox_AP", "segm_AP", "bbox_AP50", "segm_AP50", "mean_iou"]
        assert drawn["mean_iou"].get_ydata().tolist() == [0.75]
        colours = {drawn[name].get_color() for name in ("bbox_AP", "segm_AP", "mean_iou")}
        assert len(colours) == 3

    def test_metrics_by_name(self):
        rows = self.rows_with_metrics()
        fig = visualize.plot_history(rows, metrics=["segm_AP75", "val_bbox_AP"])
        drawn = curves(fig.axes[2])
        assert list(drawn) == ["segm_AP75", "bbox_AP"]
        assert drawn["segm_AP75"].get_ydata().tolist() == [0, 0.25]
        with pytest.raises(ValueError, match="metrics has 'mAP', which the history does not have"):
            visualize.plot_history(rows, metrics=["mAP"])

    def test_ticks_are_epochs(self):
        for count in (1, 2, 3, 50):
            fig = visualize.plot_history(rows_of(count))
            ticks = fig.axes[0].get_xticks()
            assert all(tick == int(tick) for tick in ticks)
            assert any(1 <= tick <= count for tick in ticks)
            assert (fig.axes[0].lines[0].get_marker() == "o") == (count <= 40)

    def test_from_a_file_to_a_file_without_pyplot(self, tmp_path, monkeypatch):
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


class TestRuns:
    def legend(self, fig):
        (legend,) = fig.legends
        return [text.get_text() for text in legend.get_texts()]

    def test_two_folders(self, tmp_path):
        folders = [tmp_path / "first", tmp_path / "second"]
        for folder, count in zip(folders, (2, 4), strict=True):
            folder.mkdir()
            history.write(folder / "history.csv", rows_of(count))
        fig = visualize.plot_history([folders[0], str(folders[1] / "history.csv")])
        assert self.legend(fig)[:2] == ["first", "second"]
        panels = {ax.get_title(): ax for ax in fig.axes if ax.lines}
        assert list(panels) == ["loss", "mrcnn_mask", "mask_AP", "learning rate"]
        first, of_validation, second, _ = panels["loss"].lines
        assert first.get_xdata().tolist() == [1, 2] and first.get_ydata().tolist() == [8, 4]
        assert second.get_ydata().tolist() == pytest.approx([8, 4, 8 / 3, 2])
        assert first.get_color() == of_validation.get_color() != second.get_color()
        assert of_validation.get_linestyle() == "--"
        assert panels["loss"].get_xlim() == (0.5, 4.5)
        assert [line.get_ydata().tolist() for line in panels["mask_AP"].lines] == [
            [0.02],
            [0.02, 0.04],
        ]

    def test_the_same_run_twice_and_rows(self, tmp_path):
        history.write(tmp_path / "history.csv", rows_of(3))
        name = tmp_path.name
        fig = visualize.plot_history([tmp_path, tmp_path, rows_of(2)], save_to=tmp_path / "h.png")
        assert self.legend(fig)[:3] == [name, f"{name} (2)", "run 3"]
        assert fig.get_suptitle() == "3 runs" and (tmp_path / "h.png").stat().st_size > 10_000

    def test_named_runs(self):
        fig = visualize.plot_history({"slow": rows_of(3), "fast": iter(rows_of(2))})
        assert self.legend(fig)[:2] == ["slow", "fast"]
        with pytest.raises(ValueError, match="the history of empty has no epochs"):
            visualize.plot_history({"slow": rows_of(3), "empty": []})

    def test_a_single_run_in_a_list(self, tmp_path):
        history.write(tmp_path / "history.csv", rows_of(3))
        assert visualize.plot_history([tmp_path]).get_suptitle() == "epoch 3: loss 2.667, 12 s"
