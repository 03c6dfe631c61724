import numpy as np
import pytest
from PIL import Image

from mrcnn.dataset import Dataset
from mrcnn.dataset_check import check
from mrcnn.instance_masks import InstanceMasks

SIZE = (20, 30)


def rectangle(y1, x1, y2, x2, shape=SIZE):
    mask = np.zeros(shape, bool)
    mask[y1:y2, x1:x2] = True
    return mask


GOOD = (rectangle(2, 3, 8, 9), 1)


class Files(Dataset):
    """Images in files; their instances are a list of (mask, class id)."""

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
    """dict of kind to the (image, instance) of its findings."""
    return {kind: [(f.image_id, f.instance) for f in found] for kind, found in findings.items()}


def checked(dataset, **options):
    dataset.prepare()
    return check(dataset, **options)


def test_a_good_data_set(files):
    files.add("a", GOOD, (rectangle(10, 10, 15, 20), 2), (rectangle(0, 0, 5, 5), -1))
    files.add("b", (rectangle(3, 3, 9, 9), 1))
    report = checked(files)
    assert report.ok and not report.errors and not report.remarks
    assert report.num_images == 2 and report.instances_per_image == [3, 1]
    assert report.crowds == 1
    assert report.class_instances == {"cell": 3, "rock": 1}
    assert report.class_images == {"cell": 2, "rock": 1}
    assert report.pixels == {"3 channels of uint8": 2}
    assert str(report) == (
        "2 images with 4 instances, 1 of them crowds; 2 in the median image, 3 at most.\n"
        "  2 images have 3 channels of uint8\n"
        "  cell  3 instances in 2 images\n"
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
    size = "masks of another size than the image"
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
        "masks without a pixel (left out in training)": [(0, 1)],
        "masks one pixel wide or high, or of fewer than 4 pixels": [(0, 2), (0, 3)],
        "masks of nearly the whole image (is it the background?)": [(0, 5)],
        "instances that are there twice": [(0, 6)],
        "images without an instance": [(1, None)],
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
        "classes of another source than the image's": [(0, 4)],
        "images of a source without classes": [(1, None)],
    }
    assert places(report.remarks) == {"classes without an instance": [(None, None)] * 2}
    assert [f.text for f in report.remarks["classes without an instance"]] == ["rock", "gem"]
    assert report.class_instances == {"cell": 2, "rock": 0, "pebble": 1, "gem": 0}


def test_doubles(files, tmp_path):
    files.add("a", GOOD)
    files.add("b", GOOD)
    files.add("a", GOOD)
    report = checked(files)
    twice = f"image 2 ({tmp_path / 'a.png'}, as image 0)"
    assert str(report.remarks["files that are there more than once"][0]) == twice
    assert places(report.errors) == {"image ids that are there more than once": [(2, None)]}
    assert "image 2 (cells.a, as image 0)" in str(report)


def test_many(files):
    mask = np.zeros((*SIZE, 101), bool)
    mask[np.arange(101) // 25 * 4, np.arange(101) % 25, np.arange(101)] = True
    files.add("a", *((mask[..., i], 1) for i in range(101)))
    report = checked(files)
    kind = next(kind for kind in report.remarks if "MAX_GT_INSTANCES" in kind)
    assert report.remarks[kind][0].text.endswith("a.png: 101")
    lines = str(report).splitlines()
    i = lines.index("- masks one pixel wide or high, or of fewer than 4 pixels: 101")
    assert lines[i + 6] == "    and 96 more"


def test_nothing_to_train_on(files):
    files.add("a")
    assert list(checked(files).errors) == ["nothing to train on"]
    with pytest.raises(RuntimeError, match=r"call prepare\(\)"):
        check(Files(None))


class Made(Dataset):
    """Images that are no files, and methods that fail."""

    def load_image(self, image_id):
        image = np.zeros((*SIZE, 1), np.float32)
        return [image, image * np.nan, image.astype(str), None, image][image_id]

    def load_mask(self, image_id):
        if image_id == 1:
            raise KeyError("annotations")
        return GOOD[0][..., None], np.array([1])

    def load_instances(self, image_id):
        if image_id == 4:
            return InstanceMasks.from_dense(GOOD[0][..., None]), np.array([1, 1])
        masks, class_ids = super().load_instances(image_id)
        return masks, class_ids if image_id else np.array(["thing"])


@pytest.mark.parametrize("read_images", [True, False])
def test_a_subclass_may_do_anything(read_images):
    dataset = Made()
    dataset.add_class("made", 1, "thing")
    for i in range(5):
        dataset.add_image("made", i, None)
    report = checked(dataset, read_images=read_images)
    wanted = {
        "images that cannot be read": [(1, None), (2, None), (3, None)],
        "instances that cannot be read": [(0, None), (1, None)],
        "masks and class ids that differ in number": [(4, None)],
    }
    if not read_images:
        del wanted["images that cannot be read"]
    assert places(report.errors) == wanted
    text = report.errors["instances that cannot be read"][1].text
    assert text == "made.1: KeyError: 'annotations'"
    assert "image 1 (made.1: KeyError" in str(report)
