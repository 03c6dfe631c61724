"""The image of a task: an array, or a file that is read part by part."""

import numpy as np
import pytest
import tifffile
from fake_model import save_squares

from mrcnn.images.regions import Regions
from mrcnn.jobs import reading
from mrcnn.jobs.inputs import Item
from mrcnn.jobs.job import DetectJob
from mrcnn.jobs.reading import Image, each_plane


def opened(path, **values):
    return Image(DetectJob(model="m", out="o", **values), Item(path.name, path))


@pytest.fixture
def stains(tmp_path):
    pixels = np.arange(2 * 40 * 60, dtype=np.uint16).reshape(2, 40, 60)
    metadata = {"axes": "CYX", "Labels": ["DAPI", "actin"], "unit": "um"}
    path = tmp_path / "stains.tif"
    tifffile.imwrite(path, pixels, imagej=True, metadata=metadata, resolution=(2, 4))
    return path, pixels


@pytest.fixture
def stack(tmp_path):
    pixels = np.arange(3 * 40 * 60, dtype=np.uint16).reshape(3, 40, 60)
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, pixels, imagej=True, metadata={"axes": "ZYX"})
    return path, pixels


def test_all_channels_and_the_chosen_one(stains):
    path, pixels = stains
    image = opened(path, channel="actin")
    np.testing.assert_array_equal(image.pixels, np.moveaxis(pixels, 0, -1))
    np.testing.assert_array_equal(image.chosen, pixels[1])
    assert image.channel_names == ["DAPI", "actin"]
    size = image.pixel_size
    assert (size.x, size.y, size.unit) == (0.5, 0.25, "µm")
    assert image.remark == ""


def test_channels_that_are_not_colours_are_remarked_on(tmp_path):
    path = tmp_path / "three.tif"
    tifffile.imwrite(path, np.zeros((3, 40, 60), np.uint8), imagej=True, metadata={"axes": "CYX"})
    assert "3 channels" in opened(path).remark
    assert opened(path, channel="0").remark == ""


def test_a_large_image_is_read_part_by_part(stains, monkeypatch):
    path, pixels = stains
    monkeypatch.setattr(reading, "LARGE", 1000)
    image = opened(path, channel="DAPI")
    assert isinstance(image.pixels, Regions) and isinstance(image.chosen, Regions)
    np.testing.assert_array_equal(image.chosen[10:20, 5:9], pixels[0, 10:20, 5:9])
    assert image.channel_names == ["DAPI", "actin"]
    files = image.pixels, image.chosen
    image.load()
    assert all(file.closed for file in files)
    np.testing.assert_array_equal(image.pixels, np.moveaxis(pixels, 0, -1))
    np.testing.assert_array_equal(image.chosen, pixels[0])


def test_closing_a_large_image(stains, monkeypatch):
    monkeypatch.setattr(reading, "LARGE", 1000)
    image = opened(stains[0])
    image.close()
    assert image.pixels.closed


def test_a_plane_and_a_projection_of_a_stack(stack):
    path, pixels = stack
    with pytest.raises(ValueError, match="stack of 3 planes"):
        opened(path)
    image = opened(path, plane=1)
    image.load()
    np.testing.assert_array_equal(image.pixels, pixels[1])
    image = opened(path, projection="max")
    image.load()
    np.testing.assert_array_equal(image.pixels, pixels[2])


def test_each_plane_of_the_stacks(stack, tmp_path):
    path, pixels = stack
    plain = Item("a.png", save_squares(tmp_path / "a.png"))
    items = list(each_plane([plain, Item("x/stack.tif", path), Item("gone", tmp_path / "gone")]))
    assert [item.name for item in items] == [
        "a.png",
        *(f"x/stack.tif/plane00{plane}" for plane in range(3)),
        "gone",
    ]
    image = Image(DetectJob(model="m", out="o"), items[3])
    image.load()
    np.testing.assert_array_equal(image.pixels, pixels[2])
