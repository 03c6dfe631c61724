import base64
import io
import json
import os

import numpy as np
import pytest
import skimage.io
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from PIL import Image

from mrcnn.formats.labelme import LabelMeDataset, PngMask, parse_shape
from mrcnn.formats.shapes import Ellipse, Polygon, Polyline, Rectangle, box_of

SQUARE = [[1.0, 2.0], [5.0, 2.0], [5.0, 6.0], [1.0, 6.0]]


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


PIXELS = np.arange(8 * 10 * 3, dtype=np.uint8).reshape(8, 10, 3)
MASK = np.array([[1, 0, 1], [1, 1, 0]], np.uint8)


def shape(label="cat", points=SQUARE, kind="polygon", group=None, **more):
    common = {"description": "", "flags": {}, "mask": None, **more}
    return {"label": label, "points": points, "group_id": group, "shape_type": kind, **common}


def annotation(shapes, name="a.png", **more):
    size = {"imageHeight": 8, "imageWidth": 10}
    content = {"imagePath": name, "imageData": None, **size, **more}
    return {"version": "5.5.0", "flags": {}, "shapes": shapes, **content}


@pytest.fixture
def write(tmp_path):
    """Function that writes a JSON file beside an 8 x 10 pixel image and returns its path."""
    skimage.io.imsave(tmp_path / "a.png", PIXELS, check_contrast=False)

    def _write(data, name="a.json"):
        path = tmp_path / name
        path.write_text(json.dumps(data), encoding="utf-8")
        return path

    return _write


def test_drawn_by_hand(write, tmp_path):
    """Each shape against hand-counted pixels."""
    shapes = [
        shape("a"),
        shape("b", [[7, 3], [3, 1]], "rectangle"),
        shape("c", [[5, 4], [5, 6.5]], "circle"),
        shape("d", [[1, 4], [9, 4]], "line"),
        shape("e", [[2, 3], [4, 4]], "mask", mask=png(MASK)),
    ]
    write(annotation(shapes))
    dataset = LabelMeDataset.read(tmp_path, line_width=2)
    masks, class_ids = dataset.load_mask(0)
    assert dataset.class_names == ["BG", "a", "b", "c", "d", "e"]
    assert class_ids.tolist() == [1, 2, 3, 4, 5]
    expected = np.zeros((8, 10, 5), bool)
    expected[2:6, 1:5, 0] = True
    expected[1:3, 3:7, 1] = True
    y, x = np.mgrid[:8, :10] + 0.5
    expected[..., 2] = (y - 4) ** 2 + (x - 5) ** 2 <= 2.5**2
    expected[3:5, 0:10, 3] = True  # the ends are round
    expected[3:5, 2:5, 4] = MASK
    assert_array_equal(masks, expected)
    assert_array_equal(dataset.load_image(0), PIXELS)


def test_shapes():
    def parsed(points, kind):
        return parse_shape(shape(points=points, kind=kind), 3)

    square = Polygon((2, 2, 6, 6), (1, 5, 5, 1))
    assert parsed(SQUARE, "rectangle") == square
    for kind in ("polygon", "", None, "oriented_rectangle", "rotation"):
        assert parsed(SQUARE, kind) == square
    assert parse_shape({"label": "cat", "points": SQUARE}, 3) == square
    for points in ([[3, 1], [7, 3]], [[7, 1], [3, 3]], [["3", "3"], ["7", "1"]]):
        assert parsed(points, "rectangle") == Rectangle(1, 3, 3, 7)
    assert parsed([[5, 4], [8, 8]], "circle") == Ellipse(4, 5, 5, 5)
    line = [[1, 2], [3, 4], [5, 0]]
    assert parsed(line, "linestrip") == Polyline((2, 4, 0), (1, 3, 5), 3)


