"""Every figure has the same three options, and is finished in the same way."""

import inspect
import io

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from mrcnn import visualize
from mrcnn.anchors.pyramid import pyramid_anchors
from mrcnn.augment import Flips
from mrcnn.visualize.figures import finish, inches_of, native_axes, new_figure, panel_rows

from .scenes import NAMES, Boxes, SmallConfig, three_instances, was_written

FIGURES = [
    name
    for name, function in vars(visualize).items()
    if inspect.isfunction(function) and "save_to" in inspect.signature(function).parameters
]

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


def test_there_are_figures():
    assert len(FIGURES) > 15


@pytest.mark.parametrize("name", FIGURES)
def test_each_has_a_size_and_a_resolution(name):
    parameters = inspect.signature(getattr(visualize, name)).parameters
    assert parameters["dpi"].kind is inspect.Parameter.KEYWORD_ONLY
    assert parameters["dpi"].default is None
    if name != "display_instances":  # matterport's Mask_RCNN has a default size there
        assert parameters["figsize"].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters["figsize"].default is None


def test_the_usual_size_and_another():
    usual = new_figure(((4, 3), 50))
    assert tuple(usual.get_size_inches()) == (4, 3) and usual.dpi == 50
    other = new_figure(((4, 3), 50), figsize=(2, 1), dpi=70)
    assert tuple(other.get_size_inches()) == (2, 1) and other.dpi == 70
    assert plt.get_fignums() == [usual.number, other.number]


def test_rows_of_panels_have_no_gaps_and_titles_keep_clear():
    shapes = [[(90, 60), (70, 70), (60, 120)], [(100, 50), (50, 100)]]
    axes = panel_rows(shapes, 3, (12, None))
    for ax, shape in zip(axes.flat, [*shapes[0], *shapes[1]], strict=False):
        ax.imshow(np.zeros(shape))
        ax.set_title("title")
    figure = axes[0, 0].figure
    figure.draw_without_rendering()
    boxes = [[ax.get_window_extent() for ax in row] for row in axes]
    assert np.ptp([box.height for box in boxes[0]]) < 2
    assert sum(box.width for box in boxes[0]) > 0.94 * figure.bbox.width
    assert boxes[1][0].height == pytest.approx(boxes[1][1].height, abs=2)
    title = axes[1, 0].title.get_window_extent()
    assert boxes[0][0].y0 - title.y1 > 0.08 * figure.dpi  # inches below the row above
    assert not axes[1, 2].axison


def test_a_figure_that_is_only_written_opens_no_window():
    file = io.BytesIO()
    figure = new_figure(((4, 3), 50), save_to=file)
    assert plt.get_fignums() == []
    figure.subplots()
    assert finish(figure, created=True, save_to=file) is figure
    assert file.getvalue().startswith(b"\x89PNG")


def test_size_and_resolution_of_arrays():
    figure = new_figure(((4, 3), 50), figsize=np.array([2.0, 1.0]), dpi=np.int64(30))
    assert tuple(figure.get_size_inches()) == (2, 1) and figure.dpi == 30


def test_a_figure_within_a_figure(tmp_path):
    image, box = np.zeros((20, 30)), [[5, 5, 10, 10]]
    for layout in (None, "constrained"):
        outer = plt.figure(figsize=(8, 3), layout=layout)
        left, right = outer.subfigures(1, 2)
        assert inches_of(left.subplots()) == pytest.approx(4, rel=0.25)
        ax = right.subplots()
        path = tmp_path / f"{layout}.png"
        visualize.display_instances(image, box, None, [1], ["BG", "cat"], ax=ax, save_to=path)
        assert path.stat().st_size > 1000


def test_inches_of_axes():
    figure = new_figure(((9, 3), 50))
    axes = figure.subplots(1, 3)
    assert inches_of(axes[0]) == pytest.approx(3)
    figure.draw_without_rendering()
    assert axes[0].bbox.width / figure.dpi == pytest.approx(3, rel=0.25)  # excludes the labels
    narrow, wide = new_figure(((9, 3), 50)).subplots(1, 2, width_ratios=[1, 2])
    assert (inches_of(narrow), inches_of(wide)) == pytest.approx((3, 6))
    plain = plt.figure(figsize=(10, 4)).add_axes([0.1, 0.1, 0.5, 0.8])
    assert inches_of(plain) == pytest.approx(5)


