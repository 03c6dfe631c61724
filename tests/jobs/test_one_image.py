"""Detection in one image, and the files that it leaves."""

import csv

import numpy as np
import pytest
import tifffile
from fake_model import FakeModel, save_squares

from mrcnn.images import tile_scaling
from mrcnn.images.pixel_size import PixelSize
from mrcnn.images.regions import Regions
from mrcnn.jobs import reading
from mrcnn.jobs.inputs import Item
from mrcnn.jobs.job import DetectJob
from mrcnn.jobs.naming import Task
from mrcnn.jobs.one_image import detect_tiles, detect_whole, open_image, write
from mrcnn.jobs.records import Stamp
from mrcnn.jobs.results_folder import ResultsFolder
from mrcnn.results import imagej

LIMIT = 100


@pytest.fixture
def setting(tmp_path):
    """Function: values of the job -> (job, model, folder)."""
    (tmp_path / "model.h5").write_bytes(b"weights")

    def make(**values):
        values = {"kinds": ("csv",), **values}
        job = DetectJob(model=str(tmp_path / "model.h5"), out=tmp_path / "results", **values)
        folder = ResultsFolder(job.out)
        folder.start({}, [])
        return job, FakeModel(job, limit=LIMIT), folder

    return make


def task_of(path):
    return Task(Item(path.name, path), path.stem, Stamp.of(path))


def whole(job, model, folder, path):
    [found] = detect_whole(model, [open_image(job, model, task_of(path))])
    return write(job, model, folder, found)


def in_tiles(job, model, folder, path):
    opened = open_image(job, model, task_of(path))
    assert opened.molded is None
    return write(job, model, folder, detect_tiles(model, folder, opened))


def rows(folder, stem):
    with open(folder.file("csv", stem), newline="") as file:
        return list(csv.DictReader(file))


def test_whole_and_tiled_images_have_the_same_objects(setting, tmp_path):
    path = save_squares(tmp_path / "a.png", bright=30, dim=10, size=(70, 120))
    found = []
    for values, detect in (({}, whole), ({"tile": 40, "overlap": 12}, in_tiles)):
        job, model, folder = setting(**values)
        record = detect(job, model, folder, path)
        assert (record.name, record.objects, record.kinds) == ("a.png", 40, ("csv",))
        assert folder.records["a.png"] == record
        table = rows(folder, "a")
        assert [row["object"] for row in table] == [str(number) for number in range(1, 41)]
        found.append({(row["centroid_y"], row["centroid_x"], row["class"]) for row in table})
    assert found[0] == found[1]


def test_scores_and_classes_that_are_kept(setting, tmp_path):
    path = save_squares(tmp_path / "a.png", bright=3, dim=2)
    for values, expected in (
        ({"min_score": 0.7}, {"bright": 3}),
        ({"classes": ("dim",)}, {"dim": 2}),
        ({"classes": ("bright", "dim"), "min_score": 0.95}, {}),
    ):
        job, model, folder = setting(**values)
        record = whole(job, model, folder, path)
        table = rows(folder, "a")
        assert [row["object"] for row in table] == [str(n) for n in range(1, len(table) + 1)]
        classes = [row["class"] for row in table]
        assert {name: classes.count(name) for name in set(classes)} == expected
        assert record.objects == len(table)


def test_a_limit_that_cut_the_detections_is_recorded(setting, tmp_path):
    path = save_squares(tmp_path / "a.png", bright=LIMIT, dim=20, size=(120, 120))
    job, model, folder = setting()
    assert whole(job, model, folder, path).truncated == "DETECTION_MAX_INSTANCES"
    # What it left out scores less than 0.95 anyway.
    job, model, folder = setting(min_score=0.95)
    assert whole(job, model, folder, path).truncated == ""


def test_files_know_the_image_and_its_pixels(setting, tmp_path, monkeypatch):
    pixels = np.zeros((2, 40, 60), np.uint8)
    pixels[1, 4:8, 4:8] = 255
    path = tmp_path / "stains.tif"
    metadata = {"axes": "CYX", "Labels": ["actin", "DAPI"], "unit": "um"}
    tifffile.imwrite(path, pixels, imagej=True, metadata=metadata, resolution=(2, 2))
    seen = []

    def write(path, image, parts):
        path.touch()
        seen.append((image, [part for part in parts], [part for part in parts]))

    monkeypatch.setattr(imagej, "write", write)
    job, model, folder = setting(kinds=("roi",), channel="DAPI")
    whole(job, model, folder, path)
    image, parts, again = seen[0]
    assert (image.name, image.shape, image.path) == ("stains.tif", (40, 60), path)
    assert image.class_names == ["BG", "bright", "dim"]
    assert image.channel_names == ["actin", "DAPI"]
    assert image.pixel_size == PixelSize(0.5, 0.5, "µm")
    np.testing.assert_array_equal(image.pixels, np.moveaxis(pixels, 0, -1))
    np.testing.assert_array_equal(image.shown, pixels[1])
    # The parts may be iterated several times.
    for [objects] in (parts, again):
        np.testing.assert_array_equal(objects.boxes, [[4, 4, 8, 8]])
        assert objects.masks.shape == (40, 60, 1)


def test_a_large_image_is_never_read_as_a_whole(setting, tmp_path, monkeypatch):
    pixels = np.zeros((400, 300), np.uint16)
    pixels[::20, ::20] = 60000  # what becomes white
    path = tmp_path / "large.tif"
    tifffile.imwrite(path, pixels)
    monkeypatch.setattr(reading, "LARGE", 1000)
    monkeypatch.setattr(tile_scaling, "_BLOCKS", 4)
    largest, read = [], Regions.__getitem__

    def watched(self, key):
        block = read(self, key)
        largest.append(block.size)
        return block

    monkeypatch.setattr(Regions, "__getitem__", watched)
    job, model, folder = setting(tile=100, overlap=10)
    record = in_tiles(job, model, folder, path)
    assert record.objects == 20 * 15
    assert max(largest) <= 128 * 128


def test_boxes_alone_are_enough(setting, tmp_path):
    path = save_squares(tmp_path / "a.png", bright=2)
    job, model, folder = setting()
    results = model.detector.results

    def boxes(*arguments):
        return [{k: v for k, v in each.items() if k != "masks"} for each in results(*arguments)]

    model.detector.results = boxes
    assert whole(job, model, folder, path).objects == 2
