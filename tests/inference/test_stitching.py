"""Objects made of the views of several tiles."""

import numpy as np
import pytest

from mrcnn.inference.stitching import Stitcher, stitch
from mrcnn.inference.tiles import Grid
from mrcnn.inference.views import View

GRID = Grid((40, 80), tile=40, overlap=10)  # columns 0 to 40, 20 to 60, and 40 to 80
LEFT, MIDDLE, RIGHT = GRID
assert [tile.box[1] for tile in GRID] == [0, 20, 40] and MIDDLE.core[1::2] == (30, 50)


def view(tile, y1, x1, y2, x2, score=0.5, class_id=1, **fields):
    box = (y1, x1, y2, x2)
    roi = np.array(box) + 1
    return View(tile, np.ones((y2 - y1, x2 - x1), bool), box, roi, class_id, score, fields)


def box_of(stitched):
    (y, x), (h, w) = stitched.corner, stitched.crop.shape
    return y, x, y + h, x + w


def test_a_whole_view_is_taken_as_it_is():
    cut = view(LEFT, 10, 30, 20, 40, score=0.9)
    near, central = view(MIDDLE, 10, 30, 20, 56), view(MIDDLE, 10, 31, 21, 42, score=0.7)
    for views in ([cut, near], [near, cut]):
        found = stitch(views)
        assert box_of(found) == (10, 30, 20, 56) and found.score == 0.5
        assert found.roi.tolist() == [11, 31, 21, 57]
    assert box_of(stitch([near, cut, central])) == (10, 31, 21, 42)


def test_views_are_put_together_where_each_tile_is_best():
    # 30 columns of the left tile are in its core, and 30 of the middle one's.
    left, middle = view(LEFT, 10, 0, 20, 40, 0.9), view(MIDDLE, 12, 20, 22, 60, 0.6)
    right = view(RIGHT, 10, 40, 20, 44, 0.1)
    found = stitch([right, middle, left])
    expected = np.zeros((40, 80), bool)
    expected[10:20, :30] = expected[12:22, 30:50] = True
    whole = np.zeros_like(expected)
    y1, x1, y2, x2 = box_of(found)
    whole[y1:y2, x1:x2] = found.crop
    np.testing.assert_array_equal(whole, expected)
    assert found.roi is None
    assert found.score == pytest.approx((300 * 0.9 + 200 * 0.6) / 500)


def test_a_whole_view_does_not_hide_what_others_see_outside_its_tile():
    """Two parts of one object with a gap between them: the first tile sees only one."""
    whole = view(LEFT, 10, 22, 20, 30)
    mask = np.ones((10, 40), bool)
    mask[:, 8:20] = False
    both = View(MIDDLE, mask[:, :36], (10, 22, 20, 58), np.zeros(4), 1, 0.5, {})
    assert stitch([whole, both]).crop.sum() == 80 + 160


def test_pixels_of_tiles_that_do_not_see_the_object_are_kept():
    left, right = view(LEFT, 10, 0, 20, 40), view(RIGHT, 10, 40, 20, 80)
    # The middle tile, which decides columns 30 to 50, has no view.
    assert stitch([left, right]).crop.sum() == 800
    cut = view(LEFT, 10, 0, 20, 40)
    assert box_of(stitch([cut])) == cut.box


def test_class_and_fields_are_those_of_most_pixels():
    views = [
        view(LEFT, 10, 0, 20, 40, 0.5, class_id=1, name="a"),  # decides 300 pixels
        view(MIDDLE, 10, 20, 20, 60, 0.9, class_id=2, name="b"),  # 200
        view(RIGHT, 10, 40, 20, 50, 0.9, class_id=1, name="c"),
    ]
    found = stitch(views)
    assert found.class_id == 2 and found.fields == {"name": "a"}
    assert found.score == pytest.approx((300 * 0.5 + 200 * 0.9) / 500)
    assert found.across


def put_together(*views, grid=GRID, line=None):
    """Boxes of the objects that are made of views."""
    stitcher = Stitcher(grid, 0.5, across_classes=False)
    for tile in grid:
        stitcher.add(tile, [view for view in views if view.tile == tile])
    return [box_of(each) for each in stitcher.finished(grid.shape[0] if line is None else line)]


def test_views_that_agree_are_one_object():
    assert put_together(
        view(LEFT, 10, 0, 20, 40), view(MIDDLE, 10, 20, 20, 60), view(RIGHT, 10, 40, 20, 80)
    ) == [(10, 0, 20, 80)]


def test_a_lone_view_in_the_core_of_another_tile_is_left_out():
    assert put_together(view(LEFT, 10, 33, 20, 40)) == []
    assert put_together(view(LEFT, 10, 25, 20, 34)) == [(10, 25, 20, 34)]
    # So are slivers that two tiles see at the border that they have in common.
    grid = Grid((60, 60), tile=40, overlap=10)
    slivers = [view(grid[1, 0], 20, 25, 22, 35), view(grid[1, 1], 20, 25, 22, 35)]
    assert put_together(*slivers, grid=grid) == []
    above = view(grid[0, 0], 5, 25, 22, 35)
    assert put_together(*slivers, above, grid=grid) == [above.box]


def test_a_sliver_at_a_border_does_not_join_two_whole_objects():
    """The left tile takes the edges of two objects for one."""
    sliver = view(LEFT, 5, 36, 25, 40)
    upper, lower = view(MIDDLE, 5, 36, 17, 50), view(MIDDLE, 17, 36, 25, 50)
    found = put_together(sliver, upper, lower)
    assert sorted(found) == [(5, 36, 17, 50), (17, 36, 25, 50)]


def test_two_whole_detections_of_a_tile_are_never_one_object():
    upper, lower = view(LEFT, 10, 24, 15, 30), view(LEFT, 20, 24, 25, 30)
    mask = np.zeros((15, 6), bool)
    mask[:5] = mask[10:] = True
    both = View(MIDDLE, mask, (10, 24, 25, 30), np.zeros(4), 1, 0.5, {})
    assert sorted(put_together(upper, lower, both)) == [upper.box, lower.box]
    # Those that reach its border may be, as the two arms of a C.
    upper, lower = view(LEFT, 10, 24, 15, 40), view(LEFT, 20, 24, 25, 40)
    mask = np.ones((15, 20), bool)
    mask[5:10, :18] = False
    both = View(MIDDLE, mask, (10, 24, 25, 44), np.zeros(4), 1, 0.5, {})
    assert put_together(upper, lower, both) == [both.box]


def test_objects_are_finished_when_no_later_tile_reaches_them():
    grid = Grid((80, 40), tile=40, overlap=10)  # rows from 0, 20, 40
    stitcher = Stitcher(grid, 0.5, across_classes=False)
    first = [view(grid[0, 0], 5, 5, 20, 20), view(grid[0, 0], 5, 25, 21, 30)]
    stitcher.add(grid[0, 0], first)
    assert [box_of(each) for each in stitcher.finished(grid.top(1))] == [(5, 5, 20, 20)]
    stitcher.add(grid[1, 0], [view(grid[1, 0], 20, 25, 21, 30)])
    assert [box_of(each) for each in stitcher.finished(grid.top(2))] == [(5, 25, 21, 30)]
    stitcher.add(grid[2, 0], [])
    assert stitcher.finished(80) == []
