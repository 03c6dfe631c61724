import json
import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from mrcnn.formats.coco import CocoDataset
from mrcnn.formats.coco_json import parse_instances
from mrcnn.formats.coco_masks import Outline
from mrcnn.formats.records import Problems

SIZE = (40, 50)


def code(mask):
    """Compressed code of a bool mask, as in JSON."""
    encoded = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return {"size": encoded["size"], "counts": encoded["counts"].decode()}


def blob(seed=0):
    return np.random.default_rng(seed).random(SIZE) > 0.8


def annotation(key, category=1, image=7, segmentation=None, **more):
    segmentation = segmentation or [[5.3, 4.1, 20.7, 6.2, 13.9, 30.4]]
    entry = {"id": key, "image_id": image, "category_id": category, "segmentation": segmentation}
    return {**entry, **more}


def content(annotations=(), images=None, categories=None):
    return {
        "images": images
        or [
            {"id": 7, "file_name": "a.png", "height": SIZE[0], "width": SIZE[1]},
            {"id": 3, "file_name": "sub/b.png", "height": SIZE[0], "width": SIZE[1]},
        ],
        "categories": categories
        or [{"id": 12, "name": "dog"}, {"id": 1, "name": "person"}, {"id": 5, "name": "cat"}],
        "annotations": list(annotations),
    }


@pytest.fixture
def write(tmp_path):
    def _write(content, name="annotations.json"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))
        return path

    return _write


def read(path, **kwargs):
    return CocoDataset.read(path, images=path.parent, **kwargs)


def test_masks_match_pycocotools(write):
    runs = [
        int(r) for r in np.diff(np.flatnonzero(np.diff(blob(1).T.ravel(), prepend=1, append=2)))
    ]
    runs = [0, *runs, SIZE[0] * SIZE[1] - sum(runs)]
    parts = [[1, 1, 9.5, 1, 9.5, 8.2, 1, 8], [6, 6, 30, 7, 22.25, 39], [-4, 20, 8, 20, 3, 60.5]]
    path = write(
        content(
            [
                annotation(1, segmentation=parts),
                annotation(2, 12, segmentation=code(blob())),
                annotation(5, 5, segmentation={"size": list(SIZE), "counts": runs}, iscrowd=1),
                annotation(9, 12, image=3, segmentation=code(np.zeros(SIZE)), iscrowd=0),
            ]
        )
    )
    data, theirs = read(path), COCO(path)
    masks, class_ids = data.load_mask(0)
    assert_array_equal(class_ids, [1, 3, -2])
    for i, entry in enumerate(theirs.loadAnns([1, 2, 5])):
        assert_array_equal(masks[..., i], theirs.annToMask(entry))
    assert masks.any(axis=(0, 1)).all()
    masks, class_ids = data.load_mask(1)
    assert_array_equal(class_ids, [3])
    assert masks.shape == (*SIZE, 1) and not masks.any()


@given(
    st.lists(
        st.lists(
            st.tuples(st.floats(-40, 80), st.floats(-40, 80))
            | st.tuples(st.integers(-100, 600), st.integers(-100, 600)).map(
                lambda xy: (xy[0] / 10, xy[1] / 10)
            ),
            min_size=3,
            max_size=6,
        ),
        min_size=1,
        max_size=3,
    )
)
def test_outlines_match_pycocotools(parts):
    polygons = tuple(np.ravel(part) for part in parts)
    crop, (y, x) = Outline(polygons).crop(*SIZE)
    mask = np.zeros(SIZE, bool)
    mask[y : y + crop.shape[0], x : x + crop.shape[1]] = crop
    codes = coco_mask.frPyObjects([p.tolist() for p in polygons], *SIZE)
    assert_array_equal(mask, coco_mask.decode(coco_mask.merge(codes)))


def test_classes_are_numbered_by_category(write):
    data = read(write(content([annotation(1, 12)])))
    assert data.class_names == ["BG", "person", "cat", "dog"]
    assert data.map_source_class_id("coco.12") == 3
    assert data.get_source_class_id(2, "coco") == 5
    assert [info["id"] for info in data.image_info] == [7, 3]
    assert_array_equal(data.load_mask(0)[1], [3])
    masks, class_ids = data.load_mask(1)  # background
    assert masks.shape == (*SIZE, 0) and len(class_ids) == 0


