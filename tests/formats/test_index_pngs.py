import tempfile
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal
from PIL import Image

from mrcnn.formats.index_colours import index_colours, read_indices, voc_colours
from mrcnn.formats.index_pngs import VOC_CLASSES, IndexPngDataset, index_names, objects_of, regions

# Two touching objects of class 15, and one of class 2 with a void rim.
CLASSES = np.array(
    [
        [0, 15, 15, 15, 15, 0],
        [0, 15, 15, 15, 15, 0],
        [255, 255, 255, 0, 0, 0],
        [255, 2, 255, 0, 0, 2],
        [255, 255, 255, 0, 2, 0],
    ],
    np.uint8,
)
OBJECTS = np.array(
    [
        [0, 1, 1, 2, 2, 0],
        [0, 1, 1, 2, 2, 0],
        [255, 255, 255, 0, 0, 0],
        [255, 3, 255, 0, 0, 3],
        [255, 255, 255, 0, 3, 0],
    ],
    np.uint8,
)


def save(path, indices, palette=True):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, indices)
        return
    image = Image.fromarray(indices)
    if palette:
        image.putpalette(voc_colours().astype(np.uint8).tobytes() + bytes([224, 224, 192]))
        assert image.mode == "P"
    image.save(path)


@pytest.fixture
def voc(tmp_path):
    root = tmp_path / "VOCdevkit" / "VOC2012"
    for name in ("2007_1", "2007_2", "2007_3"):
        save(root / "JPEGImages" / f"{name}.jpg", np.full((5, 6), 90, np.uint8), palette=False)
    for name in ("2007_1", "2007_2"):
        save(root / "SegmentationClass" / f"{name}.png", CLASSES)
        save(root / "SegmentationObject" / f"{name}.png", OBJECTS)
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    (root / "ImageSets" / "Segmentation" / "val.txt").write_text("2007_2\n")
    (root / "ImageSets" / "Segmentation" / "train.txt").write_text("2007_1.jpg\n2007_2\n\n")
    return root


def test_pascal_voc(voc):
    dataset = IndexPngDataset.read(voc.parent, "val")
    assert dataset.class_names == ["BG", *VOC_CLASSES]
    assert [info["id"] for info in dataset.image_info] == ["2007_2"]
    assert dataset.map_source_class_id("index_pngs.15") == 15
    masks, class_ids = dataset.load_mask(0)
    assert [dataset.class_names[i] for i in class_ids] == ["person", "person", "bicycle"]
    for i in range(3):
        assert_array_equal(masks[..., i], i + 1 == OBJECTS)
    boxes, class_ids = dataset.load_boxes(0)
    assert_array_equal(boxes.boxes, [[0, 1, 2, 3], [0, 3, 2, 5], [3, 1, 5, 6]])
    assert [dataset.class_names[i] for i in class_ids] == ["person", "person", "bicycle"]
    assert dataset.has("masks", 0)
    assert IndexPngDataset.read(voc, "train.txt").num_images == 2
    assert IndexPngDataset.read(voc).num_images == 2


def test_without_objects_regions_are_instances(voc):
    for path in (voc / "SegmentationObject").iterdir():
        path.unlink()
    (voc / "SegmentationObject").rmdir()
    dataset = IndexPngDataset.read(voc)
    masks, class_ids = dataset.load_mask(0)
    assert_array_equal(class_ids, [2, 2, 15])
    assert_array_equal(np.argwhere(masks[..., 0]), [[3, 1]])
    assert_array_equal(np.argwhere(masks[..., 1]), [[3, 5], [4, 4]])  # they touch at a corner
    assert_array_equal(masks[..., 2], CLASSES == 15)


def test_class_map(voc):
    dataset = IndexPngDataset.read(
        voc, class_map={name: None for name in VOC_CLASSES if name not in ("person", "bicycle")}
    )
    assert dataset.class_names == ["BG", "bicycle", "person"]
    assert dataset.map_source_class_id("index_pngs.15") == 2
    assert_array_equal(dataset.load_instances(0)[1], [2, 2, 1])
    dataset = IndexPngDataset.read(voc, class_map={"person": None, "bicycle": "boat"})
    masks, class_ids = dataset.load_instances(0)
    assert [dataset.class_names[i] for i in class_ids] == ["boat"]
    assert_array_equal(masks.dense()[..., 0], OBJECTS == 3)


