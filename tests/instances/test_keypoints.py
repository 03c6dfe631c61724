"""Keypoints move with the image, and mirroring swaps left and right."""

import numpy as np
import pytest

from mrcnn.images.resizing import resize_image
from mrcnn.instances import InstanceBoxes, InstanceKeypoints, Instances

# Left, middle and right of two instances.
POINTS = [
    [[10.5, 20.5, 2], [30, 40, 1], [99, 99, 0]],
    [[0, 0, 0], [50, 60, 2], [5, 70, 2]],
]
PAIRS = [(0, 2)]


def keypoints(shape=(80, 100)):
    return InstanceKeypoints(POINTS, shape, PAIRS)


def test_visibilities_are_kept_and_unlabelled_points_are_zero():
    points = keypoints()
    assert points.points[..., 2].tolist() == [[2, 1, 0], [0, 2, 2]]
    assert points.points[0, 2].tolist() == [0, 0, 0]
    assert points.shape == (80, 100, 2)
    assert points.count == 3
    assert points.labelled.tolist() == [[True, True, False], [False, True, True]]


def test_flip_left_to_right_swaps():
    flipped = keypoints().flip(1).points
    assert flipped[0].tolist() == [[0, 0, 0], [30, 60, 1], [10.5, 79.5, 2]]
    assert flipped[1].tolist() == [[5, 30, 2], [50, 40, 2], [0, 0, 0]]


def test_flip_top_to_bottom_swaps_too():
    assert keypoints().flip(0).points[1].tolist() == [[75, 70, 2], [30, 60, 2], [0, 0, 0]]


def test_half_a_turn_swaps_nothing():
    turned = keypoints().flip(0).flip(1).points
    assert turned[0].tolist() == [[69.5, 79.5, 2], [50, 60, 1], [0, 0, 0]]


def test_transpose():
    transposed = keypoints().transpose()
    assert transposed.shape == (100, 80, 2)
    assert transposed.points[0].tolist() == [[0, 0, 0], [40, 30, 1], [20.5, 10.5, 2]]


def test_select():
    chosen = keypoints()[np.array([False, True])]
    assert len(chosen) == 1
    assert chosen.points[0, 1].tolist() == [50, 60, 2]
    assert chosen.flip_pairs == ((0, 2),)


def test_resize_moves_points_with_their_pixels():
    image = np.zeros((40, 60, 3), np.uint8)
    image[12, 34] = 255
    points = InstanceKeypoints([[[12.5, 34.5, 2]]], image.shape)
    resized, _, scale, padding, crop = resize_image(image, 64, 128, 0, "square")
    y, x, v = points.resize(scale, padding, crop).points[0, 0]
    brightest = np.argwhere(resized[..., 0] == resized.max())
    np.testing.assert_allclose([y, x], brightest.mean(axis=0) + 0.5, atol=0.5)
    assert v == 2
    assert points.resize(scale, padding, crop).shape[:2] == resized.shape[:2]


def test_crop():
    cropped = keypoints().resize(2, [(0, 0), (0, 0)], (50, 70, 64, 64))
    assert cropped.shape == (64, 64, 2)
    assert cropped.points[0, 1].tolist() == [10, 10, 1]
    assert cropped.points[0, 0].tolist() == [-29, -29, 2]
    assert cropped.visible.tolist() == [True, True]
    assert keypoints().resize(1, [(0, 0), (0, 0)], (0, 0, 8, 8)).visible.tolist() == [False, False]


def test_moves_with_the_other_fields():
    boxes = InstanceBoxes([[10, 20, 31, 41], [5, 60, 51, 71]], (80, 100))
    both = Instances([1, 1], {"boxes": boxes, "keypoints": keypoints()}).flip(1)
    assert both.boxes[0].tolist() == [10, 59, 31, 80]
    assert not both.fields["keypoints"].outside(both.boxes).any()


def test_outside_counts_labelled_points():
    boxes = [[11, 21, 31, 41], [0, 0, 40, 69]]
    assert keypoints().outside(boxes).tolist() == [[False] * 3, [False, True, False]]
    assert keypoints().outside(boxes, tolerance=0.25).tolist() == [
        [True, False, False],
        [False, True, True],
    ]


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.zeros((2, 3)), r"shape \(2, 3\): it must be \[N, K, 3\]"),
        (np.zeros((1, 4, 2)), r"shape \(1, 4, 2\)"),
        ([[[1, 2, 3]]], "visibility 3: it must be 0"),
        ([[[1, 2, 0.5]]], "visibility 0.5"),
        ([[[np.nan, 2, 2]]], "NaN or infinite"),
    ],
)
def test_wrong(points, message):
    with pytest.raises(ValueError, match=message):
        InstanceKeypoints(points, (80, 100))


def test_empty():
    empty = InstanceKeypoints(np.zeros((0, 17, 3)), (80, 100), [(1, 2)])
    assert len(empty.flip(1).transpose()) == 0
    assert empty.visible.shape == (0,)


def test_keypoints_behind_something_are_hidden():
    cover = np.zeros((80, 100), bool)
    cover[10:12, 20] = cover[50, 60] = cover[79, 99] = cover[30, 40] = True
    points = [
        [[10.5, 20.5, 2], [30.5, 40.5, 1], [10.5, 21, 2]],
        [[80, 100, 2], [0, 0, 0], [-3, 400, 2]],
    ]
    found = InstanceKeypoints(points, (80, 100), PAIRS).behind(cover)
    assert found.points[..., 2].tolist() == [[1, 1, 2], [1, 0, 2]]
    assert found.points[..., :2].tolist() == np.array(points)[..., :2].tolist()
    assert found.flip_pairs == ((0, 2),)


def test_joined_keypoints():
    joined = keypoints()[1:].joined(keypoints())
    assert joined.points.tolist() == keypoints().points[[1, 0, 1]].tolist()
    assert joined.shape == (80, 100, 3) and joined.flip_pairs == ((0, 2),)
