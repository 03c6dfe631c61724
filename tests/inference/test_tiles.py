"""The overlapping tiles of an image."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.inference.tiles import Grid


@st.composite
def grids(draw, smallest=3):
    shape = draw(st.tuples(*[st.integers(1, 60)] * 2))
    tile = draw(st.tuples(*[st.integers(smallest, 30)] * 2))
    overlap = draw(st.integers(1, (min(tile) - 1) // 2))
    return Grid(shape, tile, overlap), tile, overlap


@given(grids())
def test_tiles_have_one_size_and_share_at_least_the_overlap(drawn):
    grid, tile, overlap = drawn
    size = tuple(min(pair) for pair in zip(tile, grid.shape, strict=True))
    covered = np.zeros(grid.shape, int)
    for each in grid:
        y1, x1, y2, x2 = each.box
        assert (y2 - y1, x2 - x1) == size
        covered[y1:y2, x1:x2] += 1
    assert covered.min() == 1
    assert len(list(grid)) == len(grid) == grid.rows * grid.columns
    for row in range(grid.rows - 1):
        assert grid[row, 0].box[2] - grid[row + 1, 0].box[0] >= overlap
        assert grid.top(row) == grid[row, 0].box[0]
    for column in range(grid.columns - 1):
        assert grid[0, column].box[3] - grid[0, column + 1].box[1] >= overlap
    assert grid.top(grid.rows) == grid.shape[0]


@given(grids())
def test_a_pixel_is_in_the_core_of_the_tile_whose_inner_borders_are_farthest(drawn):
    grid, _, _ = drawn
    best = np.full(grid.shape, -1)
    in_core = np.full(grid.shape, -1)
    count = np.zeros(grid.shape, int)
    far = 10**6
    for tile in grid:
        (y1, x1, y2, x2), (height, width) = tile.box, grid.shape
        y, x = np.arange(y1, y2), np.arange(x1, x2)
        # Pixels between this one and the border, on each side; the image's own does not count.
        above, below = (y - y1 if y1 else far + y), (y2 - 1 - y if y2 < height else far - y)
        left, right = (x - x1 if x1 else far + x), (x2 - 1 - x if x2 < width else far - x)
        distance = np.minimum(np.minimum(above, below)[:, None], np.minimum(left, right))
        distance = np.minimum(distance, far // 2)
        best[y1:y2, x1:x2] = np.maximum(best[y1:y2, x1:x2], distance)
        core = slice(*tile.core[::2]), slice(*tile.core[1::2])
        in_core[core] = distance[core[0].start - y1 :, core[1].start - x1 :][
            : core[0].stop - core[0].start, : core[1].stop - core[1].start
        ]
        count[core] += 1
    assert (count == 1).all()
    np.testing.assert_array_equal(in_core, best)


@given(grids(smallest=12))
def test_earlier_tiles_are_those_that_share_pixels(drawn):
    grid, _, _ = drawn
    for tile in grid:
        expected = [
            other
            for other in grid
            if (other.row, other.column) < (tile.row, tile.column)
            and other.box[2] > tile.box[0]
            and other.box[3] > tile.box[1]
            and other.box[1] < tile.box[3]
        ]
        assert sorted(grid.earlier(tile), key=lambda t: t.box) == sorted(
            expected, key=lambda t: t.box
        )


def test_distances_are_from_inner_borders():
    grid = Grid((100, 250), tile=100, overlap=20)
    first, middle, last = grid
    assert middle.distances((0, 75, 100, 175))[1::2] == (0, 0)
    assert middle.distances((40, 80, 50, 160))[1::2] == (5, 15)
    assert first.distances((0, 10, 100, 97))[3] == 3
    outer = [first.distances((0, 0, 100, 99))[1], last.distances((0, 200, 100, 250))[3]]
    assert min(outer + list(middle.distances((0, 90, 100, 91))[::2])) > 10**9


@pytest.mark.parametrize(
    ("tile", "overlap", "message"),
    [
        (2, 1, "tile is 2: it must be a whole number of pixels"),
        ((64, 64, 3), 8, r"tile is \(64, 64, 3\): it must"),
        (64.0, 8, r"tile is 64\.0: it must"),
        ("auto", 8, "tile is 'auto': it must"),
        (64, 0, "overlap is 0: it must be a whole number of pixels, at least 1 and less than half"),
        ((32, 64), 16, "overlap is 16: .*less than half the tile's side of 32"),
        (64, 8.5, r"overlap is 8\.5: it must"),
        (64, True, "overlap is True: it must"),
    ],
)
def test_refuses(tile, overlap, message):
    with pytest.raises(ValueError, match=message):
        Grid((100, 100), tile, overlap)


def test_a_tile_may_be_as_large_as_the_image():
    for shape, tile in itertools.product([(5, 9)], [9, (5, 9), 100]):
        (only,) = Grid(shape, tile, 2)
        assert only.box == only.core == (0, 0, 5, 9)