def test_an_index_without_a_name(voc):
    dataset = IndexPngDataset.read(voc, class_names=["background", "rock", "tree"])
    with pytest.raises(
        ValueError, match=r"2007_1\.png has the index 15: class_names has 2 names, so .* 1 to 2"
    ):
        dataset.load_instances(0)


def test_names_of_indices(voc, tmp_path):
    assert index_names(voc, ["_background_", "cat"]) == ["cat"]
    (voc / "labelmap.txt").write_text("# label:color_rgb:parts:actions\ncat:1,2,3::\nbg:0,0,0::\n")
    assert index_names(voc) == ["cat"]
    (voc / "class_names.txt").write_text("__ignore__\n_background_\ncat\ndog\n")
    assert index_names(voc) == ["cat", "dog"]
    with pytest.raises(ValueError, match=r"class_names has 'cat' twice"):
        index_names(voc, ["cat", "dog", "cat"])
    with pytest.raises(ValueError, match="class_names is empty"):
        index_names(voc, ["background"])
    with pytest.raises(ValueError, match="does not say what its indices mean: give class_names"):
        index_names(tmp_path)
    with pytest.raises(TypeError, match="class_names is 'cat': it must be a list of names"):
        index_names(voc, "cat")
    (voc / "class_names.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(ValueError, match=r"class_names\.txt is not UTF-8 text"):
        index_names(voc)
    (voc / "labelmap.txt").write_text("cat\n")
    with pytest.raises(ValueError, match=r"labelmap\.txt, line 1 is 'cat': .* be name:r,g,b::"):
        index_names(voc)


def test_arrays_of_labelme(tmp_path):
    save(tmp_path / "JPEGImages" / "a.jpg", np.zeros((5, 6), np.uint8), palette=False)
    classes = CLASSES.astype(np.int32)
    save(tmp_path / "SegmentationClass" / "a.npy", np.where(classes == 255, -1, classes))
    objects = OBJECTS.astype(np.int32)
    objects[objects == 255] = -1
    objects[objects == 2] = 255  # an ordinary object in these files
    save(tmp_path / "SegmentationObject" / "a.npy", objects)
    dataset = IndexPngDataset.read(tmp_path, class_names=[f"c{i}" for i in range(1, 16)])
    masks, class_ids = dataset.load_instances(0)
    assert_array_equal(class_ids, [15, 2, 15])
    assert_array_equal(masks.dense()[..., 2], OBJECTS == 2)


def test_colours_of_cvat(voc):
    colours = {0: (0, 0, 0), 2: (0, 128, 0), 15: (30, 20, 10), 255: (224, 224, 192)}
    classes = np.zeros((5, 6, 3), np.uint8)
    objects = np.zeros((5, 6, 3), np.uint8)
    palette = np.concatenate([voc_colours(), [(224, 224, 192)]])
    for index, colour in colours.items():
        classes[index == CLASSES] = colour
    for index in np.unique(OBJECTS):
        objects[index == OBJECTS] = palette[index]
    for name in ("2007_1", "2007_2"):
        save(voc / "SegmentationClass" / f"{name}.png", classes, palette=False)
        save(voc / "SegmentationObject" / f"{name}.png", objects, palette=False)
    (voc / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\nman:30,20,10::\nbike:0,128,0::\n"
    )
    dataset = IndexPngDataset.read(voc)
    masks, class_ids = dataset.load_instances(0)
    assert dataset.class_names == ["BG", "man", "bike"]
    found = {tuple(map(tuple, np.argwhere(masks.dense()[..., i]))): class_ids[i] for i in range(3)}
    wanted = {
        tuple(map(tuple, np.argwhere(number == OBJECTS))): class_id
        for number, class_id in ((1, 1), (2, 1), (3, 2))
    }
    assert found == wanted
    (voc / "labelmap.txt").write_text("man:30,20,10::\n")
    dataset = IndexPngDataset.read(voc)
    with pytest.raises(ValueError, match=r"2007_1\.png has the colour \(0, 128, 0\): it must be"):
        dataset.load_instances(0)


def test_palette_of_pascal_voc(tmp_path):
    colours = voc_colours()
    assert colours[[0, 1, 2, 3, 8, 15, 20]].tolist() == [
        [0, 0, 0],
        [128, 0, 0],
        [0, 128, 0],
        [128, 128, 0],
        [64, 0, 0],
        [192, 128, 128],
        [0, 64, 128],
    ]
    assert len({tuple(colour) for colour in colours.tolist()}) == 255
    save(tmp_path / "a.png", colours[CLASSES % 255].astype(np.uint8), palette=False)
    assert_array_equal(read_indices(tmp_path / "a.png", index_colours(tmp_path)), CLASSES % 255)
    # Numbers saved as three-channel gray are not colours.
    save(tmp_path / "b.png", np.repeat(OBJECTS[..., None], 3, axis=2), palette=False)
    assert_array_equal(
        read_indices(tmp_path / "b.png", colours), np.where(OBJECTS == 255, 0, OBJECTS)
    )


small = hnp.arrays(np.uint8, (5, 6), elements=st.integers(0, 3))


@given(small)
def test_regions(classes):
    masks, indices = regions(classes)
    dense = masks.dense()
    assert_array_equal((dense * indices).sum(axis=2), classes)
    assert (dense.sum(axis=2) <= 1).all()
    for i in range(len(masks)):
        assert scipy.ndimage.label(dense[..., i], np.ones((3, 3)))[1] == 1
        beside = scipy.ndimage.binary_dilation(dense[..., i], np.ones((3, 3))) & ~dense[..., i]
        assert (classes[beside] != indices[i]).all()


@given(small, small)
def test_the_class_of_an_object_is_that_of_most_pixels(objects, classes):
    numbers = [n for n in np.unique(objects) if n]
    bare = [n for n in numbers if not classes[objects == n].any()]
    if bare:
        with pytest.raises(ValueError, match=rf"o\.png: no pixel of object {bare[0]}"):
            objects_of(objects, classes, "o.png")
        return
    masks, indices = objects_of(objects, classes, "o.png")
    for i, number in enumerate(numbers):
        assert_array_equal(masks.dense()[..., i], objects == number)
        votes = [int((classes[objects == number] == c).sum()) for c in (1, 2, 3)]
        assert votes[indices[i] - 1] == max(votes)


def test_files_that_are_missing(voc):
    (voc / "JPEGImages" / "2007_1.jpg").unlink()
    (voc / "SegmentationObject" / "2007_2.png").unlink()
    (voc / "ImageSets" / "Segmentation" / "more.txt").write_text("2007_1\n2007_2\n2007_9\n")
    with pytest.raises(ValueError) as error:
        IndexPngDataset.read(voc, "more")
    assert str(error.value).startswith(f"{voc}: 3 entries cannot be used")
    assert "2007_1: there is no image with this name." in str(error.value)
    assert "2007_2: there is no object PNG with this name." in str(error.value)
    assert "2007_9: there is no image and no class PNG and no object PNG" in str(error.value)
    with pytest.raises(FileNotFoundError, match=r"test\.txt\. The splits are more, train, val"):
        IndexPngDataset.read(voc, "test")
    with pytest.raises(FileNotFoundError, match=r"no such folder: .*SegmentationClass\. Give the"):
        IndexPngDataset.read(voc / "ImageSets")
    save(voc.parent / "VOC2007" / "SegmentationClass" / "a.png", CLASSES)
    with pytest.raises(ValueError, match=r"holds several datasets: give one of .*VOC2007, .*2012"):
        IndexPngDataset.read(voc.parent)


@settings(max_examples=60)
@given(
    st.sampled_from(["class_names.txt", "labelmap.txt", "ImageSets/Segmentation/train.txt"]),
    st.binary(max_size=12) | st.text("ab:,0 9\n#.", max_size=20).map(str.encode),
)
def test_any_text_is_read_or_refused(name, content):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for kind in ("JPEGImages", "SegmentationClass"):
            save(root / kind / "a.png", CLASSES)
        (root / "ImageSets" / "Segmentation").mkdir(parents=True)
        (root / name).write_bytes(content)
        try:
            dataset = IndexPngDataset.read(root, "train" if "train" in name else None)
        except ValueError as error:
            assert str(error).startswith(folder)
        else:
            assert dataset.num_images


def test_pngs_that_differ_in_size(voc):
    save(voc / "SegmentationObject" / "2007_1.png", OBJECTS[:4])
    with pytest.raises(ValueError, match=r"2007_1\.png has the shape \(4, 6\), but .*\(5, 6\)"):
        IndexPngDataset.read(voc).load_instances(0)


def test_a_list_with_flags(voc):
    lists = voc / "ImageSets" / "Segmentation"
    (lists / "cat_val.txt").write_text("2007_1  1\n2007_2 -1\n")
    with pytest.raises(ValueError, match=r"cat_val.txt has the line '2007_1  1', with a flag"):
        IndexPngDataset.read(voc, "cat_val")
