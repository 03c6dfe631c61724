"""Datasets whose instances have boxes but no masks."""

import numpy as np
import pytest
from PIL import Image

from mrcnn.config import Config
from mrcnn.datasets.check import check
from mrcnn.datasets.dataset import Dataset
from mrcnn.instances import InstanceBoxes, InstanceMasks

SIZE = (20, 30)


class Boxes(Dataset):
    """Images in files, with instances given as (box, class id)."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder
        self.add_class("cells", 1, "cell")
        self.add_class("cells", 2, "rock")

    def add(self, name, *instances, shape=SIZE):
        path = self.folder / f"{name}.png"
        Image.fromarray(np.full((*shape, 3), 40, np.uint8)).save(path)
        self.add_image("cells", name, str(path), instances=instances)

    def load_boxes(self, image_id):
        instances = self.image_info[image_id]["instances"]
        boxes = InstanceBoxes([box for box, _ in instances], SIZE)
        return boxes, np.array([class_id for _, class_id in instances], np.int32)


class TwoClasses(Config):
    NUM_CLASSES = 1 + 1
    MAX_GT_INSTANCES = 2
    HEADS = ("box",)


class WithMasks(Config):
    NUM_CLASSES = 1 + 2


def places(findings):
    """Return a dict of kind to the (image, instance) pairs of its findings."""
    return {kind: [(f.image_id, f.instance) for f in found] for kind, found in findings.items()}


def checked(dataset, config=None):
    dataset.prepare()
    return check(dataset, config=config)


@pytest.fixture
def boxes(tmp_path, monkeypatch):
    monkeypatch.setattr(InstanceMasks, "__init__", lambda *args: pytest.fail("a mask was made"))
    return Boxes(tmp_path)


CAR = ((2, 3, 8, 9), 1)


def test_good_boxes(boxes):
    boxes.add("a", CAR, ((10, 10, 15, 20), 2), ((0, 0, 5.5, 5), -1))
    boxes.add("b", CAR)
    report = checked(boxes)
    assert report.ok and not report.remarks
    assert report.only_boxes == 2 and report.crowds == 1
    assert report.class_instances == {"cell": 2, "rock": 1}
    assert str(report) == (
        "2 images with 4 instances, 1 of them crowds; 2 in the median image, 3 at most.\n"
        "  2 images have boxes but no masks\n"
        "  2 images have 3 channels of uint8\n"
        "  cell  2 instances in 2 images, and 1 crowds\n"
        "  rock  1 instances in 1 images\n"
        "Errors: none.\n"
        "Remarks: none."
    )


def test_boxes(boxes, tmp_path):
    boxes.add(
        "a",
        CAR,
        ((21, 3, 25, 9), 1),  # below the image
        ((19.5, 3, 25, 9), 1),  # half a row is left
        ((5, 5, 6.75, 15), 1),
        ((5, 5, 7, 7), 1),
        ((0, 0, 20, 29.5), 2),  # 590 of 600 pixels, 98.3 %
        ((0, 0, 20, 29), 2),  # 580
        CAR,
        (CAR[0], 2),
        ((5, 5, 15, 6), 2),
    )
    boxes.add("b")
    report = checked(boxes)
    assert report.ok
    outside = "boxes with less than a pixel inside the image (left out in training)"
    narrow = "boxes less than 2 pixels wide or high"
    whole = "boxes that cover nearly the whole image (background?)"
    assert places(report.remarks) == {
        outside: [(0, 1), (0, 2)],
        narrow: [(0, 3), (0, 9)],
        whole: [(0, 5)],
        "duplicate instances": [(0, 7)],
        "images without instances": [(1, None)],
    }
    path = tmp_path / "a.png"
    assert str(report.remarks[narrow][0]) == f"image 0, instance 3 ({path}: box 1.75x10)"
    assert str(report.remarks[whole][0]) == f"image 0, instance 5 ({path}: 590 of 600 pixels)"


def test_boxes_that_do_not_fit(boxes):
    boxes.add("a", CAR, (CAR[0], 3), (CAR[0], 0))
    boxes.add("b", CAR, shape=(20, 31))
    boxes.add("c", *[CAR] * 3)
    report = checked(boxes, TwoClasses())
    assert places(report.errors) == {
        "classes that do not fit the configuration": [(None, None)],
        "class ids that are out of range": [(0, 1), (0, 2)],
        "boxes of an image of a different size": [(1, None)],
    }
    text = report.errors["boxes of an image of a different size"][0].text
    assert text.endswith("b.png: boxes 20x30, image 20x31 (height x width)")
    assert any("more than 2 instances" in kind for kind in report.remarks)
    assert report.only_boxes == 3


@pytest.mark.parametrize(
    ("result", "kind", "reason"),
    [
        ((np.ones((1, 4)), np.array([1])), "instances that", "its boxes are a NumPy array"),
        (
            (InstanceBoxes([CAR[0]], SIZE), [1]),
            "instances that",
            "load_boxes returned class ids as a l",
        ),
        (None, "instances that", "TypeError: "),
        (
            (InstanceBoxes([CAR[0]], SIZE), np.ones(2, int)),
            "boxes and class",
            "1 boxes and 2 class",
        ),
    ],
)
def test_load_boxes_may_return_anything(boxes, monkeypatch, result, kind, reason):
    boxes.add("a", CAR)
    monkeypatch.setattr(Boxes, "load_boxes", lambda self, image_id: result)
    report = checked(boxes)
    found = next(findings for name, findings in report.errors.items() if name.startswith(kind))
    assert reason in found[0].text


def test_masks_are_looked_at_if_a_head_learns_from_them(boxes, tmp_path, monkeypatch):
    boxes.add("a", CAR)
    assert checked(boxes).ok
    report = checked(boxes, WithMasks())
    (kind,) = report.errors
    assert places(report.errors) == {"images without what the heads learn from": [(0, None)]}
    text = f"{tmp_path / 'a.png'}: no masks, which the head 'mask' learns from"
    assert report.errors[kind][0].text == text
    # No head learns from masks, so load_mask is not called either.
    monkeypatch.setattr(Boxes, "load_mask", lambda *args: pytest.fail("a mask was made"))
    assert boxes.has("masks", 0)
    assert list(checked(boxes, TwoClasses()).errors) == [
        "classes that do not fit the configuration"
    ]
