import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from pycocotools import mask as coco_mask

from mrcnn.instances import rle


@st.composite
def masks(draw):
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    bits = draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width))
    mask = np.array(bits).reshape(height, width)
    if draw(st.booleans()):
        mask[: draw(st.integers(0, height))] = False
        mask[:, : draw(st.integers(0, width))] = False
    return mask


@given(masks())
@example(np.ones((4, 3), bool))
@example(np.zeros((4, 3), bool))
def test_codes_are_those_of_pycocotools(mask):
    height, width = mask.shape
    theirs = coco_mask.encode(np.asfortranarray(mask, np.uint8))["counts"]
    counts = rle.read_counts(theirs)
    assert counts.sum() == height * width
    crop, (y, x) = rle.crop_of(counts, height)
    back = np.zeros_like(mask)
    back[y : y + crop.shape[0], x : x + crop.shape[1]] = crop
    assert_array_equal(back, mask)
    if crop.size and not crop.all(axis=0).any():
        assert crop.any(axis=0)[[0, -1]].all() and crop.any(axis=1)[[0, -1]].all()
    code = rle.encode(crop, (y, x), mask.shape)
    assert code == {"size": [height, width], "counts": theirs.decode()}
    assert rle.encode(mask, (0, 0), mask.shape) == code
    assert_array_equal(rle.read_counts(code["counts"]), counts)


def test_long_runs():
    mask = np.zeros((3000, 2000), bool)
    mask[100:2900, 50:1900] = np.random.default_rng(0).random((2800, 1850)) > 0.001
    code = rle.encode(mask[100:2900, 50:1900], (100, 50), mask.shape)
    assert code["counts"] == coco_mask.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()
    crop, corner = rle.crop_of(rle.read_counts(code["counts"]), 3000)
    assert corner == (100, 50)
    assert_array_equal(crop, mask[100:2900, 50:1900])


@given(st.text(max_size=12) | st.binary(max_size=12))
@example("")
@example("PPPPPPPP0")
def test_not_a_code(text):
    try:
        counts = rle.read_counts(text)
    except ValueError as error:
        assert "the counts" in str(error)
    else:
        assert counts.dtype == np.int64
