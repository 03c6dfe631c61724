import json
import uuid

import geojson
import numpy as np
import pytest
import shapely

from mrcnn.results import Objects
from mrcnn.results import geojson as ours

from .scene import HUGE, NAMES, SMALL, drawable, in_parts, only_boxes, scene


def read(path):
    with open(path, encoding="utf-8") as file:
        return geojson.load(file)


@pytest.mark.parametrize("size", [SMALL, HUGE])
def test_read_by_geojson_and_shapely(tmp_path, size):
    path = tmp_path / "a ü.geojson"
    image, objects = scene(size)
    ours.write(path, image, in_parts(objects))
    collection = read(path)
    assert collection.is_valid, collection.errors()
    drawn = drawable(objects)
    assert [f.properties["measurements"]["object"] for f in collection.features] == [
        *(1, 2, 3, 4, 5, 7, 8)
    ]
    assert len(collection.features) == len(drawn)
    for i, feature in enumerate(collection.features):
        shape = shapely.geometry.shape(feature.geometry)
        assert shape.is_valid, shapely.is_valid_reason(shape)
        assert shape.area == drawn.masks.areas[i]
        y1, x1, y2, x2 = drawn.masks.boxes[i].tolist()
        assert shape.bounds == (x1, y1, x2, y2)
        # Pixels whose centres are inside.
        y, x = np.mgrid[y1:y2, x1:x2] + 0.5
        assert np.array_equal(shapely.contains_xy(shape, x, y), drawn.masks.crops[i])
        for polygon in getattr(shape, "geoms", [shape]):
            assert polygon.exterior.is_ccw
            assert not any(hole.is_ccw for hole in polygon.interiors)
    kinds = [feature.geometry.type for feature in collection.features]
    assert kinds == ["Polygon", "MultiPolygon", "Polygon", "MultiPolygon", *["Polygon"] * 3]


def test_what_qupath_reads(tmp_path):
    path = tmp_path / "a.geojson"
    image, objects = scene()
    ours.write(path, image, [objects])
    features = read(path).features
    assert features[1].properties == {
        "objectType": "detection",
        "name": "2",
        "classification": {"name": NAMES[2], "color": [23, 83, 230]},
        "measurements": {"score": 0.9, "object": 2},
    }
    ids = [feature.id for feature in features]
    assert len({uuid.UUID(i) for i in ids}) == 7
    ours.write(path, image, in_parts(objects))
    assert [feature.id for feature in read(path).features] == ids
    ours.write(path, scene(name="plate 2/a ü.png")[0], [objects])
    assert not {feature.id for feature in read(path).features} & set(ids)


def test_boxes_and_nothing(tmp_path):
    path = tmp_path / "a.geojson"
    image, objects = scene()
    ours.write(path, image, [only_boxes(objects)])
    features = read(path).features
    assert len(features) == 7
    assert shapely.geometry.shape(features[2].geometry).bounds == (5.25, 40, 6.25, 41)
    ours.write(path, image, [])
    assert json.loads(path.read_text()) == {"type": "FeatureCollection", "features": []}


def test_objects_are_written_one_by_one(tmp_path):
    """Of those before, only what the file buffers is in memory."""
    image, objects = scene()
    one = drawable(objects)[:1]
    sizes = []

    def many():
        for i in range(60):
            sizes.append(sum(file.stat().st_size for file in tmp_path.iterdir()))
            yield Objects([i + 1], one.class_ids, one.scores, one.boxes, one.masks)

    path = tmp_path / "a.geojson"
    ours.write(path, image, many())
    assert len(read(path).features) == 60
    whole = path.stat().st_size
    assert whole > 50_000
    assert all(size > whole * i / 60 - 10_000 for i, size in enumerate(sizes))
