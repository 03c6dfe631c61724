from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.instances import InstanceBoxes, InstanceMasks
from mrcnn.results import Objects, to_napari
from mrcnn.results.napari_layers import features_of

SHAPE = (30, 40)
BOXES = [[2, 3, 12, 13], [8, 8, 20, 30]]
MASKS = InstanceBoxes(BOXES, SHAPE).filled()
NAMES = ["BG", "cell", "debris"]


class Viewer:
    """What a layer was made of, for each layer that was added."""

    def add(self, kind, data, channel_axis=None, **options):
        if channel_axis is None:
            return SimpleNamespace(kind=kind, data=data, **options)
        planes, names = np.moveaxis(data, channel_axis, 0), options.pop("name")
        return [
            self.add(kind, plane, name=name, **options)
            for plane, name in zip(planes, names, strict=True)
        ]

    def add_image(self, data, **options):
        return self.add("image", data, **options)

    def add_labels(self, data, **options):
        return self.add("labels", data, **options)

    def add_shapes(self, data, **options):
        return self.add("shapes", data, **options)


def objects(masks=MASKS):
    return Objects([7, 9], [1, 2], [0.5, 0.75], BOXES, masks)


def test_labels_and_their_features():
    (layer,) = to_napari(Viewer(), objects(), class_names=NAMES, scale=(0.5, 0.25))
    assert (layer.kind, layer.name, layer.scale) == ("labels", "objects", (0.5, 0.25))
    expected = np.zeros(SHAPE, int)
    expected[2:12, 3:13], expected[8:20, 8:30] = 7, 9
    assert_array_equal(layer.data, expected)
    assert {name: values.tolist() for name, values in layer.features.items()} == {
        "index": [7, 9],
        "number": [7, 9],
        "class": ["cell", "debris"],
        "score": [0.5, 0.75],
        "area": [100, 264],
    }


def test_of_a_result():
    result = {"rois": BOXES, "class_ids": [1, 2], "scores": [0.5, 0.75], "masks": MASKS.dense()}
    (layer,) = to_napari(Viewer(), result, name="cells")
    assert layer.name == "cells" and set(np.unique(layer.data)) == {0, 1, 2}
    assert layer.features["class"].tolist() == [1, 2]


def test_method_of_objects():
    image = np.zeros(SHAPE)
    first, labels = objects().to_napari(Viewer(), image, NAMES, name="cells")
    assert (first.kind, labels.name) == ("image", "cells")
    assert labels.features["class"].tolist() == ["cell", "debris"]


@pytest.mark.parametrize(
    ("shape", "dtype", "names"),
    [
        (SHAPE, np.uint16, ["image"]),
        ((*SHAPE, 3), np.uint8, ["image"]),
        ((*SHAPE, 3), np.uint16, ["channel 0", "channel 1", "channel 2"]),
        ((*SHAPE, 4), np.uint8, ["channel 0", "channel 1", "channel 2", "channel 3"]),
        ((*SHAPE, 1), np.uint8, ["channel 0"]),
    ],
)
def test_images(shape, dtype, names):
    image = np.random.default_rng(0).integers(0, 99, shape).astype(dtype)
    *images, labels = to_napari(Viewer(), objects(), image, scale=(2, 2))
    assert [layer.name for layer in images] == names
    assert labels.kind == "labels" and all(layer.scale == (2, 2) for layer in images)
    if len(images) == 1 and image.ndim == 3 and shape[2] == 3:
        assert images[0].rgb
    channels = [image] if names == ["image"] else np.moveaxis(image, -1, 0)
    for layer, channel in zip(images, channels, strict=True):
        assert_array_equal(layer.data, channel)


def test_outlines_have_a_row_of_features_per_ring():
    ring = np.ones((5, 6), bool)
    ring[2, 3] = False
    masks = InstanceMasks([ring, np.ones((1, 1))], [(10, 20), (0, 0)], SHAPE)
    some = Objects([4, 5], [1, 1], [0.5, 0.6], masks.boxes, masks)
    _, shapes = to_napari(Viewer(), some, class_names=NAMES, with_outlines=True)
    assert shapes.kind == "shapes" and len(shapes.data) == 3
    outer, hole, pixel = (set(map(tuple, each.tolist())) for each in shapes.data)
    assert outer == {(9.5, 19.5), (9.5, 25.5), (14.5, 25.5), (14.5, 19.5)}
    assert hole == {(11.5, 22.5), (11.5, 23.5), (12.5, 23.5), (12.5, 22.5)}
    assert pixel == {(-0.5, -0.5), (-0.5, 0.5), (0.5, 0.5), (0.5, -0.5)}
    assert shapes.features["number"].tolist() == [4, 4, 5]


def test_boxes_alone_are_shapes():
    (shapes,) = to_napari(Viewer(), objects(None))
    assert (shapes.kind, shapes.name) == ("shapes", "objects")
    assert shapes.data[0].tolist() == [[1.5, 2.5], [1.5, 12.5], [11.5, 12.5], [11.5, 2.5]]
    assert shapes.features["area"].tolist() == [100, 264]


@pytest.mark.parametrize("masks", [MASKS[:0], None])
def test_no_objects(masks):
    none = Objects([], [], [], [], masks)
    layers = to_napari(Viewer(), none, class_names=NAMES, with_outlines=True)
    assert [layer.kind for layer in layers] == (
        ["shapes"] if masks is None else ["labels", "shapes"]
    )
    assert layers[-1].data == []
    assert all(len(values) == 0 for values in features_of(none, NAMES).values())
