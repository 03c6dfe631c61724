"""Keypoints that do not fit the dataset, their boxes or the configuration."""

import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.datasets import Dataset
from mrcnn.datasets.keypoints import check_layout, misplaced
from mrcnn.datasets.reading import read_instances
from mrcnn.instances import InstanceKeypoints, KeypointLayout
from mrcnn.network.heads.keypoint import KeypointHead

LAYOUT = KeypointLayout(["left", "right"])
# In the boxes (10, 20, 30, 40) and (40, 60, 70, 90).
INSIDE = [[[12, 22, 2], [28, 38, 1]], [[50, 70, 2], [0, 0, 0]]]


class Figures(Dataset):
    """Two boxes in an image of 80x100 pixels."""

    keypoint_layout = LAYOUT

    def __init__(self, points, shape=(80, 100), flip_pairs=()):
        super().__init__()
        self.points = InstanceKeypoints(points, shape, flip_pairs)
        self.add_class("figures", 1, "figure")
        self.add_image("figures", 0, path="figure.png")
        self.prepare()

    def load_image(self, image_id):
        return np.zeros((80, 100, 3), np.uint8)

    def load_mask(self, image_id):
        masks = np.zeros((80, 100, 2), bool)
        masks[10:30, 20:40, 0] = masks[40:70, 60:90, 1] = True
        return masks, np.array([1, 1], np.int32)

    def load_keypoints(self, image_id):
        return self.points


class TwoConfig(Config):
    NAME = "two"
    NUM_CLASSES = 2
    HEADS = ("box", "keypoint")
    NUM_KEYPOINTS = 2


def read(points, **options):
    return read_instances(Figures(points, **options), 0, (80, 100), ("masks", "keypoints"))


def test_read_with_the_pairs_of_the_layout():
    keypoints = read(INSIDE).fields["keypoints"]
    assert keypoints.flip_pairs == ((0, 1),)
    np.testing.assert_array_equal(keypoints.points, INSIDE)


def moved(i, k, y, x):
    points = np.array(INSIDE, float)
    points[i, k, :2] = y, x
    return points


def test_a_single_one_outside_is_read_and_reported():
    points = moved(0, 0, 60, 22)
    assert read(points).fields["keypoints"].points[0, 0].tolist() == [60, 22, 2]
    report = Figures(points).check(config=TwoConfig())
    assert report.ok
    text = str(report)
    assert "visible keypoints outside their box: 1" in text
    assert "figure.png: left (60, 22)" in text


def test_hidden_ones_outside_are_usual():
    assert "outside" not in str(Figures(moved(0, 1, 60, 22)).check(config=TwoConfig()))


@pytest.mark.parametrize(
    ("points", "options", "message"),
    [
        (moved(1, 0, 70, 40), {}, r"instance 1: all its keypoints, such as \(70, 40\), lie outs.*"),
        (moved(1, 0, 0.5, 0.7), {}, r"\(0.5, 0.7\), lie outside its box \[40.0, 60.0, 70.0, 90.0]"),
        (np.zeros((2, 3, 3)), {}, "returned 3 keypoints for each instance: .* has 2, left, right"),
        (
            np.zeros((1, 2, 3)),
            {},
            "load_keypoints returned the keypoints of 1 instances, but the image has 2",
        ),
        (INSIDE, {"shape": (100, 80)}, "its keypoints are 100x80 pixels, but the image is 80x100"),
    ],
)
def test_unusable(points, options, message):
    with pytest.raises(ValueError, match=r"image 0 \(figure.png\).*" + message):
        read(points, **options)
    report = Figures(points, **options).check(config=TwoConfig())
    assert report.bad_image_ids == [0]
    assert "keypoints that cannot be used: 1" in str(report)


def test_misplaced_needs_a_visible_one():
    boxes = [[10, 20, 30, 40]]
    for visibility, lost in ((0, False), (1, False), (2, True)):
        points = InstanceKeypoints([[[70, 30, visibility]]], (80, 100))
        assert misplaced(points, boxes).tolist() == [lost]
    # Within a tenth of the side plus a pixel.
    assert not misplaced(InstanceKeypoints([[[32.5, 30, 2]]], (80, 100)), boxes).any()
    assert misplaced(InstanceKeypoints([[[33.5, 30, 2]]], (80, 100)), boxes).all()
    # An instance that has left the image has no box.
    assert not misplaced(InstanceKeypoints([[[70, 30, 2]]], (80, 100)), [[0, 0, 0, 0]]).any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"NUM_KEYPOINTS": 17}, "NUM_KEYPOINTS is 17, but Figures has 2 keypoints: left, right"),
        ({"KEYPOINT_FLIP_PAIRS": []}, r"KEYPOINT_FLIP_PAIRS is \[\], but .* are \[\(0, 1\)\]"),
    ],
)
def test_layout_and_configuration(settings, message):
    config = TwoConfig.from_dict(settings)
    with pytest.raises(ValueError, match=message):
        check_layout(Figures(INSIDE), config)
    report = Figures(INSIDE).check(config=config)
    assert "keypoints that do not fit the configuration" in str(report)
    assert not report.ok


def test_layout_fits():
    check_layout(Figures(INSIDE), TwoConfig())
    check_layout(Figures(INSIDE), TwoConfig.from_dict({"KEYPOINT_FLIP_PAIRS": [(1, 0)]}))


def test_no_layout():
    class Unnamed(Figures):
        keypoint_layout = None

    with pytest.raises(ValueError, match="Unnamed has no keypoint_layout: set it to"):
        check_layout(Unnamed(INSIDE), TwoConfig())
    report = Unnamed(INSIDE).check(config=TwoConfig())
    assert not report.ok
    assert "Unnamed has no keypoint_layout: set it to" in str(report)
    # Without the head, nobody needs it.
    assert Unnamed(INSIDE).check(config=TwoConfig.from_dict({"HEADS": ("box",)})).ok
    assert Unnamed(INSIDE).check().ok


def test_a_head_given_as_a_class_needs_the_keypoints_too():
    config = TwoConfig.from_dict({"HEADS": ("box", KeypointHead), "NUM_KEYPOINTS": 17})
    assert "NUM_KEYPOINTS is 17, but Figures has 2" in str(Figures(INSIDE).check(config=config))


def test_keypoints_that_are_an_array():
    class Plain(Figures):
        def load_keypoints(self, image_id):
            return np.array(INSIDE)

    with pytest.raises(
        TypeError, match=r"image 0 .*: load_keypoints returned a ndarray: .*InstanceKeypoints"
    ):
        read_instances(Plain(INSIDE), 0, (80, 100), ("boxes", "keypoints"))
    text = str(Plain(INSIDE).check(config=TwoConfig()))
    assert "figure.png: load_keypoints returned a ndarray: it must be an InstanceKeypoints" in text


def test_a_dataset_that_fails():
    class Broken(Figures):
        def load_keypoints(self, image_id):
            raise KeyError("hand")

    assert "figure.png: KeyError: 'hand'" in str(Broken(INSIDE).check(config=TwoConfig()))
