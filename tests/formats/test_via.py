import csv
import json

import numpy as np
import pytest
import skimage.io
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from mrcnn.formats.shapes import Ellipse, Polygon, Polyline, Rectangle
from mrcnn.formats.via import ViaDataset, parse_shape

SQUARE = {"name": "polygon", "all_points_x": [1, 5, 5, 1], "all_points_y": [2, 2, 6, 6]}
SHAPES = {
    "polygon": SQUARE,
    "rect": {"name": "rect", "x": 3, "y": 1, "width": 4, "height": 2},
    "circle": {"name": "circle", "cx": 5, "cy": 4, "r": 2.5},
    "ellipse": {"name": "ellipse", "cx": 5, "cy": 4, "rx": 4, "ry": 1.5, "theta": 0},
    "polyline": {"name": "polyline", "all_points_x": [1, 9], "all_points_y": [4, 4]},
}


def region(shape=SQUARE, **attributes):
    return {"shape_attributes": shape, "region_attributes": attributes}


def image(name, regions, **more):
    return {"filename": name, "size": 7, "regions": regions, "file_attributes": {}, **more}


def project(images, **settings):
    return {
        "_via_settings": {"ui": {}, "core": settings, "project": {"name": "x"}},
        "_via_img_metadata": {f"{i['filename']}{i['size']}": i for i in images},
        "_via_attributes": {"region": {}, "file": {}},
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": [],
    }


@pytest.fixture
def write(tmp_path):
    """Function that writes a JSON file beside 8 x 10 pixel images and returns its path."""
    for name in ("a.png", "b.png"):
        skimage.io.imsave(tmp_path / name, np.zeros((8, 10, 3), np.uint8), check_contrast=False)

    def _write(data, name="via.json"):
        path = tmp_path / name
        path.write_text(json.dumps(data), encoding="utf-8")
        return path

    return _write


def test_drawn_by_hand(write):
    """Each shape against hand-counted pixels."""
    regions = [region(SHAPES[name], kind=name) for name in SHAPES]
    path = write(project([image("a.png", regions)]))
    dataset = ViaDataset.read(path, class_names=list(SHAPES), line_width=2)
    masks, class_ids = dataset.load_mask(0)
    assert class_ids.tolist() == [1, 2, 3, 4, 5]
    expected = np.zeros((8, 10, 5), bool)
    expected[2:6, 1:5, 0] = True
    expected[1:3, 3:7, 1] = True
    y, x = np.mgrid[:8, :10] + 0.5
    expected[..., 2] = (y - 4) ** 2 + (x - 5) ** 2 <= 2.5**2
    expected[..., 3] = ((y - 4) / 1.5) ** 2 + ((x - 5) / 4) ** 2 <= 1
    expected[3:5, 0:10, 4] = True  # the ends are round
    assert_array_equal(masks, expected)
    boxes, class_ids = dataset.load_boxes(0)
    circle, ellipse, line = [1.5, 2.5, 6.5, 7.5], [2.5, 1, 5.5, 9], [3, 0, 5, 10]
    assert_array_equal(boxes.boxes, [[2, 1, 6, 5], [1, 3, 3, 7], circle, ellipse, line])
    assert class_ids.tolist() == [1, 2, 3, 4, 5] and dataset.has("masks", 0)


def test_shapes():
    def parsed(line_width=3, **shape):
        return parse_shape({"shape_attributes": shape}, line_width)

    assert parsed(**SQUARE) == Polygon((2, 2, 6, 6), (1, 5, 5, 1))
    assert parsed(**SHAPES["rect"]) == Rectangle(1, 3, 3, 7)
    assert parsed(name="circle", cx="5", cy=4.5, r=2) == Ellipse(4.5, 5, 2, 2)
    ellipse = {"name": "ellipse", "cx": 5, "cy": 4, "rx": 4, "ry": 2}
    assert parsed(**ellipse) == Ellipse(4, 5, 2, 4, 0)
    assert parsed(**ellipse, theta=0.5) == Ellipse(4, 5, 2, 4, 0.5)
    line = {"name": "polyline", "all_points_x": [1, 9, 9], "all_points_y": [4, 4, 7]}
    assert parsed(**line) == Polyline((4, 4, 7), (1, 9, 9), 3)
    assert parsed(line_width=0, **line) == Polygon((4, 4, 7), (1, 9, 9))
    closed = {"name": "polyline", "all_points_x": [1, 9, 9, 1], "all_points_y": [4, 4, 7, 4]}
    assert parsed(**closed) == Polygon((4, 4, 7, 4), (1, 9, 9, 1))
    # As written by tools that have no other shape.
    unnamed = {key: value for key, value in SQUARE.items() if key != "name"}
    assert parsed(**unnamed) == parsed(**SQUARE)


