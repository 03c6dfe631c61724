import hypothesis.extra.numpy
import numpy as np
import pycocotools.mask
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from mrcnn.formats.shapes import Polygon
from mrcnn.results.bridges import one_ring
from mrcnn.results.polygons import Outline, outlines
from mrcnn.results.simplified import simplified

from .scene import crops, pixels

SIZE = 40, 50
SIDES = st.integers(1, 9)
MASKS = hypothesis.extra.numpy.arrays(bool, st.tuples(SIDES, SIDES)).filter(np.any)


def inside(ring, size=SIZE):
    whole = np.zeros(size, bool)
    crop, (y, x) = Polygon(ys=ring[:, 1], xs=ring[:, 0]).crop(*size)
    whole[y : y + crop.shape[0], x : x + crop.shape[1]] = crop
    return whole


@settings(max_examples=50)
@given(MASKS, st.integers(0, 30), st.integers(0, 40))
def test_one_ring_has_all_pixels(mask, y, x):
    truth = np.zeros(SIZE, bool)
    truth[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
    ring = one_ring(outlines(mask, (y, x)))
    assert_array_equal(inside(ring), truth)
    assert Outline(ring).area == mask.sum()
    # There and back at fractions of pixels, too.
    assert_array_equal(inside(ring * (1 / 7) * 7), truth)
    code = pycocotools.mask.frPyObjects([ring.ravel().astype(float).tolist()], *SIZE)
    assert_array_equal(pycocotools.mask.decode(code)[..., 0], truth)


def test_simplified_outlines():
    for crop, _ in crops():
        if crop.size:
            found = simplified(outlines(crop))
            ring = one_ring(found)
            assert Outline(ring).area == sum(each.area for each in found)


def test_a_single_ring_is_itself():
    [outline] = outlines(pixels("### #.. ###"))
    assert one_ring([outline]) is outline.ring


def test_the_bridge_of_a_hole_is_short():
    mask = np.ones((30, 30), bool)
    mask[14:16, 2:4] = False
    ring = one_ring(outlines(mask))
    assert len(ring) == 4 + 4 + 2 + 2  # with an elbow on the way there and back