@pytest.mark.parametrize(
    "pixels", [MASK, MASK * 255, MASK.astype(bool), MASK.astype(np.uint16) * 1000]
)
@pytest.mark.parametrize("end", [[6, 3], [6.4, 3.4], [7, 4]])
def test_masks(pixels, end):
    """The box may end at the last pixel or after it; it may start outside the image."""
    mask = parse_shape(shape(points=[[4, 2], end], kind="mask", mask=png(pixels)), 1)
    assert isinstance(mask, PngMask)  # stays compressed until needed
    crop, corner = mask.crop(8, 10)
    assert crop.dtype == bool and corner == (2, 4)
    assert_array_equal(crop, MASK)


def test_a_mask_that_reaches_outside(write, tmp_path):
    write(annotation([shape(points=[[-1, 7], [1, 8]], kind="mask", mask=png(MASK))]))
    masks, _ = LabelMeDataset.read(
        write(annotation([shape(points=[[-1, 7], [1, 8]], kind="mask", mask=png(MASK))]))
    ).load_mask(0)
    assert np.argwhere(masks[..., 0]).tolist() == [[7, 1]]
    boxes, _ = LabelMeDataset.read(tmp_path).load_boxes(0)
    assert boxes.boxes.tolist() == [[7, 1, 8, 2]]


def test_a_group_is_one_instance_of_each_label(write):
    box = [[6, 0], [8, 2]]
    shapes = [
        shape("cat", group=1),
        shape("dog", group=1),
        shape("cat", group=2),
        shape("cat", box, "rectangle", group=1),
        shape("cat"),
        shape("cat"),
    ]
    dataset = LabelMeDataset.read(write(annotation(shapes)))
    masks, class_ids = dataset.load_instances(0)
    assert [dataset.class_names[i] for i in class_ids] == ["cat", "dog", "cat", "cat", "cat"]
    assert masks.areas.tolist() == [16 + 4, 16, 16, 16, 16]
    assert masks.boxes[0].tolist() == [0, 1, 6, 8]
    boxes, ids = dataset.load_boxes(0)
    assert_array_equal(boxes.boxes, masks.boxes)
    assert_array_equal(ids, class_ids)


def test_a_folder(write, tmp_path):
    write(annotation([shape("dog")]), "b.json")
    write(annotation([]), "c.JSON")
    write(annotation([shape("cat")]), "a.json")
    (tmp_path / "labels.txt").touch()
    dataset = LabelMeDataset.read(tmp_path, class_map={"dog": "wolf"})
    assert [info["id"] for info in dataset.image_info] == ["a", "b", "c"]
    assert dataset.class_names == ["BG", "cat", "wolf"]
    assert dataset.load_instances(1)[1].tolist() == [2]
    assert len(dataset.load_instances(2)[0]) == 0


