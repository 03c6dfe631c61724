import pickle

import numpy as np
import pytest
import skimage.io
from numpy.testing import assert_array_equal

from mrcnn.formats.records import AnnotatedDataset, Instance, Problems, Record
from mrcnn.formats.shapes import Box, Polygon, Rectangle
from mrcnn.instances import InstanceBoxes, InstanceMasks
from mrcnn.instances.annotated import true_areas, true_boxes


class Boxes(AnnotatedDataset):
    """Reads a dict of image id to a list of (class name, y1, x1, y2, x2)."""

    SOURCE = "boxes"

    def load(
        self, path, images=None, class_names=None, class_map=None, strict=True, found=None, bad=()
    ):
        problems = Problems(path)
        for entry in bad:
            problems.add(entry, "no.")
        records = [
            Record(key, f"{key}.png", [Instance(n, Rectangle(*b)) for n, *b in boxes], 8, 10)
            for key, boxes in (images or {}).items()
        ]
        self.add_records(records, problems, class_names, class_map, strict, found)


IMAGES = {
    "a": [("dog", 0, 0, 2, 2), ("cat", 1, 1, 3, 4)],
    "b": [("cow", 0, 0, 8, 10)],
    "c": [],
}


def drawn(dataset, image_id):
    """List of (class name, y1, x1, y2, x2) of an image."""
    masks, class_ids = dataset.load_instances(image_id)
    names = [dataset.class_names[i] for i in abs(class_ids)]
    return [(name, *box) for name, box in zip(names, masks.boxes.tolist(), strict=True)]


def test_classes_are_numbered_by_name():
    dataset = Boxes.read("x", IMAGES)
    assert dataset.class_names == ["BG", "cat", "cow", "dog"]
    assert dataset.map_source_class_id("boxes.2") == 2
    assert [info["id"] for info in dataset.image_info] == ["a", "b", "c"]
    assert dataset.image_info[0]["path"] == "a.png"
    assert drawn(dataset, 0) == [("dog", 0, 0, 2, 2), ("cat", 1, 1, 3, 4)]
    assert drawn(dataset, 1) == [("cow", 0, 0, 8, 10)]
    masks, class_ids = dataset.load_mask(2)
    assert masks.shape == (8, 10, 0) and class_ids.dtype == np.int32


def test_class_names_give_the_order_and_absent_ones_are_kept():
    dataset = Boxes.read("x", IMAGES, class_names=["dog", "emu", "cow", "cat"])
    assert dataset.class_names == ["BG", "dog", "emu", "cow", "cat"]
    assert dataset.load_instances(0)[1].tolist() == [1, 4]


def test_class_map_renames_joins_and_drops():
    dataset = Boxes.read("x", IMAGES, class_map={"dog": "pet", "cat": "pet", "cow": None})
    assert dataset.class_names == ["BG", "pet"]
    assert drawn(dataset, 0) == [("pet", 0, 0, 2, 2), ("pet", 1, 1, 3, 4)]
    assert drawn(dataset, 1) == []
    swapped = Boxes.read("x", IMAGES, class_map={"dog": "cat", "cat": "dog"})
    assert [name for name, *_ in drawn(swapped, 0)] == ["cat", "dog"]


def test_class_map_of_a_class_that_is_not_there(caplog):
    Boxes.read("x", IMAGES, class_map={"horse": None})
    assert caplog.messages == ["x: class_map names horse, but the classes are cat, cow, dog."]


def test_ids_of_the_format_are_kept():
    found = {"cow": 21, "dog": 18, "cat": 17}
    dataset = Boxes.read("x", IMAGES, found=found)
    assert dataset.class_names == ["BG", "cow", "dog", "cat"]
    assert dataset.map_source_class_id("boxes.17") == 3
    named = Boxes.read("x", IMAGES, class_names=["new", "cat", "pet"], found=found,
                       class_map={"dog": "pet", "cow": "pet"})  # fmt: skip
    assert [(c["name"], c["id"]) for c in named.class_info[1:]] == [
        ("new", 22), ("cat", 17), ("pet", 21),
    ]  # fmt: skip


def test_two_files_in_one_dataset():
    """A name is one class, whatever its ids in the files."""
    dataset = Boxes()
    dataset.load("x", {"a": [("dog", 0, 0, 2, 2)]}, found={"dog": 1})
    dataset.load("y", {"b": [("cat", 0, 0, 2, 2), ("dog", 1, 1, 2, 2)]}, found={"cat": 1, "dog": 2})
    dataset.prepare()
    assert [(c["name"], c["id"]) for c in dataset.class_info[1:]] == [("dog", 1), ("cat", 3)]
    assert [name for name, *_ in drawn(dataset, 1)] == ["cat", "dog"]
    assert drawn(dataset, 0) == [("dog", 0, 0, 2, 2)]


