import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.path import Path
from numpy.testing import assert_array_equal

from mrcnn.formats.shapes import Ellipse, Parts, Polygon, Polyline, Rectangle, number

HEIGHT, WIDTH = 12, 17
# Multiples of 1/16, shifted by 1/48, keep corners off the lines through pixel centres, where it is
# a matter of convention what is inside.
coordinates = st.integers(-100, 400).map(lambda i: i / 16 + 1 / 48)
points = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=8)


def centres():
    """y and x of the pixels' centres, each [HEIGHT, WIDTH]."""
    return np.mgrid[:HEIGHT, :WIDTH] + 0.5


def dense(shape, height=HEIGHT, width=WIDTH):
    crop, (y, x) = shape.crop(height, width)
    assert crop.dtype == bool
    mask = np.zeros((height, width), bool)
    mask[y : y + crop.shape[0], x : x + crop.shape[1]] = crop
    assert mask.sum() == crop.sum()  # nothing outside the image
    return mask


def distance_to_line(ys, xs):
    """Distances [HEIGHT, WIDTH] from the centres to the nearest of many points on the line."""
    y, x = centres()
    steps = np.linspace(0, 1, 2001)
    best = np.full(y.shape, np.inf)
    for i in range(max(1, len(ys) - 1)):
        j = min(i + 1, len(ys) - 1)
        line_y, line_x = ys[i] + steps * (ys[j] - ys[i]), xs[i] + steps * (xs[j] - xs[i])
        best = np.minimum(best, np.hypot(y[..., None] - line_y, x[..., None] - line_x).min(-1))
    return best


@given(points)
def test_polygon_holds_the_centres_inside(corners):
    """Also for concave, self-intersecting and clipped polygons, in either direction."""
    ys, xs = zip(*corners, strict=True)
    y, x = centres()
    at = np.stack([x.ravel(), y.ravel()], axis=1)
    inside = Path(np.array([xs, ys]).T).contains_points(at).reshape(y.shape)
    # A centre on a side may or may not count.
    on_side = distance_to_side(ys, xs) < 1e-6
    assert_array_equal(dense(Polygon(ys, xs)) | on_side, inside | on_side)
    assert_array_equal(dense(Polygon(ys[::-1], xs[::-1])) | on_side, inside | on_side)


def distance_to_side(ys, xs):
    y, x = centres()
    best = np.full(y.shape, np.inf)
    for ya, xa, yb, xb in zip(ys, xs, np.roll(ys, -1), np.roll(xs, -1), strict=True):
        a, side = np.array([ya, xa]), np.array([yb - ya, xb - xa])
        to = np.stack([y, x], axis=-1) - a
        share = np.clip(to @ side / (side @ side or 1), 0, 1)
        best = np.minimum(best, np.linalg.norm(to - share[..., None] * side, axis=-1))
    return best


def test_even_odd():
    star = Polygon((0, 12, 4, 4, 12), (6, 10, 0, 12, 2))
    mask = dense(star, 12, 12)
    assert mask[2, 5] and mask[4, 1] and not mask[6, 5]  # two tips of the star, and its middle


@given(st.integers(0, 24), st.integers(0, 24), st.integers(1, 20), st.integers(1, 20))
def test_rectangle_is_the_polygon_of_its_corners(y, x, height, width):
    y1, x1, y2, x2 = y / 2 - 3, x / 2 - 3, y / 2 - 3 + height / 2, x / 2 - 3 + width / 2
    mask = dense(Rectangle(y1, x1, y2, x2))
    cy, cx = centres()
    assert_array_equal(mask, (y1 <= cy) & (cy < y2) & (x1 <= cx) & (cx < x2))
    assert_array_equal(mask, dense(Polygon((y1, y1, y2, y2), (x1, x2, x2, x1))))


def test_polygons_that_share_a_side_share_no_pixel():
    upper, lower = Polygon((0, 0, 10), (0, 10, 10)), Polygon((0, 10, 10), (0, 10, 0))
    assert_array_equal(dense(upper, 10, 10).astype(int) + dense(lower, 10, 10), 1)


@given(coordinates, coordinates, *[st.floats(0.1, 15)] * 2, st.floats(-7, 7))
def test_ellipse_formula(y, x, radius_y, radius_x, turn):
    cy, cx = centres()
    # Rotated clockwise as seen: from x towards y, which points down.
    to = np.exp(-1j * turn) * ((cx - x) + 1j * (cy - y))
    value = (to.real / radius_x) ** 2 + (to.imag / radius_y) ** 2
    mask = dense(Ellipse(y, x, radius_y, radius_x, turn))
    assert_array_equal(mask | (abs(value - 1) < 1e-9), (value <= 1) | (abs(value - 1) < 1e-9))


