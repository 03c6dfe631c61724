import itertools

from hypothesis import given
from hypothesis import strategies as st

from mrcnn.geometry.windows import starts


@given(st.integers(1, 500), st.integers(1, 60), st.data())
def test_windows_cover_the_length_with_the_overlap(length, side, data):
    overlap = data.draw(st.integers(0, side - 1))
    found = starts(length, side, overlap)
    assert found[0] == 0
    if length <= side:
        assert found == [0]
        return
    assert found[-1] == length - side
    steps = [b - a for a, b in itertools.pairwise(found)]
    assert all(0 < step <= side - overlap for step in steps)
    assert max(steps) - min(steps) <= 1
    # One window fewer would leave a gap.
    assert (len(found) - 2) * (side - overlap) < length - side
