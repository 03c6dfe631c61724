import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from pycocotools import mask as coco_mask

from mrcnn.datasets.coco_export import to_coco
from mrcnn.datasets.dataset import Dataset
from mrcnn.formats.coco import CocoDataset
from mrcnn.instances import InstanceBoxes, InstanceMasks


class Shapes(Dataset):
    """Instances that are passed in, [(mask, class id)] per image."""

    def __init__(self, instances, paths, ids):
        super().__init__()
        self.instances = instances
        for number, name in enumerate(("round", "long,thin")):
            self.add_class("shapes", 10 + number, name)
        for image_id, path in zip(ids, paths, strict=True):
            self.add_image("shapes", image_id, path)
        self.prepare()

    def load_mask(self, image_id):
        masks, class_ids = zip(*self.instances[image_id], strict=True)
        return np.stack(masks, axis=-1), np.array(class_ids)

    def load_image(self, image_id):
        return np.zeros((7, 9, 3), np.uint8)


def filled(y1, x1, y2, x2):
    mask = np.zeros((7, 9), bool)
    mask[y1:y2, x1:x2] = True
    return mask


@pytest.fixture
def two_masks():
    return [(filled(1, 2, 4, 8), 2), (filled(0, 0, 7, 9), -1), (filled(0, 0, 0, 0), 1)]


def test_values(two_masks, tmp_path):
    content = to_coco(Shapes([two_masks], [None], ["a"]), tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text()) == content
    assert content["images"] == [{"id": 1, "file_name": "1.png", "height": 7, "width": 9}]
    assert content["categories"] == [{"id": 1, "name": "round"}, {"id": 2, "name": "long,thin"}]
    first, crowd = content["annotations"]
    code = coco_mask.encode(np.asfortranarray(two_masks[0][0], np.uint8))
    assert first == {
        "id": 1,
        "image_id": 1,
        "category_id": 2,
        "segmentation": {"size": [7, 9], "counts": code["counts"].decode()},
        "area": 18,
        "bbox": [2, 1, 6, 3],
        "iscrowd": 0,
    }
    assert (crowd["id"], crowd["category_id"], crowd["iscrowd"], crowd["area"]) == (2, 1, 1, 63)


@pytest.mark.parametrize(
    ("ids", "kept"),
    [
        ([7, np.int64(3)], [7, 3]),
        ([7, 7], [1, 2]),
        (["7", 3], [1, 2]),
        ([True, 3], [1, 2]),
    ],
)
def test_image_ids(two_masks, ids, kept):
    content = to_coco(Shapes([two_masks] * 2, [None] * 2, ids))
    assert [image["id"] for image in content["images"]] == kept
    assert [a["image_id"] for a in content["annotations"]] == [kept[0]] * 2 + [kept[1]] * 2
    json.dumps(content)


def test_file_names_start_at_the_common_folder(two_masks, tmp_path):
    paths = [tmp_path / "a" / "x.png", str(tmp_path / "a" / "b" / "x.png"), None]
    content = to_coco(Shapes([two_masks] * 3, paths, [5, 6, 7]))
    assert [image["file_name"] for image in content["images"]] == ["x.png", "b/x.png", "7.png"]


def test_an_image_without_instances_has_its_size(two_masks):
    class Background(Shapes):
        load_mask = Dataset.load_mask

    (image,) = to_coco(Background([[]], [None], [1]))["images"]
    assert (image["height"], image["width"]) == (7, 9)


def test_what_is_written_is_read_back(tmp_path):
    rng = np.random.default_rng(0)
    instances = [
        [(rng.random((7, 9)) > 0.6, class_id) for class_id in class_ids]
        for class_ids in ([1, 2, -2], [2], [-1, 1])
    ]
    paths = [tmp_path / name for name in ("x/1.png", "x/y/2.png", "x/3.png")]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((7, 9, 3), np.uint8)).save(path)
    written = Shapes(instances, paths, ["a", "b", "c"])
    content = to_coco(written, tmp_path / "out.json")
    read = CocoDataset.read(tmp_path / "out.json", images=tmp_path / "x")
    assert [info["path"] for info in read.image_info] == [str(path) for path in paths]
    assert read.class_names == written.class_names
    for i in range(3):
        masks, class_ids = read.load_mask(i)
        wanted, wanted_ids = written.load_mask(i)
        assert_array_equal(masks, wanted)
        assert_array_equal(class_ids, wanted_ids)
    again = to_coco(read)
    assert again["annotations"] == content["annotations"]
    assert again["images"] == content["images"]