def test_subfolders(write, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b/c").mkdir(parents=True)
    write(annotation([shape("dog")]), "a/1.json")
    write(annotation([shape("cat"), shape(points=[[0, 0]])]), "b/c/1.json")
    with pytest.raises(ValueError, match=r"b/c/1\.json, shape 1"):
        LabelMeDataset.read(tmp_path)
    write(annotation([shape("cat")]), "b/c/1.json")
    assert [info["id"] for info in LabelMeDataset.read(tmp_path).image_info] == ["a/1", "b/c/1"]
    write(annotation([shape("cat")]), "2.json")  # then subfolders are not part of the dataset
    assert [info["id"] for info in LabelMeDataset.read(tmp_path).image_info] == ["2"]


def test_where_images_are(write, tmp_path):
    for name in ("photos/d.png", "e.png", "photos/sub/f.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def found(name, file="x.json", **arguments):
        path = write(annotation([shape()], name), file)
        return LabelMeDataset.read(path, **arguments).image_info[0]["path"]

    for name in (
        "photos/d.png",
        "photos\\d.png",
        ".\\photos\\d.png",
        str(tmp_path / "photos/d.png"),
    ):
        assert os.path.samefile(found(name), tmp_path / "photos/d.png")
    photos = tmp_path / "photos"
    for name in ("d.png", "..\\img\\d.png", "C:\\Users\\me\\d.png", "/home/me/d.png"):
        assert found(name, images=photos) == str(photos / "d.png")
    assert found("C:\\old\\name.png", "e.json") == str(tmp_path / "e.png")  # both were renamed
    assert found("no.png") == str(tmp_path / "no.png")
    with pytest.raises(FileNotFoundError, match=r"no\.png"):
        LabelMeDataset.read(tmp_path / "x.json").load_image(0)


def test_the_image_inside_the_annotation(write, tmp_path):
    inside = png(PIXELS[:4, :6])
    size = {"imageHeight": None, "imageWidth": None}
    path = write(annotation([shape()], "no.png", imageData=inside, **size), "b.json")
    dataset = LabelMeDataset.read(path)
    assert inside not in str(dataset.image_info)
    assert_array_equal(dataset.load_image(0), PIXELS[:4, :6])
    assert dataset.load_mask(0)[0].shape == (4, 6, 1)
    # If the file exists, it takes precedence.
    dataset = LabelMeDataset.read(write(annotation([shape()], imageData=inside)))
    assert_array_equal(dataset.load_image(0), PIXELS)
    for broken in ("!", "AAAA", inside[:60]):
        path = write(annotation([shape()], "no.png", imageData=broken), "c.json")
        dataset = LabelMeDataset.read(path)
        with pytest.raises(OSError, match=r"c\.json: its imageData cannot be read as an image"):
            dataset.load_image(0)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (shape(kind="point", points=[[1, 2]]), "shape 1 (cat): a point has no area: leave"),
        (shape(kind="blob"), "shape 1 (cat): its shape_type is 'blob': it must be polygon,"),
        (shape(points=[[1, 2], [3, 4]]), "it has 2 points: a polygon needs at least 3."),
        (shape(points=[[1, 2], [3, 4, 5]]), "it has the point [3, 4, 5]: a point must be [x, y]."),
        (shape(points={}), "its points are {}: they must be a list of [x, y]."),
        (shape(points=[[1, None]]), "None is not a usable number."),
        (shape(points=[[1, 2], [3, 4], [float("nan"), 5]]), "it has the coordinate nan"),
        (shape(kind="rectangle", points=[[1, 2]]), "it is a rectangle with 1 points: it must have"),
        (shape(kind="rectangle", points=[[1, 2], [1, 5]]), "its width is 0.0 and its height 3.0"),
        (shape(kind="circle", points=[[1, 2], [1, 2]]), "its radii are 0.0 and 0.0"),
        (shape(kind="circle"), "it is a circle with 4 points: it must have 2, its"),
        (shape(kind="linestrip", points=[]), "it has 0 points: a line needs at least 1."),
        (shape(None), "shape 1: its label is None: it must be a name."),
        (shape(" "), "shape 1 ( ): its label is ' ': it must be a name."),
        (shape(group=[1]), "its group_id is [1]: it must be a number."),
        ("cat", "shape 1: it must be an object with label, points and shape_type."),
        (shape(kind="mask", points=[[0, 0], [2, 1]]), "its mask is None: it must be a PNG in"),
        (
            shape(kind="mask", points=[[0, 0], [2, 1]], mask="AAAA"),
            "its mask is not a PNG in base64: ",
        ),
        (
            shape(kind="mask", points=[[0, 0], [2, 1]], mask=png(PIXELS)),
            "its mask is not a PNG in base64: it has 3 channels: it must have 1.",
        ),
        (
            shape(kind="mask", points=[[0, 0], [5, 1]], mask=png(MASK)),
            "its mask has 2 x 3 pixels, but the box of its points has 2 x 6.",
        ),
        (
            shape(kind="mask", points=SQUARE, mask=png(MASK)),
            "it is a mask with 4 points: it must have 2, the corners of its box.",
        ),
    ],
)
def test_shapes_that_cannot_be_used(write, tmp_path, bad, message, caplog):
    write(annotation([shape("dog", group=5), bad]))
    with pytest.raises(ValueError) as error:
        LabelMeDataset.read(tmp_path)
    assert str(error.value).startswith(f"{tmp_path}: 1 entry cannot be used:\n- a.json, shape 1")
    assert message in str(error.value)
    dataset = LabelMeDataset.read(tmp_path, strict=False)
    assert dataset.class_names == ["BG", "dog"]
    assert dataset.load_instances(0)[1].tolist() == [1]
    assert len(caplog.messages) == 1


