"""Figures of instances: pixels, colours, captions."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mrcnn import visualize

from .scenes import NAMES, drawn_boxes, texts, three_instances


class TestInstances:
    def test_boxes_captions_and_padding(self):
        image, boxes, masks, class_ids, scores = three_instances()
        ax = visualize.display_instances(image, boxes, masks, class_ids, NAMES, scores)
        assert texts(ax) == ["cat 0.90", "dog 0.00", "cat 0.75"]
        assert [p.get_bbox().extents.tolist() for p in ax.patches] == [
            [9.5, 9.5, 24.5, 19.5],
            [39.5, 29.5, 59.5, 49.5],
            [59.5, 4.5, 74.5, 14.5],
        ]
        assert (image == 100).all()

    def test_masks_are_tinted_and_outlined(self):
        image, boxes, masks, class_ids, _ = three_instances()
        colors = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)]
        ax = visualize.display_instances(image, boxes, masks, class_ids, NAMES, colors=colors)
        shown = ax.images[0].get_array()
        assert shown[15, 15].tolist() == [178, 50, 50]
        assert shown[40, 50].tolist() == [50, 178, 50]
        assert shown[0, 0].tolist() == [100, 100, 100]
        (outlines,) = ax.collections
        assert len(outlines.get_segments()) == 3
        assert outlines.get_colors()[1].tolist() == [0, 1, 0, 1]
        assert texts(ax) == ["cat", "dog", "cat"]

    def test_parts_can_be_left_out(self):
        image, boxes, masks, class_ids, _ = three_instances()
        ax = plt.subplots()[1]
        same = visualize.display_instances(
            image, boxes, masks, class_ids, NAMES, ax=ax, show_mask=False, show_bbox=False,
            captions=["a", "", None, "padding"], title="t",
        )  # fmt: skip
        assert same is ax
        assert texts(ax) == ["a"] and ax.get_title() == "t"
        # As in matterport's Mask_RCNN, the outlines stay.
        assert not ax.patches and len(ax.collections) == 1
        assert (ax.images[0].get_array() == 100).all()

    def test_masks_may_be_none(self):
        image, boxes, _, class_ids, _ = three_instances()
        ax = visualize.display_instances(image, boxes, None, class_ids, NAMES)
        assert len(ax.patches) == 3 and not ax.collections

    def test_boxes_only_are_heavier(self):
        image, boxes, masks, class_ids, scores = three_instances()
        both = visualize.display_instances(image, boxes, masks, class_ids, NAMES, scores)
        alone = visualize.display_instances(image, boxes, None, class_ids, NAMES, scores)
        assert drawn_boxes(alone) == drawn_boxes(both)
        assert texts(alone) == texts(both) == ["cat 0.90", "dog 0.00", "cat 0.75"]
        assert (alone.images[0].get_array() == 100).all()
        widths = [{p.get_linewidth() for p in ax.patches} for ax in (both, alone)]
        assert max(widths[0]) < min(widths[1])

    def test_counts_must_agree(self):
        image, boxes, masks, class_ids, _ = three_instances()
        with pytest.raises(ValueError, match="4 boxes, 80 masks, 3 class_ids"):
            masks_first = np.moveaxis(masks, -1, 0)
            visualize.display_instances(image, boxes, masks_first, class_ids[:3], NAMES)
        assert plt.get_fignums() == []

    def test_masks_of_another_size(self):
        image, boxes, masks, class_ids, _ = three_instances()
        with pytest.raises(ValueError, match=r"masks has shape \(30, 80, 3\)"):
            visualize.display_instances(image, boxes, masks[:30], class_ids, NAMES)

    def test_nothing_to_display(self, caplog):
        image = three_instances()[0]
        ax = visualize.display_instances(
            image, np.zeros((0, 4)), np.zeros((60, 80, 0)), np.zeros(0, int), NAMES, np.zeros(0)
        )
        assert "No instances" in caplog.text
        assert (ax.images[0].get_array() == 100).all()

    def test_crowds_get_small_type(self):
        boxes = np.array([(y, x, y + 4, x + 4) for y in range(0, 49, 7) for x in range(0, 49, 7)])
        ax = visualize.display_instances(
            np.zeros((50, 50)), boxes, None, np.ones(49, int), NAMES, np.linspace(1, 0, 49)
        )
        few = visualize.display_instances(
            np.zeros((50, 50)), boxes[:9], None, np.ones(9, int), NAMES
        )
        sizes, usual = ({text.get_fontsize() for text in a.texts} for a in (ax, few))
        assert len(sizes) == len(usual) == 1 and max(sizes) < 0.7 * max(usual)

    def test_type_suits_the_size_of_the_figure(self):
        sizes = []
        for inches in (3, 8, 16):
            ax = visualize.display_instances(
                np.zeros((9, 9)), [[1, 1, 5, 5]], None, [1], NAMES, figsize=(inches, inches)
            )
            sizes.append(ax.texts[0].get_fontsize())
        assert 5 < sizes[0] < sizes[1] < sizes[2] <= 12

    def test_unknown_classes_are_numbered(self):
        ax = visualize.display_instances(np.zeros((9, 9)), [[1, 1, 5, 5]], None, [-7], NAMES)
        assert texts(ax) == ["class -7"]

    def test_display_images(self):
        images = [np.zeros((4, 6)), np.ones((4, 6, 1), bool), np.full((4, 6, 3), 0.5), np.eye(4)]
        figure = visualize.display_images(images, titles=list("abcd"), cols=3, cmap="Blues")
        assert len(figure.axes) == 6
        assert [ax.get_title() for ax in figure.axes] == ["a", "b", "c", "d", "", ""]
        shown = [ax.images[0] for ax in figure.axes[:4]]
        assert shown[1].get_clim() == (0, 1)
        assert (shown[2].get_array() == 128).all()
        assert shown[3].get_array().tolist() == np.eye(4).tolist()

    def test_display_images_without_images(self, caplog):
        assert visualize.display_images([]) is None
        assert "No images to display." in caplog.text
        assert not plt.get_fignums()

    def test_long_titles_do_not_run_into_each_other(self):
        names = ["a_long_name of a file that has many words in it.png"] * 3
        figure = visualize.display_images(np.zeros((3, 40, 20)), names, cols=3, figsize=(6, 4))
        figure.draw_without_rendering()
        extents = [ax.title.get_window_extent() for ax in figure.axes]
        assert all(left.x1 < right.x0 for left, right in itertools.pairwise(extents))
        assert figure.axes[0].get_title().replace("\n", " ") == names[0]

    def test_display_images_with_fewer_titles(self):
        figure = visualize.display_images(np.zeros((2, 3, 3)), ["first"])
        assert [ax.get_title() for ax in figure.axes[:2]] == ["first", ""]

    def test_display_top_masks(self):
        image, _, masks, class_ids, _ = three_instances()
        figure = visualize.display_top_masks(image, masks, class_ids, NAMES, limit=3)
        titles = [ax.get_title() for ax in figure.axes]
        assert titles == ["80 x 60 (width x height)", "dog (1)", "cat (2)"]
        cats = figure.axes[2].images[0].get_array()
        assert 0.3 < cats[10, 70] < cats[15, 15] == 1 and (cats > 0).sum() == 300
        assert figure.axes[1].images[0].get_array().max() == 1  # the only dog
        assert figure.axes[2].images[0].get_clim() == (0, 1)

    def test_top_masks_need_masks(self):
        image, _, _, class_ids, _ = three_instances()
        with pytest.raises(ValueError, match=r"mask is None: display_top_masks needs masks \[H, W"):
            visualize.display_top_masks(image, None, class_ids, NAMES)
        assert plt.get_fignums() == []