def test_classes_with_the_same_name_are_told_apart(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((7, 9, 3), np.uint8)).save(path)
    instances = [(filled(0, 0, 2, 2), 1), (filled(2, 2, 4, 4), 3), (filled(4, 4, 7, 9), 4)]
    two = Shapes([instances], [path], ["a"])
    for class_id in (5, 6):
        two.add_class("slides", class_id, "round")
    two.prepare()
    to_coco(two, tmp_path / "out.json")
    read = CocoDataset.read(tmp_path / "out.json")
    names = ["BG", "round", "long,thin", "round (slides)", "round (slides.6)"]
    assert read.class_names == [name.split(",")[0] for name in names]
    masks, class_ids = read.load_mask(0)
    assert_array_equal(class_ids, [1, 3, 4])
    assert_array_equal(masks, two.load_mask(0)[0])


class Boxes(Shapes):
    """Instances [((y1, x1, y2, x2), class id)]."""

    load_mask = Dataset.load_mask

    def load_boxes(self, image_id):
        boxes, class_ids = zip(*self.instances[image_id], strict=True)
        return InstanceBoxes(boxes, (7, 9)), np.array(class_ids, np.int32)


def test_boxes_without_masks(tmp_path, monkeypatch):
    monkeypatch.setattr(InstanceMasks, "__init__", lambda *args: pytest.fail("a mask was made"))
    path = tmp_path / "1.png"
    Image.fromarray(np.zeros((7, 9, 3), np.uint8)).save(path)
    rows = [((1.1, 2, 4, 8.25), 2), ((-3, 0, 3, 5), -1), ((7, 0, 9, 9), 1)]
    content = to_coco(Boxes([rows], [path], [5]), tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text()) == content
    assert content["images"] == [{"id": 5, "file_name": "1.png", "height": 7, "width": 9}]
    assert content["annotations"] == [
        {
            "id": 1,
            "image_id": 5,
            "category_id": 2,
            "area": 18.125,
            "bbox": [2, 1.1, 6.25, 2.9],
            "iscrowd": 0,
        },
        {"id": 2, "image_id": 5, "category_id": 1, "area": 15, "bbox": [0, 0, 5, 3], "iscrowd": 1},
    ]
    read = CocoDataset.read(tmp_path / "out.json")
    boxes, class_ids = read.load_boxes(0)
    assert_allclose(boxes.boxes, [[1.1, 2, 4, 8.25], [0, 0, 3, 5]], rtol=1e-6)
    assert_array_equal(class_ids, [2, -1])


def test_boxes_and_areas_from_the_file_are_written_back(tmp_path):
    Image.fromarray(np.zeros((7, 9, 3), np.uint8)).save(tmp_path / "1.png")
    drawn = {"segmentation": [[1.4, 1.4, 6.6, 1.4, 6.6, 5.6, 1.4, 5.6]]}
    rows = [
        {**drawn, "bbox": [1.4, 1.4, 5.2, 4.2], "area": 21.84},
        {**drawn, "bbox": [-1, 0.25, 3, 4], "iscrowd": 1},
        {"bbox": [2, 1, 3, 4], "area": 12},
    ]
    content = {
        "images": [{"id": 5, "file_name": "1.png"}],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": [
            {"id": i, "image_id": 5, "category_id": 1, **r} for i, r in enumerate(rows)
        ],
    }
    (tmp_path / "in.json").write_text(json.dumps(content))
    read = CocoDataset.read(tmp_path / "in.json")
    written = to_coco(read, tmp_path / "out.json")["annotations"]
    assert [row["bbox"] for row in written] == [
        [1.4, 1.4, 5.2, 4.2],
        [-1, 0.25, 3, 4],
        [2, 1, 3, 4],
    ]
    assert [row["area"] for row in written] == [21.84, 6 * 5, 12]  # the second in pixels
    assert to_coco(CocoDataset.read(tmp_path / "out.json"))["annotations"] == written


def test_a_failure_leaves_the_file_as_it_was(two_masks, tmp_path):
    path = tmp_path / "out.json"
    path.write_text("before")
    broken = Shapes([two_masks, []], [None] * 2, [1, 2])
    with pytest.raises(ValueError):
        to_coco(broken, path)
    assert path.read_text() == "before" and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(RuntimeError, match=r"prepare\(\)"):
        to_coco(Dataset())