def test_a_group_with_one_bad_part(write):
    shapes = [shape(points=[], group=1), shape(group=1), shape("dog", points=[], group=1)]
    dataset = LabelMeDataset.read(write(annotation(shapes)), strict=False)
    assert dataset.load_instances(0)[0].areas.tolist() == [16]


def test_files_that_are_not_labelme(write, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such file or folder: .*none"):
        LabelMeDataset.read(tmp_path / "none")
    with pytest.raises(ValueError, match=r"has no \.json files\."):
        LabelMeDataset.read(tmp_path)
    write(annotation([shape()]))
    write({"images": [], "annotations": []}, "coco.json")
    (tmp_path / "d.json").write_text("{")
    with pytest.raises(ValueError) as error:
        LabelMeDataset.read(tmp_path)
    assert "2 entries cannot be used:\n- coco.json: it is not a LabelMe file: it must" in str(
        error.value
    )
    assert "d.json: " in str(error.value) and "is not a JSON file" in str(error.value)
    assert LabelMeDataset.read(tmp_path, strict=False).num_images == 1


WORDS = (
    "label points shape_type group_id mask flags polygon rectangle circle line linestrip cat "
    "imagePath imageData imageHeight imageWidth shapes a.png a.json"
)
words = st.sampled_from(WORDS.split())
leaves = st.none() | st.booleans() | st.integers(-3, 9) | st.floats() | st.text(max_size=2) | words
values = st.recursive(
    leaves, lambda v: st.lists(v, max_size=4) | st.dictionaries(words, v, max_size=5), max_leaves=12
)
point = st.lists(st.integers(-3, 12) | st.floats(), min_size=2, max_size=2)
shapes = st.fixed_dictionaries(
    {"label": words | values, "points": st.lists(point | values, max_size=4) | values},
    optional={
        "shape_type": words | values,
        "group_id": values,
        "mask": st.just(png(MASK)) | values,
    },
)
annotations = st.fixed_dictionaries(
    {"shapes": st.lists(shapes | values, max_size=3)},
    optional={key: values for key in ("imagePath", "imageData", "imageHeight", "imageWidth")},
)


@given(annotations | values, st.booleans())
def test_whatever_the_file_it_is_read_or_refused(tmp_path_factory, data, strict):
    path = tmp_path_factory.getbasetemp() / "fuzz.json"
    path.write_text(json.dumps(data))
    try:
        dataset = LabelMeDataset.read(path, strict=strict)
    except ValueError as error:
        assert str(error).startswith(str(path))
    else:
        for instance in dataset.image_info[0]["annotations"]:
            instance.shape.crop(8, 10)
            box_of(instance.shape, 8, 10)


@pytest.mark.parametrize("strict", [True, False])
def test_a_folder_with_the_name_of_a_file(write, tmp_path, strict):
    write(annotation([shape()]))
    (tmp_path / "x.json").mkdir()
    assert LabelMeDataset.read(tmp_path, strict=strict).num_images == 1


def test_an_image_name_in_a_different_case(write, tmp_path):
    write(annotation([shape()], name="..\\imgs\\A.PNG"))
    assert LabelMeDataset.read(tmp_path).image_info[0]["path"] == str(tmp_path / "a.png")


@pytest.mark.parametrize("corner", [float("nan"), 1e300])
def test_a_mask_that_lies_nowhere(corner):
    bad = shape(points=[[corner, 1], [corner, 2]], kind="mask", mask=png(MASK))
    with pytest.raises(ValueError, match=r"has the coordinate (nan|1e\+300): it must be a finite"):
        parse_shape(bad, 10)
