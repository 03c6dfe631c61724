"""The figure of a training batch."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from tiny import InMemory, TinyConfig, shapes

from mrcnn import visualize
from mrcnn.anchors.pyramid import pyramid_anchors
from mrcnn.datasets.dataset import Dataset
from mrcnn.instances import InstanceBoxes
from mrcnn.instances.pasting import extract_bboxes
from mrcnn.training import feeding

from .scenes import drawn_boxes, texts

NAMES = ["BG", "red", "blue"]


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
    # Padding is not drawn, and each outline follows its box.
    assert len(upper[0].patches) == 2
    (outlines,) = upper[0].collections
    for outline, (y1, x1, y2, x2) in zip(
        outlines.get_segments(), inputs["input_gt_boxes"][0], strict=False
    ):
        assert outline.min(0).tolist() == [x1 - 0.5, y1 - 0.5]
        assert outline.max(0).tolist() == [x2 - 0.5, y2 - 0.5]

    # Without masks and outlines, the image is the one that was read.
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


def test_batch_of_boxes_only():
    class Rectangles(InMemory):
        load_mask = Dataset.load_mask

        def load_boxes(self, image_id):
            image, masks, class_ids = self.samples[image_id]
            return InstanceBoxes(extract_bboxes(masks), image.shape), class_ids

    config = TinyConfig()
    config.HEADS = ("box",)
    batches, _ = feeding.batches(config, Rectangles(shapes(5)), None)
    (inputs,) = batches[0]
    assert "input_gt_masks" not in inputs
    fig = visualize.display_batch(inputs, config, NAMES)
    upper = fig.axes[:2]
    for row, ax in enumerate(upper):
        assert drawn_boxes(ax)[0] == list(map(tuple, inputs["input_gt_boxes"][row, :2].tolist()))
        assert texts(ax) == ["red", "blue"] and not ax.collections
        image_id = int(inputs["input_image_meta"][row, 0])
        assert np.array_equal(ax.images[0].get_array(), shapes(5)[image_id][0])  # untinted
