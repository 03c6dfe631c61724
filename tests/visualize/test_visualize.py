"""What the figures say: pixels, colours, captions, counts; and that none is left open or shown."""

import builtins
import inspect
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from mrcnn import visualize
from mrcnn.visualize import drawing, tables

NAMES = ["BG", "cat", "dog"]


@pytest.fixture(autouse=True)
def no_figure_leaks():
    plt.close("all")
    yield
    plt.close("all")


def three_instances():
    """An image of 60 x 80 with two cats, a dog and a row of padding."""
    image = np.full((60, 80, 3), 100, np.uint8)
    boxes = np.array([[10, 10, 20, 25], [30, 40, 50, 60], [5, 60, 15, 75], [0, 0, 0, 0]])
    masks = np.zeros((60, 80, 4), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, i] = True
    class_ids = np.array([1, 2, 1, 0])
    scores = np.array([0.9, 0.0, 0.75, 0.0])
    return image, boxes, masks, class_ids, scores


def texts(ax):
    return [text.get_text() for text in ax.texts]


def written(path):
    """Whether a PNG with more than one colour is there and its figure is gone."""
    pixels = plt.imread(path)
    return pixels.shape[0] > 50 and np.ptp(pixels[..., :3]) > 0 and plt.get_fignums() == []


SIGNATURES = {
    "display_images": "images, titles=None, cols=4, cmap=None, norm=None, interpolation=None",
    "random_colors": "N, bright=True",
    "apply_mask": "image, mask, color, alpha=0.5",
    "display_instances": "image, boxes, masks, class_ids, class_names, scores=None, title='', "
    "figsize=(16, 16), ax=None, show_mask=True, show_bbox=True, colors=None, captions=None",
    "display_differences": "image, gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, "
    "pred_score, pred_mask, class_names, title='', ax=None, show_mask=True, show_box=True, "
    "iou_threshold=0.5, score_threshold=0.5",
    "draw_rois": "image, rois, refined_rois, mask, class_ids, class_names, limit=10",
    "draw_box": "image, box, color",
    "display_top_masks": "image, mask, class_ids, class_names, limit=4",
    "plot_precision_recall": "AP, precisions, recalls",
    "plot_overlaps": "gt_class_ids, pred_class_ids, pred_scores, overlaps, class_names, "
    "threshold=0.5",
    "draw_boxes": "image, boxes=None, refined_boxes=None, masks=None, captions=None, "
    "visibilities=None, title='', ax=None",
    "display_table": "table",
    "display_weight_stats": "model",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_positional_signature_is_the_reference_s(name):
    parameters = inspect.signature(getattr(visualize, name)).parameters.values()
    positional = [str(p) for p in parameters if p.kind is not p.KEYWORD_ONLY]
    assert ", ".join(positional) == SIGNATURES[name]


class TestColors:
    def test_distinct_and_stable(self):
        colors = visualize.random_colors(50)
        assert len(set(colors)) == 50
        assert colors[:7] == visualize.random_colors(7)

    def test_no_random_state_is_touched(self):
        np.random.seed(3)  # noqa: NPY002
        before = np.random.get_state()[1].copy()  # noqa: NPY002
        visualize.random_colors(5)
        assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002

    def test_bright(self):
        assert max(map(max, visualize.random_colors(9))) == pytest.approx(1.0)
        assert max(map(max, visualize.random_colors(9, bright=False))) == pytest.approx(0.7)

    def test_neighbors_differ(self):
        corners = [(10 * y, 10 * x) for y in range(10) for x in range(10)]
        boxes = np.array([(y, x, y + 9, x + 9) for y, x in corners])
        colors = np.array(drawing.neighbor_colors(boxes)).reshape(10, 10, 3)
        assert np.abs(np.diff(colors, axis=0)).max(axis=-1).min() > 0.2
        assert np.abs(np.diff(colors, axis=1)).max(axis=-1).min() > 0.2


class TestPixels:
    def test_apply_mask_blends_uint8_in_place(self):
        image = np.full((2, 2, 3), 100, np.uint8)
        mask = np.array([[True, False], [False, True]])
        assert visualize.apply_mask(image, mask, (1.0, 0.0, 0.5)) is image
        assert image[0, 0].tolist() == image[1, 1].tolist() == [178, 50, 114]
        assert image[0, 1].tolist() == image[1, 0].tolist() == [100, 100, 100]

    @pytest.mark.parametrize(("gray", "expected"), [(0.4, [0.55, 0.3, 0.3]), (100, [139, 75, 75])])
    def test_apply_mask_keeps_the_scale_of_floats(self, gray, expected):
        image = np.full((2, 2, 3), gray, np.float32)
        visualize.apply_mask(image, np.eye(2), (1, 0, 0), alpha=0.25)
        np.testing.assert_allclose(image[0, 0], expected, atol=0.3 if gray > 1 else 1e-6)
        assert image[0, 1].tolist() == [np.float32(gray)] * 3

    def test_apply_mask_names_the_shapes(self):
        with pytest.raises(ValueError, match=r"\(4, 4, 3\) and mask \(4, 5\)"):
            visualize.apply_mask(np.zeros((4, 4, 3)), np.zeros((4, 5)), (1, 0, 0))

    def test_draw_box(self):
        image = np.zeros((12, 12, 3), np.uint8)
        assert visualize.draw_box(image, [2, 3, 8, 9], (255, 0, 0)) is image
        expected = np.zeros((12, 12), bool)
        expected[2:10, 3:11] = True
        expected[4:8, 5:9] = False
        assert np.array_equal(image[..., 0] == 255, expected)
        assert not image[..., 1:].any()

    @pytest.mark.parametrize(
        ("image", "value"),
        [
            (np.full((3, 4), 7, np.uint8), 7),
            (np.full((3, 4, 1), 0.2), 51),
            (np.full((3, 4, 4), 300.0), 255),
            (np.ones((3, 4), bool), 255),
        ],
    )
    def test_as_rgb(self, image, value):
        rgb = drawing.as_rgb(image)
        assert rgb.shape == (3, 4, 3) and rgb.dtype == np.uint8 and (rgb == value).all()

    def test_as_rgb_names_the_shape(self):
        with pytest.raises(ValueError, match=r"\(3, 4, 2\)"):
            drawing.as_rgb(np.zeros((3, 4, 2)))

    def test_outlines_follow_the_mask(self):
        image = np.zeros((20, 20, 3), np.uint8)
        masks = np.zeros((20, 20, 2), bool)
        masks[0:5, 10:20, 0] = True  # touches the border; the second mask is empty
        first, second = drawing.blend_masks(image, masks, [(1, 0, 0), (0, 1, 0)])
        assert second == []
        assert len(first) == 1
        x, y = first[0].T
        assert (x.min(), x.max(), y.min(), y.max()) == (9.5, 19.5, -0.5, 4.5)
        assert (image[..., 0] == 128).sum() == 50 and not image[..., 1:].any()


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
        # As in the reference, the outlines stay.
        assert not ax.patches and len(ax.collections) == 1
        assert (ax.images[0].get_array() == 100).all()

    def test_masks_may_be_none(self):
        image, boxes, _, class_ids, _ = three_instances()
        ax = visualize.display_instances(image, boxes, None, class_ids, NAMES)
        assert len(ax.patches) == 3 and not ax.collections

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


class TestComparison:
    def truth_and_result(self):
        """Detections, weakest first: a wrong class, a cat a little off, padding."""
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

    def test_compare_on_axes_that_there_are(self):
        figure, axes = plt.subplots(1, 2, figsize=(6, 2))
        same = visualize.compare(*self.truth_and_result(), NAMES, axes=axes)
        assert same is figure and figure.axes == list(axes)
        heading = axes[1].get_title()
        assert heading.replace("\n", " ").startswith("Detections: 2 (1 without a match, in white)")
        # Where axes are narrow the heading has lines, none of them wider than its axes.
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

    def test_compare_drops_captions_that_would_cover(self):
        _, truth, result = self.truth_and_result()
        wide = np.zeros((60, 2000, 3), np.uint8)
        for side in (truth, result):
            side["masks"] = np.pad(side["masks"], [(0, 0), (0, 2000 - 80), (0, 0)])
        figure = visualize.compare(wide, truth, result, ["BG", "cat"])
        assert texts(figure.axes[1]) == []

    def test_the_size_and_resolution_of_a_figure(self):
        image, boxes, masks, class_ids, scores = three_instances()
        names = ["BG", "cat", "dog"]
        truth = {"rois": boxes, "class_ids": class_ids, "masks": masks}
        result = {**truth, "scores": scores}
        figure = visualize.compare(image, truth, result, names, figsize=(6, 4), dpi=50)
        assert tuple(figure.get_size_inches()) == (6, 4) and figure.dpi == 50
        figure = visualize.display_images([image, image], figsize=(5, 2), dpi=40)
        assert tuple(figure.get_size_inches()) == (5, 2) and figure.dpi == 40
        ax = visualize.display_instances(image, boxes, masks, class_ids, names, dpi=30)
        assert ax.figure.dpi == 30

    def test_compare_with_nothing_detected(self, tmp_path):
        image, truth, result = self.truth_and_result()
        result = {"rois": np.zeros((0, 4), int), "class_ids": np.zeros(0, int),
                  "scores": np.zeros(0), "masks": np.zeros((60, 80, 0), bool)}  # fmt: skip
        path = tmp_path / "none.png"
        figure = visualize.compare(image, truth, result, NAMES, save_to=path)
        assert figure.axes[1].get_title() == "Detections: 0"
        assert written(path)

    def test_plot_overlaps(self):
        overlaps = np.array([[0.9, 0.0], [0.2, 0.7]])
        ax = visualize.plot_overlaps([1, 2, 0], [1, 1, 0], [0.9, 0.8, 0.0], overlaps, NAMES)
        assert texts(ax) == ["0.90\nmatch", "0.00", "0.20", "0.70\nwrong"]
        assert [t.get_text() for t in ax.get_yticklabels()] == ["cat 0.90", "cat 0.80"]
        assert [t.get_text() for t in ax.get_xticklabels()] == ["cat", "dog"]

    def test_plot_overlaps_with_nothing_detected(self):
        ax = visualize.plot_overlaps([1, 2], [], [], np.zeros((0, 2)), NAMES)
        assert texts(ax) == [] and [t.get_text() for t in ax.get_xticklabels()] == ["cat", "dog"]

    def test_plot_overlaps_names_the_shape(self):
        with pytest.raises(ValueError, match=r"\(2, 3\): it must be \(1, 2\)"):
            visualize.plot_overlaps([1, 2], [1, 0], [0.9, 0.0], np.zeros((2, 3)), NAMES)

    def test_plot_precision_recall(self):
        ax = visualize.plot_precision_recall(0.75, [1.0, 1.0, 0.5], [0.0, 0.5, 1.0])
        assert "AP = 0.750" in ax.get_title()
        assert ax.lines[0].get_xydata().tolist() == [[0.0, 1.0], [0.5, 1.0], [1.0, 0.5]]


class TestInspection:
    def test_draw_boxes(self):
        image, boxes, masks, _, _ = three_instances()
        ax = visualize.draw_boxes(
            image, boxes, boxes + 1, masks, ["a", "b", "", "d"], [0, 1, 2, 2], title="t"
        )
        assert [p.get_linestyle() for p in ax.patches[::2]] == [
            "dotted",
            "dotted",
            "solid",
            "solid",
        ]
        assert ax.patches[0].get_edgecolor()[:3] == matplotlib.colors.to_rgb("gray")
        assert texts(ax) == ["a", "b", "d"]
        assert len(ax.lines) == 3  # the fourth box is padding, its refinement is not
        assert ax.get_ylim() == (65.5, -6.5)
        assert (ax.images[0].get_array()[15, 15] != 100).any()

    def test_draw_boxes_refined_only(self):
        image, boxes, _, _, _ = three_instances()
        ax = plt.subplots()[1]
        assert visualize.draw_boxes(image, refined_boxes=boxes[:2], ax=ax) is ax
        assert len(ax.patches) == 2 and ax.patches[0].get_linestyle() == "solid"

    def test_draw_boxes_errors(self):
        image, boxes, _, _, _ = three_instances()
        with pytest.raises(ValueError, match="both None"):
            visualize.draw_boxes(image)
        with pytest.raises(ValueError, match="4 boxes, 2 refined_boxes"):
            visualize.draw_boxes(image, boxes, boxes[:2])
        with pytest.raises(ValueError, match=r"visibilities\[1\] is 3"):
            visualize.draw_boxes(image, boxes[:2], visibilities=[1, 3])

    def test_draw_rois(self, capsys):
        image, boxes, _, _, _ = three_instances()
        refined = boxes + np.array([1, 1, -1, -1])
        ax = visualize.draw_rois(image, boxes, refined, np.ones((4, 28, 28)), [1, 0, 2, 1], NAMES)
        assert [p.get_linestyle() for p in ax.patches] == ["dashed"] * 3 + ["solid"] * 2
        assert texts(ax) == ["cat", "dog"] and len(ax.lines) == 2
        tinted = (ax.images[0].get_array() != 100).any(axis=-1)
        assert tinted[10:20, 10:25].all() and tinted[10, 70] and not tinted[40, 50]
        assert "Positive ROIs: 2\nNegative ROIs: 1\n" in capsys.readouterr().out

    def test_draw_rois_of_one_class_has_no_captions(self):
        image, boxes, _, _, _ = three_instances()
        ax = visualize.draw_rois(
            image, boxes, boxes, np.ones((4, 28, 28)), [1, 0, 1, 1], ["BG", "cat"]
        )
        assert texts(ax) == []

    def test_draw_rois_limit_is_seeded(self):
        rois = np.array([(i, i, i + 9, i + 9) for i in range(1, 41)])
        drawn = [
            [p.get_xy() for p in visualize.draw_rois(
                np.zeros((60, 60)), rois, rois, np.ones((40, 7, 7)), np.zeros(40, int), NAMES,
                limit=5, seed=seed).patches]
            for seed in (0, 0, 1)
        ]  # fmt: skip
        assert len(drawn[0]) == 5
        assert drawn[0] == drawn[1] != drawn[2]

    def test_display_table_as_text(self, capsys):
        visualize.display_table([["NAME", "N"], ["long name", 12], ["x"]])
        assert capsys.readouterr().out == "NAME       N\nlong name  12\nx\n"

    def test_display_table_without_ipython(self, capsys, monkeypatch):
        real_import = builtins.__import__

        def refuse(name, *args, **kwargs):
            if name.startswith("IPython"):
                raise ImportError(name)
            return real_import(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", refuse)
        visualize.display_table([["a", 1]])
        assert capsys.readouterr().out == "a  1\n"

    def test_display_table_in_a_notebook(self, monkeypatch):
        display = pytest.importorskip("IPython.display")
        shown = []
        monkeypatch.setattr(tables, "_in_notebook", lambda: True)
        monkeypatch.setattr(display, "display", shown.append)
        visualize.display_table([["<a>", 1]])
        assert shown[0].data == "<table><tr><td>&lt;a&gt;</td><td>1</td></tr></table>"

    def test_display_weight_stats(self, capsys):
        values = {
            "conv/kernel": np.array([[-1.0, 3.0]]),
            "conv/bias": np.zeros(2),
            "bn/gamma": np.ones(4),
            "fc/kernel": np.array([2000.0, 0.0]),
            "fc/extra": np.array([np.nan, 0.0]),
        }
        layer = SimpleNamespace(
            weights=[SimpleNamespace(path=path, name="short") for path in values],
            get_weights=lambda: list(values.values()),
        )
        visualize.display_weight_stats(SimpleNamespace(get_trainable_layers=lambda: [layer]))
        lines = capsys.readouterr().out.splitlines()
        assert lines[1].split() == ["conv/kernel", "(1,", "2)", "-1.0000", "+3.0000", "+2.0000"]
        marks = [
            line.split("***")[1].split("  ")[0].strip() if "***" in line else "" for line in lines
        ]
        assert marks == ["", "", "", "dead?", "overflow?", "not finite"]

    def test_display_weight_stats_of_some_layers(self, capsys):
        def layer(name):
            weights = [SimpleNamespace(path=f"{name}/kernel", name="kernel")]
            return SimpleNamespace(name=name, weights=weights, get_weights=lambda: [np.arange(2.0)])

        layers = [layer(name) for name in ("conv1", "conv10", "rpn_conv", "rpn_class")]
        model = SimpleNamespace(get_trainable_layers=lambda: layers)
        visualize.display_weight_stats(model, layers="conv1|rpn_.*")
        names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
        assert names == ["WEIGHT", "conv1/kernel", "rpn_conv/kernel", "rpn_class/kernel"]
        with pytest.raises(ValueError, match="layers is 'con': no layer with weights"):
            visualize.display_weight_stats(model, layers="con")


def figure_calls():
    image, boxes, masks, class_ids, scores = three_instances()
    truth = boxes, class_ids, masks
    found = boxes, class_ids, scores, masks
    mini = np.ones((4, 28, 28))
    return {
        "display_images": ([image, masks[..., 0]],),
        "display_instances": (image, boxes, masks, class_ids, NAMES, scores),
        "display_differences": (image, *truth, *found, NAMES),
        "display_top_masks": (image, masks, class_ids, NAMES),
        "draw_boxes": (image, boxes),
        "draw_rois": (image, boxes, boxes, mini, class_ids, NAMES),
        "plot_overlaps": (class_ids, class_ids, scores, np.eye(3), NAMES),
        "plot_precision_recall": (1.0, [1.0, 1.0], [0.0, 1.0]),
    }


@pytest.mark.parametrize("name", figure_calls())
class TestFigures:
    def test_written_and_closed(self, name, tmp_path):
        path = tmp_path / "figure.png"
        getattr(visualize, name)(*figure_calls()[name], save_to=path)
        assert written(path)

    def test_size_and_resolution(self, name):
        drawn = getattr(visualize, name)(*figure_calls()[name], figsize=(5, 4), dpi=40)
        figure = drawn.figure if isinstance(drawn, plt.Axes) else drawn
        assert tuple(figure.get_size_inches()) == (5, 4) and figure.dpi == 40

    def test_shown_only_where_there_is_a_screen(self, name, monkeypatch):
        shown = []
        monkeypatch.setattr(plt, "show", lambda: shown.append(True))
        getattr(visualize, name)(*figure_calls()[name])
        assert shown == []
        monkeypatch.setattr(matplotlib, "get_backend", lambda: "module://inline")
        getattr(visualize, name)(*figure_calls()[name])
        assert shown == [True]


def test_a_figure_handed_in_is_not_shown(monkeypatch):
    monkeypatch.setattr(matplotlib, "get_backend", lambda: "module://inline")
    monkeypatch.setattr(plt, "show", lambda: pytest.fail("shown"))
    image, boxes, masks, class_ids, _ = three_instances()
    ax = plt.subplots()[1]
    visualize.display_instances(image, boxes, masks, class_ids, NAMES, ax=ax)
    assert plt.get_fignums() == [ax.figure.number]
