import numpy as np
import pytest
from PIL import Image

from mrcnn.formats import YoloDataset
from mrcnn.results import ImageFacts, yolo

from .scene import HUGE, NAME, NAMES, SMALL, drawable, in_parts, only_boxes, same_masks, scene


@pytest.fixture
def folder(tmp_path):
    (tmp_path / NAME).parent.mkdir()
    return tmp_path


def read(folder, size):
    """The dataset, without an image of the size if it is large."""
    Image.new("L", (1, 1) if size == HUGE else size[::-1]).save(folder / NAME)
    yolo.write_names(folder, NAMES)
    dataset = YoloDataset.read(folder)
    if size == HUGE:
        dataset.size_of_file = lambda image_id: HUGE
    return dataset


@pytest.mark.parametrize("size", [SMALL, HUGE, (61, 83)])
def test_read_by_our_dataset(folder, size):
    image, objects = scene(size)
    yolo.write((folder / NAME).with_suffix(".txt"), image, in_parts(objects))
    dataset = read(folder, size)
    assert dataset.class_names == NAMES
    masks, class_ids = dataset.load_instances(0)
    assert class_ids.tolist() == drawable(objects).class_ids.tolist()
    assert same_masks(masks, drawable(objects).masks)


def test_boxes(folder):
    image, objects = scene()
    yolo.write((folder / NAME).with_suffix(".txt"), image, [only_boxes(objects)])
    boxes, class_ids = read(folder, SMALL).load_boxes(0)
    wanted = drawable(only_boxes(objects))
    wanted.boxes[4, 3] = 80  # within the image
    assert class_ids.tolist() == wanted.class_ids.tolist()
    np.testing.assert_allclose(boxes.boxes, wanted.boxes, atol=1e-5)


def test_the_numbers(tmp_path):
    image, objects = scene()
    yolo.write(tmp_path / "a.txt", image, [objects[2:3]])
    x, y = 5 / 80, 40 / 60
    words = (tmp_path / "a.txt").read_text().split()
    assert words[0] == "0"
    corners = np.array(words[1:], float).reshape(-1, 2)
    np.testing.assert_allclose(
        corners, [[x, y], [6 / 80, y], [6 / 80, 41 / 60], [x, 41 / 60]], atol=1e-7
    )


def test_nothing(tmp_path):
    yolo.write(tmp_path / "a.txt", ImageFacts("a.png", SMALL, NAMES), [])
    assert (tmp_path / "a.txt").read_text() == ""


def test_names_that_yaml_would_misread(folder):
    image, objects = scene()
    yolo.write((folder / NAME).with_suffix(".txt"), image, [objects])
    Image.new("L", SMALL[::-1]).save(folder / NAME)
    names = ["BG", "no", 'a "b": #ü']
    yolo.write_names(folder, names)
    assert YoloDataset.read(folder).class_names == names
