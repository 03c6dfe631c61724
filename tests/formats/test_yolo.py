import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from mrcnn.formats.records import Problems
from mrcnn.formats.yolo import YoloDataset
from mrcnn.formats.yolo_labels import parse_labels

HEIGHT, WIDTH = 20, 40
TRIANGLE = [(4.3, 2.2), (36.1, 4.4), (10.2, 17.9)]  # (x, y) pixels, clockwise


def line(number, corners):
    return " ".join([str(number), *(f"{x / WIDTH} {y / HEIGHT}" for x, y in corners)])


@pytest.fixture
def write(tmp_path):
    """Function that writes files from {path: text, or None for an image}; returns the folder."""

    def _write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                Image.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).save(path)
            else:
                path.write_text(text, encoding="utf-8")
        return tmp_path

    return _write


SPLITS = {
    "images/train/a.jpg": None,
    "images/train/b.png": None,
    "images/val/c.jpg": None,
    "labels/train/a.txt": line(1, TRIANGLE) + "\n\n0 0.5 0.25 0.5 0.3\n",
    "labels/val/c.txt": line(0, TRIANGLE),
}


def names_of(data):
    return [info["id"] for info in data.image_info]


def test_masks_and_classes(write):
    names = "names:\n  0: disc  # round\n  1: bar\n"
    folder = write(
        {**SPLITS, "data.yaml": f"path: .\ntrain: images/train\nval: images/val\n{names}"}
    )
    data = YoloDataset.read(folder / "data.yaml", "train")
    assert data.class_names == ["BG", "disc", "bar"] and data.map_source_class_id("yolo.1") == 2
    assert names_of(data) == ["images/train/a.jpg", "images/train/b.png"]
    masks, class_ids = data.load_mask(0)
    assert_array_equal(class_ids, [2, 1])
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    sides = zip(TRIANGLE, TRIANGLE[1:] + TRIANGLE[:1], strict=True)
    right = [(xb - xa) * (y - ya) > (yb - ya) * (x - xa) for (xa, ya), (xb, yb) in sides]
    wanted = np.all(right, axis=0)
    assert wanted.sum() > 200
    assert_array_equal(masks[..., 0], wanted)
    box = np.zeros((HEIGHT, WIDTH), bool)
    box[2:8, 10:30] = True
    assert_array_equal(masks[..., 1], box)
    boxes, class_ids = data.load_boxes(0)
    xs, ys = zip(*TRIANGLE, strict=True)
    assert_allclose(boxes.boxes, [[min(ys), min(xs), max(ys), max(xs)], [2, 10, 8, 30]], rtol=1e-6)
    assert_array_equal(class_ids, [2, 1])
    assert data.has("masks", 0)
    masks, class_ids = data.load_mask(1)
    assert masks.shape == (HEIGHT, WIDTH, 0) and len(class_ids) == 0
    val = YoloDataset.read(folder / "data.yaml", "val")
    assert val.class_names == data.class_names and names_of(val) == ["images/val/c.jpg"]
    assert_array_equal(val.load_mask(0)[1], [1])


@pytest.mark.parametrize(
    ("yaml", "split", "count"),
    [
        ("train: images/train\nval: images/val\nnames: [x, y]", "train", 2),
        ("train: ../images/train\nnames: [x, y]", None, 2),
        ("path: /gone\nvalid: images/val\nnames: [x, y]", "val", 1),
        ("train: [images/train, images/val]\nnames: [x, y]", "train", 3),
        ("train:\n- images/train\n- images/val\nnames:\n- x\n- y", "train", 3),
        ("train: list.txt\nnames: [x, y]", "train", 2),
    ],
)
def test_splits_of_a_yaml_file(write, yaml, split, count):
    listed = "./images/train/a.jpg\n\nimages\\val\\c.jpg\n"
    folder = write({**SPLITS, "data.yaml": yaml, "list.txt": listed})
    data = YoloDataset.read(folder / "data.yaml", split)
    assert len(data.image_ids) == count and data.class_names == ["BG", "x", "y"]
    assert len(data.load_mask(0)[1]) == (2 if count > 1 else 1)
    assert all(data.load_image(i).shape == (HEIGHT, WIDTH, 3) for i in data.image_ids)


def test_a_list_with_a_label_folder(write):
    labels = {"texts/a.txt": "0 .5 .5 1 1"}
    folder = write({"pictures/a.jpg": None, "list.txt": "pictures/a.jpg", **labels})
    data = YoloDataset.read(folder, images="list.txt", labels="texts")
    assert_array_equal(data.load_mask(0)[1], [1])


@pytest.mark.parametrize("layout", ["{kind}/{split}", "{split}/{kind}"])
def test_folders(write, layout):
    places = {k: layout.format(kind=k, split="valid") for k in ("images", "labels")}
    files = {f"{places['images']}/a.b.jpg": None, f"{places['images']}/deep/c.jpg": None}
    files |= {f"{places['labels']}/a.b.txt": "1 .5 .5 .5 .5", "classes.txt": "x\ny\n"}
    files[f"{places['labels']}/deep/c.txt"] = "0 .5 .5 .5 .5"
    folder = write(files)
    for split in (None, "val"):
        data = YoloDataset.read(folder, split)
        assert data.class_names == ["BG", "x", "y"]
        assert [data.load_mask(i)[1].tolist() for i in data.image_ids] == [[2], [1]]