def test_a_crowd_has_a_negative_class_id():
    dataset = Boxes()
    record = Record("a", "a.png", [Instance("cat", Rectangle(0, 0, 1, 1), crowd=True)], 3, 3)
    dataset.add_records([record], Problems("x"), None, None, True)
    assert dataset.load_instances(0)[1].tolist() == [-1]


def test_the_size_is_that_of_the_file_where_the_annotation_has_none(tmp_path):
    skimage.io.imsave(tmp_path / "a.png", np.zeros((5, 7), np.uint8), check_contrast=False)
    dataset = Boxes()
    record = Record("a", tmp_path / "a.png", [Instance("cat", Rectangle(0, 0, 9, 9))])
    dataset.add_records([record], Problems("x"), None, None, True)
    assert dataset.load_mask(0)[0].shape == (5, 7, 1)
    assert dataset.size_of_file(0) == (5, 7)
    assert dataset.image_info[0]["path"] == str(tmp_path / "a.png")


def test_all_unusable_entries_are_in_one_error(caplog):
    bad = [f"image {i}" for i in range(12)]
    with pytest.raises(ValueError) as error:
        Boxes.read("x.json", IMAGES, class_names=["cat", "dog"], bad=bad[:1])
    assert str(error.value) == (
        "x.json: 2 entries cannot be used:\n"
        "- image 0: no.\n"
        "- class 'cow': 1 instance, first in b, but the classes are cat, dog: rename it with "
        "class_map, or leave it out with class_map={'cow': None}.\n"
        "Fix them, or leave them out with strict=False."
    )
    with pytest.raises(ValueError, match=r"x: 12 entries(.|\n)*- image 9: no.\n- and 2 more\n"):
        Boxes.read("x", IMAGES, bad=bad)
    dataset = Boxes.read("x", IMAGES, class_names=["cat", "dog"], bad=bad, strict=False)
    assert drawn(dataset, 1) == [] and dataset.num_images == 3
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("x: 13 entries cannot be used and are left out:\n- image")


def test_a_refused_file_leaves_the_dataset_as_it_was():
    dataset = Boxes()
    with pytest.raises(ValueError):
        dataset.load("x", IMAGES, bad=["a"])
    assert dataset.image_info == [] and len(dataset.class_info) == 1


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"images": {}}, ValueError, "x has no images."),
        ({"images": {"a": []}}, ValueError, r"x: no classes are left \(found: none\): list the"),
        (
            {"images": IMAGES, "class_map": dict.fromkeys(["cat", "cow", "dog"])},
            ValueError,
            r"x: no classes are left \(found: cat, cow, dog\): list the",
        ),
        ({"class_names": "cat"}, TypeError, "class_names is 'cat': it must be a list of names."),
        ({"class_names": ["cat", 1]}, TypeError, r"class_names is \['cat', 1\]: .* list of names"),
        ({"class_names": ["BG", "cat"]}, ValueError, "class_names has 'BG': leave it out"),
        ({"class_map": {"a": 1}}, TypeError, "class_map maps 'a' to 1: it must be a name or None."),
    ],
)
def test_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Boxes.read("x", **arguments)


def test_boxes_are_those_of_the_shapes_and_no_mask_is_made(monkeypatch):
    images = {"a": [("dog", 0.25, 1.5, 3, 4.75), ("cat", -3, 2, 5, 99)], "b": []}
    dataset = Boxes.read("x", images)

    def refuse(*args, **kwargs):
        raise AssertionError("a mask was built")

    monkeypatch.setattr(InstanceMasks, "__init__", refuse)
    monkeypatch.setattr(Rectangle, "crop", refuse)
    boxes, class_ids = dataset.load_boxes(0)
    assert isinstance(boxes, InstanceBoxes) and boxes.boxes.dtype == np.float32
    assert_array_equal(boxes.boxes, [[0.25, 1.5, 3, 4.75], [0, 2, 5, 10]])
    assert class_ids.dtype == np.int32 and class_ids.tolist() == [2, 1]
    boxes, class_ids = dataset.load_boxes(1)
    assert boxes.shape == (8, 10, 0) and class_ids.dtype == np.int32
    with pytest.raises(AssertionError):
        dataset.load_instances(0)


def test_a_box_given_with_the_shape_counts_for_boxes_only():
    dataset = Boxes()
    own = Instance("cat", Rectangle(0, 0, 2, 2), crowd=True, box=(0.5, 1, 4, 5.5), area=7.5)
    dataset.add_records([Record("a", "a.png", [own], 8, 10)], Problems("x"), None, None, True)
    boxes, class_ids = dataset.load_boxes(0)
    assert_array_equal(boxes.boxes, [[0.5, 1, 4, 5.5]])
    assert class_ids.tolist() == [-1]
    masks = dataset.load_instances(0)[0]
    assert masks.boxes.tolist() == [[0, 0, 2, 2]]
    for instances in (masks, boxes):
        assert_array_equal(true_boxes(instances), [[0.5, 1, 4, 5.5]])
        assert_array_equal(true_areas(instances), [7.5])


