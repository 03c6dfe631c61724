"""Figures of dataset images: titles, captions, outlines."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mrcnn import visualize
from mrcnn.augment import CopyPaste, Flips
from mrcnn.instances import InstanceBoxes

from .scenes import Boxes, BoxesOnly, OneClass, SmallConfig, drawn_boxes, outlines, texts


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
        assert "64 x 64 (width x height), 5 channels, uint16 from 0 to 4595" in ax.get_title()
        shown = ax.images[0].get_array()
        assert shown[0, 0].tolist() == [0, 252, 0] and shown[-1, -1].tolist() == [255, 1, 255]

    def test_dark_images_are_brightened_and_the_title_says_so(self):
        class Dark(Boxes):
            def load_image(self, image_id):
                return super().load_image(image_id) // 10

        (ax,) = visualize.display_sample(Dark(), 0, show_mask=False, show_bbox=False).axes
        assert "(width x height), up to 20 of 255 and brightened here\n" in ax.get_title()
        shown = ax.images[0].get_array()
        assert shown[12, 6].tolist() == [255] * 3 and shown[0, 0].tolist() == [0] * 3
        assert shown[40, 40].tolist() == [113] * 3  # from 2..20: (10 - 2) / 18

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


@pytest.mark.usefixtures("no_masks")
class TestSampleOfBoxes:
    def test_title_captions_and_boxes(self):
        (ax,) = visualize.display_sample(BoxesOnly(), 0).axes
        assert ax.get_title().endswith("\n3 instances: 2 cat, 1 dog")
        assert texts(ax) == ["cat", "dog", "cat"]
        assert drawn_boxes(ax)[0] == [(10, 4, 20, 14), (30, 30, 50, 50), (40, 2, 60, 12)]
        assert not ax.collections
        assert np.array_equal(ax.images[0].get_array(), BoxesOnly().load_image(0))

    def test_crowds_are_white_and_dashed(self):
        (ax,) = visualize.display_sample(BoxesOnly(), 1).axes
        assert texts(ax) == ["cat", "cat (crowd)"]
        assert [p.get_linestyle() for p in ax.patches] == ["solid", "dashed"]
        assert drawn_boxes(ax)[1][1] == (1, 1, 1) != drawn_boxes(ax)[1][0]

    def test_as_the_network_sees_it(self):
        (ax,) = visualize.display_sample(BoxesOnly(), 0, SmallConfig()).axes
        assert drawn_boxes(ax)[0] == [(20, 8, 40, 28), (60, 60, 100, 100), (80, 4, 120, 24)]
        assert "the network's input, scaled by 2\n" in ax.get_title()

    def test_an_image_without_instances(self):
        for config in (None, SmallConfig()):
            (ax,) = visualize.display_sample(BoxesOnly(), 2, config).axes
            assert ax.get_title().endswith("\nno instances") and not ax.patches

    def test_many_are_drawn_without_captions(self):
        class Many(BoxesOnly):
            INSTANCES = OneClass.INSTANCES

        (ax,) = visualize.display_sample(Many(), 0).axes
        assert len(ax.patches) == 50 and not texts(ax)
        (ax,) = visualize.display_sample(Many(), 0, show_bbox=False).axes
        assert not ax.patches

    def test_boxes_of_another_size(self):
        dataset = BoxesOnly()
        dataset.load_boxes = lambda _: (InstanceBoxes([[1, 1, 9, 9]], (32, 64)), np.array([1]))
        with pytest.raises(ValueError, match=r"image 0 \(folder/0.png\): its boxes are 32x64 pix"):
            visualize.display_sample(dataset, 0)


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

    def test_instances_out_of_sight_leave_the_other_colours_unchanged(self):
        def drop_first(image, masks):
            return image, masks * (np.arange(masks.shape[-1]) > 0)

        plain, changed = visualize.display_augmented(
            Boxes(), SmallConfig(), drop_first, [0], cols=2
        ).axes
        assert changed.get_title() == "augmented, 2 of 3 instances"
        assert outlines(changed)[1] == outlines(plain)[1][1:]

    def test_boxes_only(self, no_masks):
        figure = visualize.display_augmented(
            BoxesOnly(), SmallConfig(), Flips(horizontal=1), image_ids=[0, 1], cols=2
        )
        assert [ax.get_title() for ax in figure.axes] == [
            "image 0, 3 instances", "augmented, 3 of 3 instances",
            "image 1, 2 instances", "augmented, 2 of 2 instances",
        ]  # fmt: skip
        plain, flipped = figure.axes[:2]
        assert outlines(plain)[0] == [(20, 8, 40, 28), (60, 60, 100, 100), (80, 4, 120, 24)]
        assert outlines(flipped)[0][0] == (20, 128 - 28, 40, 128 - 8)
        assert outlines(plain)[1] == outlines(flipped)[1]
        assert np.array_equal(
            plain.images[0].get_array()[:, ::-1], flipped.images[0].get_array()
        )  # untinted

    def test_boxes_out_of_sight_leave_the_other_colours_unchanged(self):
        def upper_half(image, masks):
            return image, masks * (np.arange(128) < 58)[:, None, None]

        plain, changed = visualize.display_augmented(
            BoxesOnly(), SmallConfig(), upper_half, [0], cols=2
        ).axes
        assert changed.get_title() == "augmented, 1 of 3 instances"
        assert outlines(changed) == ([(20, 8, 40, 28)], outlines(plain)[1][:1])

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

    def test_pasted_instances_have_outlines(self):
        figure = visualize.display_augmented(
            Boxes(), SmallConfig(), CopyPaste(chosen=1), image_ids=[0], cols=9
        )
        plain, *pasted = figure.axes
        own, other = outlines(plain)[0], outlines(visualize.display_sample(Boxes(), 1).axes[0])[0]
        cat = tuple(2 * side for side in other[0])  # the other one is a crowd
        assert cat not in own
        # Image 1 has an instance to paste; images 2 and 3 have none.
        assert {ax.get_title() for ax in pasted} <= {f"augmented, {n} instances" for n in (3, 4)}
        for ax in pasted:
            assert (cat in outlines(ax)[0]) == (outlines(ax)[0] != own)
        assert any(cat in outlines(ax)[0] for ax in pasted)

    def test_training_sizes_are_shown(self):
        config = SmallConfig()
        config.TRAIN_MIN_DIMS = [32]
        for augmentation in (None, Flips(horizontal=0)):
            plain, small = visualize.display_augmented(
                Boxes(), config, augmentation, [0], cols=2
            ).axes
            assert outlines(plain)[0][0] == (20, 8, 40, 28)
            # 64 pixels become 32, from 48 on.
            assert outlines(small)[0][0] == (48 + 5, 48 + 2, 48 + 10, 48 + 7)
            assert not np.asarray(small.images[0].get_array())[:48].any()

    def test_images_with_instances_are_preferred(self):
        for seed, dataset in itertools.product(range(4), (Boxes(), BoxesOnly())):
            figure = visualize.display_augmented(
                dataset, SmallConfig(), None, rows=2, cols=1, seed=seed
            )
            assert sorted(ax.get_title()[:7] for ax in figure.axes) == ["image 0", "image 1"]
        assert len(visualize.display_augmented(Boxes(), SmallConfig(), None, cols=1).axes) == 3

    def test_errors(self):
        with pytest.raises(TypeError, match="augmentation is 3"):
            visualize.display_augmented(Boxes(), SmallConfig(), 3)
        with pytest.raises(ValueError, match="no images to show"):
            visualize.display_augmented(Boxes(), SmallConfig(), None, image_ids=[])
