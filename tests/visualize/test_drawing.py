"""Colours, and drawing into pixels."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mrcnn import visualize
from mrcnn.visualize import drawing


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

    def test_colors_stand_out_from_the_image(self):
        boxes = np.arange(8)[:, None] * 10 + [0, 0, 9, 9]
        purple, white = (0.35, 0.1, 0.5), (1.0, 1.0, 1.0)
        on_purple = drawing.neighbor_colors(boxes, [purple] * 8)
        assert min(np.dot(color, (0.3, 0.6, 0.1)) for color in on_purple) > 0.3
        assert len(set(on_purple)) > 3
        on_white = drawing.neighbor_colors(boxes, [white] * 8)
        assert max(np.dot(color, (0.3, 0.6, 0.1)) for color in on_white) < 0.7
        assert drawing.neighbor_colors(boxes)[0] == drawing.random_colors(1)[0]
        assert drawing.neighbor_colors(np.zeros((0, 4)), np.zeros((0, 3))) == []


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

    def test_apply_mask_in_a_16_bit_image(self):
        image = np.full((2, 2, 3), 1000, np.uint16)
        image[1, 1] = 4000
        visualize.apply_mask(image, np.eye(2) == [[1], [0]], (1, 0, 0))
        assert image[0, 0].tolist() == [2500, 500, 500]
        assert image[0, 1].tolist() == [1000] * 3 and image[1, 1].tolist() == [4000] * 3

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


class TestRaggedMasks:
    """Noise, such as an untrained network's masks, does not hide the image."""

    def masks(self):
        masks = np.zeros((60, 60, 3), bool)
        masks[..., 0] = np.random.default_rng(0).random((60, 60)) > 0.5
        masks[10:50, 10:50, 1] = True
        masks[20:40, 10:50:10, 1] = False  # a comb is not noise
        return masks

    def test_faint_tint_and_hairlines(self):
        image = np.full((60, 60, 3), 200, np.uint8)
        masks = self.masks()
        outlines = drawing.blend_masks(image, masks, [(0, 0, 0)] * 3)
        assert [drawing.is_ragged(outline) for outline in outlines] == [True, False, False]
        only_noise = masks[..., 0] & ~masks[..., 1]
        assert (image[only_noise] == 160).all()  # a fifth of black; a half where it is solid
        assert (image[masks[..., 1] & ~masks[..., 0]] == 100).all()
        ax = plt.subplots()[1]
        drawing.add_outlines(ax, outlines, ["black"] * 3, 1.0)
        hairlines, lines = ax.collections
        assert hairlines.get_linewidths() < 0.5 and not hairlines.get_path_effects()
        assert lines.get_linewidths() == 1 and len(lines.get_path_effects()) == 1

    def test_the_image_remains_visible(self):
        ax = plt.figure(figsize=(3, 3)).add_axes((0, 0, 1, 1))
        image = np.full((60, 60, 3), 200, np.uint8)
        outlines = drawing.blend_masks(image, self.masks()[..., :1], [(0, 0, 0)])
        ax.imshow(image)
        drawing.add_outlines(ax, outlines, ["black"], 1.0)
        ax.figure.canvas.draw()
        pixels = np.asarray(ax.figure.canvas.buffer_rgba())[..., :3]
        assert (pixels > 120).mean() > 0.6 and pixels.mean() > 120


class TestBoxes:
    def test_a_box_alone_is_heavier_and_opaque(self):
        ax = plt.subplots()[1]
        for alone in (False, True):
            drawing.add_box(ax, (2, 3, 8, 9), "red", 2, "dashed", alpha=0.7, alone=alone)
        beside, alone = ax.patches
        assert (beside.get_linewidth(), beside.get_alpha()) == (2, 0.7)
        assert (alone.get_linewidth(), alone.get_alpha()) == (3, 1)
        assert not beside.get_path_effects() and len(alone.get_path_effects()) == 1
        assert alone.get_linestyle() == "dashed"
        assert beside.get_bbox().extents.tolist() == alone.get_bbox().extents.tolist()

    @pytest.mark.parametrize(
        ("counts", "message"),
        [
            ({"boxes": 3, "class_ids": 2}, "Got 3 boxes, 2 class_ids: their counts must be equal$"),
            ({"boxes": 3, "masks": 2}, r"2 masks: .* equal \(masks are \[H, W, N\]\)$"),
            ({"boxes": 3, "masks": None, "class_ids": 1}, "Got 3 boxes, 1 class_ids: .* equal$"),
        ],
    )
    def test_counts_that_differ(self, counts, message):
        with pytest.raises(ValueError, match=message):
            drawing.check_counts(**counts)
