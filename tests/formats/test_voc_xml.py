import logging
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from PIL import Image

from mrcnn.formats import VocDataset, voc_xml
from mrcnn.formats.shapes import Box
from mrcnn.instances.masks import InstanceMasks

SIZE = (8, 10)


def item(name="cat", box=(2, 3, 5, 6), more=""):
    """The XML of an object; `box` is xmin, ymin, xmax, ymax."""
    keys = ("xmin", "ymin", "xmax", "ymax")
    sides = "".join(f"<{key}>{side}</{key}>" for key, side in zip(keys, box, strict=True))
    named = "" if name is None else f"<name>{name}</name>"
    return f"<object>{named}<pose>Left</pose>{more}<bndbox>{sides}</bndbox></object>"


def annotation(*objects, name="a.jpg", size="<width>10</width><height>8</height>"):
    return (
        f"<annotation><folder>x</folder><filename>{name}</filename>"
        f"<size>{size}<depth>3</depth></size>{''.join(objects)}</annotation>"
    )


@pytest.fixture
def write(tmp_path):
    """Function that writes files from {path: text, or None for an image}; returns the folder."""

    def _write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(path)
            else:
                path.write_text(text, encoding="utf-8")
        return tmp_path

    return _write


@pytest.fixture
def voc(write):
    hard = item("dog", (1, 1, 10, 8), "<difficult>1</difficult>")
    part = "<part><name>head</name><bndbox><xmin>9</xmin></bndbox></part>"
    return write(
        {
            "VOC2012/JPEGImages/2007_1.jpg": None,
            "VOC2012/JPEGImages/2007_2.jpg": None,
            "VOC2012/JPEGImages/2007_3.jpg": None,
            "VOC2012/Annotations/2007_1.xml": annotation(item(), hard, name="2007_1.jpg"),
            "VOC2012/Annotations/2007_2.xml": annotation(name="2007_2.jpg"),
            "VOC2012/Annotations/2007_3.xml": annotation(item("cow", (4.5, 1, 4.5, 1), part)),
            "VOC2012/Annotations/._2007_3.xml": "a hidden system file",
            "VOC2012/ImageSets/Main/train.txt": "2007_1.jpg\n2007_2\n\n2007_1\n",
            "VOC2012/ImageSets/Main/cat_train.txt": "2007_1  1\n2007_2 -1\n",
            "VOC2012/ImageSets/Main/test.txt": "2007_9\n2007_3\n",
        }
    )


def names_of(data):
    return [info["id"] for info in data.image_info]


def test_pascal_voc(voc):
    for path in (voc, voc / "VOC2012", voc / "VOC2012" / "Annotations"):
        data = VocDataset.read(path)
        assert data.class_names == ["BG", "cat", "cow", "dog"]
        assert names_of(data) == ["2007_1", "2007_2", "2007_3"]
    assert data.map_source_class_id("voc.3") == 3
    assert data.load_image(0).shape == (*SIZE, 3)
    boxes, class_ids = data.load_boxes(0)
    # Pixels 2 to 5 inclusive, counted from 1, span 1 to 5.
    assert_array_equal(boxes.boxes, [[2, 1, 6, 5], [0, 0, 8, 10]])
    assert boxes.boxes.dtype == np.float32 and boxes.shape == (*SIZE, 2)
    assert_array_equal(class_ids, [1, -3])
    assert class_ids.dtype == np.int32
    boxes, class_ids = data.load_boxes(1)
    assert boxes.shape == (*SIZE, 0) and class_ids.shape == (0,)
    boxes, class_ids = data.load_boxes(2)
    assert_array_equal(boxes.boxes, [[0, 3.5, 1, 4.5]])
    assert_array_equal(class_ids, [2])


def test_there_are_boxes_and_no_masks(voc):
    data = pickle.loads(pickle.dumps(VocDataset.read(voc)))
    assert not data.has("masks", 0) and data.has("boxes", 0) and not data.has("keypoints", 0)
    assert data.has("masks", 1)  # of no instances
    masks, class_ids = data.load_mask(0)
    filled = np.zeros(SIZE, bool)
    filled[2:6, 1:5] = True
    assert_array_equal(masks[..., 0], filled)
    assert masks[..., 1].all()
    assert_array_equal(class_ids, [1, -3])


