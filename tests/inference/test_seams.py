"""Which detections of two tiles are the same object."""

import numpy as np
import pytest

from mrcnn.inference.seams import agreements
from mrcnn.inference.tiles import Grid
from mrcnn.inference.views import View

GRID = Grid((20, 50), tile=30, overlap=10)
LEFT, RIGHT = GRID  # columns 0 to 30, and 20 to 50


def view(tile, drawing, class_id=1, column=20):
    """A view of what is drawn with #, from a column of the image on."""
    lines = drawing.split("\n")
    mask = np.array([[c == "#" for c in line.ljust(max(map(len, lines)))] for line in lines])
    (ys, xs) = np.nonzero(mask)
    y1, x1, y2, x2 = ys.min(), xs.min(), ys.max() + 1, xs.max() + 1
    box = (int(y1), int(x1) + column, int(y2), int(x2) + column)
    return View(tile, mask[y1:y2, x1:x2], box, np.array(box), class_id, 0.9, {})


def pairs(left, right, min_iou=0.5, across_classes=False):
    """Indices of the views that are the same object."""
    found = agreements(left, right, min_iou, across_classes)
    return {(left.index(a), right.index(b)) for a, b in found}


def test_only_the_shared_region_counts():
    left = view(LEFT, "#" * 25, column=5)
    right = view(RIGHT, "#" * 20)
    assert pairs([left], [right]) == {(0, 0)}  # all ten columns that both see
    assert pairs([left], [view(RIGHT, "#" * 5)]) == {(0, 0)}
    assert pairs([left], [view(RIGHT, "#" * 4)]) == set()
    assert pairs([left], [view(RIGHT, "#" * 4)], min_iou=0.4) == {(0, 0)}
    assert pairs([left], [view(RIGHT, "#" * 10, column=30)], min_iou=0) == set()
    assert pairs([], [right]) == pairs([left], []) == set()


def test_touching_neighbours_stay_apart():
    upper, lower = "##########\n##########", "\n\n##########\n##########"
    left = [view(LEFT, upper), view(LEFT, lower)]
    right = [view(RIGHT, lower), view(RIGHT, upper)]
    assert pairs(left, right, min_iou=0) == {(0, 1), (1, 0)}


def test_boxes_that_overlap_are_not_enough():
    diagonal = "###.......\n.###......\n..###.....\n...###...."
    corner = ".......###\n......####\n.....#####\n.......###"
    assert pairs([view(LEFT, diagonal)], [view(RIGHT, corner)], min_iou=0) == set()


def test_overlapping_objects_are_paired_with_the_best():
    """The IoU of the two is 0.8, but each is seen by both tiles."""
    left = [view(LEFT, "#" * 10), view(LEFT, "#" * 8)]
    right = [view(RIGHT, "#" * 8), view(RIGHT, "#" * 10)]
    assert pairs(left, right) == {(0, 1), (1, 0)}


def test_classes():
    left, right = [view(LEFT, "##", class_id=1)], [view(RIGHT, "##", class_id=2)]
    assert pairs(left, right) == set()
    assert pairs(left, right, across_classes=True) == {(0, 0)}


def test_arms_that_are_two_detections_in_one_tile():
    upper, lower = "#####", "\n\n\n#######"
    both = "#####\n\n\n#######"
    left = [view(LEFT, upper), view(LEFT, lower)]
    assert pairs(left, [view(RIGHT, both)]) == {(0, 0), (1, 0)}
    assert pairs([view(LEFT, both)], [view(RIGHT, lower), view(RIGHT, upper)]) == {(0, 0), (0, 1)}


def test_strokes_that_each_tile_joins_differently():
    first, second, third = "##########", "\n\n####", "\n\n\n\n#######"
    left = [view(LEFT, first + second), view(LEFT, third)]
    right = [view(RIGHT, first), view(RIGHT, "\n\n####\n\n#######")]
    assert pairs(left, right) == {(0, 0), (0, 1), (1, 1)}


def test_a_mask_that_is_broken_in_one_tile_agrees_as_a_whole():
    assert pairs([view(LEFT, "##########")], [view(RIGHT, "###.###.##")], min_iou=0.7) == {(0, 0)}


@pytest.mark.parametrize("min_iou", [0.3, 0.9])
def test_noise_of_many_pieces_is_compared_as_one(min_iou):
    rng = np.random.default_rng(0)
    grid = Grid((400, 90), tile=(400, 60), overlap=29)
    left, right = grid
    mask = rng.random((400, 29)) < 0.4
    views = []
    for tile in (left, right):
        box = (0, right.box[1], 400, left.box[3])
        views.append(View(tile, mask[:, : box[3] - box[1]].copy(), box, np.array(box), 1, 0.9, {}))
    views[1].crop[:100] = False
    assert pairs(views[:1], views[1:], min_iou) == ({(0, 0)} if min_iou < 0.7 else set())