@pytest.mark.parametrize("name", SIGNATURES)
def test_positional_signature_matches_the_reference(name):
    parameters = inspect.signature(getattr(visualize, name)).parameters.values()
    positional = [
        str(p.replace(annotation=p.empty)) for p in parameters if p.kind is not p.KEYWORD_ONLY
    ]
    assert ", ".join(positional) == SIGNATURES[name]


def test_the_size_and_resolution_of_a_figure():
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


def figure_calls():
    image, boxes, masks, class_ids, scores = three_instances()
    truth = boxes, class_ids, masks
    found = boxes, class_ids, scores, masks
    mini = np.ones((4, 28, 28))
    return {
        "display_images": ([image, masks[..., 0]],),
        "display_instances": (image, boxes, masks, class_ids, NAMES, scores),
        "display_differences": (image, *truth, *found, NAMES),
        "display_keypoints": (image, [[[10, 40, 0.9], [30, 30, 0.8]]], [(0, 1)]),
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
        assert was_written(path)

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


def native_calls():
    """For each figure of images: its arguments and the size of the PNG, (height, width)."""
    image, boxes, masks, class_ids, scores = three_instances()  # 60 x 80
    truth = {"rois": boxes, "class_ids": class_ids, "masks": masks}
    found = {**truth, "scores": scores}
    tall = np.zeros((90, 31), np.uint8)
    empty = {"rois": np.zeros((0, 4)), "class_ids": [], "masks": np.zeros((90, 31, 0))}
    samples = [(image, truth, found), (tall, empty, {**empty, "scores": np.zeros(0)})]
    calls = figure_calls()
    dataset, config = Boxes(), SmallConfig()
    return {
        "compare": ((image, truth, found, NAMES), (60, 160)),
        "display_augmented": ((dataset, config, Flips(), [0, 1], 2, 3), (256, 384)),
        "display_batch": ((batch(), config, NAMES), (128, 192)),
        "display_differences": (calls["display_differences"], (60, 80)),
        "display_images": (([image, tall, image], None, 2), (150, 111)),
        "display_instances": (calls["display_instances"], (60, 80)),
        "display_keypoints": (calls["display_keypoints"], (60, 80)),
        "display_sample": ((dataset, 0, config), (128, 128)),
        "display_top_masks": (calls["display_top_masks"], (60, 240)),
        "draw_boxes": (calls["draw_boxes"], (60, 80)),
        "draw_predictions": ((samples, NAMES), (90, 222)),
        "draw_rois": (calls["draw_rois"], (60, 80)),
    }


def batch():
    images = np.zeros((3, 64, 64, 3), np.float32)
    return {
        "input_image": images,
        "input_image_meta": np.ones((3, 12 + 4)),
        "input_gt_class_ids": np.zeros((3, 2), int),
        "input_gt_boxes": np.zeros((3, 2, 4)),
        "input_rpn_match": np.zeros((3, len(pyramid_anchors(SmallConfig(), (64, 64))), 1)),
    }


class TestNative:
    @pytest.mark.parametrize("name", native_calls())
    def test_a_picture_has_the_pixels_of_its_images(self, name, tmp_path):
        arguments, size = native_calls()[name]
        path = tmp_path / "figure.png"
        getattr(visualize, name)(*arguments, native=True, save_to=path)
        assert plt.imread(path).shape[:2] == size
        assert plt.get_fignums() == []

    def test_every_figure_of_images_has_the_option(self):
        charts = {name for name in FIGURES if name.startswith("plot_")}
        assert set(FIGURES) - charts == set(native_calls())

    @pytest.mark.parametrize("dpi", [None, 72, 300])
    @pytest.mark.parametrize("size", [(300, 400), (37, 401), (511, 333), (1, 2)])
    def test_pixels_are_those_of_the_image(self, size, dpi, tmp_path):
        image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
        path = tmp_path / "figure.png"
        with matplotlib.rc_context({"savefig.bbox": "tight", "savefig.dpi": 77}):
            visualize.draw_boxes(
                image, np.zeros((0, 4)), title="left out", native=True, dpi=dpi, save_to=path
            )
        saved = np.rint(plt.imread(path)[..., :3] * 255)
        assert np.array_equal(saved, image)

    def test_a_box_is_where_it_belongs(self, tmp_path):
        path, black = tmp_path / "box.png", np.zeros((50, 60, 3), np.uint8)
        visualize.display_instances(
            black, [[10, 20, 30, 50]], None, [1], NAMES, captions=[""], native=True, save_to=path
        )
        rows, columns = np.nonzero(plt.imread(path)[..., :3].max(axis=2) > 0.5)
        assert abs(np.array([rows.min(), rows.max() + 1]) - [10, 30]).max() <= 1
        assert abs(np.array([columns.min(), columns.max() + 1]) - [20, 50]).max() <= 1

    def test_panels_side_by_side(self, tmp_path):
        first = np.full((20, 30, 3), 200, np.uint8)
        second = np.full((10, 40, 3), 100, np.uint8)
        path = tmp_path / "panels.png"
        visualize.display_images([first, second], ["a", "b"], native=True, save_to=path)
        saved = np.rint(plt.imread(path)[..., :3] * 255)
        assert saved.shape[:2] == (20, 70)
        assert (saved[:, :30] == 200).all() and (saved[:10, 30:] == 100).all()
        assert (saved[10:, 30:] == 255).all()

    def test_shown_without_a_file(self):
        ax = visualize.display_instances(*figure_calls()["display_instances"], native=True)
        assert ax.figure.bbox.size.astype(int).tolist() == [80, 60]
        assert native_axes([[(20, 30)]], dpi=50)[0, 0].figure.dpi == 50

    @pytest.mark.parametrize("name", ["display_instances", "display_differences", "draw_boxes"])
    def test_not_on_given_axes(self, name):
        ax = plt.subplots()[1]
        with pytest.raises(ValueError, match=r"native is True, and axes are given: .*Leave out"):
            getattr(visualize, name)(*figure_calls()[name], ax=ax, native=True)

    def test_not_on_a_given_pair_of_axes(self):
        arguments, _ = native_calls()["compare"]
        with pytest.raises(ValueError, match="native is True, and axes are given"):
            visualize.compare(*arguments, axes=plt.subplots(1, 2)[1], native=True)


def dataset_calls():
    dataset, config = Boxes(), SmallConfig()
    return {
        "display_sample": (dataset, 0),
        "display_augmented": (dataset, config, Flips()),
        "plot_classes": (dataset,),
        "plot_sizes": (dataset, config),
        "plot_anchor_coverage": (dataset, config),
    }


@pytest.mark.parametrize("name", dataset_calls())
class TestFiguresOfDatasets:
    def test_written_and_closed(self, name, tmp_path):
        path = tmp_path / "figure.png"
        getattr(visualize, name)(*dataset_calls()[name], save_to=path)
        assert np.ptp(plt.imread(path)[..., :3]) > 0 and plt.get_fignums() == []

    def test_a_dataset_without_instances(self, name, tmp_path):
        class Empty(Boxes):
            INSTANCES = ([], [])

        arguments = [Empty() if isinstance(a, Boxes) else a for a in dataset_calls()[name]]
        getattr(visualize, name)(*arguments, save_to=tmp_path / "empty.png")

    def test_shown_only_where_there_is_a_screen(self, name, monkeypatch):
        monkeypatch.setattr(plt, "show", lambda: None)
        assert isinstance(getattr(visualize, name)(*dataset_calls()[name]), plt.Figure)
        monkeypatch.setattr(matplotlib, "get_backend", lambda: "module://inline")
        assert getattr(visualize, name)(*dataset_calls()[name]) is None


def test_a_figure_passed_in_is_not_shown(monkeypatch):
    monkeypatch.setattr(matplotlib, "get_backend", lambda: "module://inline")
    monkeypatch.setattr(plt, "show", lambda: pytest.fail("the figure was shown"))
    image, boxes, masks, class_ids, _ = three_instances()
    ax = plt.subplots()[1]
    visualize.display_instances(image, boxes, masks, class_ids, NAMES, ax=ax)
    assert plt.get_fignums() == [ax.figure.number]
