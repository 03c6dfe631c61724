import csv
import tracemalloc

import numpy as np
import pytest
import skimage.io
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from mrcnn.images import read_labels
from mrcnn.images.pixel_size import PixelSize, read_pixel_size
from mrcnn.instances import InstanceBoxes, InstanceMasks
from mrcnn.results import ImageFacts, Objects, label_image, table

SHAPE = (40, 50)


def facts(shape=SHAPE, **given):
    return ImageFacts("a.tif", shape, ["BG", "cell"], **given)


def objects_of(masks, scores=None, first=1):
    numbers = np.arange(first, first + len(masks))
    scores = np.full(len(masks), 0.9) if scores is None else scores
    return Objects(numbers, np.ones(len(masks)), scores, masks.boxes, masks)


def overlapping():
    """Three overlapping squares, of which the second is the surest and the first the least."""
    masks = InstanceBoxes([[0, 0, 20, 20], [10, 10, 30, 30], [25, 25, 40, 50]], SHAPE).filled()
    expected = np.zeros(SHAPE, int)
    expected[:20, :20], expected[25:, 25:], expected[10:30, 10:30] = 1, 3, 2
    return masks, [0.5, 0.9, 0.7], expected


def test_the_surer_object_is_on_top(tmp_path):
    masks, scores, expected = overlapping()
    label_image.write(tmp_path / "a.tif", facts(), [objects_of(masks, scores)])
    for read in (tifffile.imread, skimage.io.imread, read_labels):
        assert_array_equal(read(tmp_path / "a.tif"), expected)
    assert tifffile.imread(tmp_path / "a.tif").dtype == np.uint16
    assert_array_equal(label_image.painted(objects_of(masks, scores), SHAPE), expected)


def test_of_equal_scores_the_lower_number_is_on_top(tmp_path):
    masks, _, expected = overlapping()
    expected[:20, :20] = 1
    label_image.write(tmp_path / "a.tif", facts(), [objects_of(masks)])
    assert_array_equal(tifffile.imread(tmp_path / "a.tif"), expected)


def test_scores_decide_between_parts(tmp_path):
    masks, scores, expected = overlapping()
    whole = objects_of(masks, scores)
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        parts = (whole[[i]] for i in order)
        label_image.write(tmp_path / "a.tif", facts(), parts)
        assert_array_equal(tifffile.imread(tmp_path / "a.tif"), expected)


@pytest.mark.parametrize(("last", "dtype"), [(65535, np.uint16), (65536, np.uint32)])
def test_bits(tmp_path, last, dtype):
    masks, scores, expected = overlapping()
    objects = objects_of(masks, scores, first=last - 2)
    label_image.write(tmp_path / "a.tif", facts(), [objects])
    labels = tifffile.imread(tmp_path / "a.tif")
    assert labels.dtype == dtype
    assert_array_equal(labels, np.where(expected, expected + last - 3, 0))


@pytest.mark.parametrize("parts", [[], [Objects([], [], [], [])]])
def test_no_objects(tmp_path, parts):
    label_image.write(tmp_path / "a.tif", facts(), parts)
    assert_array_equal(tifffile.imread(tmp_path / "a.tif"), np.zeros(SHAPE))


def test_boxes_are_filled_and_objects_without_pixels_are_absent(tmp_path):
    boxes = Objects([1, 2], [1, 1], [0.9, 0.8], [[35, 45, 44, 60], [3, 4, 4, 5]])
    empty = objects_of(InstanceMasks([np.zeros((2, 2))], [(9, 9)], SHAPE), first=3)
    label_image.write(tmp_path / "a.tif", facts(), [boxes, empty])
    expected = np.zeros(SHAPE)
    expected[35:, 45:], expected[3, 4] = 1, 2
    assert_array_equal(tifffile.imread(tmp_path / "a.tif"), expected)
    assert_array_equal(label_image.painted(boxes, SHAPE), expected)


@st.composite
def scenes(draw):
    height, width = draw(st.integers(1, 30)), draw(st.integers(1, 30))
    count = draw(st.integers(0, 6))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    crops = [rng.random(rng.integers(1, 20, 2)) < 0.7 for _ in range(count)]
    corners = rng.integers(-5, 30, (count, 2))
    return InstanceMasks(crops, corners, (height, width)), rng.choice([0.3, 0.5, 0.8], count)


@settings(max_examples=40)
@given(scene=scenes(), strip=st.integers(1, 400))
def test_strips_make_the_whole(tmp_path_factory, scene, strip):
    masks, scores = scene
    objects, path = objects_of(masks, scores), tmp_path_factory.getbasetemp() / "a.tif"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(label_image, "_STRIP_PIXELS", strip)
        label_image.write(path, facts(masks.shape[:2]), [objects[:2], objects[2:]])
    expected = np.zeros(masks.shape[:2], int)
    for number in sorted(objects.numbers, key=lambda n: (scores[n - 1], -n)):
        expected[masks.dense()[..., number - 1]] = number
    assert_array_equal(tifffile.imread(path).reshape(expected.shape), expected)
    assert_array_equal(label_image.painted(objects, masks.shape[:2]), expected)


def test_pixel_size(tmp_path):
    size = PixelSize(y=0.5, x=0.25, unit="µm")
    label_image.write(tmp_path / "a.tif", facts(pixel_size=size), [])
    assert read_pixel_size(tmp_path / "a.tif") == size
    label_image.write(tmp_path / "b.tif", facts(), [])
    assert read_pixel_size(tmp_path / "b.tif") is None


def test_large_files_are_bigtiff(tmp_path, monkeypatch):
    masks, scores, expected = overlapping()
    for limit, big in ((4000, False), (3999, True)):
        monkeypatch.setattr(label_image, "_CLASSIC_BYTES", limit)
        label_image.write(tmp_path / "a.tif", facts(), [objects_of(masks, scores)])
        with tifffile.TiffFile(tmp_path / "a.tif") as file:
            assert file.is_bigtiff == big
            assert_array_equal(file.asarray(), expected)


def test_memory_follows_the_objects(tmp_path):
    shape = (4000, 6000)
    masks = InstanceMasks([np.ones((50, 60))] * 2, [(0, 0), (3990, 5980)], shape)
    tracemalloc.start()
    label_image.write(tmp_path / "a.tif", facts(shape), [objects_of(masks)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6  # of 48 MB
    labels = tifffile.imread(tmp_path / "a.tif")
    assert (labels[:50, :60] == 1).all() and (labels[3990:, 5980:] == 2).all()
    assert labels.sum() == 3000 + 2 * 200


def test_numbers_join_with_the_table(tmp_path):
    masks, scores, _ = overlapping()
    objects = objects_of(masks, scores, first=7)
    label_image.write(tmp_path / "a.tif", facts(), [objects])
    table.write(tmp_path / "a.csv", facts(), [objects])
    labels = tifffile.imread(tmp_path / "a.tif")
    with open(tmp_path / "a.csv", newline="") as file:
        areas = {int(row["object"]): int(row["area"]) for row in csv.DictReader(file)}
    assert areas.keys() == {7, 8, 9}
    assert np.count_nonzero(labels == 8) == areas[8]  # on top, so none of it is hidden
