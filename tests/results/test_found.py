import numpy as np
from numpy.testing import assert_array_equal

from mrcnn.results import ImageFacts, Objects
from mrcnn.results.found import Found, colour_of, one_by_one

from .scene import NAMES, in_parts, only_boxes, pixels, scene


def test_those_with_pixels():
    image, objects = scene()
    found = list(one_by_one(image, in_parts(objects)))
    assert [each.number for each in found] == [1, 2, 3, 4, 5, 7, 8]
    assert [each.class_id for each in found] == [1, 2, 1, 2, 1, 1, 2]
    assert [each.class_name for each in found][:2] == NAMES[1:]
    assert found[1].score == 0.9  # not 0.8999999761581421
    for each in found:
        i = each.number - 1
        assert each.crop is objects.masks.crops[i]
        assert each.corner == tuple(objects.masks.boxes[i, :2])
        assert each.box == tuple(objects.boxes[i])
        assert each.area == each.crop.sum() == sum(part.area for part in each.outlines())
        assert each.keypoints is None


def test_boxes():
    image, objects = scene()
    found = list(one_by_one(image, [only_boxes(objects)]))
    assert [each.number for each in found] == [1, 2, 3, 4, 5, 7, 8]
    third = found[2]
    assert third.crop is None and third.box == (40, 5.25, 41, 6.25) and third.area == 1
    assert found[4].box == (52, 60.25, 60, 80)  # within the image
    [outline] = third.outlines()
    assert outline.ring.tolist() == [[5.25, 40], [6.25, 40], [6.25, 41], [5.25, 41]]


def test_a_detected_box_without_an_area():
    """The box is then that of the mask."""
    image, objects = scene()
    objects.boxes[2] = 0
    assert [each.box for each in one_by_one(image, [objects])][2] == (40, 5, 41, 6)


def test_keypoints_and_unknown_classes():
    points = np.arange(6).reshape(1, 2, 3)
    objects = Objects([4], [7], [0.5], [[0, 0, 2, 2]], keypoints=points)
    [found] = one_by_one(ImageFacts("a.png", (9, 9), ["BG"]), [objects])
    assert_array_equal(found.keypoints, points[0])
    assert found.class_name == "class 7"


def test_exact_outlines():
    found = Found(1, 1, "cell", 0.9, (5, 7, 7, 9), pixels("#. .#"), (5, 7))
    assert [each.ring.tolist()[0] for each in found.outlines()] == [[7, 5], [8, 6]]


def test_colours_are_far_apart():
    colours = np.array([colour_of(i) for i in range(1, 8)])
    assert colours.min() >= 0 and colours.max() <= 255
    distances = np.abs(colours[:, None] - colours).sum(axis=-1)
    assert distances[~np.eye(len(colours), dtype=bool)].min() > 100
