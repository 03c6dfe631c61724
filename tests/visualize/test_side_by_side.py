"""Ground truth and detections in one figure: captions, colours of matches, headings."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from tiny import shapes

from mrcnn import visualize
from mrcnn.instances import InstanceBoxes
from mrcnn.instances.pasting import extract_bboxes

from .scenes import NAMES, drawn_boxes, texts, three_instances, was_written

SHAPES = ["BG", "red", "blue"]


class TestComparison:
    def truth_and_result(self):
        """Detections, weakest first: a wrong class, a slightly misplaced cat, padding."""
        image, boxes, masks, class_ids, _ = three_instances()
        pred_boxes = np.array([[30, 40, 50, 60], [10, 10, 20, 22], [0, 0, 0, 0]])
        pred_masks = np.zeros((60, 80, 3), bool)
        pred_masks[30:50, 40:60, 0] = True
        pred_masks[10:20, 10:22, 1] = True
        truth = {"rois": boxes, "class_ids": class_ids, "masks": masks}
        result = {
            "rois": pred_boxes,
            "class_ids": np.array([1, 1, 0]),
            "scores": np.array([0.6, 0.8, 0.0]),
            "masks": pred_masks,
        }
        return image, truth, result

    def differences(self, image, truth, result, **options):
        return visualize.display_differences(
            image,
            *(truth[key] for key in ("rois", "class_ids", "masks")),
            *(result[key] for key in ("rois", "class_ids", "scores", "masks")),
            NAMES,
            **options,
        )

    def test_differences_pair_score_and_iou(self):
        ax = self.differences(*self.truth_and_result())
        assert texts(ax) == ["0.80 / 0.80", "0.60 / 1.00"]
        green = [p.get_edgecolor()[1] > 0.5 for p in ax.patches]
        assert green == [True, True, True, False, False]

    def test_differences_leave_out_weak_detections(self):
        ax = self.differences(*self.truth_and_result(), score_threshold=0.7, show_mask=False)
        assert texts(ax) == ["0.80 / 0.80"]

    def test_differences_without_ground_truth(self):
        image, truth, result = self.truth_and_result()
        truth = {
            key: value[..., :0] if key == "masks" else value[:0] for key, value in truth.items()
        }
        assert texts(self.differences(image, truth, result)) == ["0.80 / 0.00", "0.60 / 0.00"]

    def test_compare_colours_matches_alike(self):
        image, truth, result = self.truth_and_result()
        figure = visualize.compare(image, truth, result, NAMES, title="both")
        left, right = figure.axes
        assert figure.get_suptitle() == "both"
        assert left.get_title() == "Ground truth: 3 (2 missed, in white)"
        assert left.title.get_fontsize() == 12
        assert right.get_title() == (
            "Detections: 2 (1 without a match, in white), scores 0.60 to 0.80"
        )
        assert texts(left) == ["cat", "dog", "cat"]
        assert texts(right) == ["cat 0.80", "cat 0.60"]
        gt_colors, colors = (ax.collections[0].get_colors() for ax in (left, right))
        assert np.array_equal(gt_colors[0], colors[0])
        white = np.ones(4)
        assert np.array_equal(gt_colors[1], white) and np.array_equal(colors[1], white)

    def test_compare_on_given_axes(self):
        figure, axes = plt.subplots(1, 2, figsize=(6, 2))
        same = visualize.compare(*self.truth_and_result(), NAMES, axes=axes)
        assert same is figure and figure.axes == list(axes)
        heading = axes[1].get_title()
        assert heading.replace("\n", " ").startswith("Detections: 2 (1 without a match, in white)")
        # On narrow axes the heading wraps, and no line is wider than the axes.
        figure.draw_without_rendering()
        assert "\n" in heading
        assert axes[1].title.get_window_extent().width < 1.05 * axes[1].bbox.width

    def test_compare_of_one_class_is_brief(self):
        image, truth, result = self.truth_and_result()
        figure = visualize.compare(np.full_like(image, 200), truth, result, ["BG", "cat"])
        left, right = figure.axes
        assert texts(left) == [] and texts(right) == ["0.80", "0.60"]
        # The fourth row of the truth is padding.
        assert len(left.patches) == 3 and len(right.patches) == 2
        assert "in black" in left.get_title()

    def test_compare_drops_captions_that_would_cover_instances(self):
        _, truth, result = self.truth_and_result()
        wide = np.zeros((60, 2000, 3), np.uint8)
        for side in (truth, result):
            side["masks"] = np.pad(side["masks"], [(0, 0), (0, 2000 - 80), (0, 0)])
        figure = visualize.compare(wide, truth, result, ["BG", "cat"])
        assert texts(figure.axes[1]) == []

    def without_masks(self):
        """Like `truth_and_result`, with boxes only."""
        image, *sides = self.truth_and_result()
        return image, *({k: v for k, v in side.items() if k != "masks"} for side in sides)

    def test_differences_of_boxes(self):
        image, truth, result = self.without_masks()
        ax = self.differences(image, {**truth, "masks": None}, {**result, "masks": None})
        # The first cat is 10 x 15 pixels; 12 of its 15 columns were found.
        assert texts(ax) == ["0.80 / 0.80", "0.60 / 1.00"]
        assert not ax.collections and (ax.images[0].get_array() == 100).all()
        green, red = (0.1, 0.9, 0.2), (1.0, 0.15, 0.15)
        boxes, colors = drawn_boxes(ax)
        assert boxes[:3] == [(10, 10, 20, 25), (30, 40, 50, 60), (5, 60, 15, 75)]
        assert boxes[3:] == [(10, 10, 20, 22), (30, 40, 50, 60)]
        assert colors == [green] * 3 + [red] * 2

    def test_differences_with_masks_on_one_side_use_boxes(self):
        image, truth, result = self.truth_and_result()
        ax = self.differences(image, truth, {**result, "masks": None})
        assert texts(ax) == ["0.80 / 0.80", "0.60 / 1.00"]
        assert not ax.collections and len(ax.patches) == 5

    def test_compare_colours_matching_boxes_alike(self):
        image, truth, result = self.without_masks()
        left, right = visualize.compare(image, truth, result, NAMES).axes
        assert left.get_title() == "Ground truth: 3 (2 missed, in white)"
        assert right.get_title() == (
            "Detections: 2 (1 without a match, in white), scores 0.60 to 0.80"
        )
        assert texts(left) == ["cat", "dog", "cat"] and texts(right) == ["cat 0.80", "cat 0.60"]
        assert not left.collections and not right.collections
        gt_boxes, gt_colors = drawn_boxes(left)
        boxes, colors = drawn_boxes(right)
        assert gt_boxes == [(10, 10, 20, 25), (30, 40, 50, 60), (5, 60, 15, 75)]
        assert boxes == [(10, 10, 20, 22), (30, 40, 50, 60)]  # the best score first
        white = (1, 1, 1)
        assert gt_colors[0] == colors[0] != white
        assert gt_colors[1:] == [white, white] and colors[1] == white

    def test_compare_boxes_with_ground_truth_masks(self):
        image, truth, _ = self.truth_and_result()
        _, _, result = self.without_masks()
        left, right = visualize.compare(image, truth, result, NAMES).axes
        assert len(left.collections) == 1 and not right.collections
        assert len(left.patches) == 3 and len(right.patches) == 2
        assert drawn_boxes(left)[1][0] == drawn_boxes(right)[1][0]

    def test_crowded_boxes_are_drawn(self):
        boxes = np.array([(y, x, y + 5, x + 5) for y in range(0, 49, 7) for x in range(0, 49, 7)])
        truth = {"rois": boxes, "class_ids": np.ones(49, int)}
        result = {**truth, "scores": np.full(49, 0.5)}
        image = np.zeros((50, 50, 3), np.uint8)
        left, right = visualize.compare(image, truth, result, NAMES).axes
        assert len(left.patches) == len(right.patches) == 49 and texts(left) == []
        assert drawn_boxes(left) == drawn_boxes(right)
        masks = InstanceBoxes(boxes, image.shape).dense()
        left, right = visualize.compare(image, {**truth, "masks": masks}, result, NAMES).axes
        assert not left.patches and len(right.patches) == 49

    def test_counts_of_boxes_must_agree(self):
        image, truth, result = self.without_masks()
        result["class_ids"] = result["class_ids"][:2]
        with pytest.raises(ValueError, match=r"Got 3 boxes, 2 class_ids, 3 scores: .* equal$"):
            visualize.compare(image, truth, result, NAMES)

    def test_compare_with_nothing_detected(self, tmp_path):
        image, truth, result = self.truth_and_result()
        result = {"rois": np.zeros((0, 4), int), "class_ids": np.zeros(0, int),
                  "scores": np.zeros(0), "masks": np.zeros((60, 80, 0), bool)}  # fmt: skip
        path = tmp_path / "none.png"
        figure = visualize.compare(image, truth, result, NAMES, save_to=path)
        assert figure.axes[1].get_title() == "Detections: 0"
        assert was_written(path)


class TestPredictions:
    def samples(self, count):
        for image, masks, class_ids in shapes(count):
            truth = {"rois": extract_bboxes(masks), "class_ids": class_ids, "masks": masks}
            found = {name: part[:1] for name, part in truth.items()} | {"masks": masks[..., :1]}
            yield image, truth, {**found, "scores": np.array([0.75])}

    @pytest.mark.parametrize(("count", "panels"), [(1, 2), (3, 8), (4, 8)])
    def test_each_beside_its_truth(self, tmp_path, count, panels):
        samples = list(self.samples(count))
        fig = visualize.draw_predictions(samples, SHAPES, tmp_path / "out.png", title="epoch 3")
        assert not plt.get_fignums() and (tmp_path / "out.png").stat().st_size > 10_000
        assert len(fig.axes) == panels and fig.get_suptitle() == "epoch 3"
        truth, found = fig.axes[2 * count - 2 : 2 * count]
        assert truth.get_title() == "Ground truth: 2 (1 missed, in white)"
        assert found.get_title() == "Detections: 1, scores 0.75 to 0.75"
        assert [text.get_text() for text in found.texts] == ["red 0.75"]

    def test_mixed_image_shapes_leave_no_gaps(self):
        nothing = {"rois": np.zeros((0, 4)), "class_ids": np.zeros(0, int)}
        result = {**nothing, "scores": np.zeros(0)}
        sizes = [(300, 400), (400, 200), (500, 250), (200, 300)]
        samples = [(np.full((*size, 3), 99, np.uint8), nothing, result) for size in sizes]
        fig = visualize.draw_predictions(samples, SHAPES)
        fig.draw_without_rendering()
        for row in (fig.axes[:4], fig.axes[4:]):
            boxes = [ax.get_window_extent() for ax in row]
            assert np.ptp([box.height for box in boxes]) < 0.03 * boxes[0].height
            covered = sum(box.width for box in boxes) / fig.bbox.width
            assert covered > 0.93
        for ax, (height, width) in zip(fig.axes[::2], sizes, strict=True):
            box = ax.get_window_extent()
            assert box.width / box.height == pytest.approx(width / height, rel=0.01)

    def test_boxes_only(self):
        samples = list(self.samples(2))
        for _, truth, result in samples:
            del truth["masks"], result["masks"]
        fig = visualize.draw_predictions(samples, SHAPES)
        assert [len(ax.patches) for ax in fig.axes] == [2, 1, 2, 1]
        assert not any(ax.collections for ax in fig.axes)
        assert fig.axes[2].get_title() == "Ground truth: 2 (1 missed, in white)"
        assert drawn_boxes(fig.axes[2])[1][0] == drawn_boxes(fig.axes[3])[1][0] != (1, 1, 1)

    def test_no_samples(self):
        with pytest.raises(ValueError, match="samples is empty"):
            visualize.draw_predictions([], SHAPES)
