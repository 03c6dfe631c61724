import numpy as np
import pytest
import roifile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from skimage.draw import disk
from skimage.measure import points_in_poly

from mrcnn.instances import InstanceMasks
from mrcnn.results import ImageFacts, Objects, imagej

SHAPE = (60, 80)


def facts(shape=SHAPE, class_names=("BG", "cell", "a/b: ß")):
    return ImageFacts("a.tif", shape, class_names)


def objects_of(masks, class_ids=None, first=1):
    count = len(masks)
    class_ids = np.ones(count) if class_ids is None else class_ids
    return Objects(np.arange(first, first + count), class_ids, [0.93] * count, masks.boxes, masks)


def round_disk(radius=12, hole=0):
    crop = np.zeros((2 * radius + 1,) * 2, bool)
    crop[disk((radius, radius), radius)] = True
    crop[disk((radius, radius), hole)] = False
    return crop


def selected(roi, shape=SHAPE):
    """The pixels that a ROI selects: those whose centres are inside an odd number of rings."""
    centres = np.moveaxis(np.indices(shape), 0, -1).reshape(-1, 2)[:, ::-1] + 0.5
    inside = np.zeros(len(centres), bool)
    for ring in roi.coordinates(multi=True):
        inside ^= points_in_poly(centres, ring)
    return inside.reshape(shape)


def test_names_and_properties(tmp_path):
    masks = InstanceMasks([round_disk()] * 3, [(0, 0), (5, 9), (30, 40)], SHAPE)
    parts = [objects_of(masks[:1], first=7), objects_of(masks, [2, 300, 1], first=9999)]
    imagej.write(tmp_path / "a.zip", facts(), parts)
    rois = roifile.roiread(tmp_path / "a.zip")
    assert [roi.name for roi in rois] == [
        "0007-0.93-cell",
        "9999-0.93-a_b_ ß",
        "10000-0.93-class 300",
        "10001-0.93-cell",
    ]
    assert [roi.group for roi in rois] == [1, 2, 0, 1]
    assert rois[0].properties == {"class": "cell", "object": 7, "score": 0.93}
    assert rois[0].roitype == roifile.ROI_TYPE.TRACED


@pytest.mark.parametrize(
    ("crop", "rings"),
    [
        (round_disk(), 1),
        (round_disk(hole=4), 2),
        (np.hstack([round_disk(), round_disk(hole=5)]), 3),
        (np.ones((1, 1)), 1),
        (np.ones((1, 7)), 1),
        (np.eye(3), 3),
    ],
)
@pytest.mark.parametrize("corner", [(10, 20), (0, 0), (-1, 70), (50, 60)])
def test_a_roi_selects_the_pixels_of_its_mask(tmp_path, crop, rings, corner):
    masks = InstanceMasks([crop], [corner], SHAPE)
    imagej.write(tmp_path / "a.zip", facts(), [objects_of(masks)])
    rois = roifile.roiread(tmp_path / "a.zip")
    if not masks.areas[0]:
        assert rois == []
        return
    assert_array_equal(selected(rois[0]), masks.dense()[..., 0])
    if (masks.crops[0].shape) == crop.shape:
        found = rois[0].coordinates(multi=True)
        assert len(found) == rings
        assert rings == 1 or all((ring[0] == ring[-1]).all() for ring in found)
        assert rois[0].composite == (rings > 1)
    y1, x1, y2, x2 = masks.boxes[0]
    assert (rois[0].top, rois[0].left) == (y1, x1)
    assert rois[0].bottom in (y2, y2 + 1) and rois[0].right in (x2, x2 + 1)  # one more if traced


@settings(max_examples=50)
@given(seed=st.integers(0, 10**6), density=st.floats(0.1, 0.9))
def test_any_mask(tmp_path_factory, seed, density):
    crop = np.random.default_rng(seed).random((9, 8)) < density
    masks = InstanceMasks([crop], [(3, 4)], (15, 15))
    path = tmp_path_factory.getbasetemp() / "a.zip"
    imagej.write(path, facts((15, 15)), [objects_of(masks)])
    for roi in roifile.roiread(path):
        assert_array_equal(selected(roi, (15, 15)), masks.dense()[..., 0])


@pytest.mark.parametrize("hole", [0, 5])
def test_far_from_the_origin(tmp_path, hole):
    corner, shape = (70_000, 40_000), (100_000, 50_000)
    masks = InstanceMasks([round_disk(hole=hole)], [corner], shape)
    imagej.write(tmp_path / "a.zip", facts(shape), [objects_of(masks)])
    (roi,) = roifile.roiread(tmp_path / "a.zip")
    points = np.concatenate(roi.coordinates(multi=True))
    assert_array_equal(points.min(axis=0)[::-1], masks.boxes[0, :2])
    assert_array_equal(points.max(axis=0)[::-1], masks.boxes[0, 2:])


def test_boxes_alone(tmp_path):
    objects = Objects([1, 2], [1, 1], [0.5, 0.5], [[1, 2, 10, 20], [70_000.5, 2, 70_010, 8]])
    imagej.write(tmp_path / "a.zip", facts((80_000, 80)), [objects])
    first, far = roifile.roiread(tmp_path / "a.zip")
    assert first.roitype == roifile.ROI_TYPE.RECT
    assert (first.top, first.left, first.bottom, first.right) == (1, 2, 10, 20)
    assert (first.yd, first.xd, first.heightd, first.widthd) == (1, 2, 9, 18)
    assert (far.yd, far.xd, far.heightd, far.widthd) == (70_000.5, 2, 9.5, 6)


@pytest.mark.parametrize("parts", [[], [Objects([], [], [], [])]])
def test_no_objects(tmp_path, parts):
    imagej.write(tmp_path / "a.zip", facts(), parts)
    assert roifile.roiread(tmp_path / "a.zip") == []
