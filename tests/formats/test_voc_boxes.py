import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from mrcnn.evaluation import coco_ap
from mrcnn.formats import IndexPngDataset
from mrcnn.instances.annotated import true_boxes


def entry(name, ymin, xmin, ymax, xmax):
    sides = {"ymin": ymin, "xmin": xmin, "ymax": ymax, "xmax": xmax}
    box = "".join(f"<{side}>{value}</{side}>" for side, value in sides.items())
    return f"<object><name>{name}</name><bndbox>{box}</bndbox></object>"


@pytest.fixture
def write(tmp_path):
    """Write a folder of one image: a cat (object 1) and a dog (object 3), with XML objects."""
    objects = np.zeros((30, 40), np.uint8)
    objects[2:12, 2:12], objects[15:25, 20:35] = 1, 3
    classes = np.where(objects == 1, 8, np.where(objects == 3, 12, 0)).astype(np.uint8)
    for folder, pixels in (
        ("JPEGImages", np.zeros((30, 40, 3), np.uint8)),
        ("SegmentationClass", classes),
        ("SegmentationObject", objects),
    ):
        (tmp_path / folder).mkdir()
        Image.fromarray(pixels).save(tmp_path / folder / "a.png")
    (tmp_path / "ImageSets").mkdir()

    def _write(*entries):
        (tmp_path / "Annotations").mkdir(exist_ok=True)
        text = f"<annotation>{''.join(entries)}</annotation>"
        (tmp_path / "Annotations" / "a.xml").write_text(text)
        return tmp_path

    return _write


CAT, DOG = entry("cat", 2, 2, 13, 12), entry("dog", 16, 20, 25, 36)


def boxes_of(dataset):
    return true_boxes(dataset.load_instances(0)[0])


def test_boxes_of_the_xml_file(write):
    dataset = IndexPngDataset.read(write(CAT, entry("cow", 1, 1, 5, 5), DOG))
    masks, class_ids = dataset.load_instances(0)
    assert_array_equal(masks.boxes, [[2, 2, 12, 12], [15, 20, 25, 35]])
    assert_array_equal(class_ids, [8, 12])
    # VOC counts from 1, and the last row and column are inside.
    wanted = [[1, 1, 13, 12], [15, 19, 25, 36]]
    assert_array_equal(boxes_of(dataset), wanted)
    assert_array_equal(true_boxes(dataset.load_boxes(0)[0]), wanted)
    found = {"rois": np.array(wanted), "class_ids": class_ids, "scores": [0.9, 0.8]}
    assert coco_ap(dataset, [{**found, "masks": masks}], [0])["bbox_AP"] == pytest.approx(1)
    found["rois"] = masks.boxes  # IoU 100 / 132 and 150 / 170
    assert coco_ap(dataset, [found], [0], kinds="bbox")["bbox_AP"] == pytest.approx((6 + 8) / 20)
    without = {name: None for name in dataset.class_names[1:] if name != "dog"}
    mapped = IndexPngDataset.read(write(CAT, CAT, DOG), class_map={**without, "dog": "pet"})
    assert_array_equal(boxes_of(mapped), wanted[1:])


@pytest.mark.parametrize(
    "entries",
    [
        (DOG, CAT),  # in another order
        (entry("dog", 2, 2, 13, 12),),  # of another class
        (entry("cat", 2, 2, 5, 12),),  # of another object
        ("<object><name>cat</name></object>",),
        ("<object>",),
    ],
)
def test_boxes_that_do_not_fit_are_left_out(write, entries):
    dataset = IndexPngDataset.read(write(*entries))
    assert_array_equal(boxes_of(dataset), [[2, 2, 12, 12], [15, 20, 25, 35]])


def test_without_xml_files(write):
    folder = write(CAT)
    (folder / "Annotations" / "a.xml").unlink()
    assert IndexPngDataset.read(folder).load_instances(0)[0].annotated is None
