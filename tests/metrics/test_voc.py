"""VOC's average precision, against values computed by hand and the rules written out as loops."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.evaluation import VocAP
from mrcnn.geometry.boxes import compute_overlaps

A, B, C, D = (0, 0, 10, 10), (0, 20, 10, 30), (20, 0, 30, 10), (20, 20, 30, 30)
FAR, ELSEWHERE = (50, 50, 60, 60), (70, 70, 80, 80)


def add(metric, image_id, truth, found):
    """Add [(box, class id)] and [(box, class id, score)]."""
    metric.add(
        image_id,
        np.array([row[0] for row in truth], np.float32).reshape(-1, 4),
        [row[1] for row in truth],
        {
            "rois": np.array([row[0] for row in found]).reshape(-1, 4),
            "class_ids": [row[1] for row in found],
            "scores": [row[2] for row in found],
        },
    )


def figures(*images, class_ids=(1,), iou=0.5):
    """The result of `VocAP` for (truth, found) of each image."""
    metric = VocAP(class_ids, iou)
    for image_id, (truth, found) in enumerate(images):
        add(metric, image_id, truth, found)
    return metric.compute()


def of_one(*images, **options):
    """(ap_2007, ap_2010) of class 1."""
    return tuple(figures(*images, **options)["per_class"][1].values())


def test_several_recalls():
    # By score: A, a false detection, B, A again, C; D is missed.
    first = [(A, 1), (B, 1)], [(A, 1, 0.9), (FAR, 1, 0.8), (B, 1, 0.7), (A, 1, 0.6)]
    second = [(C, 1), (D, 1)], [(C, 1, 0.5)]
    # Recall and precision: 1/4 and 1, 1/4 and 1/2, 2/4 and 2/3, 2/4 and 2/4, 3/4 and 3/5.
    # Levels 0 to 0.2 are reached at 1, 0.3 to 0.5 at 2/3, 0.6 and 0.7 at 3/5, the others never.
    assert of_one(first, second) == (
        pytest.approx((3 * 1 + 3 * 2 / 3 + 2 * 3 / 5) / 11),
        pytest.approx((1 + 2 / 3 + 3 / 5) / 4),
    )
    assert figures(first, second)["iou"] == 0.5


def test_precision_may_grow_with_recall():
    # Precision 0, 1/2, 2/3: at each recall, the best precision from there on counts.
    found = [(FAR, 1, 0.9), (A, 1, 0.8), (B, 1, 0.7)]
    assert of_one(([(A, 1), (B, 1)], found)) == (pytest.approx(2 / 3), pytest.approx(2 / 3))


def test_recall_reaches_a_level_exactly():
    truth = [((0, x, 10, x + 10), 1) for x in range(0, 200, 20)]
    found = [(box, 1, 0.9) for box, _ in truth[:3]]
    # 3 of 10 reach the levels 0, 0.1, 0.2 and 0.3. In floating point, 0.3 would be missed.
    assert of_one((truth, found)) == (pytest.approx(4 / 11), pytest.approx(3 / 10))
    assert np.arange(0, 1.1, 0.1)[3] > 3 / 10


def test_an_iou_of_the_threshold_is_enough():
    half, less = (0, 0, 10, 5), (0, 0, 10, 4)
    assert of_one(([(A, 1)], [(half, 1, 0.9)])) == (1, 1)
    assert of_one(([(A, 1)], [(less, 1, 0.9)])) == (0, 0)
    assert of_one(([(A, 1)], [(less, 1, 0.9)]), iou=0.4) == (1, 1)


def test_an_object_is_found_once():
    near = (0, 4, 10, 14)
    # Both detections overlap A most (9/11), and `near` by more than half (7/13).
    twice = [((0, 1, 10, 11), 1, 0.9), ((0, 1, 10, 11), 1, 0.8)]
    truth = [(A, 1), (near, 1)]
    assert of_one((truth, twice)) == (pytest.approx(6 / 11), 0.5)
    # The higher score gets the object, not the better box.
    found = [(A, 1, 0.8), ((0, 1, 10, 11), 1, 0.9), (B, 1, 0.7)]
    # Precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1.
    assert of_one(([(A, 1), (B, 1)], found)) == (
        pytest.approx((6 + 5 * 2 / 3) / 11),
        pytest.approx((1 + 2 / 3) / 2),
    )


def test_detections_of_one_score():
    # Within an image their order decides, between images the lower id; AP is higher with the
    # correct one first.
    right, false = (A, 1, 0.5), (FAR, 1, 0.5)
    assert of_one(([(A, 1)], [right, false])) == (1, 1)
    assert of_one(([(A, 1)], [false, right])) == (0.5, 0.5)
    metric = VocAP([1])
    add(metric, 7, [], [false])
    add(metric, 3, [(A, 1)], [right])
    assert metric.compute()["map_2010"] == 1
    add(metric, 1, [], [false])
    assert metric.compute()["map_2010"] == 0.5
    # Of two objects in the same place, only one is found.
    assert of_one(([(A, 1), (A, 1)], [right])) == (pytest.approx(6 / 11), 0.5)


def test_difficult_objects():
    # A crowd need not be found, and any number of detections may be assigned to it.
    crowd = (20, 0, 40, 20)
    inside = [((20, 0, 40, 19), 1, 0.95), (crowd, 1, 0.9), ((20, 0, 39, 20), 1, 0.85)]
    truth = [(A, 1), (crowd, -1)]
    assert of_one((truth, [*inside, (A, 1, 0.5)])) == (1, 1)
    # A detection of a small part is false: the devkit ignores how much of a detection lies in the
    # crowd.
    assert of_one((truth, [(C, 1, 0.9), (A, 1, 0.5)])) == (0.5, 0.5)
    # The crowd takes the detection that overlaps it most, and the object beside it is missed.
    assert of_one(([(A, 1), ((0, 1, 10, 11), -1)], [((0, 1, 10, 11), 1, 0.9)])) == (0, 0)
    # A crowd of another class takes none.
    assert of_one(([(A, 1), (FAR, -2)], [(FAR, 1, 0.9), (A, 1, 0.5)]), class_ids=[1, 2]) == (
        *(0.5, 0.5),
    )


def test_classes_without_an_object():
    image = [(A, 1), (B, 2), (C, -3)], [(A, 1, 0.9), (C, 3, 0.8), (FAR, 4, 0.7)]
    result = figures(image, class_ids=[1, 2, 3, 4, 5])
    values = {i: part["ap_2010"] for i, part in result["per_class"].items()}
    assert values == pytest.approx({1: 1, 2: 0, 3: np.nan, 4: np.nan, 5: np.nan}, nan_ok=True)
    assert [part["ap_2007"] for part in result["per_class"].values()] == pytest.approx(
        list(values.values()), nan_ok=True
    )
    assert (result["map_2007"], result["map_2010"]) == (0.5, 0.5)
    nothing = figures(class_ids=[1])
    assert np.isnan([nothing["map_2007"], nothing["map_2010"]]).all()
    # Classes that were not requested are ignored.
    assert figures(image, class_ids=[1])["map_2010"] == 1


def test_an_image_again_and_boxes_of_nothing():
    metric = VocAP([1])
    add(metric, 0, [(A, 1)], [])
    assert metric.compute()["map_2010"] == 0
    add(metric, 0, [(A, 1), ((5, 5, 5, 9), 1)], [(A, 1, 0.9)])
    assert metric.compute()["map_2010"] == 1
    with pytest.raises(ValueError, match="the result has 1 rois, 2 class_ids, 1 scores"):
        metric.add(0, [], [], {"rois": [A], "class_ids": [1, 2], "scores": [0.5]})


def test_masks_do_not_matter():
    metric = VocAP([1])
    result = {"rois": [A], "class_ids": [1], "scores": [0.5], "masks": "no masks"}
    metric.add(0, [A], [1], result)
    assert metric.compute()["map_2007"] == 1


CORNERS = st.tuples(*[st.integers(0, 12)] * 2, *[st.integers(1, 9)] * 2)
BOX = CORNERS.map(lambda c: (c[0], c[1], c[0] + c[2], c[1] + c[3]))
TRUTH = st.lists(st.tuples(BOX, st.sampled_from([1, 1, 2, -1])), max_size=5)
FOUND = st.lists(st.tuples(BOX, st.integers(1, 2), st.integers(1, 4)), max_size=6)
IMAGES = st.lists(st.tuples(TRUTH, FOUND), min_size=1, max_size=4)


def inclusive_iou(first, second):
    """IoU as in the devkit: a box includes its last row and column."""
    y1, x1, y2, x2 = (first[i] - (i > 1) for i in range(4))
    v1, u1, v2, u2 = (second[i] - (i > 1) for i in range(4))
    height, width = min(y2, v2) - max(y1, v1) + 1, min(x2, u2) - max(x1, u1) + 1
    if height <= 0 or width <= 0:
        return Fraction(0)
    areas = (y2 - y1 + 1) * (x2 - x1 + 1) + (v2 - v1 + 1) * (u2 - u1 + 1)
    return Fraction(height * width, areas - height * width)


def by_the_rules(images, class_id):
    """(ap_2007, ap_2010) of a class over all images, computed in fractions; None if no objects."""
    truth = {
        (i, n): (box, of < 0)
        for i, (rows, _) in enumerate(images)
        for n, (box, of) in enumerate(rows)
        if abs(of) == class_id
    }
    count = sum(not difficult for _, difficult in truth.values())
    if not count:
        return None
    found = [(s, i, box) for i, (_, rows) in enumerate(images) for box, of, s in rows
             if of == class_id]  # fmt: skip
    taken, hits, false, points = set(), 0, 0, []
    for _, image, box in sorted(found, key=lambda row: -row[0]):
        best, nearest = Fraction(-1), None
        for key, (other, _) in truth.items():
            if key[0] == image and inclusive_iou(box, other) > best:
                best, nearest = inclusive_iou(box, other), key
        if best < Fraction(1, 2):
            false += 1
        elif truth[nearest][1]:
            continue
        elif nearest in taken:
            false += 1
        else:
            taken.add(nearest)
            hits += 1
        points.append((Fraction(hits, count), Fraction(hits, hits + false)))
    levels = [Fraction(level, 10) for level in range(11)]
    old = sum(max([p for r, p in points if r >= level], default=0) for level in levels) / 11
    new, before = 0, 0
    for n, (recall, _) in enumerate(points):
        new += (recall - before) * max(p for _, p in points[n:])
        before = recall
    return float(old), float(new)


@given(IMAGES)
def test_agrees_with_the_rules_in_loops(images):
    result = figures(*images, class_ids=[1, 2])
    expected = {class_id: by_the_rules(images, class_id) for class_id in (1, 2)}
    for class_id, values in expected.items():
        ours = tuple(result["per_class"][class_id].values())
        assert ours == pytest.approx(values or (np.nan, np.nan), nan_ok=True)
    known = [values for values in expected.values() if values]
    means = np.mean(known, axis=0) if known else (np.nan, np.nan)
    assert (result["map_2007"], result["map_2010"]) == pytest.approx(tuple(means), nan_ok=True)


@given(st.lists(BOX, min_size=1, max_size=4), st.lists(BOX, min_size=1, max_size=4))
def test_plain_iou_is_that_of_inclusive_pixels(first, second):
    expected = [[float(inclusive_iou(a, b)) for b in second] for a in first]
    np.testing.assert_allclose(compute_overlaps(first, second), expected)


@given(IMAGES, st.randoms(use_true_random=False))
def test_what_does_not_matter(images, random):
    # Distinct scores, so order does not matter.
    scores = iter(random.sample(range(1, 99), 40))
    images = [(truth, [(b, c, next(scores)) for b, c, _ in found]) for truth, found in images]
    expected = figures(*images, class_ids=[1, 2])
    metric = VocAP([2, 1])
    for image_id in random.sample(range(len(images)), len(images)):
        truth, found = images[image_id]
        found = [(box, of, score**2 / 9801) for box, of, score in found]
        add(metric, image_id, truth, random.sample(found, len(found)))
    np.testing.assert_equal(metric.compute(), expected)
    # False detections with the lowest scores change nothing.
    weak = ([], [(FAR, 1, 0.001), (ELSEWHERE, 2, 0.002)])
    np.testing.assert_equal(figures(*images, weak, class_ids=[1, 2]), expected)
    # One with the highest score does, unless nothing was correct.
    strong = figures(*images, ([], [(FAR, 1, 100)]), class_ids=[1, 2])["per_class"][1]
    for name, value in expected["per_class"][1].items():
        assert strong[name] < value or not value > 0


@given(IMAGES)
def test_all_objects_and_nothing_else(images):
    # Distinct boxes: of two in the same place, only the first is ever found.
    images = [(list({box: of for box, of in truth if of > 0}.items()), None) for truth, _ in images]
    images = [(truth, [(box, of, 0.5) for box, of in truth]) for truth, _ in images]
    result = figures(*images, class_ids=[1, 2])
    for part in result["per_class"].values():
        for value in part.values():
            assert value == pytest.approx(1) or np.isnan(value)
