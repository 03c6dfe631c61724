import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.config import Config
from mrcnn.datasets.check import check
from mrcnn.datasets.dataset import Dataset
from mrcnn.formats import CocoDataset, LabelImageDataset, ViaDataset
from mrcnn.instances.masks import InstanceMasks

SIZE = (20, 30)


def rectangle(y1, x1, y2, x2, shape=SIZE):
    mask = np.zeros(shape, bool)
    mask[y1:y2, x1:x2] = True
    return mask


GOOD = (rectangle(2, 3, 8, 9), 1)


class Files(Dataset):
    """Images in files, with instances given as (mask, class id)."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder
        self.add_class("cells", 1, "cell")
        self.add_class("cells", 2, "rock")

    def add(self, name, *instances, image=True, source="cells", shape=SIZE):
        path = self.folder / f"{name}.png"
        if image:
            Image.fromarray(np.full((*shape, 3), 40, np.uint8)).save(path)
        self.add_image(source, name, str(path), instances=instances)

    def load_mask(self, image_id):
        instances = self.image_info[image_id]["instances"]
        if not instances:
            return np.zeros((0, 0, 0), bool), np.zeros(0, np.int32)
        masks, class_ids = zip(*instances, strict=True)
        return np.stack(masks, axis=-1), np.array(class_ids)


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def places(findings):
    """Return a dict of kind to the (image, instance) pairs of its findings."""
    return {kind: [(f.image_id, f.instance) for f in found] for kind, found in findings.items()}


def checked(dataset, **options):
    dataset.prepare()
    return check(dataset, **options)


def test_a_good_dataset(files):
    files.add("a", GOOD, (rectangle(10, 10, 15, 20), 2), (rectangle(0, 0, 5, 5), -1))
    files.add("b", (rectangle(3, 3, 9, 9), 1))
    report = checked(files)
    assert report.ok and not report.errors and not report.remarks
    assert report.num_images == 2 and report.instances_per_image == [3, 1]
    assert report.crowds == 1
    assert report.class_instances == {"cell": 2, "rock": 1}
    assert report.class_images == {"cell": 2, "rock": 1}
    assert report.pixels == {"3 channels of uint8": 2}
    assert str(report) == (
        "2 images with 4 instances, 1 of them crowds; 2 in the median image, 3 at most.\n"
        "  2 images have 3 channels of uint8\n"
        "  cell  2 instances in 2 images, and 1 crowds\n"
        "  rock  1 instances in 1 images\n"
        "Errors: none.\n"
        "Remarks: none."
    )


def test_images(files, tmp_path):
    files.add("gone", GOOD, image=False)
    files.add("torn", GOOD)
    torn = tmp_path / "torn.png"
    noise = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    Image.fromarray(noise).save(torn)
    torn.write_bytes(torn.read_bytes()[:200])
    files.add("text", GOOD, image=False)
    (tmp_path / "text.png").write_text("no image")
    files.add("small", GOOD, shape=(19, 30))
    files.add("none", (rectangle(0, 0, 5, 5), 2))
    files.image_info[4]["path"] = None
    report = checked(files)
    missing, unreadable = "image files that are missing", "images that cannot be read"
    size = "masks of a different size than the image"
    assert places(report.errors) == {
        missing: [(0, None)],
        unreadable: [(1, None), (2, None), (4, None)],
        size: [(3, None)],
    }
    assert report.bad_image_ids == [0, 1, 2, 3, 4] and not report.ok
    assert str(report.errors[missing][0]) == f"image 0 ({tmp_path / 'gone.png'})"
    assert report.errors[unreadable][0].text.startswith(f"{torn} cannot be read as an image")
    assert report.errors[size][0].text.endswith("masks 20x30, image 19x30 (height x width)")
    assert report.pixels == {"3 channels of uint8": 1}
    heads = checked(files, read_images=False)
    assert places(heads.errors)[unreadable] == [(2, None), (4, None)]
    assert places(heads.errors)[size] == [(3, None)]
    assert heads.pixels == {}


def test_masks(files, tmp_path):
    files.add(
        "a",
        GOOD,
        (rectangle(0, 0, 0, 0), 1),
        (rectangle(0, 0, 1, 9), 1),
        (rectangle(5, 5, 7, 7) & ~rectangle(5, 5, 6, 6), 2),
        (rectangle(5, 5, 7, 7), 2),
        (rectangle(0, 0, 20, 30), 1),
        GOOD,
        (GOOD[0], 2),
    )
    files.add("b")
    report = checked(files)
    assert report.ok
    assert places(report.remarks) == {
        "empty masks (left out in training)": [(0, 1)],
        "masks one pixel wide or high, or with fewer than 4 pixels": [(0, 2), (0, 3)],
        "masks that cover nearly the whole image (background?)": [(0, 5)],
        "duplicate instances": [(0, 6)],
        "images without instances": [(1, None)],
    }
    assert f"    image 0, instance 2 ({tmp_path / 'a.png'}: box 1x9, 9 pixels)" in str(report)


def test_classes(files):
    files.add_class("stones", 1, "pebble")
    files.add_class("stones", 2, "gem")
    files.add("a", GOOD, (GOOD[0], 5), (GOOD[0], 0), (GOOD[0], -7), (GOOD[0], 3))
    files.add("b", GOOD, source="plants")
    report = checked(files)
    assert places(report.errors) == {
        "class ids that are out of range": [(0, 1), (0, 2), (0, 3)],
        "classes of a source other than the image's": [(0, 4)],
        "images of a source without classes": [(1, None)],
    }
    assert places(report.remarks) == {"classes without instances": [(None, None)] * 2}
    assert [f.text for f in report.remarks["classes without instances"]] == ["rock", "gem"]
    assert report.class_instances == {"cell": 2, "rock": 0, "pebble": 1, "gem": 0}


def test_duplicates(files, tmp_path):
    files.add("a", GOOD)
    files.add("b", GOOD)
    files.add("a", GOOD)
    report = checked(files)
    twice = f"image 2 ({tmp_path / 'a.png'}, same as image 0)"
    assert str(report.remarks["duplicate image files"][0]) == twice
    assert places(report.errors) == {"duplicate image ids": [(2, None)]}
    assert "image 2 (cells.a, same as image 0)" in str(report)


def test_equal_ids_in_two_annotation_files(tmp_path):
    """Both number their images from 1; a different path is a different image."""
    for part in ("x", "y"):
        (tmp_path / part).mkdir()
        Image.new("RGB", SIZE[::-1]).save(tmp_path / part / "1.png")
        content = {
            "images": [{"id": 1, "file_name": "1.png", "height": SIZE[0], "width": SIZE[1]}],
            "categories": [{"id": 1, "name": "cell"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [2, 3, 9, 8]}],
        }
        (tmp_path / part / "a.json").write_text(json.dumps(content))
    dataset = CocoDataset()
    for part in ("x", "y"):
        dataset.load(tmp_path / part / "a.json")
    report = checked(dataset)
    assert report.ok and report.bad_image_ids == []
    content = dataset.to_coco()
    assert [(row["id"], row["file_name"]) for row in content["images"]] == [
        (1, "x/1.png"),
        (2, "y/1.png"),
    ]
    assert [row["image_id"] for row in content["annotations"]] == [1, 2]
    dataset.load(tmp_path / "x" / "a.json")
    report = checked(dataset)
    assert places(report.errors) == {"duplicate image ids": [(2, None)]}
    assert "coco.1, same as image 0" in str(report)


def test_many(files):
    mask = np.zeros((*SIZE, 101), bool)
    mask[np.arange(101) // 25 * 4, np.arange(101) % 25, np.arange(101)] = True
    files.add("a", *((mask[..., i], 1) for i in range(101)))
    report = checked(files)
    kind = next(kind for kind in report.remarks if "MAX_GT_INSTANCES" in kind)
    assert report.remarks[kind][0].text.endswith("a.png: 101")
    lines = str(report).splitlines()
    i = lines.index("- masks one pixel wide or high, or with fewer than 4 pixels: 101")
    assert lines[i + 6] == "    and 96 more"


def test_nothing_to_train_on(files):
    files.add("a")
    assert list(checked(files).errors) == ["nothing to train on"]
    with pytest.raises(RuntimeError, match=r"call prepare\(\)"):
        check(Files(None))


class Made(Dataset):
    """Images that are not files, and methods that fail."""

    def load_image(self, image_id):
        image = np.zeros((*SIZE, 1), np.float32)
        return [image, image * np.nan, image.astype(str), None, image, image][image_id]

    def load_mask(self, image_id):
        if image_id == 1:
            raise KeyError("annotations")
        return GOOD[0][..., None], np.array([1])

    def load_instances(self, image_id):
        if image_id == 4:
            return InstanceMasks.from_dense(GOOD[0][..., None]), np.array([1, 1])
        masks, class_ids = super().load_instances(image_id)
        return masks, {0: np.array(["thing"]), 5: [1]}.get(image_id, class_ids)


@pytest.mark.parametrize("read_images", [True, False])
def test_a_subclass_may_do_anything(read_images):
    dataset = Made()
    dataset.add_class("made", 1, "thing")
    for i in range(6):
        dataset.add_image("made", i, None)
    report = checked(dataset, read_images=read_images)
    wanted = {
        "images that cannot be read": [(1, None), (2, None), (3, None)],
        "instances that cannot be read": [(0, None), (1, None), (5, None)],
        "masks and class ids that differ in number": [(4, None)],
    }
    if not read_images:
        del wanted["images that cannot be read"]
    assert places(report.errors) == wanted
    text = report.errors["instances that cannot be read"][1].text
    assert text == "made.1: KeyError: 'annotations'"
    assert "image 1 (made.1: KeyError" in str(report)
    assert "image 5 (made.5: load_instances returned class ids as a list" in str(report)


def test_a_binary_mask_is_noticed(files):
    spots, uneven = rectangle(0, 0, 0, 0), rectangle(8, 0, 18, 20)
    for i in range(5):
        spots[2:5, 2 + 5 * i : 5 + 5 * i] = True
        uneven[2:4, 2 * i] = True
    four = spots.copy()
    four[:, :6] = False
    files.add("a", (spots, 1), (four, 1), (uneven, 1), (spots, -1), GOOD)
    report = checked(files)
    (kind,) = [kind for kind in report.remarks if "binary mask" in kind]
    assert places(report.remarks)[kind] == [(0, 0)]
    assert report.remarks[kind][0].text.endswith("a.png: one instance in 5 pieces")


def test_names_that_are_alike(files):
    names = ["balloon", "balon", "Ball oon", "tree 1", "tree 2", "bus", "busy"]
    for i, name in enumerate(names):
        files.add_class("party", i, name)
    counts = [11, 1, 2, 30, 1, 4, 4]
    ids = [i + 3 for i, count in enumerate(counts) for _ in range(count)]
    for i, class_id in enumerate(ids):
        files.add(str(i), (GOOD[0], class_id), source="party")
    (kind,) = [kind for kind in checked(files).remarks if "similar" in kind]
    assert [f.text for f in checked(files).remarks[kind]] == [
        "class 'balon' (1 instance) looks like 'balloon' (11)",
        "class 'Ball oon' (2 instances) looks like 'balloon' (11)",
    ]


class TwoClasses(Config):
    NUM_CLASSES = 1 + 1
    MAX_GT_INSTANCES = 2
    IMAGE_SCALING = "full"


def test_a_configuration(files, tmp_path):
    files.add("a", GOOD, GOOD, (GOOD[0], 2))
    files.add("b", GOOD)
    path = tmp_path / "b.tif"
    tifffile.imwrite(path, np.zeros((*SIZE, 5), np.uint8))
    files.image_info[1]["path"] = str(path)
    files.add("c", GOOD)
    np.save(tmp_path / "c.npy", np.full((*SIZE, 3), 70.0))
    files.image_info[2]["path"] = str(tmp_path / "c.npy")
    assert checked(files).ok
    report = checked(files, config=TwoClasses())
    assert places(report.errors) == {
        "classes that do not fit the configuration": [(None, None)],
        "images that do not fit the configuration": [(1, None), (2, None)],
    }
    text = str(report)
    assert "NUM_CLASSES is 2, but the dataset has 3 classes" in text
    assert "b.tif has 5 channels, but IMAGE_CHANNEL_COUNT is 3" in text
    assert any("more than 2 instances" in kind for kind in report.remarks)
    heads = checked(files, read_images=False, config=TwoClasses())
    assert list(heads.errors) == ["classes that do not fit the configuration"]
    with pytest.raises(TypeError, match="config is the class TwoClasses: pass an instance"):
        checked(files, config=TwoClasses)


def test_what_cannot_be_read_is_reported_once(tmp_path):
    """Formats without image sizes ask the image for its size."""
    (tmp_path / "torn.png").write_text("no image")
    regions = [
        {
            "shape_attributes": {"name": "rect", "x": 1, "y": 1, "width": 4, "height": 4},
            "region_attributes": {"name": "cell"},
        }
    ]
    content = {name: {"filename": name, "regions": regions} for name in ("gone.png", "torn.png")}
    (tmp_path / "via.json").write_text(json.dumps(content))
    report = check(ViaDataset.read(tmp_path))
    assert places(report.errors) == {
        "image files that are missing": [(0, None)],
        "images that cannot be read": [(1, None)],
        "nothing to train on": [(None, None)],
    }


def test_reasons_show_no_internal_names(tmp_path):
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(tmp_path / "a.png")
    colours = np.zeros((*SIZE, 3), np.uint8)
    colours[..., 1] = 7
    Image.fromarray(colours).save(tmp_path / "masks" / "a.png")
    report = check(LabelImageDataset.read(tmp_path))
    (finding,) = report.errors["instances that cannot be read"]
    start = f"{tmp_path / 'a.png'}: {tmp_path / 'masks' / 'a.png'} has 3 channels that differ"
    assert finding.text.startswith(start)
