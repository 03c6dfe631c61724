"""The files that the page offers, read by the tools that they are for."""

import csv
import json
import zipfile

import numpy as np
import pytest
import shapely
import tifffile
from pycocotools.coco import COCO
from skimage import io

from .user import IMAGES, above

roifile = pytest.importorskip("roifile")
pytestmark = pytest.mark.browser
SCORE = 0.95  # leaves out some objects of the image
STEM = IMAGES["crowded"].stem


@pytest.fixture(params=["the slider's start", "a higher score"])
def shown(request, visit, answers, about):
    """The page and the objects that it shows."""
    user = visit().detect(IMAGES["crowded"])
    if request.param == "a higher score":
        user.set_score(SCORE)
    score = SCORE if request.param == "a higher score" else about["min_score"]
    objects = above(answers("crowded"), score)
    assert user.count == len(objects) > 0
    return user, objects


def test_csv(shown):
    user, objects = shown
    name, path = user.download("csv")
    assert name == f"{STEM}.csv"
    with open(path, encoding="utf8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["object"]) for row in rows] == [each["id"] for each in objects]
    assert [float(row["area"]) for row in rows] == [each["area"] for each in objects]
    assert {row["image"] for row in rows} == {IMAGES["crowded"].name}


def test_geojson(shown):
    user, objects = shown
    name, path = user.download("geojson")
    assert name == f"{STEM}.geojson"
    features = json.loads(path.read_text())["features"]
    shapes = [shapely.geometry.shape(each["geometry"]) for each in features]
    assert [shape.area for shape in shapes] == [each["area"] for each in objects]


def test_imagej_rois(shown):
    user, objects = shown
    name, path = user.download("roi")
    assert name == f"{STEM}.zip"
    with zipfile.ZipFile(path) as archive:
        rois = [roifile.ImagejRoi.frombytes(archive.read(each)) for each in archive.namelist()]
    assert len(rois) == len(objects)


def test_coco(shown):
    user, objects = shown
    name, path = user.download("coco")
    assert name == f"{STEM}_coco.json"
    coco = COCO(path)
    found = coco.loadAnns(coco.getAnnIds())
    assert len(found) == len(objects)
    assert [int(coco.annToMask(each).sum()) for each in found] == [each["area"] for each in objects]


def test_labelme(shown):
    user, objects = shown
    name, path = user.download("labelme")
    assert name == f"{STEM}.json"
    shapes = json.loads(path.read_text())["shapes"]
    assert len({shape["group_id"] for shape in shapes}) in (len(objects), 1)
    assert len(shapes) >= len(objects)
    assert {shape["label"] for shape in shapes} == {"nucleus"}


def test_labels(shown):
    user, objects = shown
    name, path = user.download("labels")
    assert name == f"{STEM}.tif"
    labels = tifffile.imread(path)
    # An object below others may have no pixel left.
    assert len(objects) - 2 <= len(np.unique(labels)) - 1 <= len(objects)


def test_overlay(shown):
    user, objects = shown
    name, path = user.download("overlay")
    assert name == f"{STEM}_overlay.png"
    pixels = io.imread(path)[..., :3].astype(int)
    assert pixels.shape == (520, 696, 3)
    coloured = np.ptp(pixels, axis=2) > 60  # the image is gray
    at_outlines = 0
    for each in objects:
        y1, x1, y2, x2 = map(int, each["box"])
        at_outlines += coloured[y1 : y2 + 1, x1 : x2 + 1].any()
    assert at_outlines == len(objects)