def csv_rows(images):
    for i in images:
        regions = i["regions"] or [{"shape_attributes": {}, "region_attributes": {}}]
        for key, drawn in enumerate(regions):
            cells = json.dumps(drawn["shape_attributes"]), json.dumps(drawn["region_attributes"])
            yield i["filename"], i["size"], "{}", len(i["regions"]), key, *cells


def test_all_forms_of_file_give_the_same_dataset(write, tmp_path):
    images = [
        image("b.png", [region(kind="cat"), region(SHAPES["rect"], kind="dog", note="")]),
        image("a.png", []),
    ]
    as_dicts = [{**i, "regions": {str(k): r for k, r in enumerate(i["regions"])}} for i in images]
    first_version = {
        f"{i['filename']}7": {"fileref": "", "base64_img_data": "", **i} for i in as_dicts
    }
    paths = [
        write(first_version, "via_1.json"),
        write({f"{i['filename']}7": i for i in images}, "via_2.json"),
        write(images, "list.json"),
        write(project(images), "project.json"),
    ]
    columns = ["filename", "file_size", "file_attributes", "region_count", "region_id"]
    columns += ["region_shape_attributes", "region_attributes"]
    for name, first, delimiter in (("1.csv", "#filename", ","), ("2.csv", "filename", ";")):
        paths.append(tmp_path / name)
        with open(paths[-1], "w", newline="", encoding="utf-8-sig") as file:
            writer = csv.writer(file, delimiter=delimiter)
            writer.writerows([[first, *columns[1:]], *csv_rows(images)])
    for path in paths:
        dataset = ViaDataset.read(path)
        assert dataset.class_names == ["BG", "cat", "dog"], path
        infos = dataset.image_info
        assert [info["id"] for info in infos] == ["b.png", "a.png"]
        assert infos[0]["path"] == str(tmp_path / "b.png")
        masks, class_ids = dataset.load_instances(0)
        assert class_ids.tolist() == [1, 2]
        assert masks.boxes.tolist() == [[2, 1, 6, 5], [1, 3, 3, 7]]
        assert len(dataset.load_instances(1)[0]) == 0
        assert dataset.load_image(0).shape == (8, 10, 3)


def test_where_images_are(write, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "a.png").rename(tmp_path / "photos" / "a.png")
    names = ["a.png", "b.png", "photos\\a.png", "https://x.org/c.png", "no.png"]
    images = [image(name, [region()]) for name in names]
    for folder in ("./photos/", "photos", ".\\photos\\"):
        infos = ViaDataset.read(write(project(images, default_filepath=folder))).image_info
        there = [str(tmp_path / "photos/a.png"), str(tmp_path / "b.png")]
        paths = [infos[i]["path"].replace("/./", "/") for i in range(5)]
        assert paths == [*there, there[0], "https://x.org/c.png", str(tmp_path / "no.png")]
    dataset = ViaDataset.read(write(project(images[:1])), images=tmp_path / "photos")
    assert dataset.image_info[0]["path"] == there[0]


