"""What the pictures of a run say: curves, titles, boxes; and that pyplot is left alone."""

import io
import math

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from tiny import InMemory, TinyConfig, shapes

from mrcnn import visualize
from mrcnn.anchors.pyramid import pyramid_anchors
from mrcnn.instances.pasting import extract_bboxes
from mrcnn.runs import history
from mrcnn.training import feeding

NAMES = ["BG", "red", "blue"]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


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
        assert list(curves(precision)) == ["mask_AP"]  # that of small ones is in the file only
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
        assert fig.axes[2].get_title() == "no figures of validation yet"

    def test_no_epoch(self):
        with pytest.raises(ValueError, match="no epochs"):
            visualize.plot_history([])


@pytest.mark.parametrize("mini", [True, False])
def test_batch(tmp_path, mini):
    config = TinyConfig()
    config.USE_MINI_MASK = mini
    config.IMAGES_PER_GPU = 3
    batches, _ = feeding.batches(config, InMemory(shapes(5)), None)
    (inputs,) = batches[0]
    fig = visualize.display_batch(inputs, config, NAMES, limit=2, save_to=tmp_path / "batch.png")
    assert not plt.get_fignums() and (tmp_path / "batch.png").stat().st_size > 10_000
    upper, lower = fig.axes[:2], fig.axes[2:]
    image_id = int(inputs["input_image_meta"][1, 0])
    assert upper[1].get_title() == f"image {image_id}, 64 x 64 scaled by 1\n1 red, 1 blue"
    assert [text.get_text() for text in upper[0].texts] == ["red", "blue"]
    # The boxes of the padding are not drawn, and each outline goes around its own box.
    assert len(upper[0].patches) == 2
    (outlines,) = upper[0].collections
    for outline, (y1, x1, y2, x2) in zip(
        outlines.get_segments(), inputs["input_gt_boxes"][0], strict=False
    ):
        assert outline.min(0).tolist() == [x1 - 0.5, y1 - 0.5]
        assert outline.max(0).tolist() == [x2 - 0.5, y2 - 0.5]

    # Where there is neither mask nor outline, the image is what was read.
    original = InMemory(shapes(5)).load_image(image_id)
    assert np.array_equal(lower[1].images[0].get_array(), original)
    match = inputs["input_rpn_match"][1, :, 0]
    positive = pyramid_anchors(config, (64, 64, 3))[match == 1]
    assert lower[1].get_title() == (
        f"{len(positive)} positive anchors, {(match == -1).sum()} negative"
    )
    y1, x1, y2, x2 = positive[-1]
    assert lower[1].patches[-1].get_bbox().extents.tolist() == pytest.approx(
        [x1 - 0.5, y1 - 0.5, x2 - 0.5, y2 - 0.5]
    )


def test_batch_of_an_image_without_instances():
    image = np.zeros((64, 64, 3), np.uint8)
    data = InMemory([(image, np.zeros((64, 64, 0), bool), np.zeros(0, np.int32))])
    batches, _ = feeding.batches(TinyConfig(), data, None)
    fig = visualize.display_batch(batches[0][0], TinyConfig(), NAMES)
    assert fig.axes[0].get_title().endswith("no instances")


class TestPredictions:
    def samples(self, count):
        for image, masks, class_ids in shapes(count):
            truth = {"rois": extract_bboxes(masks), "class_ids": class_ids, "masks": masks}
            found = {name: part[:1] for name, part in truth.items()} | {"masks": masks[..., :1]}
            yield image, truth, {**found, "scores": np.array([0.75])}

    @pytest.mark.parametrize(("count", "panels"), [(1, 2), (3, 8), (4, 8)])
    def test_each_beside_its_truth(self, tmp_path, count, panels):
        samples = list(self.samples(count))
        fig = visualize.draw_predictions(samples, NAMES, tmp_path / "out.png", title="epoch 3")
        assert not plt.get_fignums() and (tmp_path / "out.png").stat().st_size > 10_000
        assert len(fig.axes) == panels and fig.get_suptitle() == "epoch 3"
        truth, found = fig.axes[2 * count - 2 : 2 * count]
        assert truth.get_title() == "Ground truth: 2 (1 missed, in white)"
        assert found.get_title() == "Detections: 1, scores 0.75 to 0.75"
        assert [text.get_text() for text in found.texts] == ["red 0.75"]

    def test_no_samples(self):
        with pytest.raises(ValueError, match="samples is empty"):
            visualize.draw_predictions([], NAMES)