def test_only_some_categories(write):
    path = write(content([annotation(1, 12), annotation(2, 1), annotation(3, 1, image=3)]))
    data = read(path, only=["dog", "cat"])
    assert data.class_names == ["BG", "dog", "cat"]
    assert [info["id"] for info in data.image_info] == [7]
    assert_array_equal(data.load_mask(0)[1], [1])
    assert data.map_source_class_id("coco.12") == 1
    data = read(path, only=["dog", "person"], class_map={"dog": "animal"})
    assert data.class_names == ["BG", "animal", "person"] and len(data.image_ids) == 2
    assert read(path, only="person").class_names == ["BG", "person"]
    assert read(path, only=[12, "person"]).class_names == ["BG", "dog", "person"]
    with pytest.raises(ValueError, match=r"`only` names dgo: the categories are person, cat, dog"):
        read(path, only=["dgo"])
    with pytest.raises(ValueError, match=r"`only` names 13: the categories are person, cat, dog"):
        read(path, only=[13])
    with pytest.raises(ValueError, match="no image has an annotation of cat"):
        read(path, only=["cat"])


@pytest.mark.parametrize("segmentation", [{}, {"segmentation": None}, {"segmentation": []}])
def test_a_box_without_a_segmentation_is_a_rectangle(write, caplog, segmentation):
    entry = {"id": 1, "image_id": 7, "category_id": 1, "bbox": [10, 5, 20, 4], **segmentation}
    with caplog.at_level(logging.WARNING):
        data = read(write(content([entry, annotation(2)])))
    assert "1 of 2 annotations have a bbox but no segmentation" in caplog.text
    masks, _ = data.load_instances(0)
    assert_array_equal(masks.boxes[0], [5, 10, 9, 30])
    assert masks.crops[0].all()


def test_category_ids_that_are_strings(write):
    categories = [{"id": "a", "name": "dog"}, {"id": "b", "name": "cat"}]
    path = write(content([annotation(1, category="b")], categories=categories))
    for name in ("a.png", "sub/b.png"):
        (path.parent / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(path.parent / name)
    data = CocoDataset.read(path, class_names=["bird", "cat", "dog"])
    assert data.class_names == ["BG", "bird", "cat", "dog"]
    assert_array_equal(data.load_instances(0)[1], [2])
    assert data.map_source_class_id("coco.a") == 3


def test_what_tools_write_differently(write):
    """Pairs, no nesting, no sizes, no ids, backslashes, a parent category with the same name."""
    images = [{"id": "a", "file_name": "sub\\b.png"}]
    categories = [{"id": 0, "name": "cell"}, {"id": 1, "name": "cell"}, {"id": 2, "name": "x"}]
    corners = [[2, 2], [20, 2], [20, 12], [2, 12]]
    flat = [2, 2, 20, 2, 20, 12, 2, 12]
    annotations = [
        {"image_id": "a", "category_id": 1, "segmentation": drawn}
        for drawn in ([corners], flat, [flat])
    ]
    path = write(content(annotations, images, categories))
    (path.parent / "sub").mkdir()
    Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(path.parent / "sub" / "b.png")
    data = CocoDataset.read(path)
    assert data.class_names == ["BG", "cell", "x"]
    assert data.map_source_class_id("coco.1") == 1
    masks, class_ids = data.load_instances(0)
    assert_array_equal(class_ids, [1, 1, 1])
    assert_array_equal(masks.boxes, [[2, 2, 12, 20]] * 3)


@pytest.mark.parametrize(
    ("place", "file_name", "json_name"),
    [
        ("val2017/a.png", "a.png", "annotations/instances_val2017.json"),
        ("annotations/a.png", "a.png", "annotations/all.json"),
        ("images/a.png", "a.png", "annotations/all.json"),
        ("images/val/a.png", "a.png", "annotations/instances_val.json"),
        ("images/1/a.png", "images/1/a.png", "result.json"),
        ("train/a.png", "a.png", "train/_annotations.coco.json"),
    ],
)
def test_the_folder_of_the_images_is_found(write, tmp_path, place, file_name, json_name):
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 5, 3), 9, np.uint8)).save(tmp_path / place)
    path = write(content(images=[{"id": 1, "file_name": file_name}]), json_name)
    data = CocoDataset.read(path)
    assert data.load_image(0).shape == (4, 5, 3)
    if len(list(path.parent.glob("*.json"))) == 1:
        assert CocoDataset.read(path.parent).image_info == data.image_info


