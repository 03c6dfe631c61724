import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal
from PIL import Image

from mrcnn.formats.label_images import LabelImageDataset, numbered, pair
from mrcnn.formats.records import Problems

LABELS = np.array([[0, 7, 7, 0], [0, 7, 0, 300], [5, 0, 0, 300]])


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, pixels)
    else:
        Image.fromarray(pixels).save(path)


def save_image(path):
    save(path, np.full((3, 4, 3), 50, np.uint8))


@pytest.mark.parametrize(
    "name, labels",
    [
        ("a.png", LABELS.astype(np.uint16)),
        ("a.tif", LABELS.astype(np.uint16)),
        ("a.tif", LABELS.astype(np.int32) * 7_000_000),
        ("a.tif", LABELS.astype(np.float32)),
        ("a.npy", LABELS * 2**22),
        ("a.npy", LABELS.astype(float)),
    ],
)
def test_read(tmp_path, name, labels):
    save_image(tmp_path / "images" / "a.jpg")
    save(tmp_path / "masks" / name, labels)
    dataset = LabelImageDataset.read(tmp_path, class_names=["cell"])
    assert dataset.class_names == ["BG", "cell"]
    assert dataset.image_info[0]["id"] == "a"
    masks, class_ids = dataset.load_mask(0)
    assert_array_equal(class_ids, [1, 1, 1])
    for i, number in enumerate((5, 7, 300)):
        assert_array_equal(masks[..., i], number == LABELS)
    boxes, class_ids = dataset.load_boxes(0)
    assert_array_equal(boxes.boxes, [[2, 0, 3, 1], [0, 1, 2, 3], [1, 3, 3, 4]])
    assert_array_equal(class_ids, [1, 1, 1])
    assert dataset.has("masks", 0)


def test_one_instance_of_several_parts(tmp_path):
    save_image(tmp_path / "images" / "a.png")
    save(tmp_path / "masks" / "a.png", np.array([[3, 0, 3, 0]] * 3, np.uint8))
    masks, _ = LabelImageDataset.read(tmp_path).load_instances(0)
    assert_array_equal(masks.dense()[..., 0], [[True, False, True, False]] * 3)


@given(hnp.arrays(np.int64, (3, 4), elements=st.sampled_from([0, 1, 2, 9, 2**20, 2**31, 2**40])))
def test_numbered(labels):
    numbers, new = numbered(labels, "labels")
    assert_array_equal(numbers, np.unique(labels[labels > 0]))
    assert new.dtype == np.int32
    assert_array_equal(np.concatenate([[0], numbers])[new], labels)


def test_negative_numbers(tmp_path):
    with pytest.raises(ValueError, match=r"a\.npy has the value -1"):
        numbered(np.array([[-1, 2]]), "a.npy")


@pytest.mark.parametrize(
    "image, label",
    [
        ("train/images/a.tif", "train/masks/a.tif"),  # StarDist
        ("train/Images/a.ome.tif", "train/Labels/a.tif"),
        ("train/a.png", "train/masks/a_mask.png"),
        ("train/a.tif", "train/a_cp_masks.png"),  # Cellpose
        ("train/000_img.png", "train/000_masks.png"),  # Cellpose
        ("train/a.b.jpg", "train/a.b-Label.npy"),
        ("train/raw/a_raw.tif", "train/labels/a_label.tif"),
        ("train/images/a_mask.png", "train/masks/a_mask.png"),
    ],
)
def test_files_that_belong_together(tmp_path, image, label):
    save_image(tmp_path / image)
    save(tmp_path / label, np.ones((3, 4), np.uint8))
    for junk in ("a_seg.npy", "a_flows.tif", ".a.png"):
        (tmp_path / image).with_name(junk).write_bytes(b"") if "_cp_" in label else None
    dataset = LabelImageDataset.read(tmp_path / "train")
    assert dataset.num_images == 1
    assert dataset.image_info[0]["path"] == str(tmp_path / image)
    assert dataset.image_info[0]["label_image"] == str(tmp_path / label)
    assert len(dataset.load_instances(0)[1]) == 1


