from pathlib import Path

import hypothesis.extra.numpy
import numpy as np
import pycocotools.mask
import pytest
import scipy.ndimage
import shapely
import skimage.draw
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from PIL import Image

from mrcnn.results.polygons import Outline, mask_of, outlines
from mrcnn.results.simplified import simplified

from .scene import pixels

NUCLEI = Path(__file__).parents[2] / "samples/nucleus/data/stage1_train"
SIDES = st.integers(1, 12)
MASKS = hypothesis.extra.numpy.arrays(bool, st.tuples(SIDES, SIDES)).filter(np.any)


def iou(mask, other):
    return (mask & other).sum() / (mask | other).sum()


def by_our_reader(found, shape):
    back = np.zeros(shape, bool)
    crop, (y, x) = mask_of(found, *shape)
    back[y : y + crop.shape[0], x : x + crop.shape[1]] = crop
    return back


def by_skimage(found, shape):
    back = np.zeros(shape, bool)
    for ring in (ring for each in found for ring in each.rings):
        back ^= skimage.draw.polygon2mask(shape, ring[:, ::-1] - 0.5)
    return back


def by_coco(found, shape):
    back = np.zeros(shape, bool)
    for ring in (ring for each in found for ring in each.rings):
        codes = pycocotools.mask.frPyObjects([ring.ravel().astype(float).tolist()], *shape)
        back ^= pycocotools.mask.decode(codes)[..., 0] == 1
    return back


def area_by_shapely(found):
    """Of the outlines, whether or not they touch each other."""
    return sum(
        shapely.Polygon(each.ring).area - sum(shapely.Polygon(hole).area for hole in each.holes)
        for each in found
    )


def corners(found):
    return sum(len(ring) for each in found for ring in each.rings)


@settings(max_examples=50)
@given(MASKS, st.sampled_from([0.9, 0.98, 1]))
def test_any_mask(mask, least):
    exact = outlines(mask)
    found = simplified(exact, least)
    assert [len(each.holes) for each in found] == [len(each.holes) for each in exact]
    assert iou(mask, by_our_reader(found, mask.shape)) >= least
    assert corners(found) <= corners(exact)
    assert all(len(ring) >= 3 for each in found for ring in each.rings)
    if least == 1:
        assert area_by_shapely(found) == mask.sum()


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.floats(1, 6), st.integers(20, 80))
def test_objects_of_any_shape(seed, smoothness, side):
    """Islands, holes and pieces of all sizes."""
    noise = np.random.default_rng(seed).normal(size=(side, side))
    mask = scipy.ndimage.gaussian_filter(noise, smoothness) > 0
    found = simplified(outlines(mask))
    if mask.any():
        assert iou(mask, by_our_reader(found, mask.shape)) >= 0.98
        assert iou(mask, by_skimage(found, mask.shape)) >= 0.98
        assert iou(mask, by_coco(found, mask.shape)) >= 0.98
    assert abs(area_by_shapely(found) - mask.sum()) <= 0.02 * mask.sum()


def test_nuclei():
    before = after = 0
    for folder in sorted(NUCLEI.iterdir())[:4]:
        for file in sorted((folder / "masks").iterdir())[:12]:
            mask = np.asarray(Image.open(file)) > 0
            exact = outlines(mask)
            found = simplified(exact)
            for back in (by_our_reader, by_skimage, by_coco):
                assert iou(mask, back(found, mask.shape)) >= 0.98
            if mask.sum() > 100:
                before, after = before + corners(exact), after + corners(found)
    assert after < 0.4 * before


def test_straight_sides_stay():
    """A rectangle keeps its corners, and one that a pixel sticks out of becomes a rectangle."""
    rectangle = np.pad(np.ones((20, 30), bool), 2)
    [found] = simplified(outlines(rectangle))
    assert found.ring.tolist() == [[2, 2], [32, 2], [32, 22], [2, 22]]
    rectangle[10, 32] = True
    [found] = simplified(outlines(rectangle))
    assert len(found.ring) == 4


@pytest.mark.parametrize("text", ["#", "##", "#. .#", "########################"])
def test_small_objects_stay_exact(text):
    exact = outlines(pixels(text), (7, 9))
    found = simplified(exact)
    assert area_by_shapely(found) == pixels(text).sum()
    assert [each.ring.tolist() for each in found] == [each.ring.tolist() for each in exact]


def test_places_far_out():
    y, x = np.mgrid[:60, :60] - 29.5
    disc = y**2 + x**2 < 800
    near, far = simplified(outlines(disc)), simplified(outlines(disc, (19_900, 15_000)))
    assert_array_equal(far[0].ring, near[0].ring + np.array([15_000, 19_900]))
    assert isinstance(far[0], Outline)


def test_small_pieces_of_a_large_object_stay():
    mask = np.zeros((60, 60), bool)
    mask[:50, :50] = True
    mask[10, 10] = mask[55, 55] = False
    mask[55, 55] = True
    found = simplified(outlines(mask))
    assert found[0].holes[0].tolist() == [[10, 10], [10, 11], [11, 11], [11, 10]]
    assert found[1].ring.tolist() == [[55, 55], [56, 55], [56, 56], [55, 56]]
