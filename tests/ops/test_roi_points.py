"""Bins from sampling points; the operators are tested in test_roi_pyramid.py."""

import numpy as np

from mrcnn.ops import roi_grids, roi_points

PLACES = roi_points.Places(np.array([10], "int32"), np.array([4.0], "f"), np.array([5.0], "f"))


def test_corners_and_weights_of_a_position():
    found = roi_points.corners(PLACES, np.array([[1.25]], "f"), np.array([[3.5]], "f"), False)
    pixels = [int(np.asarray(pixel).squeeze()) for pixel, _ in found]
    weights = [float(np.asarray(weight).squeeze()) for _, weight in found]
    # Rows 1 and 2 of 5 cells, columns 3 and 4, of a map that starts at pixel 10.
    assert pixels == [18, 19, 23, 24]
    np.testing.assert_allclose(weights, [0.375, 0.375, 0.125, 0.125])


def test_the_last_cell_has_no_neighbour():
    found = roi_points.corners(PLACES, np.array([[3.0]], "f"), np.array([[4.0]], "f"), False)
    assert [int(np.asarray(pixel).squeeze()) for pixel, _ in found] == [29] * 4
    [(pixel, weight)] = roi_points.corners(PLACES, np.array([[3.0]]), np.array([[4.0]]), True)
    assert int(np.asarray(pixel).squeeze()) == 29 and weight == 1.0


def test_the_number_of_points_is_that_of_the_largest_bin():
    axis = roi_grids.align_axis(2, 0, aligned=True)
    operator = roi_points.Operator(axis, axis, (2, 2), maximum=False)
    boxes = np.array([[0, 0, 3, 4]], "f")
    assert np.asarray(roi_points.steps_of(operator, boxes, PLACES)).tolist() == [2 * 2]


def test_the_chosen_point_of_a_maximum():
    axis = roi_grids.pool_axis(1)
    operator = roi_points.Operator(axis, axis, (1, 1), maximum=True, whole=True)
    boxes = np.array([[1, 1, 2, 3]], "f")  # rows 1 and 2, columns 1 to 3

    def sample(y, x):
        return -((np.asarray(y)[:, :, None] - 2) ** 2 + (np.asarray(x)[:, None] - 2) ** 2)[
            ..., None
        ]

    best, chosen = roi_points.reduce_points(operator, boxes, PLACES, sample, 1)
    assert float(np.asarray(best).squeeze()) == 0.0
    assert int(np.asarray(chosen).squeeze()) == 1 * 3 + 1  # the second row, the second column
    best, _ = roi_points.reduce_points(operator, boxes - 9, PLACES, sample, 1)
    assert float(np.asarray(best).squeeze()) == 0.0
