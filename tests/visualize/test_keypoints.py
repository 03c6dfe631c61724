"""`display_keypoints`: which points and lines are drawn, and where."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from mrcnn.instances import InstanceKeypoints, KeypointLayout
from mrcnn.visualize import display_keypoints

IMAGE = np.full((60, 80, 3), 200, np.uint8)
FOUND = [[[10.5, 40.5, 0.9], [30.5, 30.5, 0.04], [30.5, 50.5, 0.8]]]
SKELETON = [(0, 1), (0, 2)]


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def drawn(axes):
    """(x, y) of the points drawn."""
    points = [np.column_stack(line.get_data()) for line in axes.lines]
    return np.concatenate(points).tolist()


def test_points_and_lines_on_pixel_centres(ax):
    display_keypoints(IMAGE, FOUND, SKELETON, ax=ax)
    assert drawn(ax) == [[40, 10], [30, 30], [50, 30]]
    segments = [segment.tolist() for segment in ax.collections[0].get_segments()]
    assert segments == [[[40, 10], [30, 30]], [[40, 10], [50, 30]]]


def test_weak_ones_are_left_out_with_their_lines(ax):
    display_keypoints(IMAGE, FOUND, SKELETON, min_score=0.05, ax=ax)
    assert drawn(ax) == [[40, 10], [50, 30]]
    assert len(ax.collections[0].get_segments()) == 1


def test_annotated_ones(ax):
    points = [[[10.5, 40.5, 2], [30.5, 30.5, 1], [0, 0, 0]]]
    keypoints = InstanceKeypoints(points, IMAGE.shape)
    display_keypoints(IMAGE, keypoints, KeypointLayout("abc", SKELETON), min_score=0.5, ax=ax)
    assert drawn(ax) == [[40, 10], [30, 30]]
    seen, hidden = ax.lines
    assert hidden.get_markerfacecolor() == "white"
    assert seen.get_markerfacecolor() != "white"


def test_boxes_and_captions(ax):
    names = ["BG", "figure"]
    display_keypoints(IMAGE, FOUND, SKELETON, [[5, 25, 40, 60]], [1], names, [0.75], ax=ax)
    assert ax.texts[0].get_text() == "figure 0.75"
    assert len(ax.patches) >= 1


def test_native_picture(tmp_path):
    path = tmp_path / "figure.png"
    display_keypoints(IMAGE, FOUND, SKELETON, colors=[(1, 0, 0)], save_to=path, native=True)
    picture = np.asarray(Image.open(path).convert("RGB"))
    assert picture.shape == IMAGE.shape
    assert (picture != 200).any(axis=2).sum() > 20
    # The middle of the line between the first and the third keypoint.
    red, green, blue = picture[20, 45].astype(int)
    assert red > green + 50 and red > blue + 50


def test_nothing(ax):
    display_keypoints(IMAGE, np.zeros((0, 17, 3)), KeypointLayout.person(), ax=ax)
    display_keypoints(IMAGE, [], SKELETON, ax=ax)
    assert not ax.lines


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((2, 3)),), r"shape \(2, 3\): it must be \[N, K, 3\]"),
        ((FOUND, [(0, 3)]), r"skeleton has \(0, 3\), but there are 3 keypoints"),
        ((FOUND, (), np.zeros((2, 4))), "keypoints"),
    ],
)
def test_wrong(arguments, message, ax):
    with pytest.raises(ValueError, match=message):
        display_keypoints(IMAGE, *arguments, ax=ax)