def test_folders_that_are_not_there(write, tmp_path):
    path = write(content())
    with pytest.raises(FileNotFoundError, match=r"a\.png is in none of .*as `images`"):
        CocoDataset.read(path)
    with pytest.raises(FileNotFoundError, match=r"no such images folder: .*nowhere"):
        CocoDataset.read(path, images=tmp_path / "nowhere")
    write(content(), "other.json")
    with pytest.raises(FileNotFoundError, match=r"JSON files: annotations\.json, other\.json"):
        CocoDataset.read(tmp_path)


def test_crowds_alone_give_a_warning(write, caplog):
    read(write(content([annotation(1, iscrowd=1), annotation(2)])))
    assert not caplog.text
    read(write(content([annotation(1, iscrowd=1)])))
    assert "all 1 instances are crowds, so there is nothing to learn" in caplog.text
    assert "(CVAT) write iscrowd 1 for every brush mask: crowds_as_instances=True" in caplog.text


def test_crowds_as_instances(write, caplog):
    path = write(content([annotation(1, iscrowd=1), annotation(2)]))
    assert sorted(read(path).load_instances(0)[1].tolist()) == [-1, 1]
    dataset = read(path, crowds_as_instances=True)
    assert dataset.load_instances(0)[1].tolist() == [1, 1]
    assert dataset.load_boxes(0)[1].tolist() == [1, 1]
    assert not read(path).has_only_crowds()
    path = write(content([annotation(1, iscrowd=1)]))
    assert read(path).has_only_crowds()
    caplog.clear()
    assert not read(path, crowds_as_instances=True).has_only_crowds()
    assert not caplog.text


def test_links(write):
    images = [
        {"id": 1, "file_name": "a", "coco_url": "http://images.cocodataset.org/val2017/1.jpg"},
        {"id": 2, "file_name": "b", "coco_url": "https://mine.example/2.jpg"},
        {"id": 3, "file_name": "c"},
    ]
    data = read(write(content(images=images)))
    assert [data.image_reference(i) for i in range(3)] == [
        "http://cocodataset.org/#explore?id=1",
        "https://mine.example/2.jpg",
        "",
    ]


OTHER = code(np.ones((3, 4)))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (annotation(4, image=8), "annotation 4: image_id is 8: no image has this id"),
        (annotation(4, 99), r"annotation 4 of a.png: category_id is 99: .* are 12, 1, 5"),
        (annotation(1), "annotation 1: its id is already taken"),
        ({"id": 4, "category_id": 1}, "annotation 4: image_id is missing"),
        ({"id": 4, "image_id": 7}, "annotation 4 of a.png: category_id is missing"),
        ({"id": 4, "image_id": 7, "category_id": 1}, "no segmentation, and its bbox is None"),
        (annotation([], image=[]), r"annotation number 2: id is a list"),
        ("text", "annotation number 2: is a string, not an object"),
        (annotation(4, iscrowd="yes"), "iscrowd is 'yes': it must be 0 or 1"),
        (annotation(4, segmentation="x"), "segmentation is a string"),
        (annotation(4, segmentation=[[1, 2, 3, 4]]), "polygon 1 has 4 numbers"),
        (annotation(4, segmentation=[[1, 2, 3, 4, 5, 6, 7]]), "polygon 1 has 7 numbers"),
        (annotation(4, segmentation=[[1, 2, 3, 4, 5, "x"]]), "polygon 1 is not a list of numbers"),
        (annotation(4, segmentation=[[1, 2, 3, 4, 5, 9e9]]), r"y 9e\+09, far outside .*40x50"),
        (annotation(4, segmentation=[[1, 2, 3, 4, 5, None]]), "y nan, far outside"),
        (annotation(4, segmentation=OTHER), "code is 3x4 and its image 40x50"),
        (annotation(4, segmentation={"size": [40, 50], "counts": OTHER["counts"]}), "add up to"),
        (annotation(4, segmentation={"size": [40, 50], "counts": [1, -1, 2000]}), "add up to"),
        (annotation(4, segmentation={"size": [40, 50], "counts": "é"}), "not a COCO run-length"),
        (annotation(4, segmentation={"size": [40, 50], "counts": 5}), "code are 5: they must be"),
        (annotation(4, segmentation={"size": [40], "counts": [2000]}), r"size \[40\]"),
    ],
)
def test_annotations_that_cannot_be_used(write, entry, message, caplog):
    path = write(content([annotation(1), entry]))
    with pytest.raises(ValueError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: 1 entry cannot be used")
    data = read(path, strict=False)
    assert len(data.load_mask(0)[1]) == 1
    assert "1 entry cannot be used" in caplog.text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": [{"id": 7}]}, "image 7: file_name is None"),
        ({"images": [{"file_name": "a"}]}, "image number 1: id is missing"),
        (
            {"images": [{"id": 7, "file_name": "a"}, {"id": 7, "file_name": "b"}]},
            "image 7: b has the same id as a",
        ),
        ({"images": [{"id": 7, "file_name": "a", "height": 0}]}, "height is 0: .* 1 to 65535"),
        (
            {"categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]},
            "category 1: 'b' has the same id as 'a'",
        ),
        ({"categories": [{"id": 1}]}, "category 1: name is None"),
        (
            {"categories": [{"id": 1, "name": "a"}, {"id": 5, "name": "a"}]},
            "category 5: has the same name as category 1, 'a', and both have annotations",
        ),
    ],
)
def test_images_and_categories_that_cannot_be_used(write, changes, message):
    path = write({**content([annotation(1), annotation(2, 5)]), **changes})
    with pytest.raises(ValueError, match=message):
        read(path)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [([], "holds a list"), ({"images": []}, "no list of annotations"), (3, "holds 3")],
)
def test_files_of_another_kind(write, wrong, message):
    path = write(wrong)
    with pytest.raises(ValueError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))


