"""What a few images tell about a dataset."""

import numpy as np
import pytest
from every_format import coco_keypoints, drawn, voc
from PIL import Image
from tiny import InMemory, shapes

from mrcnn.cli.facts import facts_of
from mrcnn.datasets import Dataset
from mrcnn.formats import CocoKeypointsDataset, VocDataset


def test_objects():
    dataset = InMemory(shapes(3))
    facts = facts_of(dataset)
    boxes = [dataset.load_boxes(i)[0].boxes for i in range(3)]
    sides = np.sqrt([(b[2] - b[0]) * (b[3] - b[1]) for image in boxes for b in image])
    assert (facts.count, facts.image_ids, facts.objects) == (3, [0, 1, 2], [2, 2, 2])
    assert facts.side == pytest.approx(np.median(sides))
    assert (facts.most, facts.channels, facts.has_masks, facts.keypoints) == (2, 3, True, 0)


def test_crowds_and_empty_masks_do_not_count():
    image, masks, _ = shapes(1)[0]
    masks = np.dstack([masks, np.zeros_like(masks[..., :1])])
    facts = facts_of(InMemory([(image, masks, np.array([1, -2, 1]))]))
    assert facts.objects == [1]


def test_nothing_to_see():
    dataset = Dataset()
    dataset.add_class("cells", 1, "cell")
    dataset.add_image("cells", 1, path="gone.png")
    dataset.prepare()
    facts = facts_of(dataset)
    assert (facts.count, facts.side, facts.most, facts.channels) == (1, None, 0, None)
    assert not facts.is_photographs


def test_boxes_only(tmp_path):
    voc(drawn(2), tmp_path)
    facts = facts_of(VocDataset.read(tmp_path))
    assert not facts.has_masks
    assert facts.objects == [2, 2]


@pytest.mark.parametrize(
    ("name", "colourful", "dtype", "expected"),
    [
        ("a.jpg", True, np.uint8, True),
        ("a.png", True, np.uint8, True),
        ("a.tif", True, np.uint8, False),
        ("a.jpg", False, np.uint8, False),
        ("a.npy", True, np.uint16, False),
    ],
)
def test_photographs(tmp_path, name, colourful, dtype, expected):
    pixels = np.full((32, 32, 3), 100, dtype)
    pixels[..., 0] += 60 * colourful
    path = tmp_path / name
    if path.suffix == ".npy":
        np.save(path, pixels)
    else:
        Image.fromarray(pixels).save(path)
    dataset = Dataset()
    dataset.add_class("cells", 1, "cell")
    dataset.add_image("cells", 1, path=path)
    dataset.prepare()
    assert facts_of(dataset).is_photographs is expected


def test_keypoints(tmp_path):
    coco_keypoints(drawn(2), tmp_path)
    assert facts_of(CocoKeypointsDataset.read(tmp_path)).keypoints == 2


def test_many_images_are_sampled():
    class Counted(InMemory):
        read = 0

        def load_mask(self, image_id):
            type(self).read += 1
            return super().load_mask(image_id)

    dataset = Counted(shapes(3) * 40)
    facts = facts_of(dataset)
    assert (facts.count, len(facts.image_ids), Counted.read) == (120, 50, 50)
