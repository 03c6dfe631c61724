import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.formats.holes import WithHoles, islands_in, shapes_around
from mrcnn.formats.shapes import Ellipse, Parts, Rectangle

SIZE = 60, 80
OUTER = Rectangle(10, 10, 50, 50)
INNER = Rectangle(20, 20, 40, 40)


def pixels(shape):
    crop, (y, x) = shape.crop(*SIZE)
    whole = np.zeros(SIZE, bool)
    whole[y : y + crop.shape[0], x : x + crop.shape[1]] = crop
    return whole


@pytest.mark.parametrize(
    "holes",
    [
        (INNER,),
        (INNER, Rectangle(0, 0, 15, 15)),
        (Rectangle(-5, 30, 70, 90),),
        (Rectangle(55, 55, 58, 58),),
        (Ellipse(30, 10, 12, 9), INNER),
        (Rectangle(0, 0, 60, 80),),
        (Rectangle(200, 0, 210, 80),),
    ],
)
@pytest.mark.parametrize("outline", [OUTER, Parts((OUTER, Rectangle(0, 70, 60, 100)))])
def test_the_pixels_of_a_shape_with_holes(outline, holes):
    shape = WithHoles(outline, holes)
    wanted = pixels(outline)
    for hole in holes:
        wanted &= ~pixels(hole)
    assert_array_equal(pixels(shape), wanted)
    ys, xs = np.nonzero(wanted)
    if len(ys):
        assert shape.box(*SIZE) == (ys.min(), xs.min(), ys.max() + 1, xs.max() + 1) or (
            shape.box(*SIZE) == outline.box(*SIZE)
        )


def test_the_box_of_a_shape_with_holes():
    assert WithHoles(Rectangle(9.5, 10, 50, 50), (INNER,)).box(*SIZE) == (9.5, 10, 50, 50)
    assert WithHoles(OUTER, (Rectangle(0, 0, 60, 30),)).box(*SIZE) == (10, 30, 50, 50)


def test_cutting_does_not_change_the_outline():
    crop, _ = OUTER.crop(*SIZE)
    WithHoles(OUTER, (INNER,)).crop(*SIZE)
    assert OUTER.crop(*SIZE)[0].sum() == crop.sum() == 1600


@pytest.mark.parametrize("size", [SIZE, (None, None)])
def test_the_shape_around_a_hole(size):
    huge, dot = Rectangle(0, 0, 60, 80), Rectangle(28, 28, 32, 32)
    assert shapes_around(INNER, [huge, OUTER, dot], size) == [1]
    assert shapes_around(INNER, [dot], size) == []
    assert shapes_around(Rectangle(52, 60, 58, 70), [OUTER, dot], size) == []
    assert shapes_around(INNER, [], size) == []


def test_a_hole_that_overlaps_two():
    left, right = Rectangle(10, 0, 50, 30), Rectangle(10, 30, 50, 60)
    assert shapes_around(INNER, [left, Rectangle(0, 62, 9, 70), right], SIZE) == [0, 2]


def test_a_shape_as_large_as_the_hole():
    """An object that fills the hole of another is not cut away."""
    assert shapes_around(INNER, [OUTER, INNER], SIZE) == [0]


def test_a_thin_ring():
    assert shapes_around(Rectangle(11, 11, 49, 49), [OUTER], SIZE) == [0]


def test_islands():
    island, other = Rectangle(25, 25, 35, 35), Rectangle(0, 60, 9, 80)
    assert islands_in(INNER, [OUTER, island, other], SIZE) == {1}
    assert islands_in(INNER, [INNER, OUTER], SIZE) == {0}
    assert islands_in(INNER, [island], SIZE) == set()


def test_a_thin_ring_is_no_island():
    """The hole covers 91 % of the ring that it is cut out of."""
    assert islands_in(Rectangle(11, 11, 49, 49), [OUTER, Rectangle(0, 60, 9, 80)], SIZE) == set()


def test_far_out_in_a_large_image():
    def at(first, last):
        return Rectangle(*([19_000 + first] * 2), *([19_000 + last] * 2))

    outer, hole, island = at(10, 50), at(20, 40), at(25, 35)
    assert islands_in(hole, [outer, island], (20_000, 20_000)) == {1}
    assert shapes_around(hole, [island, outer], (20_000, 20_000)) == [1]