def test_no_mask_is_made(voc, monkeypatch):
    data = VocDataset.read(voc).without([1])  # image 1 has no objects

    def refuse(*args, **kwargs):
        raise AssertionError("a mask was made")

    monkeypatch.setattr(InstanceMasks, "__init__", refuse)
    monkeypatch.setattr(Box, "crop", refuse)
    assert len(data.load_boxes(0)[0]) == 2
    with pytest.raises(AssertionError):
        data.load_mask(0)
    assert data.check(read_images=False).ok
    assert len(data.to_coco()["annotations"]) == 3


def test_a_subclass_may_have_masks(voc):
    class Outlined(VocDataset):
        def load_mask(self, image_id):
            masks = np.zeros((*SIZE, 1), bool)
            masks[3:5, 4:9] = True
            return masks, np.array([2])

    data = Outlined.read(voc)
    assert data.has("masks", 0)
    boxes, class_ids = data.load_boxes(0)
    assert_array_equal(boxes.boxes, [[3, 4, 5, 9]])
    assert_array_equal(class_ids, [2])


def test_splits(voc):
    assert names_of(VocDataset.read(voc, split="train")) == ["2007_1", "2007_2"]
    assert names_of(VocDataset.read(voc, split="train.txt")) == ["2007_1", "2007_2"]
    with pytest.raises(FileNotFoundError, match=r"val.txt. The splits are cat_train, test, train"):
        VocDataset.read(voc, split="val")
    with pytest.raises(ValueError, match="has the line '2007_1  1', with a flag"):
        VocDataset.read(voc, split="cat_train")
    with pytest.raises(ValueError, match=r"- 2007_9: no such file: .*2007_9.xml"):
        VocDataset.read(voc, split="test")
    assert names_of(VocDataset.read(voc, split="test", strict=False)) == ["2007_3"]


def test_difficult_objects_may_be_kept(voc):
    assert_array_equal(VocDataset.read(voc, keep_difficult=True).load_boxes(0)[1], [1, 3])


@pytest.mark.parametrize(
    ("flag", "crowd"),
    [("", False), ("0", False), (" 1\n", True), ("True", True), ("false", False)],
)
def test_flags(write, flag, crowd):
    path = write({"a.xml": annotation(item(more=f"<difficult>{flag}</difficult>"))})
    assert VocDataset.read(path).load_boxes(0)[1].tolist() == [-1 if crowd else 1]


def test_classes(voc):
    data = VocDataset.read(voc, class_names=["pet", "emu"], class_map={
        "dog": "pet", "cat": "pet", "cow": None,
    })  # fmt: skip
    assert data.class_names == ["BG", "pet", "emu"]
    assert_array_equal(data.load_boxes(0)[1], [1, -1])
    assert len(data.load_boxes(2)[1]) == 0
    with pytest.raises(ValueError, match="class 'cow': 1 instance, first in 2007_3"):
        VocDataset.read(voc, class_names=["cat", "dog"])


def test_tools_that_measure_from_the_edge(write, caplog):
    path = write({"a.xml": annotation(item(box=(0, 3, 5, 6)), item())})
    boxes, _ = VocDataset.read(path).load_boxes(0)
    assert_array_equal(boxes.boxes, [[2, 0, 6, 5], [2, 1, 6, 5]])
    assert "1 objects have an xmin or ymin of 0" in caplog.text and "one_based" in caplog.text
    caplog.clear()
    boxes, _ = VocDataset.read(path, one_based=False).load_boxes(0)
    assert_array_equal(boxes.boxes, [[3, 0, 6, 5], [3, 2, 6, 5]])
    assert not caplog.text


