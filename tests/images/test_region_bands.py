from concurrent.futures import ThreadPoolExecutor

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from mrcnn.images.region_bands import Bands


class Strips:
    """[C, H, W] in strips of 4 rows; notes what is read."""

    def __init__(self):
        self.values = np.arange(2 * 22 * 50, dtype=np.uint16).reshape(2, 22, 50)
        self.shape, self.dtype, self.chunks = self.values.shape, self.values.dtype, (1, 4, 50)
        self.reads = []

    def __getitem__(self, key):
        self.reads.append(key)
        return self.values[key].copy()


def rows(start, stop):
    return slice(0, 1), slice(start, stop)


def test_windows_side_by_side_are_decoded_once():
    strips = Strips()
    bands = Bands(strips, 1, 2)
    for x in range(0, 50, 10):
        window = (*rows(6, 14), slice(x, x + 10))
        assert_array_equal(bands[window], strips.values[window])
    assert strips.reads == [(*rows(4, 16), slice(0, 50))]
    assert_array_equal(bands[(*rows(20, 22), slice(0, 9))], strips.values[:1, 20:22, :9])
    bands[slice(1, 2), slice(20, 22), slice(0, 9)]  # of another channel
    assert strips.reads[1:] == [
        (*rows(20, 22), slice(0, 50)),
        (slice(1, 2), slice(20, 22), slice(0, 50)),
    ]


def test_what_is_returned_is_no_view():
    strips = Strips()
    bands = Bands(strips, 1, 2)
    window = (*rows(4, 8), slice(0, 50))
    bands[window][...] = 0
    assert_array_equal(bands[window], strips.values[window])
    assert len(strips.reads) == 1


def test_too_large_to_keep():
    strips = Strips()
    bands = Bands(strips, 1, 2, limit=4 * 50 * 2)
    kept, large = (*rows(0, 4), slice(0, 5)), (*rows(3, 5), slice(0, 5))
    for window in (kept, large, kept):
        assert_array_equal(bands[window], strips.values[window])
    assert strips.reads == [(*rows(0, 4), slice(0, 50)), large]


@given(
    windows=st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 20), st.integers(1, 9), st.integers(0, 40)),
        min_size=2,
        max_size=12,
    )
)
def test_several_threads(windows):
    strips = Strips()
    bands = Bands(strips, 1, 2)
    keys = [(slice(c, c + 1), slice(y, min(y + h, 22)), slice(x, x + 10)) for c, y, h, x in windows]
    with ThreadPoolExecutor(4) as pool:
        for key, block in zip(keys, pool.map(bands.__getitem__, keys), strict=True):
            assert_array_equal(block, strips.values[key])
