"""Captions are placed beside what they name, legible and in the image, and hide nothing."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.visualize.captions import add_caption, arrange

VIEW = (0, 0, 1000, 1000)  # left, bottom, right, top
PLATE = (60, 12)


def common_area(first, second):
    low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
    return np.prod(np.maximum(high - low, 0))


def place(*boxes, view=VIEW, gap=2):
    return arrange(boxes, [PLATE] * len(boxes), view, gap)


class TestArrange:
    def test_the_usual_place_is_above_the_left_corner(self):
        assert place((100, 100, 300, 200)).tolist() == [[100, 202, 160, 214]]

    def test_a_small_instance_at_the_upper_border_has_it_below(self):
        assert place((100, 980, 180, 1000)).tolist() == [[100, 966, 160, 978]]

    def test_a_large_instance_at_the_upper_border_has_it_inside(self):
        assert place((100, 300, 800, 1000)).tolist() == [[100, 988, 160, 1000]]

    def test_at_the_right_border_it_is_flush_right(self):
        assert place((950, 100, 1000, 200)).tolist() == [[940, 202, 1000, 214]]

    def test_an_instance_in_the_corner(self):
        (plate,) = place((980, 980, 1000, 1000))
        assert common_area(plate, VIEW) == 60 * 12
        assert common_area(plate, (980, 980, 1000, 1000)) == 0

    def test_a_neighbour_above_is_not_hidden(self):
        above, below = (100, 205, 160, 230), (100, 100, 160, 200)
        plates = place(above, below)
        assert common_area(plates[1], above) == 0 and common_area(plates[0], below) == 0

    def test_two_at_one_place_have_two_captions(self):
        first, second = place((100, 100, 300, 200), (100, 100, 300, 201))
        assert common_area(first, second) == 0

    def test_without_captions(self):
        assert arrange([], np.zeros((0, 2)), VIEW, 2).shape == (0, 4)


@given(
    st.lists(
        st.tuples(*[st.integers(0, 900)] * 2, *[st.integers(1, 400)] * 2), min_size=1, max_size=12
    )
)
def test_plates_have_their_size_touch_their_box_and_stay_in_the_image(sides):
    boxes = [(x, y, min(x + w, 1000), min(y + h, 1000)) for x, y, w, h in sides]
    plates = place(*boxes)
    for plate, box in zip(plates, boxes, strict=True):
        assert np.allclose(plate[2:] - plate[:2], PLATE)
        near = np.add(box, (-3, -3, 3, 3))
        assert common_area(plate, near) > 0
        assert common_area(plate, VIEW) == pytest.approx(60 * 12)


@given(st.permutations(range(30)))
def test_captions_of_distant_instances_do_not_overlap(order):
    boxes = [
        (150 * (i % 6), 180 * (i // 6), 150 * (i % 6) + 50, 180 * (i // 6) + 100) for i in order
    ]
    plates = place(*boxes)
    for i, plate in enumerate(plates):
        assert sum(common_area(plate, box) for box in boxes) == 0
        assert sum(common_area(plate, other) for other in plates[:i]) == 0


class TestAddCaption:
    @pytest.mark.parametrize(
        ("color", "expected"), [((0, 0, 0), "white"), ((1, 0, 0), (1, 0.6, 0.6))]
    )
    def test_it_is_legible_on_its_dark_plate(self, color, expected):
        ax = plt.subplots()[1]
        ax.imshow(np.zeros((20, 20)))
        add_caption(ax, (5, 5, 10, 10), "cell", color)
        assert matplotlib.colors.same_color(ax.texts[0].get_color(), expected)

    def test_it_moves_when_it_is_drawn_and_again_when_the_view_changes(self):
        figure, ax = plt.subplots(figsize=(5, 5))
        ax.imshow(np.zeros((100, 100)))
        add_caption(ax, (0, 10, 4, 30), "at the top", "red")
        add_caption(ax, (50, 10, 60, 30), "in the middle", "red")
        figure.canvas.draw()
        top, middle = (text.get_window_extent() for text in ax.texts)
        to_dots = ax.transData.transform
        assert top.y1 < to_dots((0, 3.5))[1]  # below its box
        assert middle.y0 > to_dots((0, 49.5))[1]  # above its box
        assert top.x0 == pytest.approx(to_dots((9.5, 0))[0], abs=3)
        ax.set_ylim(60, 50)
        figure.canvas.draw()
        middle = ax.texts[1].get_window_extent()
        assert middle.y1 <= ax.bbox.y1 + 1

    def test_captions_that_were_removed_are_not_missed(self):
        figure, ax = plt.subplots()
        ax.imshow(np.zeros((20, 20)))
        for left in (1, 10):
            add_caption(ax, (5, left, 10, left + 5), "cell", "red")
        figure.canvas.draw()
        ax.texts[0].remove()
        figure.canvas.draw()
        assert len(ax.texts) == 1
        ax.clear()
        add_caption(ax, (5, 5, 10, 10), "cell", "red")
        figure.canvas.draw()
        assert len(ax.texts) == 1

    @pytest.mark.parametrize("box", [(-9, -9, 12, 12), (40, 90, 70, 140), (-30, 40, 160, 60)])
    def test_boxes_that_reach_out_of_the_image_have_captions_in_it(self, box):
        figure, ax = plt.subplots(figsize=(4, 4))
        ax.imshow(np.zeros((100, 100)))
        add_caption(ax, box, "nucleus 0.98", "red")
        figure.canvas.draw()
        text = ax.texts[0].get_window_extent()
        assert ax.bbox.padded(1).contains(text.x0, text.y0)
        assert ax.bbox.padded(1).contains(text.x1, text.y1)

    def test_axes_that_point_upwards(self):
        figure, ax = plt.subplots(figsize=(4, 4))
        ax.imshow(np.zeros((100, 100)), origin="lower")
        add_caption(ax, (60, 10, 100, 20), "a long one", "red")  # near the top here
        figure.canvas.draw()
        box = ax.transData.transform([(9.5, 59.5), (19.5, 99.5)]).ravel()
        text = ax.texts[0].get_window_extent()
        assert common_area(text.extents, box) == 0

    def test_a_caption_leaves_the_size_of_the_figure_alone(self):
        figure, ax = plt.subplots(layout="constrained")
        ax.imshow(np.zeros((20, 20)))
        figure.canvas.draw()
        before = ax.bbox.extents
        add_caption(ax, (1, 18, 5, 20), "a rather long caption at the border", "red")
        figure.canvas.draw()
        assert np.allclose(ax.bbox.extents, before, atol=0.5)
