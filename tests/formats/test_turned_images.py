"""Images that EXIF rotates upright, in formats that store sizes from before the rotation."""

import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from mrcnn.datasets.reading import read_instances
from mrcnn.formats import CocoDataset, LabelMeDataset, VocDataset

HEIGHT, WIDTH = 40, 50  # stored; upright, the image is 50 x 40
BOX = [30, 5, 45, 20]  # (y1, x1, y2, x2), drawn on the upright image


def coco(folder, segmentation=None):
    y1, x1, y2, x2 = BOX
    drawn = segmentation or [[x1, y1, x2, y1, x2, y2, x1, y2]]
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "height": HEIGHT, "width": WIDTH}],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": drawn}],
    }
    path = folder / "a.json"
    path.write_text(json.dumps(content))
    return CocoDataset, path


def labelme(folder):
    y1, x1, y2, x2 = BOX
    shape = {"label": "cell", "points": [[x1, y1], [x2, y2]], "shape_type": "rectangle"}
    size = {"imageHeight": HEIGHT, "imageWidth": WIDTH}
    path = folder / "a.json"
    path.write_text(json.dumps({"imagePath": "a.jpg", "shapes": [shape], **size}))
    return LabelMeDataset, path


def voc(folder):
    sides = dict(zip(("ymin", "xmin", "ymax", "xmax"), (31, 6, 45, 20), strict=True))
    box = "".join(f"<{name}>{side}</{name}>" for name, side in sides.items())
    size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height></size>"
    entry = f"<object><name>cell</name><bndbox>{box}</bndbox></object>"
    path = folder / "a.xml"
    path.write_text(f"<annotation>{size}{entry}</annotation>")
    return VocDataset, path


@pytest.fixture
def folder(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "a.jpg", exif=exif)
    return tmp_path


@pytest.mark.parametrize("write", [coco, labelme, voc])
def test_sizes_from_before_the_rotation(folder, write, capsys):
    kind, path = write(folder)
    dataset = kind.read(path)
    shape = dataset.load_image(0).shape
    assert shape == (50, 40, 3)
    field = "masks" if dataset.has("masks", 0) else "boxes"
    with pytest.raises(ValueError) as caught:
        read_instances(dataset, 0, shape, (field,))
    advice = (
        "The image looks turned by EXIF: if the annotations were drawn on the upright "
        "image, and only the sizes in the file are from before the rotation, read it with "
        "ignore_file_sizes=True."
    )
    assert str(caught.value).endswith(
        f"its {field} are 40x50 pixels, but the image is 50x40 (height x width): they must have "
        f"the same size. {advice}"
    )
    # Without images, a dataset with a `load_image` of its own is not checked.
    for read_images in (True, not dataset.reads_files):
        report = dataset.check(read_images)
        assert report.bad_image_ids == [0] and advice in str(report)

    dataset = kind.read(path, ignore_file_sizes=True)
    instances = read_instances(dataset, 0, shape, (field,))
    assert instances.boxes.tolist() == [BOX]
    assert instances.shape == (50, 40, 1)
    assert dataset.check().ok


def test_sizes_that_differ_otherwise(folder):
    dataset = coco(folder)[0].read(folder / "a.json")
    with pytest.raises(ValueError, match=r"must have the same size\.$"):
        read_instances(dataset, 0, (51, 40, 3))


def test_run_length_codes(folder):
    """Those of the upright image fit; those from before the rotation cannot be used."""
    mask = np.zeros((50, 40), np.uint8)
    mask[30:45, 5:20] = 1

    def code_of(mask):
        code = coco_mask.encode(np.asfortranarray(mask))
        return {"size": code["size"], "counts": code["counts"].decode()}

    kind, path = coco(folder, code_of(mask))
    with pytest.raises(ValueError, match=r"turned by EXIF: if .* with ignore_file_sizes=True"):
        kind.read(path)
    dataset = kind.read(path, ignore_file_sizes=True)
    assert dataset.load_instances(0)[0].boxes.tolist() == [BOX]
    kind, path = coco(folder, code_of(mask.T))
    with pytest.raises(ValueError, match="turned by EXIF, but the code is for the image before"):
        kind.read(path, ignore_file_sizes=True).load_instances(0)
