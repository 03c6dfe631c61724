"""`format=json`."""

import json

import numpy as np

from mrcnn.images.pixel_size import PixelSize
from mrcnn.instances import InstanceMasks
from mrcnn.results import ImageFacts, Objects
from mrcnn.serving.objects_json import image_json, objects_json


def test_outlines_with_holes_and_pieces():
    ring = np.ones((3, 3), bool)
    ring[1, 1] = False
    pieces = np.zeros((1, 5), bool)
    pieces[0, [0, 4]] = True
    masks = InstanceMasks([ring, pieces, np.zeros((0, 0))], [(10, 20), (0, 0), (0, 0)], (40, 60))
    objects = Objects([1, 2, 3], [1, 1, 1], [0.98765, 0.5, 0.4], masks.boxes, masks)
    image = ImageFacts("a.png", (40, 60), ["BG", "cell"], pixels=np.ones((40, 60), np.uint8))
    told = json.loads(objects_json(image, objects, {"seconds": 1.5}))
    assert told["class_names"] == ["BG", "cell"] and told["seconds"] == 1.5
    first, second, third = told["objects"]
    assert first["polygons"] == [
        [
            [[20, 10], [23, 10], [23, 13], [20, 13]],
            [[21, 11], [21, 12], [22, 12], [22, 11]],
        ]
    ]
    assert (first["score"], first["area"], first["centroid"]) == (0.98765, 8, [11, 21])
    assert first["figures"]["intensity_mean_0"] == 1 and "perimeter" in first["figures"]
    assert "score" not in first["figures"] and "box_y1" not in first["figures"]
    assert [len(polygon) for polygon in second["polygons"]] == [1, 1]
    # Without pixels there is nothing to draw.
    assert third["polygons"] == [] and third["area"] == 0


def test_boxes_alone():
    objects = Objects([5], [1], [0.5], [[1.5, 2, 3, 4]])
    image = ImageFacts("a.png", (40, 60), ["BG", "cell"])
    [told] = json.loads(objects_json(image, objects, {}))["objects"]
    assert told["id"] == 5 and told["box"] == [1.5, 2, 3, 4]
    assert told["polygons"] == [[[[2, 1.5], [4, 1.5], [4, 3], [2, 3]]]] and told["figures"] == {}


def test_the_image():
    image = ImageFacts(
        "a.tif", (40, 60), ["BG"], channel_names=["DAPI"], pixel_size=PixelSize(0.5, 0.25, "µm")
    )
    assert image_json(image, "dark", {"channels": 1, "dtype": "uint16"}) == {
        "name": "a.tif",
        "width": 60,
        "height": 40,
        "channels": 1,
        "dtype": "uint16",
        "remark": "dark",
        "channel_names": ["DAPI"],
        "pixel_size": {"y": 0.5, "x": 0.25, "unit": "µm"},
    }
