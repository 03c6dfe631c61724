"""The boxes of shapes: their extents, computed without drawing pixels."""

import io

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from pycocotools import mask as coco_mask

from mrcnn.formats.coco_masks import Outline, RunLengths
from mrcnn.formats.labelme import PngMask
from mrcnn.formats.shapes import Box, Ellipse, Parts, Polygon, Polyline, Rectangle, around, box_of
from mrcnn.formats.yolo_labels import ShareBox, ShareOutline

HEIGHT, WIDTH = 24, 34
coordinates = st.floats(-10, 45, allow_subnormal=False)
inside = st.floats(0, 1, allow_subnormal=False)
points = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=8)
sides = st.floats(0.1, 30)


def share_outline(corners):
    return ShareOutline(np.array(corners))


shapes = st.one_of(
    points.map(lambda p: Polygon(*zip(*p, strict=True))),
    st.builds(Ellipse, coordinates, coordinates, sides, sides, st.floats(-7, 7)),
    st.builds(lambda y, x, h, w: Rectangle(y, x, y + h, x + w), *[coordinates] * 2, *[sides] * 2),
    st.builds(
        lambda p, thickness: Polyline(*zip(*p, strict=True), thickness), points, st.floats(1, 8)
    ),
    st.builds(ShareBox, inside, inside, st.floats(0.01, 1), st.floats(0.01, 1)),
    st.lists(st.tuples(inside, inside), min_size=3, max_size=8).map(share_outline),
)
shapes |= st.lists(shapes, min_size=1, max_size=3).map(lambda s: Parts(tuple(s)))


def extent(shape, height=HEIGHT, width=WIDTH):
    """Box around a shape's pixels; None if it has none."""
    crop, (y, x) = shape.crop(height, width)
    ys, xs = np.nonzero(crop)
    if not len(ys):
        return None
    return y + ys.min(), x + xs.min(), y + ys.max() + 1, x + xs.max() + 1


@given(shapes)
@example(Parts((Rectangle(0, -9, 5, -8), Rectangle(0, 99, 5, 100))))
def test_a_box_holds_the_centres_of_all_pixels(shape):
    y1, x1, y2, x2 = shape.box(HEIGHT, WIDTH)
    pixels = extent(shape)
    if pixels is not None:
        slack = 0.5 + 1e-6
        assert y1 <= pixels[0] + slack and x1 <= pixels[1] + slack
        assert y2 >= pixels[2] - slack and x2 >= pixels[3] - slack


@given(st.floats(1, 40), st.floats(1, 40), *[st.floats(2, 30)] * 2, st.booleans())
def test_a_rectangle_has_the_pixels_of_its_box(y, x, height, width, is_share):
    """To within half a pixel, the distance of a pixel's centre from its side."""
    box = y, x, y + height, x + width
    shape = Rectangle(*box)
    if is_share:
        shape = ShareBox((x + width / 2) / 80, (y + height / 2) / 90, width / 80, height / 90)
    assert_allclose(shape.box(90, 80), box, atol=1e-9)
    assert_allclose(extent(shape, 90, 80), box, atol=0.5 + 1e-6)


@given(st.floats(20, 30), st.floats(20, 30), *[st.floats(4, 15)] * 2, st.floats(-7, 7))
def test_an_ellipse_touches_its_box(y, x, radius_y, radius_x, turn):
    """The box has the extremes of the curve and, to within one pixel, those of its pixels."""
    shape = Ellipse(y, x, radius_y, radius_x, turn)
    around_it = np.linspace(0, 2 * np.pi, 20001)
    along, across = radius_x * np.cos(around_it), radius_y * np.sin(around_it)
    ys = y + along * np.sin(turn) + across * np.cos(turn)
    xs = x + along * np.cos(turn) - across * np.sin(turn)
    assert_allclose(shape.box(60, 60), [ys.min(), xs.min(), ys.max(), xs.max()], atol=1e-4)
    assert_allclose(extent(shape, 60, 60), shape.box(60, 60), atol=1)


def test_values():
    polygon = Polygon((2.5, -3, 8.25), (1, 4.5, 2))
    assert polygon.box(5, 5) == (-3, 1, 8.25, 4.5)
    assert Rectangle(0.25, -1, 3, 4).box(5, 5) == (0.25, -1, 3, 4)
    assert Box(0.25, -1, 3, 4).box(5, 5) == (0.25, -1, 3, 4)
    assert Ellipse(5, 6, 2, 3).box(9, 9) == (3, 3, 7, 9)
    # Rotated by 90 degrees: the long axis is vertical.
    assert_allclose(Ellipse(5, 6, 2, 3, np.pi / 2).box(9, 9), (2, 4, 8, 8))
    # Rotated by 45 degrees: half the box's side is sqrt((4 + 9) / 2).
    assert_allclose(Ellipse(5, 6, 2, 3, np.pi / 4).box(9, 9)[2] - 5, np.sqrt(6.5))
    assert Polyline((1, 4), (7, 2), 3).box(9, 9) == (-0.5, 0.5, 5.5, 8.5)
    assert Polyline((1,), (7,)).box(9, 9) == (0.5, 6.5, 1.5, 7.5)
    assert ShareBox(0.5, 0.25, 0.25, 0.5).box(40, 80) == (0, 30, 20, 50)
    corners = [(0.1, 0.2), (0.5, 0.05), (0.25, 1)]
    assert_allclose(share_outline(corners).box(20, 40), (1, 4, 20, 20))
    for box in (polygon.box(5, 5), share_outline(corners).box(20, 40)):
        assert [type(side) for side in box] == [float] * 4