def test_folders_that_are_given(write):
    folder = write({"pictures/a.jpg": None, "pictures/.b.jpg": "x", "texts/a.txt": "3 .5 .5 1 1"})
    data = YoloDataset.read(folder, images="pictures", labels="texts")
    assert data.class_names == ["BG", "0", "1", "2", "3"]
    masks, class_ids = data.load_mask(0)
    assert masks.all() and class_ids.tolist() == [4]
    data = YoloDataset.read(
        folder, images=folder / "pictures", labels=folder / "texts", class_names=list("abcd")
    )
    assert data.class_names == ["BG", "a", "b", "c", "d"] and data.load_mask(0)[1] == [4]
    write({"data.yaml": "nc: 6\ntrain: pictures"})
    data = YoloDataset.read(folder / "data.yaml", labels="texts")
    assert data.num_classes == 7 and data.load_mask(0)[1] == [4]
    write({"pictures/a.txt": "0 .5 .5 .5 .5"})  # beside its image
    assert YoloDataset.read(folder / "pictures").load_mask(0)[1] == [1]


def test_what_is_not_there(write):
    folder = write({"images/a.jpg": None})
    with pytest.raises(ValueError, match=r"none of the 1 images has a label file; .*labels/a\.txt"):
        YoloDataset.read(folder)
    with pytest.raises(FileNotFoundError, match="with the images of train"):
        YoloDataset.read(folder, "train")
    with pytest.raises(FileNotFoundError, match=r"no such file or folder: .*gone\."):
        YoloDataset.read(folder / "gone")
    with pytest.raises(ValueError, match="is not a YAML file"):
        YoloDataset.read(folder / "images" / "a.jpg")
    write({"data.yaml": "train: images\nval: nowhere\nnames: [x]", "bad.yaml": "nc: 2\nnames: [x]"})
    with pytest.raises(ValueError, match="split is None: it must be one of train, val"):
        YoloDataset.read(folder / "data.yaml")
    with pytest.raises(FileNotFoundError, match=r"data\.yaml: no images folder .*nowhere"):
        YoloDataset.read(folder / "data.yaml", "val")
    with pytest.raises(ValueError, match="nc is 2, but there are 1 names"):
        YoloDataset.read(folder / "bad.yaml")
    write({"list.txt": "images/a.jpg\nimages/a.jpg", "labels/a.txt": ""})
    with pytest.raises(ValueError, match=r"images/a\.jpg: is listed twice"):
        YoloDataset.read(folder, images="list.txt", class_names=["x"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2 .5 .5 .5 .5", "its class is 2: it must be one of the classes 0 to 1"),
        ("0.5 .5 .5 .5 .5", "its class is 0.5"),
        ("-1 .5 .5 .5 .5", "its class is -1"),
        ("nan .5 .5 .5 .5", "its class is nan"),
        ("dog .5 .5 .5 .5", "'dog .5 .5 .5 .5' is not a list of numbers"),
        ("0", "it has 0 numbers after the class"),
        ("0 .1 .2 .3", "it has 3 numbers"),
        ("0 .1 .2 .3 .4 .9", "it has 5 numbers"),
        ("0 .1 .2 .3 .4 40 .3", "40 is outside the image"),
        ("0 .1 .2 .3 nan .4 .3", "nan is outside the image"),
        ("0 .5 .5 0 .5", "0 wide and .5 high"),
    ],
)
def test_lines_that_cannot_be_used(text, message):
    problems = Problems("data.yaml")
    instances = parse_labels(f"1 .5 .5 1 1\n{text}\n", "a.txt", {0: "x", 1: "y"}, problems)
    assert [i.class_name for i in instances] == ["y"]
    (problem,) = problems.lines
    assert problem.startswith("a.txt, line 2: ") and message in problem


def test_label_files_that_cannot_be_used(write, caplog):
    folder = write(SPLITS)
    (folder / "labels/train/b.txt").write_bytes(b"\xff\xfe\0")
    with pytest.raises(ValueError, match=r"b\.txt: is not a UTF-8 text file"):
        YoloDataset.read(folder)
    data = YoloDataset.read(folder, strict=False)
    assert len(data.image_ids) == 3 and "1 entry cannot be used" in caplog.text


def test_what_lies_slightly_outside_is_cut_off():
    (instance,) = parse_labels("0 -.005 0 1.005 0 1.005 1 -.005 1", "a.txt", None, Problems("x"))
    crop, corner = instance.shape.crop(HEIGHT, WIDTH)
    assert crop.shape == (HEIGHT, WIDTH) and crop.all() and corner == (0, 0)


@given(st.text(st.sampled_from("0123 .-e\nnax"), max_size=40))
def test_any_labels_are_read_or_refused(text):
    problems = Problems("x")
    for instance in parse_labels(text, "a.txt", None, problems):
        crop, (y, x) = instance.shape.crop(9, 8)
        assert crop.dtype == bool and 0 <= y <= 9 and 0 <= x <= 8
    assert all(problem.startswith("a.txt, line ") for problem in problems.lines)


def test_files_without_a_partner(write, caplog):
    files = {
        **{f"images/{name}.jpg": None for name in "abc"},
        "labels/a.TXT": line(1, TRIANGLE),
        "labels/c.txt": "",
        "labels/d.txt": line(1, TRIANGLE),
        "labels/classes.txt": "disc\nbar",
    }
    folder = write(files)
    data = YoloDataset.read(folder)
    assert [len(data.load_mask(i)[1]) for i in range(3)] == [1, 0, 0]
    assert [record.message for record in caplog.records] == [
        f"{folder}: 1 of 3 images have no label file; 1 label files have no image: d.txt."
    ]
    caplog.clear()
    write({"images/b.jpg": None, "labels/b.txt": ""})
    (folder / "labels" / "d.txt").unlink()
    YoloDataset.read(folder)
    write({"list.txt": "images/a.jpg\nimages/b.jpg"})
    YoloDataset.read(folder, images="list.txt")
    assert not caplog.records
