import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

from mrcnn.images.slicing import ascending, ranges


@given(data=st.data(), shape=st.sampled_from([(6, 8), (5, 7, 3)]))
def test_the_positions_that_numpy_takes(data, shape):
    array = np.arange(np.prod(shape)).reshape(shape)
    key = data.draw(hnp.basic_indices(shape, allow_newaxis=False))
    found, rest = ranges(key, shape)
    assert_array_equal(array[np.ix_(*found)][rest], array[key])
    for each in found:
        assert sorted(each) == list(ascending(each))


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (6, "index 6 is out of bounds for axis 0 of size 6"),
        ((0, -9), "index -9 is out of bounds for axis 1 of size 8"),
        ((0, 0, 0), "too many indices, 3: the image has 2 axes"),
        ((..., ...), "too many indices"),
        (True, "cannot be indexed with True"),
        (None, "not with a NoneType: make it an array first"),
        (np.ones((6, 8), bool), "not with a ndarray"),
        ([1, 2], "not with a list"),
        (1.5, "not with a float"),
    ],
)
def test_other_indices(key, message):
    with pytest.raises(IndexError, match=message):
        ranges(key, (6, 8))