@pytest.mark.parametrize(
    "size",
    [
        "",
        "<width>0</width><height>0</height>",
        "<width>10</width>",
        "<width>wide</width><height>8</height>",
        "<width>-10</width><height>8</height>",
        "<width>nan</width><height>8</height>",
        "<width>10.5</width><height>8</height>",
        "<width>99999999999</width><height>99999999999</height>",
    ],
)
def test_an_impossible_size_is_replaced_by_that_of_the_image(write, size):
    data = VocDataset.read(write({"a.jpg": None, "a.xml": annotation(item(), size=size)}))
    boxes, _ = data.load_boxes(0)
    assert boxes.shape == (*SIZE, 1)
    assert_array_equal(boxes.boxes, [[2, 1, 6, 5]])


def test_the_size_in_the_annotation_is_used(write):
    size = "<width>12.0</width><height> 9 </height>"
    data = VocDataset.read(write({"a.xml": annotation(item(), size=size)}))
    assert data.load_boxes(0)[0].shape == (9, 12, 1)


@pytest.mark.parametrize(
    ("xml", "image", "named"),
    [
        ("d/a.xml", "d/a.jpg", "a.jpg"),
        ("d/a.xml", "d/a.PNG", "a.jpg"),
        ("d/a.xml", "d/a.bmp", ""),
        ("d/a.xml", "d/a.png", "a"),
        ("d/a.xml", "d/a.jpg", "image.jpg"),  # many tools write the same name for all
        ("d/a.xml", "d/other.jpg", "C:\\Users\\me\\other.jpg"),
        ("d/a.xml", "d/images/a.tif", "a.jpg"),
        ("d/a.b.xml", "d/a.b.jpg", "a.b"),
        ("d/Annotations/a.xml", "d/Annotations/a.jpg", "a.jpg"),
        ("d/annotations/xmls/a.xml", "d/images/a.jpg", "a.jpg"),
        ("d/Annotations/s/a.xml", "d/JPEGImages/s/a.jpg", "s/a.jpg"),
    ],
)
def test_where_images_are(write, xml, image, named):
    folder = write({xml: annotation(item(), name=named), image: None})
    for path in (folder / "d", folder / xml):
        info = VocDataset.read(path).image_info[0]
        if path.is_dir() or xml.count("/") < 3:  # else the root is unknown
            assert info["path"] == str(folder / image)


def test_the_name_of_the_annotation_file_comes_first(write):
    """All annotations may name the same image, and it may exist."""
    files = {"a.png": None, "b.png": None, "b.jpg": None}
    folder = write({**files, "a.xml": annotation(), "b.xml": annotation(item(), name="a.png")})
    paths = [info["path"] for info in VocDataset.read(folder).image_info]
    assert paths == [str(folder / "a.png"), str(folder / "b.png")]


def test_images_elsewhere_or_nowhere(write):
    folder = write({"x/a.xml": annotation(item()), "y/z/a.jpg": None})
    data = VocDataset.read(folder / "x", folder / "y" / "z")
    assert data.image_info[0]["path"] == str(folder / "y" / "z" / "a.jpg")
    data = VocDataset.read(folder / "x")
    assert data.image_info[0]["path"] == str(folder / "x" / "a.jpg")
    assert list(data.check().errors) == ["image files that are missing"]
    with pytest.raises(FileNotFoundError, match=r"no such folder: .*nowhere"):
        VocDataset.read(folder / "x", folder / "nowhere")


def test_folders_without_annotations(write):
    folder = write({"x/a.jpg": None, "y/Annotations/a.txt": ""})
    with pytest.raises(FileNotFoundError, match=r"no such folder: .*x/Annotations\. Give the"):
        VocDataset.read(folder / "x")
    with pytest.raises(ValueError, match=r"y/Annotations has no \.xml files\."):
        VocDataset.read(folder / "y")
    with pytest.raises(FileNotFoundError, match=r"no such folder: .*nowhere"):
        VocDataset.read(folder / "nowhere")
    write({"y/1/Annotations/a.xml": "", "z/2/Annotations/a.xml": ""})
    with pytest.raises(ValueError, match="holds several datasets: give one of"):
        VocDataset.read(folder)


