"""What one tile sees of an image."""

import numpy as np
import pytest

from mrcnn.inference.tiles import Grid
from mrcnn.inference.views import views_of
from mrcnn.instances.masks import InstanceMasks

GRID = Grid((60, 100), tile=40, overlap=10)  # rows from 0, 20; columns from 0, 30, 60
MIDDLE = GRID[1, 1]  # (20, 30, 60, 70)


def result(*boxes, tile=MIDDLE, **fields):
    """A result of filled boxes, in pixels of the image."""
    y, x = tile.box[:2]
    masks = InstanceMasks(
        [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in boxes],
        [(y1 - y, x1 - x) for y1, x1, _, _ in boxes],
        (tile.box[2] - y, tile.box[3] - x),
    )
    count = len(boxes)
    return {
        "rois": masks.boxes + np.array([-1, -1, 1, 1]),
        "class_ids": np.arange(1, count + 1),
        "scores": np.linspace(0.9, 0.5, count),
        "masks": masks,
        **fields,
    }


def test_positions_are_in_the_image():
    keypoints = np.array([[[5.5, 2, 0.7]], [[1, 1, 0.1]]], np.float32)
    found = result((25, 40, 30, 50), (40, 35, 45, 60), keypoints=keypoints, age=[3, 7])
    views = views_of(found, MIDDLE)
    assert [view.box for view in views] == [(25, 40, 30, 50), (40, 35, 45, 60)]
    assert [view.roi.tolist() for view in views] == [[24, 39, 31, 51], [39, 34, 46, 61]]
    assert [view.class_id for view in views] == [1, 2]
    assert [view.score for view in views] == [0.9, 0.5]
    np.testing.assert_allclose(views[0].fields["keypoints"], [[25.5, 32, 0.7]], rtol=1e-6)
    assert [view.fields["age"] for view in views] == [3, 7]
    dense = views_of({**found, "masks": found["masks"].dense()}, MIDDLE)
    for view, same in zip(views, dense, strict=True):
        assert view.box == same.box
        np.testing.assert_array_equal(view.crop, same.crop)
        assert same.crop.base is None  # or all of the dense masks would stay in memory


def test_boxes_stand_for_masks():
    found = result((25, 40, 30, 50), (20, 30, 60, 31))
    del found["masks"]
    found["rois"] = found["rois"] + 0.4  # one reaches out of the tile
    first, second = views_of(found, MIDDLE)
    assert first.box == (24, 39, 31, 51) and first.crop.shape == (7, 12) and first.crop.all()
    assert second.box == (20, 30, 60, 32)


def test_what_has_no_pixels_is_left_out():
    found = result((25, 40, 25, 40), (25, 40, 26, 41), (70, 70, 80, 80))
    assert [view.class_id for view in views_of(found, MIDDLE)] == [2]


def test_whole_objects_end_before_the_inner_borders():
    near = 3
    boxes = [
        (20 + near + 1, 45, 60, 50),  # at the image's lower border
        (20 + near, 45, 60, 50),
        (40, 30 + near, 50, 50),
        (40, 40, 50, 70 - near),
        (40, 30, 50, 70),
    ]
    views = views_of(result(*boxes), MIDDLE)
    assert [view.whole for view in views] == [True, False, False, False, False]
    assert [view.distance for view in views] == [near + 1, near, near, near, 0]
    assert [view.across for view in views] == [False, False, False, False, True]


def test_refuses_masks_of_another_size():
    found = {**result((25, 40, 30, 50)), "masks": np.ones((60, 100, 1), bool)}
    with pytest.raises(ValueError, match="masks of 60x100 pixels for a tile of 40x40"):
        views_of(found, MIDDLE)