def test_ellipse_turns_clockwise():
    mask = dense(Ellipse(5, 5, 1, 5, np.pi / 4), 10, 10)
    assert mask[8, 8] and mask[1, 1] and not mask[1, 8] and not mask[8, 1]


@given(st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=4), st.floats(1, 6))
def test_polyline_holds_the_centres_near_it(line, thickness):
    ys, xs = zip(*line, strict=True)
    distance = distance_to_line(ys, xs)
    unsure = abs(distance - thickness / 2) < 0.01
    mask = dense(Polyline(ys, xs, thickness))
    assert_array_equal(mask | unsure, (distance <= thickness / 2) | unsure)


def test_a_line_of_an_even_thickness_covers_it():
    mask = dense(Polyline((3, 3), (2, 6), 2), 6, 8)
    # Two rows; the round ends cover one more pixel on each side.
    assert_array_equal(np.argwhere(mask), [(y, x) for y in (2, 3) for x in range(1, 7)])


@pytest.mark.parametrize(
    "shape",
    [
        Polygon((20, 30, 30), (1, 1, 5)),
        Polygon((-5, -1, -1), (1, 1, 5)),
        Rectangle(0, 40, 5, 50),
        Ellipse(-4, -4, 3, 3),
        Polyline((1, 5), (30, 40), 4),
        Parts((Polygon((20, 30, 30), (1, 1, 5)), Rectangle(-3, 1, -1, 5))),
        Polygon((0.6, 0.9, 0.9), (0.6, 0.6, 0.9)),  # between pixel centres
    ],
)
def test_wholly_outside(shape):
    assert not dense(shape).any()


def test_parts_are_united():
    shape = Parts((Rectangle(0, 0, 4, 4), Rectangle(2, 2, 6, 6), Rectangle(0, 10, 1, 12)))
    mask = dense(shape)
    assert mask.sum() == 16 + 16 - 4 + 2
    assert mask[3, 3] and mask[5, 5] and mask[0, 11] and not mask[0, 5]


def test_far_corners_take_no_time():
    mask = dense(Polygon((-1e9, -1e9, 1e9, 1e9), (-1e9, 1e9, 1e9, -1e9)), 100, 100)
    assert mask.all()
    assert dense(Ellipse(50, 50, 1e9, 1e9), 100, 100).all()
    assert dense(Polyline((-1e9, 1e9), (50, 50), 2), 100, 100)[:, 49:51].all()


def test_shapes_are_equal_by_value_and_travel_to_workers():
    shape = Parts((Polygon([0, 0, 1.5], [0, 2, 2]), Ellipse(1, 1, 1, 1), Polyline([1], [2])))
    copy = pickle.loads(pickle.dumps(shape))
    assert copy == shape
    assert list(copy.shapes[0].ys) == [0, 0, 1.5]
    assert copy != Parts((Polygon([0, 0, 2], [0, 2, 2]),))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Polygon((0, 1), (0, 1)), "it has 2 points: a polygon needs at least 3."),
        (lambda: Polygon((0, 1, 2), (0, 1)), "it has 2 x and 3 y coordinates."),
        (lambda: Polygon((0, 1, float("nan")), (0, 1, 2)), "it has the coordinate nan"),
        (lambda: Polygon((0, 1, 2), (0, 1, float("inf"))), "it has the coordinate inf"),
        (lambda: Polyline((), ()), "it has 0 points: a line needs at least 1."),
        (lambda: Polyline((1,), (1,), 0.5), "its thickness is 0.5: it must be at least 1 pixel"),
        (lambda: Rectangle(0, 0, 0, 5), "its width is 5 and its height 0: both must be positive."),
        (lambda: Rectangle(0, float("nan"), 1, 5), "it has the coordinate nan"),
        (lambda: Ellipse(0, 0, 0, 5), "its radii are 0 and 5: they must be positive."),
        (lambda: Ellipse(0, 0, 1, 5, float("-inf")), "it has the coordinate -inf"),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value).startswith(message)


def test_number():
    assert [number(value) for value in (3, 2.5, " 4.5 ", "-1e2")] == [3, 2.5, 4.5, -100]
    for value in ("three", "", None, True, [1], {}, 10**400):
        with pytest.raises(ValueError, match="is not a usable number"):
            number(value)