def test_two_folders_and_a_suffix(tmp_path):
    for name in ("a", "b_x"):
        save_image(tmp_path / "in" / f"{name}.png")
        save(tmp_path / "out" / f"{name}_x.png", np.ones((3, 4), np.uint8))
    dataset = LabelImageDataset.read(tmp_path / "in", tmp_path / "out", suffix="_x")
    files = [info["label_image"] for info in dataset.image_info]
    assert files == [str(tmp_path / "out" / f"{name}_x.png") for name in ("a", "b_x")]
    with pytest.raises(ValueError, match=r"a\.png: it must have exactly one label image; found"):
        LabelImageDataset.read(tmp_path / "in", tmp_path / "out", suffix="")
    with pytest.raises(ValueError, match=r"in has no label images: pass their folder as `labels`"):
        LabelImageDataset.read(tmp_path / "in")


def test_files_without_a_partner(tmp_path):
    paths = [tmp_path / f"{name}" for name in ("a.png", "a.tif", "b.png", "c.png", "d.png")]
    labels = [tmp_path / name for name in ("a.png", "b.png", "b_mask.png", "d.png", "e_mask.png")]
    problems = Problems("data")
    assert pair(paths, labels, None, problems) == [(paths[4], labels[3])]
    name = "it must belong to exactly one image, named"
    assert problems.lines == [
        f"a.png: {name} a; found: a.png, a.tif.",
        f"e_mask.png: {name} e_mask or e; found: none.",
        "b.png: it must have exactly one label image; found: b.png, b_mask.png.",
        "c.png: it must have exactly one label image; found: none.",
    ]


def test_classes(tmp_path):
    save_image(tmp_path / "images" / "a.png")
    save(tmp_path / "masks" / "a.png", np.ones((3, 4), np.uint8))
    assert LabelImageDataset.read(tmp_path).class_names == ["BG", "object"]
    names = ["nucleus", "cell"]
    dataset = LabelImageDataset.read(tmp_path, class_names=names, class_map={"object": "cell"})
    assert_array_equal(dataset.load_instances(0)[1], [2])
    dataset = LabelImageDataset.read(tmp_path, class_names=names, class_map={"object": None})
    assert len(dataset.load_instances(0)[1]) == 0
    with pytest.raises(
        ValueError, match="class 'object': 1 instance, first in a, but the classes are nucleus"
    ):
        LabelImageDataset.read(tmp_path, class_names=names, class_map={"object": "rock"})


def test_errors_name_the_label_image(tmp_path):
    save_image(tmp_path / "images" / "a.png")
    save(tmp_path / "masks" / "a.tif", np.full((3, 4), 0.5, np.float32))
    dataset = LabelImageDataset.read(tmp_path)
    with pytest.raises(ValueError, match=r"a\.tif has values of float32 that are not whole"):
        dataset.load_instances(0)
    with pytest.raises(FileNotFoundError, match=r"no such folder: .*nowhere"):
        LabelImageDataset.read(tmp_path / "nowhere")


def test_sessions_of_cellpose_are_named(tmp_path):
    save_image(tmp_path / "images" / "a.jpg")
    save(tmp_path / "images" / "a_seg.npy", LABELS)
    message = r"Cellpose sessions \(a_seg.npy\) are not read: save the masks as PNG or TIFF"
    with pytest.raises(ValueError, match=message):
        LabelImageDataset.read(tmp_path / "images")
    save(tmp_path / "masks" / "a_seg.npy", LABELS)
    with pytest.raises(ValueError, match=r"masks has no label images\. " + message):
        LabelImageDataset.read(tmp_path)
    save(tmp_path / "masks" / "a.npy", LABELS)
    data = LabelImageDataset.read(tmp_path)
    assert data.image_info[0]["label_image"] == str(tmp_path / "masks" / "a.npy")
