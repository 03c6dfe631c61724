import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from mrcnn.instances import InstanceBoxes, InstanceMasks
from mrcnn.instances.overlaps import iou
from mrcnn.results import Objects, link_planes
from mrcnn.results.planes import label_volume

SHAPE = (60, 60)


def plane(boxes, scores=None, with_masks=True):
    masks = InstanceBoxes(boxes, SHAPE).filled()
    count = len(masks)
    scores = np.full(count, 0.9) if scores is None else scores
    return Objects(
        np.arange(1, count + 1), np.ones(count), scores, masks.boxes, masks if with_masks else None
    )


def numbers(planes, **options):
    return [own.tolist() for own in link_planes(planes, **options)]


def test_objects_are_followed_and_new_ones_numbered_on():
    square, other = [10, 10, 20, 20], [30, 30, 40, 40]
    moved, late = [11, 10, 21, 20], [50, 0, 58, 8]
    assert numbers([plane([square, other]), plane([late, moved]), plane([moved, late])]) == [
        [1, 2],
        [3, 1],
        [1, 3],
    ]


def test_a_gap_separates():
    square = [10, 10, 20, 20]
    assert numbers([plane([square]), plane([]), plane([square])]) == [[1], [], [2]]


@pytest.mark.parametrize("with_masks", [True, False])
def test_the_least_overlap(with_masks):
    planes = [
        plane([[0, 0, 10, 10]], with_masks=with_masks),
        plane([[0, 0, 10, 5]], with_masks=with_masks),
    ]
    assert numbers(planes, min_iou=0.5) == [[1], [1]]
    assert numbers(planes, min_iou=0.501) == [[1], [2]]


def test_masks_decide_and_not_boxes():
    corners = [(10, 10)] * 2
    upper, lower = np.triu(np.ones((20, 20))), np.tril(np.ones((20, 20)), -1)
    planes = []
    for crops in ([upper, lower], [lower, upper]):
        masks = InstanceMasks(crops, corners, SHAPE)
        planes.append(Objects([1, 2], [1, 1], [0.9, 0.8], masks.boxes, masks))
    assert numbers(planes) == [[1, 2], [2, 1]]


def test_the_best_pair_is_linked_first():
    first = plane([[0, 0, 10, 10], [0, 4, 10, 14]])
    second = plane([[0, 3, 10, 13]])  # overlaps both, the second one more
    assert numbers([first, second], min_iou=0.3) == [[1, 2], [2]]
    assert numbers([second, first], min_iou=0.3) == [[1], [2, 1]]


def test_results_of_a_detector():
    boxes = np.array([[10, 10, 20, 20]], np.int32)
    result = {"rois": boxes, "class_ids": [1], "scores": [0.9]}
    masks = InstanceBoxes(boxes, SHAPE).filled().dense()
    assert numbers(iter([result, {**result, "masks": masks}, plane(boxes)])) == [[1]] * 3


@pytest.mark.parametrize("min_iou", [0, -1, 1.5])
def test_overlaps_that_are_none(min_iou):
    with pytest.raises(ValueError, match=rf"^min_iou is {min_iou}: it must be above 0"):
        link_planes([], min_iou=min_iou)


def test_no_planes():
    assert link_planes([]) == []


@st.composite
def tubes(draw):
    """Straight or slowly drifting tubes in cells of a grid, each through a range of planes."""
    depth, rng = draw(st.integers(1, 6)), np.random.default_rng(draw(st.integers(0, 10**6)))
    found = []
    for cell in range(draw(st.integers(0, 9))):
        start = int(rng.integers(0, depth))
        stop = int(rng.integers(start + 1, depth + 1))
        y, x = 20 * np.array(divmod(cell, 3)) + rng.integers(0, 4, 2)
        drift = rng.integers(-1, 2, 2)
        # 10 pixels a side that move by one overlap by 0.68 and more.
        boxes = {
            z: [
                *np.maximum([y, x] + drift * (z - start), [0, 0]),
                *([y + 10, x + 10] + drift * (z - start)),
            ]
            for z in range(start, stop)
        }
        found.append(boxes)
    order = [rng.permutation(len(found)) for _ in range(depth)]
    return depth, found, order


@settings(max_examples=40)
@given(tubes())
def test_tubes_keep_their_numbers(drawn):
    depth, found, order = drawn
    present = [[tube for tube in order[z] if z in found[tube]] for z in range(depth)]
    planes = [plane([found[tube][z] for tube in present[z]]) for z in range(depth)]
    linked = link_planes(planes)
    given_numbers = {}
    for tubes_here, own in zip(present, linked, strict=True):
        for tube, number in zip(tubes_here, own.tolist(), strict=True):
            assert given_numbers.setdefault(tube, number) == number
    assert sorted(given_numbers.values()) == list(range(1, len(given_numbers) + 1))
    volume = list(label_volume(planes, linked, SHAPE))
    for z, labels in enumerate(volume):
        expected = np.zeros(SHAPE, int)
        for tube in present[z]:
            y1, x1, y2, x2 = found[tube][z]
            expected[y1:y2, x1:x2] = given_numbers[tube]
        assert_array_equal(labels, expected)


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), min_iou=st.floats(0.05, 1))
def test_links_are_one_to_one_and_none_could_be_better(seed, min_iou):
    rng = np.random.default_rng(seed)
    planes = []
    for _ in range(2):
        corners = rng.integers(0, 20, (int(rng.integers(0, 7)), 2))
        planes.append(plane(np.hstack([corners, corners + rng.integers(1, 15, corners.shape)])))
    first, second = link_planes(planes, min_iou)
    assert len(set(second.tolist())) == len(second)
    overlaps = iou(planes[0].masks, planes[1].masks)
    same = first[:, None] == second
    assert (overlaps[same] >= min_iou).all()
    linked = np.where(same, overlaps, 0)
    # A pair that is not linked gave way to one that overlaps at least as much.
    better = np.maximum(linked.max(axis=1, initial=0)[:, None], linked.max(axis=0, initial=0))
    assert (same | (overlaps < min_iou) | (overlaps <= better)).all()


def test_the_surer_object_is_on_top_in_a_volume():
    both = plane([[0, 0, 10, 10], [5, 5, 15, 15]], scores=[0.5, 0.9])
    (labels,) = label_volume([both], [np.array([4, 2])], SHAPE)
    assert labels[7, 7] == 2 and labels[0, 0] == 4