def test_a_rectangle_is_a_box_that_the_file_gives():
    dataset = Boxes.read("x", {"a": [("dog", 0.25, 1.5, 3.1, 4.75)]})
    for instances in (dataset.load_instances(0)[0], dataset.load_boxes(0)[0]):
        assert_array_equal(true_boxes(instances), [[0.25, 1.5, 3.1, 4.75]])
    triangle = Instance("cat", Polygon([0.2, 0.2, 5], [1.1, 6, 3]))
    dataset.add_records([Record("b", "b.png", [triangle], 8, 10)], Problems("x"), None, None, True)
    assert dataset.load_instances(1)[0].annotated is None


def test_boxes_in_an_image_of_unknown_size(tmp_path):
    skimage.io.imsave(tmp_path / "a.png", np.zeros((5, 7), np.uint8), check_contrast=False)
    dataset = Boxes()
    record = Record("a", tmp_path / "a.png", [Instance("cat", Rectangle(1, 1, 9, 9))])
    dataset.add_records([record], Problems("x"), None, None, True)
    boxes, _ = dataset.load_boxes(0)
    assert boxes.shape == (5, 7, 1) and boxes.boxes.tolist() == [[1, 1, 5, 7]]


def test_whether_there_are_masks_depends_on_the_image():
    dataset = Boxes()
    shapes = (
        [Rectangle(1, 1, 3, 3)],
        [Box(1, 1, 3, 3)],
        [Rectangle(1, 1, 3, 3), Box(0, 0, 2, 2)],
        [],
    )
    records = [
        Record(i, f"{i}.png", [Instance("cat", shape) for shape in some], 8, 10)
        for i, some in enumerate(shapes)
    ]
    dataset.add_records(records, Problems("x"), None, None, True)
    dataset.prepare()
    assert [dataset.has("masks", i) for i in range(4)] == [True, False, False, True]
    assert all(dataset.has("boxes", i) for i in range(4)) and not dataset.has("keypoints", 0)
    report = dataset.check(read_images=False)
    assert report.only_boxes == 2 and "  2 images have boxes but no masks" in str(report)


class FirstOnly(Boxes):
    def load_mask(self, image_id):
        masks, class_ids = super().load_mask(image_id)
        return masks[..., :1], class_ids[:1]


class Compact(Boxes):
    def load_instances(self, image_id):
        masks, class_ids = super().load_instances(image_id)
        return masks[:1], class_ids[:1]

    def load_mask(self, image_id):
        masks, class_ids = self.load_instances(image_id)
        return masks.dense(), class_ids


@pytest.mark.parametrize("cls", [FirstOnly, Compact])
def test_what_a_subclass_overrides_counts(cls):
    dataset = cls.read("x", IMAGES)
    assert drawn(dataset, 0) == [("dog", 0, 0, 2, 2)]
    assert_array_equal(dataset.load_mask(0)[0], dataset.load_instances(0)[0].dense())
    boxes, class_ids = dataset.load_boxes(0)
    assert boxes.boxes.tolist() == [[0, 0, 2, 2]]
    assert_array_equal(class_ids, dataset.load_instances(0)[1])
    assert dataset.has("masks", 0)


def test_datasets_can_be_sent_to_workers():
    dataset = pickle.loads(pickle.dumps(Boxes.read("x", IMAGES)))
    assert drawn(dataset, 1) == [("cow", 0, 0, 8, 10)]


def test_the_base_class_has_no_load():
    with pytest.raises(NotImplementedError, match=r"AnnotatedDataset has no load\(\)"):
        AnnotatedDataset.read("x")


def test_a_class_with_the_name_of_the_background():
    records = {"a": [("BG", 0, 0, 2, 2), ("cat", 0, 0, 3, 3)]}
    for arguments in ({"strict": False}, {"class_map": {"cat": "BG", "BG": None}}):
        with pytest.raises(ValueError, match="would be named 'BG', like the background: rename"):
            Boxes.read("x", records, **arguments)
    data = Boxes.read("x", records, class_map={"BG": "ground"})
    assert data.class_names == ["BG", "ground", "cat"]
    assert Boxes.read("x", records, class_map={"BG": None}).load_mask(0)[1].tolist() == [1]
    assert Boxes.read("x", records, class_names=["cat"], strict=False).class_names == ["BG", "cat"]
