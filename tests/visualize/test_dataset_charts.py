"""What the figures of a data set say: titles, counts, outlines; and that none is left open."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from mrcnn import visualize
from mrcnn.anchors.coverage import anchor_coverage
from mrcnn.augment import Flips
from mrcnn.config import Config
from mrcnn.datasets.dataset import Dataset
from mrcnn.visualize.dataset_images import as_picture


@pytest.fixture(autouse=True)
def no_figure_leaks():
    plt.close("all")
    yield
    plt.close("all")


class SmallConfig(Config):
    NAME = "small"
    NUM_CLASSES = 4
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    MAX_GT_INSTANCES = 2
    RPN_ANCHOR_SCALES = (32, 64, 128, 256, 512)


CAT, DOG, CROWD = 1, 2, -1


class Boxes(Dataset):
    """Images of 64x64 whose instances are boxes: one bright square a cat, dim ones the rest."""

    INSTANCES = (
        [(CAT, (10, 4, 20, 14)), (DOG, (30, 30, 50, 50)), (CAT, (40, 2, 60, 12))],
        [(CAT, (5, 5, 15, 15)), (CROWD, (30, 0, 60, 64))],
        [],
    )

    def __init__(self):
        super().__init__()
        for i, name in enumerate(("cat", "dog", "owl"), 1):
            self.add_class("shapes", i, name)
        for i in range(len(self.INSTANCES)):
            self.add_image("shapes", f"id{i}", path=f"folder/{i}.png")
        self.prepare()

    def load_image(self, image_id):
        image = np.full((64, 64, 3), 20, np.uint8)
        for class_id, (y1, x1, y2, x2) in self.INSTANCES[image_id]:
            image[y1:y2, x1:x2] = 200 if class_id == CAT else 100
        return image

    def load_mask(self, image_id):
        instances = self.INSTANCES[image_id]
        masks = np.zeros((64, 64, len(instances)), bool)
        for i, (_, (y1, x1, y2, x2)) in enumerate(instances):
            masks[y1:y2, x1:x2, i] = True
        return masks, np.array([class_id for class_id, _ in instances], np.int32)


class OneClass(Boxes):
    """Cats only, 50 of them in the first image."""

    INSTANCES = (
        [(CAT, (y, x, y + 4, x + 4)) for y in range(0, 60, 6) for x in range(0, 30, 6)],
        [(CAT, (8, 8, 24, 24))],
    )

    def __init__(self):
        super().__init__()
        self.class_info = self.class_info[:2]
        self.prepare()


def texts(ax):
    return [text.get_text() for text in ax.texts]


def outlines(ax):
    """(y1, x1, y2, x2) of each outline on the axes, and its colour."""
    (lines,) = ax.collections
    ends = [(*line.min(axis=0)[::-1] + 0.5, *line.max(axis=0)[::-1] + 0.5) for line in (
        np.asarray(segment) for segment in lines.get_segments())]  # fmt: skip
    return [tuple(map(float, box)) for box in ends], [tuple(c[:3]) for c in lines.get_colors()]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


class TestSample:
    def test_title_captions_boxes_and_outlines(self):
        (ax,) = visualize.display_sample(Boxes(), 0).axes
        assert ax.get_title().splitlines() == [
            "image 0: shapes.id0",
            "folder/0.png",
            "64 x 64 (width x height)",
            "3 instances: 2 cat, 1 dog",
        ]
        assert texts(ax) == ["cat", "dog", "cat"]
        expected = [(10, 4, 20, 14), (30, 30, 50, 50), (40, 2, 60, 12)]
        assert outlines(ax)[0] == expected
        assert [p.get_bbox().extents.tolist() for p in ax.patches] == [
            [x1 - 0.5, y1 - 0.5, x2 - 0.5, y2 - 0.5] for y1, x1, y2, x2 in expected
        ]
        shown = ax.images[0].get_array()
        color = np.array(outlines(ax)[1][1]) * 255
        np.testing.assert_allclose(shown[40, 40], 0.6 * 100 + 0.4 * color, atol=1)
        assert shown[0, 0].tolist() == [20, 20, 20]

    def test_masks_can_be_left_clear(self):
        (ax,) = visualize.display_sample(Boxes(), 0, show_mask=False, show_bbox=False).axes
        assert ax.images[0].get_array()[40, 40].tolist() == [100, 100, 100]
        assert not ax.patches and len(outlines(ax)[0]) == 3

    def test_crowds_are_white_and_dashed(self):
        (ax,) = visualize.display_sample(Boxes(), 1).axes
        assert texts(ax) == ["cat", "cat (crowd)"]
        assert [p.get_linestyle() for p in ax.patches] == ["solid", "dashed"]
        assert outlines(ax)[1][1] == (1, 1, 1) != outlines(ax)[1][0]
        assert "2 instances: 1 cat, 1 cat (crowd)" in ax.get_title()

    def test_as_the_network_sees_it(self):
        (ax,) = visualize.display_sample(Boxes(), 0, SmallConfig()).axes
        assert ax.images[0].get_array().shape == (128, 128, 3)
        assert outlines(ax)[0] == [(20, 8, 40, 28), (60, 60, 100, 100), (80, 4, 120, 24)]
        assert "128 x 128 (width x height): the network's input, scaled by 2\n" in ax.get_title()

    def test_an_image_without_instances(self):
        (ax,) = visualize.display_sample(Boxes(), 2).axes
        assert ax.get_title().endswith("\nno instances") and not ax.patches

    def test_many_of_one_class(self):
        (ax,) = visualize.display_sample(OneClass(), 0).axes
        assert ax.get_title().endswith("\n50 cat")
        assert not texts(ax) and not ax.patches and len(outlines(ax)[0]) == 50
        (ax,) = visualize.display_sample(OneClass(), 0, show_bbox=True).axes
        assert len(ax.patches) == 50

    def test_deep_images_with_more_channels(self):
        class Deep(Boxes):
            def load_image(self, image_id):
                ramp = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64, 1) + 500
                return np.concatenate([ramp, ramp[::-1], ramp, ramp * 0, ramp], axis=2)

        (ax,) = visualize.display_sample(Deep(), 2).axes
        assert "64 x 64 (width x height), 5 channels, uint16 of 0 to 4595" in ax.get_title()
        shown = ax.images[0].get_array()
        assert shown[0, 0].tolist() == [0, 252, 0] and shown[-1, -1].tolist() == [255, 1, 255]

    def test_long_paths_keep_their_end(self):
        dataset = Boxes()
        dataset.image_info[0]["path"] = "a/" * 200 + "end.png"
        (ax,) = visualize.display_sample(dataset, 0).axes
        lines = ax.get_title().splitlines()
        assert lines[1].startswith("...") and lines[1].endswith("a/end.png")
        assert max(map(len, lines)) == len(lines[1]) == 120

    def test_masks_of_another_size(self):
        dataset = Boxes()
        dataset.load_mask = lambda _: (np.ones((32, 64, 1), bool), np.array([1]))
        with pytest.raises(ValueError, match=r"image 0 \(folder/0.png\): its masks are 32x64 pix"):
            visualize.display_sample(dataset, 0)
        assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (np.full((2, 2), 7, np.uint8), [7, 7, 7]),
        (np.full((2, 2, 2), 9, np.uint8), [9, 9, 0]),
        (np.full((2, 2, 6), 9, np.uint8), [9, 9, 9]),
        (np.array([[[-3.0], [500.0]]]), [0, 0, 0]),  # no range of its own
        (np.full((2, 2, 3), 0.2, np.float32), [51, 51, 51]),
    ],
)
def test_as_picture(image, expected):
    picture = as_picture(image)
    assert picture.dtype == np.uint8 and picture[0, 0].tolist() == expected


class TestAugmented:
    def test_plain_first_then_augmented(self):
        figure = visualize.display_augmented(
            Boxes(), SmallConfig(), Flips(horizontal=1), image_ids=[0, 1], cols=3
        )
        assert [ax.get_title() for ax in figure.axes] == [
            "image 0, 3 instances", *["augmented, 3 of 3 instances"] * 2,
            "image 1, 2 instances", *["augmented, 2 of 2 instances"] * 2,
        ]  # fmt: skip
        plain, flipped, _ = figure.axes[:3]
        assert outlines(plain)[0][0] == (20, 8, 40, 28)
        assert outlines(flipped)[0][0] == (20, 128 - 28, 40, 128 - 8)
        assert outlines(plain)[1] == outlines(flipped)[1]
        pictures = [ax.images[0].get_array() for ax in (plain, flipped)]
        assert np.array_equal(pictures[0][:, ::-1], pictures[1])

    def test_masks_that_stay_behind_are_seen(self):
        def image_only(image, masks):
            return image[:, ::-1], masks

        figure = visualize.display_augmented(Boxes(), SmallConfig(), image_only, [0], cols=2)
        plain, flipped = figure.axes
        assert outlines(plain)[0] == outlines(flipped)[0]
        assert (plain.images[0].get_array() != flipped.images[0].get_array()).any()

    def test_instances_out_of_sight_keep_the_colours_of_the_others(self):
        def drop_first(image, masks):
            return image, masks * (np.arange(masks.shape[-1]) > 0)

        plain, changed = visualize.display_augmented(
            Boxes(), SmallConfig(), drop_first, [0], cols=2
        ).axes
        assert changed.get_title() == "augmented, 2 of 3 instances"
        assert outlines(changed)[1] == outlines(plain)[1][1:]

    def test_samples_follow_from_the_seed(self):
        def noise(image, masks, rng):
            return rng.integers(0, 256, image.shape, np.uint8), masks

        def shown(**options):
            figure = visualize.display_augmented(Boxes(), SmallConfig(), noise, [0], **options)
            return [np.asarray(ax.images[0].get_array()) for ax in figure.axes]

        first, again, other = shown(cols=3), shown(cols=4), shown(cols=3, seed=1)
        assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=False))
        assert not np.array_equal(first[1], first[2])
        assert not np.array_equal(first[1], other[1])

    def test_images_with_instances_are_preferred(self):
        for seed in range(4):
            figure = visualize.display_augmented(
                Boxes(), SmallConfig(), None, rows=2, cols=1, seed=seed
            )
            assert sorted(ax.get_title()[:7] for ax in figure.axes) == ["image 0", "image 1"]
        assert len(visualize.display_augmented(Boxes(), SmallConfig(), None, cols=1).axes) == 3

    def test_errors(self):
        with pytest.raises(TypeError, match="augmentation is 3"):
            visualize.display_augmented(Boxes(), SmallConfig(), 3)
        with pytest.raises(ValueError, match="no images to show"):
            visualize.display_augmented(Boxes(), SmallConfig(), None, image_ids=[])


class TestClasses:
    def bars(self, figure):
        names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        counts = [[bar.get_width() for bar in ax.containers[0]] for ax in figure.axes]
        return list(zip(names, *counts, strict=True))

    def test_instances_and_images(self):
        figure = visualize.plot_classes(Boxes())
        assert figure.get_suptitle() == ("4 instances of 2 of 3 classes, and 1 crowds, in 3 images")
        assert self.bars(figure) == [("cat", 3, 2), ("dog", 1, 1), ("owl", 0, 0)]
        assert texts(figure.axes[0]) == ["3", "1", "0"]
        assert figure.get_supxlabel() == "no instance of: owl"

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
        assert right.get_title() == "median 1, most 3" and not right.lines

    def test_of_the_network_s_input(self):
        left, right = visualize.plot_sizes(Boxes(), SmallConfig()).axes
        assert left.get_title() == "median 24; 90% from 20 to 38 (shaded)"
        assert "network's input" in left.get_xlabel()
        assert "MAX_GT_INSTANCES is 2; images with more: 1" in right.get_title()
        assert right.lines[0].get_xdata()[0] == 2.5

    def test_as_many_as_allowed_are_not_more(self):
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

    def test_of_a_coverage_at_hand(self):
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


def figure_calls():
    dataset, config = Boxes(), SmallConfig()
    return {
        "display_sample": (dataset, 0),
        "display_augmented": (dataset, config, Flips()),
        "plot_classes": (dataset,),
        "plot_sizes": (dataset, config),
        "plot_anchor_coverage": (dataset, config),
    }


@pytest.mark.parametrize("name", figure_calls())
class TestFigures:
    def test_written_and_closed(self, name, tmp_path):
        path = tmp_path / "figure.png"
        getattr(visualize, name)(*figure_calls()[name], save_to=path)
        assert np.ptp(plt.imread(path)[..., :3]) > 0 and plt.get_fignums() == []

    def test_a_data_set_without_instances(self, name, tmp_path):
        class Empty(Boxes):
            INSTANCES = ([], [])

        arguments = [Empty() if isinstance(a, Boxes) else a for a in figure_calls()[name]]
        getattr(visualize, name)(*arguments, save_to=tmp_path / "empty.png")

    def test_shown_only_where_there_is_a_screen(self, name, monkeypatch):
        monkeypatch.setattr(plt, "show", lambda: None)
        assert isinstance(getattr(visualize, name)(*figure_calls()[name]), plt.Figure)
        monkeypatch.setattr(matplotlib, "get_backend", lambda: "module://inline")
        assert getattr(visualize, name)(*figure_calls()[name]) is None
