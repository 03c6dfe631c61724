"""Charts of a dataset: titles, counts, bars."""

import numpy as np
import pytest

from mrcnn import visualize
from mrcnn.anchors.coverage import anchor_coverage

from .scenes import Boxes, BoxesOnly, SmallConfig, texts


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


class TestClasses:
    def bars(self, figure):
        names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        counts = [[bar.get_width() for bar in ax.containers[0]] for ax in figure.axes]
        return list(zip(names, *counts, strict=True))

    def test_instances_and_images(self):
        figure = visualize.plot_classes(Boxes())
        assert figure.get_suptitle() == ("4 instances of 2 of 3 classes, and 1 crowd, in 3 images")
        assert self.bars(figure) == [("cat", 3, 2), ("dog", 1, 1), ("owl", 0, 0)]
        assert texts(figure.axes[0]) == ["3", "1", "0"]
        assert figure.get_supxlabel() == "no instances of: owl"

    def test_of_boxes_only(self, no_masks):
        figure = visualize.plot_classes(BoxesOnly())
        assert figure.get_suptitle() == ("4 instances of 2 of 3 classes, and 1 crowd, in 3 images")
        assert self.bars(figure) == [("cat", 3, 2), ("dog", 1, 1), ("owl", 0, 0)]

    def test_the_rest_shares_a_bar(self):
        figure = visualize.plot_classes(Boxes(), top=1)
        assert self.bars(figure) == [("cat", 3, 2), ("2 more classes", 1, 1)]

    def test_a_part_is_drawn_at_random(self):
        figure = visualize.plot_classes(Boxes(), limit=2, seed=1)
        assert figure.get_suptitle().endswith("in 2 of 3 images, drawn at random")
        counts = {
            str(self.bars(visualize.plot_classes(Boxes(), limit=1, seed=i))) for i in range(15)
        }
        assert len(counts) == 3


class TestSizes:
    def heights(self, ax):
        return {
            round(bar.get_x() + bar.get_width() / 2, 6): bar.get_height()
            for bar in ax.patches
            if bar.get_height() and bar.get_fill() and bar.get_alpha() is None
        }

    def test_of_the_images(self):
        figure = visualize.plot_sizes(Boxes())
        left, right = figure.axes
        assert figure.get_suptitle() == "4 instances in 3 images"
        assert left.get_title() == "median 12; 90% from 10 to 19 (shaded)"
        assert sum(self.heights(left).values()) == 4
        assert self.heights(right) == {0: 1, 1: 1, 3: 1}
        assert right.get_title() == "median 1, maximum 3" and not right.lines

    def test_of_the_network_s_input(self):
        left, right = visualize.plot_sizes(Boxes(), SmallConfig()).axes
        assert left.get_title() == "median 24; 90% from 20 to 38 (shaded)"
        assert "network's input" in left.get_xlabel()
        assert "MAX_GT_INSTANCES is 2; images with more: 1" in right.get_title()
        assert right.lines[0].get_xdata()[0] == 2.5

    def test_of_boxes_only(self, no_masks):
        for config, sizes in ((None, "12; 90% from 10 to 19"), (SmallConfig(), "24; 90% from 20")):
            left, right = visualize.plot_sizes(BoxesOnly(), config).axes
            assert left.get_title().startswith(f"median {sizes}")
            assert self.heights(right) == {0: 1, 1: 1, 3: 1}

    def test_exactly_the_limit_is_not_more(self):
        config = SmallConfig()
        config.MAX_GT_INSTANCES = 3
        right = visualize.plot_sizes(Boxes(), config).axes[1]
        assert "images with more: 0" in right.get_title()
        assert right.lines[0].get_xdata()[0] == 3.5

    def test_a_limit_far_beyond_is_not_drawn(self):
        config = SmallConfig()
        config.MAX_GT_INSTANCES = 100
        right = visualize.plot_sizes(Boxes(), config).axes[1]
        assert "images with more: 0" in right.get_title() and not right.lines

    def test_axes_of_a_narrow_range_have_numbers(self):
        left = visualize.plot_sizes(Boxes()).axes[0]
        assert len([t for t in left.get_xticks() if 9 < t < 22]) >= 3


class TestAnchorCoverage:
    def test_recall_before_and_after(self):
        config = SmallConfig()
        coverage = anchor_coverage(Boxes(), config)
        suggested = coverage.suggested_scales()
        figure = visualize.plot_anchor_coverage(Boxes(), config)
        left, right = figure.axes[:2]
        assert figure.get_suptitle() == "Anchors and 4 instances in 3 images"
        assert suggested != config.RPN_ANCHOR_SCALES
        current, better = legend(left)
        assert current == (
            "RPN_ANCHOR_SCALES = (32, 64, 128, 256, 512)\n"
            f"recall {coverage.recall(0.5):.1%} at 0.5, {coverage.recall(0.7):.1%} at 0.7"
        )
        assert better.startswith(f"suggested = {suggested}\nrecall ")
        assert legend(right) == ["anchors: RPN_ANCHOR_SCALES", "anchors: suggested"]
        boxes, anchors, _ = (c.get_offsets() for c in right.collections)
        assert sorted(map(tuple, boxes)) == [(20, 20), (20, 20), (20, 40), (40, 40)]
        assert len(anchors) == 15
        tall = 32 * np.array([0.5**0.5, 2**0.5])  # the ratio 0.5 is tall
        assert np.isclose(anchors, tall).all(axis=1).any()

    def test_of_a_given_coverage(self):
        config = SmallConfig()
        scales = anchor_coverage(Boxes(), config).suggested_scales()
        config.RPN_ANCHOR_SCALES = np.array(scales)
        figure = visualize.plot_anchor_coverage(anchor_coverage(Boxes(), config))
        assert figure.get_suptitle() == "Anchors and 4 instances: no better scales were found"
        (label,) = legend(figure.axes[0])
        assert label.startswith(f"RPN_ANCHOR_SCALES = {scales}\n")

    def test_needs_a_configuration(self):
        with pytest.raises(ValueError, match="config is None"):
            visualize.plot_anchor_coverage(Boxes())
