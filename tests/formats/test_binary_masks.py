"""Binary masks of several objects, in each format that stores pixels."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from mrcnn.datasets.check import check
from mrcnn.formats import IndexPngDataset, InstancePngDataset, LabelImageDataset

SIZE = 40, 50
BOXES = [[2, 3, 12, 13], [2, 20, 12, 30], [20, 5, 30, 35]]
WAY_OUT = "split_components=True"


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, pixels)
    else:
        Image.fromarray(pixels).save(path)


def binary(boxes, value=255, dtype=np.uint8):
    mask = np.zeros(SIZE, dtype)
    for y1, x1, y2, x2 in boxes:
        mask[y1:y2, x1:x2] = value
    return mask


def label_images(folder, boxes=BOXES, value=255, suffix=".png", dtype=np.uint8):
    for name in "abc":
        save(folder / "images" / f"{name}.png", np.full((*SIZE, 3), 60, np.uint8))
        save(folder / "masks" / f"{name}{suffix}", binary(boxes, value, dtype))
    return LabelImageDataset, folder


def mask_files(folder, boxes=BOXES):
    for name in "abc":
        save(folder / name / "images" / f"{name}.png", np.full((*SIZE, 3), 60, np.uint8))
        save(folder / name / "masks" / "cell" / "1.png", binary(boxes))
        save(folder / name / "masks" / "rock" / "1.png", binary([[35, 1, 39, 9]]))
    return InstancePngDataset, folder


def object_pngs(folder, boxes=BOXES, value=1):
    for name in "abc":
        classes = binary(boxes, 1)
        classes[:, 20:] *= 2  # the last box has both classes
        save(folder / "JPEGImages" / f"{name}.png", np.full((*SIZE, 3), 60, np.uint8))
        save(folder / "SegmentationClass" / f"{name}.png", classes)
        save(folder / "SegmentationObject" / f"{name}.png", binary(boxes, value))
    (folder / "class_names.txt").write_text("cell\nrock\n")
    return IndexPngDataset, folder


@pytest.mark.parametrize(
    ("value", "suffix", "dtype"),
    [
        *((value, ".png", np.uint8) for value in (1, 128, 255)),
        *((65535, ".tif", np.uint16), (1, ".npy", bool), (1.0, ".npy", np.float64)),
    ],
)
def test_label_images(tmp_path, caplog, value, suffix, dtype):
    kind, folder = label_images(tmp_path, value=value, suffix=suffix, dtype=dtype)
    whole = kind.read(folder)
    assert len(whole.load_instances(0)[1]) == 1
    assert f"hold the single number {int(value)}" in caplog.text
    assert len([m for m in caplog.messages if WAY_OUT in m]) == 1
    report = check(whole)
    assert list(report.errors) == ["binary masks, whose objects become one instance"]
    assert WAY_OUT in str(report) and report.bad_image_ids == []
    caplog.clear()
    dataset = kind.read(folder, class_names=["cell"], split_components=True)
    masks, class_ids = dataset.load_instances(0)
    assert_array_equal(masks.boxes, BOXES)
    assert_array_equal(class_ids, [1, 1, 1])
    assert dataset.load_mask(2)[0].shape == (*SIZE, 3)
    assert_array_equal(dataset.load_boxes(1)[0].boxes, BOXES)
    report = check(dataset)
    assert report.ok and not report.remarks and report.class_instances == {"cell": 9}
    assert not caplog.messages


def test_small_pieces(tmp_path):
    kind, folder = label_images(tmp_path, [*BOXES, [38, 48, 39, 50]])
    for min_area, count in ((1, 4), (2, 4), (3, 3), (101, 1), (301, 0)):
        dataset = kind.read(folder, split_components=True, min_area=min_area)
        assert len(dataset.load_instances(0)[1]) == count
    with pytest.raises(ValueError, match="min_area is 0"):
        kind.read(folder, min_area=0)


def test_one_object_in_each_image(tmp_path, caplog):
    """It may be right: nothing is split, and `check` only remarks on it."""
    kind, folder = label_images(tmp_path, BOXES[:1], value=1)
    dataset = kind.read(folder)
    assert not caplog.messages and len(dataset.load_instances(0)[1]) == 1
    report = check(dataset)
    assert report.ok and list(report.remarks) == ["masks that may be binary"]
    report = check(kind.read(folder, split_components=False))
    assert report.ok and not report.remarks


def test_label_images_with_numbers(tmp_path, caplog):
    """Objects in parts are left alone, and splitting them keeps touching numbers apart."""
    kind, folder = label_images(tmp_path)
    labels = binary(BOXES, 7)
    labels[2:12, 13:20] = 8
    for name in "abc":
        save(folder / "masks" / f"{name}.png", labels)
    dataset = kind.read(folder)
    assert not caplog.messages and len(dataset.load_instances(0)[1]) == 2
    masks, _ = kind.read(folder, split_components=True).load_instances(0)
    assert_array_equal(masks.boxes, [*BOXES, [2, 13, 12, 20]])


def test_mask_files(tmp_path, caplog):
    kind, folder = mask_files(tmp_path)
    dataset = kind.read(folder)
    assert WAY_OUT in caplog.text and len(dataset.load_instances(0)[1]) == 2
    assert WAY_OUT in str(check(dataset))
    dataset = kind.read(folder, split_components=True)
    masks, class_ids = dataset.load_instances(0)
    assert_array_equal(masks.boxes, [*BOXES, [35, 1, 39, 9]])
    assert_array_equal(class_ids, [1, 1, 1, 2])
    assert_array_equal(dataset.load_boxes(0)[1], class_ids)
    assert check(dataset).ok
    dataset = kind.read(folder, split_components=True, min_area=101)
    assert_array_equal(dataset.load_instances(0)[0].areas, [300])


def test_a_mask_file_for_each_object(tmp_path, caplog):
    kind, folder = mask_files(tmp_path)
    save(folder / "b" / "masks" / "cell" / "2.png", binary([[30, 40, 35, 45]]))
    kind.read(folder)
    assert not caplog.messages


def test_object_pngs(tmp_path, caplog):
    kind, folder = object_pngs(tmp_path)
    dataset = kind.read(folder)
    assert "all object PNGs hold the single number 1" in caplog.text
    assert len(dataset.load_instances(0)[1]) == 1
    assert list(check(dataset).errors) == ["binary masks, whose objects become one instance"]
    dataset = kind.read(folder, split_components=True)
    masks, class_ids = dataset.load_instances(0)
    assert_array_equal(class_ids, [1, 1, 2, 2])
    assert_array_equal(masks.boxes, [BOXES[0], [20, 5, 30, 20], [2, 20, 12, 30], [20, 20, 30, 35]])
    assert len(kind.read(folder, split_components=True, min_area=150).load_instances(0)[1]) == 2


def test_class_pngs_of_void_alone(tmp_path, caplog):
    kind, folder = object_pngs(tmp_path)
    kind.read(folder)
    assert "(void)" not in caplog.text
    for name in "abc":
        save(folder / "SegmentationClass" / f"{name}.png", binary(BOXES))
    kind.read(folder)
    assert "the class PNGs hold only 0 and 255 (void)" in caplog.text
    assert "LabelImageDataset and split_components=True" in caplog.text


def test_regions_of_a_class(tmp_path):
    """Without object PNGs, regions are instances anyway, and small ones can be left out."""
    kind, folder = object_pngs(tmp_path)
    for path in (folder / "SegmentationObject").iterdir():
        path.unlink()
    (folder / "SegmentationObject").rmdir()
    assert len(kind.read(folder).load_instances(0)[1]) == 4
    assert len(kind.read(folder, min_area=150).load_instances(0)[1]) == 2
