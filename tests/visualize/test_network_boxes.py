"""Boxes before and after refinement, and regions of interest."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from mrcnn import visualize

from .scenes import NAMES, texts, three_instances


def test_draw_boxes():
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
    assert len(ax.lines) == 3  # the fourth box is padding, but its refinement is not
    assert ax.get_ylim() == (59.5, -0.5)  # all boxes are within the image
    assert (ax.images[0].get_array()[15, 15] != 100).any()


def test_draw_boxes_refined_only():
    image, boxes, _, _, _ = three_instances()
    ax = plt.subplots()[1]
    assert visualize.draw_boxes(image, refined_boxes=boxes[:2], ax=ax) is ax
    assert len(ax.patches) == 2 and ax.patches[0].get_linestyle() == "solid"


def test_draw_boxes_errors():
    image, boxes, _, _, _ = three_instances()
    with pytest.raises(ValueError, match="both None"):
        visualize.draw_boxes(image)
    with pytest.raises(ValueError, match="4 boxes, 2 refined_boxes"):
        visualize.draw_boxes(image, boxes, boxes[:2])
    with pytest.raises(ValueError, match=r"visibilities\[1\] is 3"):
        visualize.draw_boxes(image, boxes[:2], visibilities=[1, 3])


def test_draw_rois(capsys):
    image, boxes, _, _, _ = three_instances()
    refined = boxes + np.array([1, 1, -1, -1])
    ax = visualize.draw_rois(image, boxes, refined, np.ones((4, 28, 28)), [1, 0, 2, 1], NAMES)
    assert [p.get_linestyle() for p in ax.patches] == ["dashed"] * 3 + ["solid"] * 2
    assert texts(ax) == ["cat", "dog"] and len(ax.lines) == 2
    tinted = (ax.images[0].get_array() != 100).any(axis=-1)
    assert tinted[10:20, 10:25].all() and tinted[10, 70] and not tinted[40, 50]
    assert "Positive ROIs: 2\nNegative ROIs: 1\n" in capsys.readouterr().out


def test_draw_rois_of_one_class_has_no_captions():
    image, boxes, _, _, _ = three_instances()
    ax = visualize.draw_rois(image, boxes, boxes, np.ones((4, 28, 28)), [1, 0, 1, 1], ["BG", "cat"])
    assert texts(ax) == []


def test_draw_rois_limit_is_seeded():
    rois = np.array([(i, i, i + 9, i + 9) for i in range(1, 41)])
    drawn = [
        [p.get_xy() for p in visualize.draw_rois(
            np.zeros((60, 60)), rois, rois, np.ones((40, 7, 7)), np.zeros(40, int), NAMES,
            limit=5, seed=seed).patches]
        for seed in (0, 0, 1)
    ]  # fmt: skip
    assert len(drawn[0]) == 5
    assert drawn[0] == drawn[1] != drawn[2]


def test_draw_rois_without_masks():
    image, boxes, _, _, _ = three_instances()
    refined = boxes + np.array([1, 1, -1, -1])
    ax = visualize.draw_rois(image, boxes, refined, None, [1, 0, 2, 1], NAMES)
    assert [p.get_linestyle() for p in ax.patches] == ["dashed"] * 3 + ["solid"] * 2
    assert texts(ax) == ["cat", "dog"]
    assert (ax.images[0].get_array() == 100).all()
    with pytest.raises(ValueError, match="4 rois, 4 refined_rois, 3 class_ids"):
        visualize.draw_rois(image, boxes, refined, None, [1, 0, 2], NAMES)


def test_a_margin_as_wide_as_boxes_need():
    image = np.zeros((60, 80, 3), np.uint8)
    for boxes, margin in (
        ([[-3, 10, 20, 30]], 3),
        ([[5, 10, 62, 30]], 2),
        ([[5, 60, 20, 84]], 4),
        ([[5, -50, 20, 30]], 6),  # at most a tenth of the height
        (np.zeros((0, 4)), 0),
    ):
        ax = visualize.draw_boxes(image, refined_boxes=boxes)
        assert ax.get_ylim() == (59.5 + margin, -0.5 - margin)
        assert ax.get_xlim() == (-0.5 - margin, 79.5 + margin)