KEYS = ("id", "image_id", "category_id", "segmentation", "size", "counts", "file_name", "name")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.floats() | st.text(max_size=3),
    lambda value: (
        st.lists(value, max_size=4)
        | st.dictionaries(st.sampled_from((*KEYS, "bbox", "iscrowd", "height", "width")), value)
    ),
    max_leaves=12,
)
ENTRY = st.fixed_dictionaries(
    {"id": st.integers(1, 3), "image_id": st.just(1), "category_id": st.just(1)},
    optional={"segmentation": VALUES, "bbox": VALUES, "iscrowd": VALUES},
)
IMAGE = st.fixed_dictionaries(
    {"id": st.integers(1, 2), "file_name": st.just("a")}, optional={"height": VALUES}
)


@given(
    VALUES
    | st.fixed_dictionaries(
        {
            "images": st.lists(IMAGE | VALUES, max_size=2),
            "annotations": st.lists(ENTRY | VALUES, max_size=3),
            "categories": st.just([{"id": 1, "name": "x"}]) | VALUES,
        }
    )
)
def test_any_json_is_read_or_refused(anything):
    problems = Problems("file.json")
    try:
        records, found, _ = parse_instances(anything, problems)
        CocoDataset().add_records(records, problems, None, None, True, found)
    except ValueError as error:
        assert str(error).startswith("file.json")
        return
    for record in records:
        for instance in record.instances:
            crop, _ = instance.shape.crop(record.height or 9, record.width or 9)
            assert crop.dtype == bool


def test_slivers_beside_a_polygon_are_left_out(write, caplog):
    good = [5.3, 4.1, 20.7, 6.2, 13.9, 30.4]
    parts = [[1, 2, 3, 4], good, [], [7.5, 8]]
    data = read(write(content([annotation(1, segmentation=parts), annotation(2)])))
    masks, class_ids = data.load_mask(0)
    assert_array_equal(class_ids, [1, 1])
    assert_array_equal(masks[..., 0], masks[..., 1])
    (record,) = caplog.records
    assert "3 polygons with fewer than three corners" in record.message
    for bad, message in {
        ((1, 2, 3, 4), (7, 8)): "polygon 1 has 4 numbers",
        ((1, 2, 3, 4), tuple(good), (1, 2, 3)): "polygon 3 has 3 numbers",
        (("a", 2), tuple(good)): "polygon 1 is not a list",
    }.items():
        with pytest.raises(ValueError, match=message):
            read(write(content([annotation(1, segmentation=[list(part) for part in bad])])))


@pytest.mark.parametrize("name", ["imgs\\a.jpg", "C:\\d\\a.jpg", "old/A.JPG", "a.jpg"])
@pytest.mark.parametrize("given", [True, False])
def test_images_that_were_moved(write, tmp_path, name, given):
    images = [{"id": 7, "file_name": name, "height": SIZE[0], "width": SIZE[1]}]
    path = write(content([annotation(1)], images=images))
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").touch()
    data = CocoDataset.read(path, **({"images": tmp_path / "images"} if given else {}))
    assert data.image_info[0]["path"] == str(tmp_path / "images" / "a.jpg")
