import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from mrcnn.images.projections import check_projection, projected, projected_dtype

DTYPES = (np.uint8, np.uint16, np.int16, np.uint32, np.float32, np.float64)


@settings(max_examples=40)
@given(
    stack=st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(dtype, (4, 2, 3), elements=st.integers(0, 100))
    ),
    holes=hnp.arrays(bool, (4, 2, 3)),
)
def test_like_numpy(stack, holes):
    assert_array_equal(projected(stack, "max"), stack.max(0))
    assert_array_equal(projected(stack, "sum"), stack.sum(0))
    mean = stack.mean(0, dtype=np.float64)
    assert_allclose(projected(stack, "mean"), mean if stack.dtype.kind == "f" else np.rint(mean))
    masked = np.ma.MaskedArray(stack, holes)
    for projection in ("max", "mean", "sum"):
        found = projected(iter(masked), projection)
        assert found.dtype == projected_dtype(stack.dtype, projection)
        wanted = getattr(masked, projection)(0).astype(np.float64)
        wanted = np.ma.round(wanted) if stack.dtype.kind != "f" else wanted
        assert_array_equal(np.ma.getmaskarray(found), holes.all(0))
        assert_allclose(np.ma.filled(found, 0), wanted.filled(0), rtol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "wanted"),
    [(np.uint8, np.uint32), (np.int16, np.int32), (np.uint32, np.uint64), (np.float32, np.float32)],
)
def test_no_sum_overflows(dtype, wanted):
    top = np.iinfo(dtype).max if np.dtype(dtype).kind != "f" else 1
    found = projected([np.full(2, top, dtype)] * 3, "sum")
    assert found.dtype == wanted
    assert found[0] == 3 * int(top)


@pytest.mark.parametrize("projection", ["max", "mean"])
def test_the_other_projections_keep_the_dtype_and_the_planes(projection):
    planes = [np.array([250, 3], np.uint8), np.array([255, 4], np.uint8)]
    found = projected(planes, projection)
    assert found.dtype == np.uint8
    assert_array_equal(found, [255, 4] if projection == "max" else [252, 4])  # halves to even
    assert_array_equal(planes[0], [250, 3])


def test_low_values_are_no_less_than_masked_ones():
    masked = np.ma.MaskedArray(np.array([-5, 7], np.int16), [False, True])
    found = projected([masked, masked], "max")
    assert found[0] == -5 and found.mask.tolist() == [False, True]


def test_mistakes():
    with pytest.raises(ValueError, match="projection is 'median': it must be"):
        check_projection("median")
    check_projection(None)
    assert projected_dtype(np.dtype("u1"), None) == np.uint8
    with pytest.raises(ValueError, match="no planes"):
        projected([], "max")
