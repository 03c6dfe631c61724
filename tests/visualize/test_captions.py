"""Captions are placed beside what they name, legible and in the image, and hide nothing."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.visualize.captions import add_caption, ambiguous, arrange, inner_point

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

    def test_two_in_one_place_have_two_captions(self):
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


class TestLeaders:
    """A caption that lies on another instance is joined to its own."""

    def test_a_plate_below_its_box_on_another(self):
        boxes = [(100, 200, 160, 260), (80, 60, 300, 195)]
        on_the_second = (100, 186, 160, 198)
        assert ambiguous([on_the_second, (80, 200, 140, 212)], boxes) == [0]

    def test_a_plate_on_top_of_its_box_needs_none(self):
        inner, outer = (100, 100, 160, 160), (50, 50, 400, 400)
        assert ambiguous([(100, 162, 160, 174), (50, 402, 110, 414)], [inner, outer]) == []

    def test_a_plate_within_its_box(self):
        inner, outer = (100, 100, 160, 160), (50, 50, 400, 400)
        inside = (100, 148, 160, 160)
        assert ambiguous([inside, (50, 402, 110, 414)], [inner, outer]) == []
        assert ambiguous([(100, 162, 160, 174), inside], [inner, outer]) == [1]

    def test_a_plate_on_nothing_is_preferred(self):
        # Above is a caption, below a large instance; on the right there is room.
        boxes = [(100, 300, 160, 320), (100, 200, 160, 297), (0, 0, 900, 198)]
        plates = place(*boxes)
        assert common_area(plates[1], boxes[0]) == common_area(plates[1], boxes[2]) == 0

    @pytest.mark.parametrize(
        ("crop", "expected"),
        [
            (np.ones((3, 3)), (21, 11)),
            (np.eye(2)[:1], (20, 10)),
            (np.arange(200)[:, None] * np.ones(90) >= 120, (65, 169)),
        ],
    )
    def test_a_point_well_inside(self, crop, expected):
        assert inner_point(crop, (10, 20)) == pytest.approx(expected, abs=6 if len(crop) > 9 else 0)

    def test_no_point_inside_nothing(self):
        assert inner_point(np.zeros((4, 4)), (0, 0)) is None
        assert inner_point(np.zeros((0, 4)), (0, 0)) is None

    def picture(self, boxes, target=None):
        figure = plt.figure(figsize=(4, 4), dpi=100)
        ax = figure.add_axes((0, 0, 1, 1))
        ax.imshow(np.zeros((100, 100)), cmap="gray")
        ax.axis("off")
        for box, text in zip(boxes, ("mine", " ", " ", " "), strict=False):
            add_caption(ax, box, text, "red", 12, target)
        figure.canvas.draw()
        return np.asarray(figure.canvas.buffer_rgba())[..., 0].astype(int), ax

    def test_the_line_is_drawn_from_the_caption_to_the_instance(self):
        at_the_top, below = (0, 30, 10, 40), (11, 0, 100, 100)
        beside = (0, 18, 10, 29), (0, 41, 10, 53)
        boxes = [at_the_top, below, *beside]
        pixels, ax = self.picture(boxes)
        text = ax.texts[0].get_window_extent()
        assert text.y1 < 400 - 4 * 10  # the caption is below its box, on the other instance
        center = pixels[4 * 5, 4 * 35]
        assert center > 200  # the dot at the line's end
        line = pixels[4 * 5 : int(400 - text.y1) - 2, 4 * 34 : 4 * 36].max(axis=1)
        assert (line > 150).mean() > 0.8
        pixels, _ = self.picture(boxes, target=(32, 8))
        assert pixels[4 * 8 + 2, 4 * 32 + 2] > 200

    def test_no_line_without_another_instance(self):
        at_the_top, elsewhere = (0, 30, 10, 40), (80, 0, 100, 20)
        pixels, _ = self.picture([at_the_top, elsewhere])
        assert (pixels[: 4 * 10] == 0).all()


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

    def test_captions_that_were_removed_cause_no_error(self):
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
    def test_boxes_that_extend_beyond_the_image_have_captions_in_it(self, box):
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
