import copy
import gc
import logging
import pickle

import numpy as np
import pytest
import skimage.io
from numpy.testing import assert_array_equal

from mrcnn.datasets.dataset import Dataset


class Fruit(Dataset):
    """Written as users of matterport's Mask_RCNN wrote theirs."""

    def load_fruit(self):
        self.add_class("fruit", 1, "apple")
        self.add_class("fruit", 5, "pear, wild")
        self.add_class("tools", 1, "saw")
        self.add_class("fruit", 1, "apple again")
        self.add_image("fruit", image_id="a", path="a.png", width=4, polygons=[[1, 2]])
        self.add_image("tools", image_id=17, path="b.png")

    def load_mask(self, image_id):
        if self.image_info[image_id]["source"] != "fruit":
            return super(self.__class__, self).load_mask(image_id)
        return np.ones((4, 4, 1), bool), np.array([1], np.int32)

    def image_reference(self, image_id):
        info = self.image_info[image_id]
        if info["source"] == "fruit":
            return info["path"]
        return super(Fruit, self).image_reference(image_id)  # noqa: UP008


@pytest.fixture
def fruit():
    dataset = Fruit()
    dataset.load_fruit()
    dataset.prepare()
    return dataset


class Own(Dataset):
    """A dataset with an `__init__` of its own, which does not call `super().__init__`."""

    def __init__(self):
        self.image_info = []
        self.class_info = [{"source": "", "id": 0, "name": "BG"}]


def test_a_subclass_without_the_init_of_the_base_class():
    dataset = Own()
    dataset.add_class("fruit", 1, "apple")
    for number in range(3):
        dataset.add_image("fruit", number, path=None)
    assert dataset.image_ids.tolist() == []
    dataset.prepare()
    assert dataset.image_ids.tolist() == [0, 1, 2]
    assert dataset.without([1]).image_ids.tolist() == [0, 2]
    assert dataset.image_ids.tolist() == [0, 1, 2]


class Scans(Dataset):
    """An image without findings has an empty mask of class 0, as in projects on X-ray images."""

    def load_image(self, image_id):
        return np.zeros((6, 5, 3), np.uint8)

    def load_mask(self, image_id):
        masks = np.zeros((6, 5, 1), bool)
        masks[2:4, 1:3] = image_id > 0
        return masks, np.array([image_id % 2])


def test_an_empty_mask_of_class_0_is_no_instance(capsys):
    dataset = Scans()
    dataset.add_class("scans", 1, "opacity")
    for number in range(3):
        dataset.add_image("scans", number, path=None)
    dataset.prepare()
    masks, class_ids = dataset.load_instances(0)
    assert masks.shape == (6, 5, 0) and class_ids.tolist() == []
    masks, class_ids = dataset.load_instances(1)
    assert masks.boxes.tolist() == [[2, 1, 4, 3]] and class_ids.tolist() == [1]
    boxes, class_ids = dataset.load_boxes(0)
    assert len(boxes) == len(class_ids) == 0
    assert dataset.subset([0, 1]).check().ok
    # A mask with pixels must have a class.
    report = dataset.check()
    assert report.bad_image_ids == [2] and "0" in capsys.readouterr().out


def test_prepare_numbers_classes_and_images(fruit):
    assert fruit.num_classes == 4
    assert_array_equal(fruit.class_ids, [0, 1, 2, 3])
    assert fruit.class_names == ["BG", "apple", "pear", "saw"]
    assert fruit.num_images == 2
    assert_array_equal(fruit.image_ids, [0, 1])
    assert fruit.class_info[2] == {"source": "fruit", "id": 5, "name": "pear, wild"}
    assert fruit.image_info[0] == {
        "id": "a",
        "source": "fruit",
        "path": "a.png",
        "width": 4,
        "polygons": [[1, 2]],
    }
    assert fruit.sources == ["", "fruit", "tools"]
    assert fruit.source_class_ids == {"": [0], "fruit": [0, 1, 2], "tools": [0, 3]}
    assert fruit.class_from_source_map == {".0": 0, "fruit.1": 1, "fruit.5": 2, "tools.1": 3}
    assert fruit.image_from_source_map == {"fruit.a": 0, "tools.17": 1}


def test_ids_of_sources(fruit):
    assert fruit.map_source_class_id("fruit.5") == 2
    assert fruit.get_source_class_id(2, "fruit") == 5
    assert fruit.source_image_link(1) == "b.png"
    with pytest.raises(ValueError, match=r"class 3 \(saw\) belongs to source 'tools', not to 'f"):
        fruit.get_source_class_id(3, "fruit")