BAD = {
    "its xmin is 5 and its xmax 4: xmax must not be less.": item(box=(5, 3, 4, 6)),
    "its ymin is 5 and its ymax 4.5: ymax must not be less.": item(box=(1, 5, 4, 4.5)),
    "its ymax is 'six': it must be a number of pixels.": item(box=(2, 3, 5, "six")),
    "its bndbox has no ymin.": item(box=(2, "", 5, 6)),
    "it has the coordinate nan: it must be a finite number of pixels.": item(box=(2, "nan", 5, 6)),
    "it has the coordinate 1e+300: it must be a finite number of pixels.": item(
        box=(2, 3, 5, "1e300")
    ),
    "it has no name: it must have its class's name.": item(None),
    "difficult is 'maybe': it must be 0 or 1.": item(more="<difficult>maybe</difficult>"),
    "it has no bndbox: it must have one with xmin, ymin, xmax and ymax.": (
        "<object><name>cat</name><robndbox/></object>"
    ),
}


def test_all_unusable_entries_are_in_one_error(write, caplog):
    folder = write({"a.xml": annotation(*BAD.values(), item("cow"))})
    with pytest.raises(ValueError) as error:
        VocDataset.read(folder)
    lines = str(error.value).splitlines()
    assert lines[0] == f"{folder}: 9 entries cannot be used:"
    names = ["" if "no name" in reason else " (cat)" for reason in BAD]
    assert lines[1:-1] == [
        f"- a.xml, object {i}{name}: {reason}"
        for i, (reason, name) in enumerate(zip(BAD, names, strict=True), 1)
    ]
    with caplog.at_level(logging.WARNING):
        data = VocDataset.read(folder, strict=False)
    assert "9 entries cannot be used and are left out" in caplog.text
    assert data.class_names == ["BG", "cow"] and len(data.load_boxes(0)[1]) == 1


def test_hostile_files_are_named(write):
    bomb = "<!DOCTYPE x [<!ENTITY a 'ha'>]>"
    folder = write(
        {
            "a.xml": bomb + annotation(item("&a;")),
            "b.xml": annotation(item())[:-4],
            "c.xml": "<html><body/></html>",
            "d.xml": annotation(item()),
            "e.xml": "",
        }
    )
    with pytest.raises(ValueError) as error:
        VocDataset.read(folder)
    text = str(error.value)
    assert "4 entries cannot be used" in text
    assert "- a.xml: it has the declaration '<!DOCTYPE': it must have no" in text
    assert "- b.xml: it is not XML: " in text and "- e.xml: it is not XML: it is empty." in text
    assert "- c.xml: it is not a Pascal VOC annotation: its root is <html>: it must be <an" in text
    assert names_of(VocDataset.read(folder, strict=False)) == ["d"]


texts = st.sampled_from(["1", "5", "-2", "2.5", "nan", "inf", "1e400", "x", "", " ", "日"])


@given(st.lists(st.tuples(*[texts] * 6), max_size=3), texts, texts, st.booleans(), st.booleans())
def test_whatever_the_file_it_is_read_or_refused(
    tmp_path_factory, objects, height, width, strict, one_based
):
    path = tmp_path_factory.getbasetemp() / "fuzz.xml"
    objects = [item(n, box, f"<difficult>{flag}</difficult>") for n, flag, *box in objects]
    size = f"<width>{width}</width><height>{height}</height>"
    path.write_text(annotation(*objects, size=size), encoding="utf-8")
    try:
        data = VocDataset.read(path, strict=strict, one_based=one_based)
    except ValueError as error:
        assert str(error).startswith(str(path))
    else:
        data.image_info[0].update(height=8, width=10)
        boxes, class_ids = data.load_boxes(0)
        assert np.isfinite(boxes.boxes).all() and len(boxes) == len(class_ids) <= len(objects)


def test_a_file_that_cannot_be_opened_is_named(write, monkeypatch):
    folder = write({"a.xml": annotation(item())})

    def deny(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(voc_xml, "read_xml", deny)
    with pytest.raises(ValueError, match=r"- a\.xml: .*Permission denied: '.*a\.xml'"):
        VocDataset.read(folder)
