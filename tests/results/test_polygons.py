import hypothesis.extra.numpy
import numpy as np
import pycocotools.mask
import pytest
import scipy.ndimage
import shapely
import skimage.draw
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from mrcnn.results.polygons import Outline, mask_of, outlines, shape_of

SIDES = st.integers(1, 9)
MASKS = hypothesis.extra.numpy.arrays(bool, st.tuples(SIDES, SIDES))
SIZE = 60, 70


def in_image(crop, corner, size=SIZE):
    whole = np.zeros(size, bool)
    (y, x), (h, w) = corner, crop.shape
    whole[y : y + h, x : x + w] = crop
    return whole


def pixels(text):
    return np.array([[letter == "#" for letter in line] for line in text.split()])


def as_shapely(found):
    return shapely.MultiPolygon([shapely.Polygon(each.ring, each.holes) for each in found])


@given(MASKS, st.integers(0, 50), st.integers(0, 50))
def test_outlines_enclose_exactly_the_pixels(mask, y, x):
    found = outlines(mask, (y, x))
    truth = in_image(mask, (y, x))
    assert_array_equal(in_image(*mask_of(found, *SIZE)), truth)
    # By other tools: scikit-image and pycocotools, ring by ring, as neither has holes.
    by_skimage, by_coco = np.zeros((2, *SIZE), bool)
    for ring in (ring for each in found for ring in each.rings):
        by_skimage ^= skimage.draw.polygon2mask(SIZE, ring[:, ::-1] - 0.5)
        codes = pycocotools.mask.frPyObjects([ring.ravel().astype(float).tolist()], *SIZE)
        by_coco ^= pycocotools.mask.decode(codes)[..., 0].astype(bool)
    assert_array_equal(by_skimage, truth)
    assert_array_equal(by_coco, truth)
    assert sum(each.area for each in found) == mask.sum()


@given(MASKS)
def test_outlines_are_valid_polygons(mask):
    found = outlines(mask)
    assert len(found) == scipy.ndimage.label(mask)[1]
    whole = as_shapely(found)
    assert whole.is_valid, shapely.is_valid_reason(whole)
    assert whole.area == mask.sum()
    for polygon in whole.geoms:
        assert polygon.exterior.is_ccw
        assert not any(hole.is_ccw for hole in polygon.interiors)
    for ring in (ring for each in found for ring in each.rings):
        assert len(np.unique(ring, axis=0)) == len(ring)
        # Corners only: rows and columns alternate.
        sides = np.roll(ring, -1, axis=0) - ring
        assert ((sides == 0).sum(axis=1) == 1).all()
        assert ((sides[:, 0] == 0) != np.roll(sides[:, 0] == 0, 1)).all()


@pytest.mark.parametrize(
    ("text", "pieces", "holes"),
    [
        ("#", 1, 0),
        ("#. .#", 2, 0),  # touching at a point
        ("### #.# ###", 1, 1),
        ("####. #..#. #.#.# ####.", 2, 1),
        ("### #.# ##.", 1, 0 + 1),  # the hole touches the ring
        ("#### ##.# #.## ####", 1, 2),  # two holes touch
        ("##### #...# #.#.# #...# #####", 2, 1),  # an island
        ("......", 0, 0),
    ],
)
def test_pieces_and_holes(text, pieces, holes):
    found = outlines(pixels(text))
    assert len(found) == pieces
    assert sum(len(each.holes) for each in found) == holes


def test_places():
    found = outlines(pixels("#.# ### ..."), corner=(19_998, 7))
    assert [each.ring.tolist() for each in found] == [
        [
            *([7, 19_998], [8, 19_998], [8, 19_999], [9, 19_999], [9, 19_998], [10, 19_998]),
            *([10, 20_000], [7, 20_000]),
        ]
    ]
    assert found[0].area == 5


def test_a_square_without_a_mask():
    outline = Outline(np.array([[1.5, 2], [4, 2], [4, 5], [1.5, 5]]))
    assert outline.area == 7.5
    crop, corner = shape_of([outline]).crop(*SIZE)
    assert in_image(crop, corner).sum() == 3 * 3  # columns 1.5 to 4 have three centres: 1.5 is one
    assert mask_of([], *SIZE)[0].shape == (0, 0)