def test_a_source_has_no_dot():
    with pytest.raises(ValueError, match=r"source is 'a\.b'"):
        Dataset().add_class("a.b", 1, "x")


def test_overrides_reach_the_base_class(fruit, caplog):
    assert fruit.load_mask(0)[0].shape == (4, 4, 1)
    with caplog.at_level(logging.WARNING):
        masks, class_ids = fruit.load_mask(1)
    assert "image 1 of Fruit has no instances" in caplog.text
    assert masks.shape == (0, 0, 0)
    assert class_ids.shape == (0,) and class_ids.dtype == np.int32
    assert fruit.image_reference(0) == "a.png"
    assert fruit.image_reference(1) == ""


@pytest.mark.parametrize("name", ["num_classes", "class_ids", "class_names", "num_images"])
def test_unprepared_attributes_name_prepare(name):
    dataset = Fruit()
    dataset.load_fruit()
    with pytest.raises(AttributeError, match=rf"Fruit\.{name} is not known yet: call prepare\(\)"):
        getattr(dataset, name)
    assert dataset.image_ids.shape == (0,) and dataset.image_ids.dtype.kind == "i"
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        _ = dataset.colour


def test_workers_can_copy_it(fruit):
    for twin in (copy.deepcopy(fruit), pickle.loads(pickle.dumps(fruit))):
        assert twin.class_names == fruit.class_names
        assert twin.image_info == fruit.image_info


@pytest.mark.parametrize("channels", [None, 3, 4])
def test_load_image_gives_rgb(tmp_path, channels):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (5, 6) if channels is None else (5, 6, channels), np.uint8)
    skimage.io.imsave(tmp_path / "image.png", pixels, check_contrast=False)
    dataset = Dataset()
    dataset.add_image("x", 1, tmp_path / "image.png")
    image = dataset.load_image(0)
    assert image.dtype == np.uint8
    rgb = pixels[..., None].repeat(3, axis=2) if channels is None else pixels[..., :3]
    assert_array_equal(image, rgb)


def test_load_image_keeps_depth_and_bands(tmp_path):
    rng = np.random.default_rng(0)
    deep = rng.integers(0, 4096, (5, 6), np.uint16)
    bands = rng.random((5, 6, 7), np.float32)
    skimage.io.imsave(tmp_path / "deep.png", deep, check_contrast=False)
    np.save(tmp_path / "bands.npy", bands)
    dataset = Dataset()
    for name in ("deep.png", "bands.npy", "missing.png"):
        dataset.add_image("x", name, str(tmp_path / name))
    assert_array_equal(dataset.load_image(0), deep[..., None].repeat(3, axis=2))
    assert_array_equal(dataset.load_image(1), bands)
    with pytest.raises(FileNotFoundError, match=r"no such file: .*missing\.png"):
        dataset.load_image(2)


def test_the_dataset_sets_the_pixel_limit(tmp_path):
    class Careful(Dataset):
        MAX_PIXELS = 29

    np.save(tmp_path / "image.npy", np.zeros((5, 6, 3), np.uint8))
    dataset = Careful()
    dataset.add_image("x", 1, str(tmp_path / "image.npy"))
    with pytest.raises(ValueError, match=r"image\.npy.*30.*29"):
        dataset.load_image(0)
    dataset.MAX_PIXELS = 30
    assert dataset.load_image(0).shape == (5, 6, 3)


def test_instances_are_the_masks_of_load_mask():
    class Boxes(Dataset):
        def load_mask(self, image_id):
            masks = np.zeros((8, 9, 2), np.uint8)
            masks[1:4, 2:7, 0] = masks[5:, 3, 1] = 1
            return masks, [2, -1]

    dataset = Boxes()
    dataset.add_image("x", 1, None)
    masks, class_ids = dataset.load_instances(0)
    assert masks.boxes.tolist() == [[1, 2, 4, 7], [5, 3, 8, 4]]
    assert_array_equal(masks.dense(), dataset.load_mask(0)[0] != 0)
    assert class_ids.tolist() == [2, -1] and class_ids.dtype == np.int32


def test_load_image_names_a_file_that_is_not_an_image(tmp_path):
    path = tmp_path / "broken.png"
    path.write_bytes(b"no image")
    dataset = Dataset()
    dataset.add_image("x", 1, str(path))
    with pytest.raises(OSError, match=r"broken\.png cannot be read as an image"):
        dataset.load_image(0)
    gc.collect()