def test_the_file_in_a_folder(write, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such file or folder: .*none"):
        ViaDataset.read(tmp_path / "none")
    with pytest.raises(ValueError, match=r"has no VIA file; \.json and \.csv files found: none"):
        ViaDataset.read(tmp_path)
    write({"images": [], "annotations": []}, "coco.json")
    (tmp_path / "results.csv").write_text("epoch,loss\n1,2\n")
    with pytest.raises(ValueError, match=r"has no VIA file; .* coco\.json, results\.csv\."):
        ViaDataset.read(tmp_path)
    write(project([image("a.png", [region()])]), "my.json")
    assert ViaDataset.read(tmp_path).num_images == 1
    write(project([image("b.png", [region()])]), "two.json")
    with pytest.raises(ValueError, match=r"has several VIA files: my\.json, two\.json\. Name"):
        ViaDataset.read(tmp_path)
    write(project([image("b.png", [region()])]), "via_region_data.json")
    assert ViaDataset.read(tmp_path).image_info[0]["id"] == "b.png"


def classes(write, regions, **arguments):
    dataset = ViaDataset.read(write(project([image("a.png", regions)])), **arguments)
    return [dataset.class_names[i] for i in dataset.load_instances(0)[1]]


def test_class_of_a_region(write):
    assert classes(write, [region(), region()]) == ["object", "object"]
    assert classes(write, [region()], class_names=["balloon"]) == ["balloon"]
    bare = {"shape_attributes": SQUARE}, {"shape_attributes": SQUARE, "region_attributes": []}
    assert classes(write, bare) == ["object", "object"]
    assert classes(write, [region()], class_map={"object": "balloon"}) == ["balloon"]
    assert classes(write, [region(kind=" cat "), region(kind="2")]) == ["cat", "2"]
    assert classes(write, [region(kind=7, note="")]) == ["7"]
    ticked = region(kind={"cat": True, "dog": False}), region(kind={"dog": True})
    assert classes(write, ticked) == ["cat", "dog"]
    several = [region(kind="cat", colour="red"), region(kind="dog")]
    assert classes(write, several, class_attribute="kind") == ["cat", "dog"]


@pytest.mark.parametrize(
    ("regions", "arguments", "message"),
    [
        ([region(a="1", b="2")], {}, "regions have the attributes a, b: name the one that holds"),
        ([region(a="", b="")], {}, "regions have the attributes a, b: name"),
        ([region(a="1")], {"class_attribute": "c"}, "is 'c', but no region has .*: they have a."),
        ([region(a="1"), region()], {}, "- a.png, region 1: its attribute 'a' is not filled in."),
        ([region(a="")], {}, "- a.png, region 0: its attribute 'a' is not filled in."),
        ([region(a={"x": True, "y": True})], {}, "region 0: x, y of its checkboxes 'a' are ticked"),
        ([region(a={"x": False})], {}, "region 0: none of its checkboxes 'a' are ticked: exactly"),
        ([region(a=["x"])], {}, r"region 0: its attribute 'a' is \['x'\]: it must be a name."),
        ([region(a=True)], {}, "region 0: its attribute 'a' is True: it must be a name."),
        ([region({"name": "point", "cx": 1, "cy": 1})], {}, "region 0: a point has no area"),
        ([region({"name": "blob"})], {}, "its shape is 'blob': it must be polygon, polyline, rect"),
        ([region({})], {}, "its shape is None: it must be polygon"),
        ([region(None)], {}, "its shape is None: shape_attributes must be an object."),
        (["x"], {}, "region 0: its shape is 'x': shape_attributes must be an object."),
        ({"5": {}}, {}, "region 5: its shape is None: shape_attributes must be an object."),
        ([region({**SQUARE, "all_points_x": [1, 2]})], {}, "it has 2 x and 4 y coordinates."),
        ([region({**SQUARE, "all_points_x": None})], {}, "its all_points_x is None: it must be"),
        (
            [region({"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1, 2]})],
            {},
            "region 0: it has 2 points: a polygon needs at least 3.",
        ),
        ([region({**SQUARE, "all_points_x": [1, 2, "x", 3]})], {}, "'x' is not a usable number"),
        ([region({**SQUARE, "all_points_x": [1, 2, float("nan"), 3]})], {}, "coordinate nan"),
        ([region({"name": "rect", "x": 1, "y": 1, "width": 3})], {}, "its rect has no 'height'."),
        ([region({**SHAPES["rect"], "width": 0})], {}, "its width is 0.0 and its height 2.0"),
        ([region({**SHAPES["circle"], "r": 0})], {}, "its radii are 0.0 and 0.0: they must be"),
    ],
)
def test_regions_that_cannot_be_used(write, regions, arguments, message):
    path = write(project([image("a.png", regions)]))
    with pytest.raises(ValueError, match=message) as error:
        ViaDataset.read(path, **arguments)
    assert str(error.value).startswith(str(path))


def test_bad_regions_are_left_out_on_request(write, caplog):
    regions = [region(kind="cat"), region({"name": "point"}, kind="cat"), region(kind="dog")]
    path = write(project([image("a.png", regions), image(None, [])]))
    dataset = ViaDataset.read(path, strict=False)
    assert dataset.load_instances(0)[1].tolist() == [1, 2]
    (warning,) = caplog.messages
    assert "2 entries cannot be used and are left out:\n- a.png, region 1: a point" in warning
    assert "- image None: it must have a file name." in warning


def test_open_polylines_are_reported(write, caplog):
    path = write(project([image("a.png", [region(SHAPES["polyline"])])]))
    assert ViaDataset.read(path).load_mask(0)[0].all()  # 10 pixels thick
    assert "1 open polylines are drawn as lines 10 pixels thick" in caplog.text
    caplog.clear()
    ViaDataset.read(path, line_width=1)
    assert not caplog.messages


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", '{"images": [], "annotations": []}', "is not a VIA file: it must have a 'f"),
        ("a.json", '{"config": {}, "metadata": {}}', "is not a VIA file"),
        ("a.json", '"text"', "is not a VIA file"),
        ("a.json", '{"_via_img_metadata": 3}', "is not a VIA file"),
        ("a.json", "{", "is not a JSON file"),
        ("a.json", "{}", "has no images."),
        ("a.csv", "", "is not a VIA file: it has the columns none, but filename and region_"),
        ("a.csv", "epoch,loss\n1,2\n", "it has the columns epoch, loss, but filename"),
        ("a.csv", "filename,region_shape_attributes\n", "has no images"),
        (
            "a.csv",
            "filename,region_shape_attributes\na,{'x'}\n",
            "a, region 0: its shape is \"{'x'}\"",
        ),
        (
            "a.csv",
            "filename,region_shape_attributes,region_attributes\na,[1],{kind: cat}\n",
            "a, region 0: its region_attributes are '{kind: cat}': they must be an object",
        ),
        (
            "a.csv",
            "filename,region_shape_attributes\na," + "x" * 200_000,
            "is not a CSV file: field",
        ),
    ],
)
def test_files_that_are_not_via(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ValueError, match=message) as error:
        ViaDataset.read(path)
    assert str(error.value).startswith(str(path))


WORDS = (
    "filename regions shape_attributes region_attributes name polygon polyline rect circle "
    "ellipse all_points_x all_points_y cx cy r rx ry theta x y width height 0 kind a.png"
)
words = st.sampled_from(WORDS.split())
leaves = st.none() | st.booleans() | st.integers(-3, 9) | st.floats() | st.text(max_size=2) | words
values = st.recursive(
    leaves, lambda v: st.lists(v, max_size=4) | st.dictionaries(words, v, max_size=5), max_leaves=12
)
points = st.lists(st.integers(-3, 12) | leaves, max_size=4) | values
numbers = st.integers(-3, 12) | values
shapes = st.fixed_dictionaries(
    {"name": words},
    optional={"all_points_x": points, "all_points_y": points}
    | {key: numbers for key in ("x", "y", "width", "height", "cx", "cy", "r", "rx", "ry", "theta")},
)
regions = st.fixed_dictionaries(
    {"shape_attributes": shapes | values}, optional={"region_attributes": values}
)
images = st.fixed_dictionaries(
    {"filename": words | values}, optional={"regions": st.lists(regions, max_size=3) | values}
)


@given(st.dictionaries(words, images | values, max_size=3) | values, st.booleans())
def test_whatever_the_json_it_is_read_or_refused(tmp_path_factory, data, strict):
    path = tmp_path_factory.getbasetemp() / "fuzz.json"
    path.write_text(json.dumps(data))
    read_or_refused(path, strict)


@given(st.lists(st.lists(st.text(max_size=5) | values.map(json.dumps), max_size=4), max_size=4))
def test_whatever_the_csv_it_is_read_or_refused(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    header = ["filename", "region_shape_attributes", "region_attributes"]
    with open(path, "w", newline="", encoding="utf-8", errors="replace") as file:
        csv.writer(file).writerows([header, *rows])
    read_or_refused(path, strict=True)


def read_or_refused(path, strict):
    try:
        dataset = ViaDataset.read(path, strict=strict)
    except ValueError as error:
        assert str(error).startswith(str(path))
    else:
        for info in dataset.image_info:
            for instance in info["annotations"]:
                instance.shape.crop(8, 10)


def test_a_folder_with_the_name_of_a_file(write, tmp_path):
    write({"a": image("A.png", [region(name="cell")])})
    (tmp_path / "x.json").mkdir()
    (tmp_path / "x.csv").mkdir()
    assert ViaDataset.read(tmp_path).image_info[0]["path"] == str(tmp_path / "a.png")


def test_a_table_in_utf_16(tmp_path):
    (tmp_path / "a.csv").write_text("filename,region_shape_attributes", encoding="utf-16")
    with pytest.raises(ValueError, match=r"a\.csv is not a CSV file: it looks like UTF-16"):
        ViaDataset.read(tmp_path / "a.csv")
