import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from mrcnn.images.axes import Axes, StackError, check_plane


@pytest.mark.parametrize(
    ("sizes", "names", "wanted"),
    [
        # y, x, channel, planes
        ((40, 60), "YX", (0, 1, None, ())),
        ((40, 60, 3), "YXS", (0, 1, 2, ())),
        ((3, 40, 60), "CYX", (1, 2, 0, ())),
        ((40, 3, 60), "YCX", (0, 2, 1, ())),
        ((5, 40, 60), "ZYX", (1, 2, None, (0,))),
        ((2, 5, 3, 40, 60), "TZCYX", (3, 4, 2, (0, 1))),
        ((5, 40, 60, 3), "ZYXS", (1, 2, 3, (0,))),
        ((4, 40, 60, 3), "CYXS", (1, 2, 3, (0,))),  # the samples are the colours
        ((1, 1, 3, 40, 60), "TZCYX", (3, 4, 2, ())),
        ((1, 1), "YX", (0, 1, None, ())),
        ((5, 40, 60), "QYX", (1, 2, 0, ())),
        ((40, 60, 5), "IYX", (0, 1, 2, ())),
        ((5, 40, 1), "QYX", (0, 1, None, ())),
        ((4, 5, 40, 60), "QQYX", (2, 3, None, (0, 1))),
        ((4, 40, 60, 3), "QYXS", (1, 2, 3, (0,))),
    ],
)
def test_which_axis_is_what(sizes, names, wanted):
    axes = Axes.of(sizes, names)
    assert (axes.y, axes.x, axes.channel, axes.planes) == wanted
    assert (axes.height, axes.width) == (sizes[wanted[0]], sizes[wanted[1]])
    assert axes.channels == (1 if wanted[2] is None else sizes[wanted[2]])
    assert axes.plane_count == math.prod(sizes[i] for i in wanted[3])


def test_unnamed_pages_are_planes_if_so_asked():
    axes = Axes.of((5, 40, 60), "QYX", pages=True)
    assert (axes.channel, axes.planes, axes.plane_count) == (None, (0,), 5)
    named = Axes.of((5, 40, 60), "CYX", pages=True)
    assert (named.channel, named.planes) == (0, ())


def test_no_height_and_width():
    with pytest.raises(ValueError, match=r"its shape is \(5, 60\) with axes ZX, without Y and X"):
        Axes.of((5, 60), "ZX")


@given(data=st.data())
def test_blocks_of_planes_and_channels(data):
    names = data.draw(st.permutations("TZCYX"))
    sizes = {"T": 2, "Z": 3, "C": 4, "Y": 5, "X": 6}
    stored = np.arange(720).reshape([sizes[name] for name in names])
    axes = Axes.of(stored.shape, "".join(names))
    plane = data.draw(st.integers(0, 5))
    # The planes in the order of the file, by numpy's own means.
    order = [names.index(name) for name in names if name in "TZ"]
    planes = np.moveaxis(stored, [*order, *(names.index(name) for name in "YXC")], range(5))
    wanted = planes.reshape(6, 5, 6, 4)[plane, 1:4, 2:6]
    block = stored[axes.key(plane, slice(1, 4), slice(2, 6))]
    assert_array_equal(axes.arranged(block), wanted)
    block = stored[axes.key(plane, slice(1, 4), slice(2, 6), 3)]
    assert_array_equal(axes.arranged(block), wanted[..., 3])


def test_a_smaller_copy():
    axes = Axes.of((3, 40, 60), "CYX")
    assert axes.resized((3, 20, 30)) == Axes.of((3, 20, 30), "CYX")
    assert axes.resized((2, 20, 30)) is axes.resized((20, 30)) is None


def test_stacks_and_planes_that_are_not_there():
    Axes.of((3, 40, 60), "CYX").check_one_image()
    with pytest.raises(StackError, match=r"a stack of 5 planes \(shape \(5, 40, 60\), axes ZYX\)"):
        Axes.of((1, 5, 40, 60), "TZYX").check_one_image()
    check_plane(None, 1)
    check_plane(4, 5)
    with pytest.raises(StackError, match=r"it has 5 planes, 0 to 4, and no plane 5\."):
        check_plane(5, 5)
    with pytest.raises(StackError, match=r"it has one plane, 0, and no plane -1\."):
        check_plane(-1, 1)
