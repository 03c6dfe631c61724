"""Positions of sampling points along one axis."""

import numpy as np
import pytest

from mrcnn.ops import roi_grids


def axis_of(sampling, start, stop, extent=8.0):
    return sampling(*(np.array([value], "float32") for value in (start, stop, extent)))


def points_of(axis, count):
    """(positions, counted, inside) [bins, count] of the only RoI."""
    found = [axis.at(np.int32(i)) for i in range(count)]
    return (np.stack([np.asarray(point[k])[0] for point in found], axis=1) for k in range(3))


def test_points_are_even_and_centred():
    axis = axis_of(roi_grids.align_axis(2, 2, aligned=False), 1, 5)
    positions, counted, inside = points_of(axis, 2)
    np.testing.assert_allclose(positions, [[1.5, 2.5], [3.5, 4.5]])
    assert counted.all() and inside.all() and int(axis.steps[0]) == 2
    positions, _, _ = points_of(axis_of(roi_grids.align_axis(2, 2, aligned=True), 1, 5), 2)
    np.testing.assert_allclose(positions, [[1, 2], [3, 4]])


def test_adaptive_sampling_takes_as_many_points_as_cells_rounded_up():
    for length, expected in [(0, 0), (0.5, 1), (2, 1), (2.5, 2), (4, 2), (6.25, 4)]:
        axis = axis_of(roi_grids.align_axis(2, 0, aligned=True), 1, 1 + length)
        assert int(axis.steps[0]) == expected and float(axis.points[0]) == expected
    # A RoI that is not aligned is at least one cell long.
    assert int(axis_of(roi_grids.align_axis(2, 0, aligned=False), 1, 1).steps[0]) == 1


def test_points_beyond_the_border():
    """One cell further than the last centre is on the border; the position is clipped."""
    axis = axis_of(roi_grids.align_axis(4, 1, aligned=False), -2.5, 13.5)  # -0.5, 3.5, 7.5, 11.5
    positions, counted, inside = points_of(axis, 1)
    np.testing.assert_allclose(positions[:, 0], [0, 3.5, 7, 7])
    assert counted.all()
    np.testing.assert_array_equal(inside[:, 0], [1, 1, 1, 0])


def test_pooling_rounds_halves_away_from_zero_and_bins_outwards():
    # 1.5 to 4.5 rounds to cells 2 to 5: three bins of 4 / 3 cells.
    axis = axis_of(roi_grids.pool_axis(3), 1.5, 4.5)
    positions, _, inside = points_of(axis, 2)
    np.testing.assert_array_equal(positions, [[2, 3], [3, 4], [4, 5]])
    assert inside.all() and int(axis.steps[0]) == 2
    # -1.5 rounds to -2 and 0.5 to 1: two of four cells are outside.
    positions, _, inside = points_of(axis_of(roi_grids.pool_axis(4), -1.5, 0.5), 1)
    np.testing.assert_array_equal(inside[:, 0], [0, 0, 1, 1])
    np.testing.assert_array_equal(positions[2:, 0], [0, 1])


def test_warping_samples_the_cells_that_pooling_would_divide():
    axis = axis_of(roi_grids.warp_axis(4, 1, aligned=True), 1.5, 4.5)
    positions, _, _ = points_of(axis, 1)
    np.testing.assert_allclose(positions[:, 0], [2, 3, 4, 5])


@pytest.mark.network
@pytest.mark.parametrize("xla", [False, True])
def test_compilers_do_not_change_the_number_of_cells(xla):
    """A bin of exactly two cells has two points, and RoIPool's ends where torchvision's does."""
    import tensorflow as tf

    length = np.arange(1, 1000, dtype="float32")
    bin_size = length / np.float32(7)

    @tf.function(jit_compile=xla)
    def counts(stop):
        start, extent = tf.zeros_like(stop), tf.fill(tf.shape(stop), 2000.0)
        aligned = roi_grids.align_axis(7, 0, aligned=True)(start, stop, extent)
        pooled = roi_grids.pool_axis(7)(start, stop - 1.0, extent)
        last = tf.stack([pooled.at(i)[1][:, -1] for i in range(150)])
        return aligned.points, tf.reduce_sum(last, axis=0)

    points, cells_of_last = counts(length)
    np.testing.assert_array_equal(points, np.ceil(bin_size))
    first, end = np.floor(np.float32(6) * bin_size), np.ceil(np.float32(7) * bin_size)
    np.testing.assert_array_equal(cells_of_last, end - first)
