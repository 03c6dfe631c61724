import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.images.short_side import short_side_size

RULES = ("reference", "torchvision", "detectron2")


@pytest.mark.parametrize(
    ("size", "short", "longest", "reference", "torchvision", "detectron2"),
    [
        # Enlarged until the shorter side fits, or the longer one.
        ((480, 640), 384, 512, (384, 512), (384, 512), (384, 512)),
        ((640, 425), 384, 512, (512, 340), (512, 340), (512, 340)),
        ((333, 500), 384, 512, (341, 512), (340, 512), (341, 512)),
        ((300, 420), 384, 512, (366, 512), (365, 512), (366, 512)),
        ((333, 500), 800, 1333, (800, 1201), (800, 1201), (800, 1201)),
        # 49 * (1 / 49) is a little less than 1.
        ((49, 98), 1, 3, (1, 2), (1, 1), (1, 2)),
        ((3, 900), 64, 90, (1, 90), (1, 90), (1, 90)),
    ],
)
def test_by_hand(size, short, longest, reference, torchvision, detectron2):
    for rule, expected in zip(RULES, (reference, torchvision, detectron2), strict=True):
        assert short_side_size(*size, short, longest, rule)[1] == expected, rule


def test_there_may_be_no_limit():
    assert short_side_size(10, 100, 50, None) == (5, (50, 500))
    assert short_side_size(10, 100, 50, None, "detectron2") == (5, (50, 500))


@given(
    st.integers(1, 3000),
    st.integers(1, 3000),
    st.integers(1, 1500),
    st.integers(1, 2000),
    st.sampled_from(RULES),
)
def test_no_side_is_longer_than_it_may_be(height, width, short, longest, rule):
    scale, size = short_side_size(height, width, short, longest, rule)
    assert 1 <= min(size) <= short or min(size) == 1
    assert max(size) <= longest
    for side, before in zip(size, (height, width), strict=True):
        assert abs(side - before * scale) <= 1.001 or side == 1