def test_parts_that_are_outside_do_not_count():
    inside, left, right = Rectangle(1, 2, 3, 4), Rectangle(0, -9, 5, -2), Rectangle(0, 20, 5, 22)
    assert Parts((left, inside, right)).box(9, 9) == (1, 2, 3, 4)
    assert Parts((inside, Rectangle(2, 8, 12, 12))).box(9, 9) == (1, 2, 12, 12)
    # If no part is inside, the box is that of the first part, not the whole image.
    assert Parts((left, right)).box(9, 9) == (0, -9, 5, -2)
    assert around([(0, 0, 0, 0), (3, 3, 4, 4)], 9, 9) == (3, 3, 4, 4)


def test_shapes_of_pixels_have_the_box_around_them():
    pixels, file = np.zeros((6, 7), np.uint8), io.BytesIO()
    pixels[2:4, 1] = pixels[3, 5] = 255
    Image.fromarray(pixels).save(file, "png")
    shape = PngMask(file.getvalue(), -3, 4)  # its third row lies above the image
    assert box_of(shape, 9, 20) == (0, 5, 1, 10)
    assert box_of(shape, 9, 9) == (0, 5, 1, 6)
    assert box_of(shape, 9, 5) == (0, 0, 0, 0)
    assert Parts((shape, Rectangle(4, 4, 6, 6))).box(9, 20) == (0, 4, 6, 10)
    assert Parts((shape, Rectangle(4, 4, 6, 6))).box(9, 5) == (4, 4, 6, 6)


# The boxes of COCO annotations.


def run_lengths(mask):
    changes = np.flatnonzero(np.diff(mask.T.ravel(), prepend=0, append=0 if mask[-1, -1] else 1))
    return np.diff([0, *changes]).astype(np.uint32)


@given(
    st.integers(1, 6),
    st.integers(1, 6),
    st.lists(st.booleans(), min_size=36, max_size=36),
    st.booleans(),
)
def test_a_run_length_code_has_the_box_of_its_pixels(height, width, pixels, compressed):
    mask = np.array(pixels)[: height * width].reshape(height, width)
    counts = run_lengths(mask)
    assert counts.sum() == mask.size
    if compressed:
        counts = coco_mask.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()
    shape = RunLengths(height, width, counts)
    box = shape.box(height, width)
    assert box == (extent(shape, height, width) or (0, 0, 0, 0))
    code = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    x, y, w, h = coco_mask.toBbox(code).tolist()
    if mask.any():
        assert box == (y, x, y + h, x + w)


def test_runs_without_a_pixel_do_not_count():
    # Columns of 4: pixels 6 and 9 are inside, with an empty run before and another after them.
    counts = np.array([1, 0, 5, 1, 2, 1, 1, 0, 1], np.uint32)
    assert counts.sum() == 12
    assert RunLengths(4, 3, counts).box(4, 3) == (1, 1, 3, 3)
    assert RunLengths(4, 3, np.array([12], np.uint32)).box(4, 3) == (0, 0, 0, 0)
    assert RunLengths(4, 3, np.array([0, 12], np.uint32)).box(4, 3) == (0, 0, 4, 3)
    with pytest.raises(ValueError, match=r"code is 4x3 and the image 3x4"):
        RunLengths(4, 3, counts).box(3, 4)


@given(st.lists(points, min_size=1, max_size=3))
def test_an_outline_holds_its_pixels(parts):
    """To within one pixel: pycocotools draws a polygon's outline on a finer grid."""
    shape = Outline(tuple(np.ravel(part) for part in parts))
    pixels, box = extent(shape), shape.box(HEIGHT, WIDTH)
    if pixels is not None:
        assert_array_equal(np.array(box[:2]) <= np.array(pixels[:2]) + 1, True)
        assert_array_equal(np.array(box[2:]) >= np.array(pixels[2:]) - 1, True)


def test_outlines():
    first, second = np.array([5.5, 1, 9, 1, 9, 4.25]), np.array([2, 3, 3, 3, 3, 8.0])
    assert Outline((first,)).box(20, 20) == (1, 5.5, 4.25, 9)
    assert Outline((first, second)).box(20, 20) == (1, 2, 8, 9)
    far = np.array([30, 1, 40, 1, 40, 50.0])
    assert Outline((first, far)).box(20, 20) == (1, 5.5, 4.25, 9)
