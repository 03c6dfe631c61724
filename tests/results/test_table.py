import csv

import numpy as np
import pytest
from numpy.testing import assert_allclose
from skimage.draw import ellipse
from skimage.measure import regionprops_table

from mrcnn.images.pixel_size import PixelSize
from mrcnn.instances import InstanceMasks
from mrcnn.results import ImageFacts, Objects, table

NAMES = ["BG", "cell", "Zelle, groß"]


def facts(shape=(60, 80), name="a.tif", **given):
    return ImageFacts(name, shape, NAMES, **given)


def objects_of(masks, class_ids=None, scores=None, first=1):
    count = len(masks)
    return Objects(
        np.arange(first, first + count),
        np.ones(count, int) if class_ids is None else class_ids,
        np.full(count, 0.93) if scores is None else scores,
        masks.boxes,
        masks,
    )


def ellipses():
    """Two ellipses, the second one cut by the lower right corner of the image."""
    labels = np.zeros((60, 80), np.int32)
    labels[ellipse(20, 25, 12, 7, labels.shape, rotation=0.5)] = 1
    labels[ellipse(55, 70, 14, 18, labels.shape)] = 2
    return labels, InstanceMasks.from_labels(labels, 2)


def rows_of(path):
    with open(path, encoding="utf8", newline="") as file:
        return list(csv.DictReader(file))


def numbers(rows, column):
    return [float(row[column]) for row in rows]


def test_measures_are_those_of_the_whole_image(tmp_path):
    labels, masks = ellipses()
    pixels = np.random.default_rng(0).integers(0, 65536, (60, 80, 2), dtype=np.uint16)
    image = facts(pixels=pixels, channel_names=["DAPI", ""])
    table.write(tmp_path / "a.csv", image, [objects_of(masks, [1, 2], [0.93, 0.5])])
    rows = rows_of(tmp_path / "a.csv")
    assert [row["image"] for row in rows] == ["a.tif", "a.tif"]
    assert [row["object"] for row in rows] == ["1", "2"]
    assert [row["class"] for row in rows] == ["cell", "Zelle, groß"]
    assert [row["score"] for row in rows] == ["0.93", "0.5"]

    measured = regionprops_table(
        labels,
        pixels,
        properties=(
            *("area", "centroid", "bbox", "perimeter", "axis_major_length", "axis_minor_length"),
            *("eccentricity", "orientation", "solidity"),
            *("intensity_mean", "intensity_min", "intensity_max"),
        ),
    )
    columns = {
        **{name: name for name in ("area", "perimeter", "eccentricity", "orientation", "solidity")},
        **{"centroid_y": "centroid-0", "centroid_x": "centroid-1"},
        **{f"box_{side}": f"bbox-{i}" for i, side in enumerate(("y1", "x1", "y2", "x2"))},
        **{"major_axis": "axis_major_length", "minor_axis": "axis_minor_length"},
        **{f"intensity_{s}_DAPI": f"intensity_{s}-0" for s in ("mean", "min", "max")},
        **{f"intensity_{s}_1": f"intensity_{s}-1" for s in ("mean", "min", "max")},
    }
    for column, theirs in columns.items():
        assert_allclose(numbers(rows, column), measured[theirs], rtol=1e-6, err_msg=column)


def test_the_file_is_plain_text(tmp_path):
    _, masks = ellipses()
    table.write(tmp_path / "a.csv", facts(), [objects_of(masks, [2, 9])])
    data = (tmp_path / "a.csv").read_bytes()
    header, first, second = data.decode("utf8").splitlines()
    assert header == (
        "image,object,class,score,area,centroid_y,centroid_x,box_y1,box_x1,box_y2,box_x2,"
        "perimeter,major_axis,minor_axis,eccentricity,orientation,solidity"
    )
    assert data.startswith(b"image,object") and b"\r" not in data and data.endswith(b"\n")
    assert first.startswith('a.tif,1,"Zelle, groß",0.93,')
    assert second.startswith("a.tif,2,class 9,0.93,")


def test_physical_units(tmp_path):
    _, masks = ellipses()
    size = PixelSize(0.5, 0.5, "µm")
    table.write(tmp_path / "a.csv", facts(pixel_size=size), [objects_of(masks)])
    for row in rows_of(tmp_path / "a.csv"):
        assert float(row["area_um2"]) == float(row["area"]) / 4
        for name in ("perimeter", "major_axis", "minor_axis"):
            assert_allclose(float(row[f"{name}_um"]), float(row[name]) / 2, rtol=1e-6)


def test_pixels_that_are_not_square(tmp_path):
    disk = np.zeros((60, 80, 1), bool)
    disk[ellipse(30, 40, 10.5, 21, disk.shape[:2])] = True  # round if pixels are twice as high
    masks = InstanceMasks.from_dense(disk)
    size = PixelSize(y=2.0, x=1.0, unit="mm")
    table.write(tmp_path / "a.csv", facts(pixel_size=size), [objects_of(masks)])
    (row,) = rows_of(tmp_path / "a.csv")
    assert float(row["area_mm2"]) == 2 * masks.areas[0]
    assert row["perimeter_mm"] == ""
    assert_allclose(numbers([row], "major_axis_mm"), numbers([row], "minor_axis_mm"), rtol=0.02)
    assert_allclose(numbers([row], "major_axis_mm"), 42, rtol=0.02)


@pytest.mark.parametrize(
    "crop", [np.ones((1, 1)), np.ones((1, 6)), np.eye(5), np.array([[1, 0, 1]])]
)
def test_tiny_and_thin_objects(tmp_path, crop):
    masks = InstanceMasks([crop], [(59 - len(crop), 3)], (60, 80))
    image = facts(pixels=np.full((60, 80), 7, np.uint8), pixel_size=PixelSize(1, 1, "µm"))
    table.write(tmp_path / "a.csv", image, [objects_of(masks)])
    (row,) = rows_of(tmp_path / "a.csv")
    assert float(row["area"]) == crop.sum() == float(row["area_um2"])
    assert "" not in row.values()
    assert row["intensity_mean_0"] == row["intensity_min_0"] == row["intensity_max_0"] == "7"


def test_boxes_alone(tmp_path):
    objects = Objects([4], [1], [0.5], [[10, 20, 13, 26]])
    image = facts(pixels=np.zeros((60, 80)), pixel_size=PixelSize(0.5, 0.5, "µm"))
    table.write(tmp_path / "a.csv", image, [objects])
    (row,) = rows_of(tmp_path / "a.csv")
    given = {name: value for name, value in row.items() if value}
    assert given == {
        **{"image": "a.tif", "object": "4", "class": "cell", "score": "0.5", "area": "18"},
        **{"centroid_y": "11", "centroid_x": "22.5", "area_um2": "4.5"},
        **{"box_y1": "10", "box_x1": "20", "box_y2": "13", "box_x2": "26"},
    }


def test_an_object_without_pixels(tmp_path):
    masks = InstanceMasks([np.zeros((3, 3))], [(1, 1)], (60, 80))
    objects = Objects([1], [1], [0.5], [[10, 20, 13, 26]], masks)
    table.write(tmp_path / "a.csv", facts(pixels=np.zeros((60, 80))), [objects])
    (row,) = rows_of(tmp_path / "a.csv")
    assert (row["area"], row["centroid_y"], row["solidity"]) == ("0", "11", "")


def test_pixels_without_data_do_not_count(tmp_path):
    masks = InstanceMasks([np.ones((1, 4))] * 2, [(0, 0), (5, 0)], (60, 80))
    pixels = np.ma.masked_array(np.zeros((60, 80, 1), np.float32), False)
    pixels[0, :4, 0] = [2, np.nan, 4, 900]
    pixels[0, 3, 0] = np.ma.masked
    pixels[5] = np.nan
    table.write(tmp_path / "a.csv", facts(pixels=pixels), [objects_of(masks)])
    first, second = rows_of(tmp_path / "a.csv")
    assert [first[f"intensity_{s}_0"] for s in ("mean", "min", "max")] == ["3", "2", "4"]
    assert second["intensity_mean_0"] == ""


def test_only_the_boxes_of_objects_are_read(tmp_path):
    class Pixels:
        shape, dtype = (60, 80), np.dtype(np.uint16)
        read: list = []

        def __getitem__(self, place):
            self.read.append(place)
            return np.ones([side.stop - side.start for side in place], self.dtype)

    _, masks = ellipses()
    pixels = Pixels()
    table.write(tmp_path / "a.csv", facts(pixels=pixels), [objects_of(masks)])
    read = [[y.start, x.start, y.stop, x.stop] for y, x in pixels.read]
    assert read == masks.boxes.tolist()


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        (["DAPI", "DAPI"], ["0", "1"]),
        (["DAPI", "GFP"], ["DAPI", "GFP"]),
        (["", "GFP"], ["0", "GFP"]),
        (["DAPI"], ["0", "1"]),
        ([], ["0", "1"]),
    ],
)
def test_channels_without_a_name_of_their_own_are_counted(tmp_path, names, columns):
    image = facts(pixels=np.zeros((60, 80, 2)), channel_names=names)
    table.write(tmp_path / "a.csv", image, [])
    header = (tmp_path / "a.csv").read_text().strip().split(",")
    assert header[-6::3] == [f"intensity_mean_{name}" for name in columns]


def test_parts_follow_each_other(tmp_path):
    _, masks = ellipses()
    parts = [objects_of(masks), objects_of(masks[:0], first=3), objects_of(masks, first=3)]
    table.write(tmp_path / "a.csv", facts(), iter(parts))
    assert numbers(rows_of(tmp_path / "a.csv"), "object") == [1, 2, 3, 4]


def test_no_objects(tmp_path):
    table.write(tmp_path / "a.csv", facts(pixels=np.zeros((60, 80))), [])
    (header,) = (tmp_path / "a.csv").read_text().splitlines()
    assert header.endswith("intensity_mean_0,intensity_min_0,intensity_max_0")


def test_tables_of_different_columns_are_joined(tmp_path):
    _, masks = ellipses()
    gray, colours = np.full((60, 80), 5, np.uint8), np.full((60, 80, 2), 6, np.uint8)
    size = PixelSize(1, 1, "nm")
    images = [
        facts(name="gray", pixels=gray),
        facts(name="none"),
        facts(name="colours", pixels=colours, channel_names=["DAPI", "actin"], pixel_size=size),
        facts(name="empty", pixels=colours),
    ]
    parts = [tmp_path / f"{image.name}.csv" for image in images]
    for image, path in zip(images, parts, strict=True):
        table.write(path, image, [objects_of(masks if image.name != "empty" else masks[:0])])
    table.gather(iter(parts), tmp_path / "objects.csv")
    rows = rows_of(tmp_path / "objects.csv")
    assert [(row["image"], row["object"]) for row in rows] == [
        (name, number) for name in ("gray", "none", "colours") for number in "12"
    ]
    assert [row["intensity_mean_0"] for row in rows] == ["5", "5", "", "", "", ""]
    assert [row["intensity_max_actin"] for row in rows] == ["", "", "", "", "6", "6"]
    assert [row["area_nm2"] == "" for row in rows] == [True] * 4 + [False] * 2
    columns = list(rows[0])
    assert columns.index("area_nm2") < columns.index("intensity_mean_0")
    assert columns[-1] == "intensity_max_1"  # of the image without objects


def test_frames_of_a_video_have_columns_of_their_own(tmp_path):
    _, masks = ellipses()
    video = facts(name="b.mp4", pixels=np.zeros((60, 80, 3), np.uint8))
    with table.writing(tmp_path / "b.csv", video, table.FRAME) as add:
        for frame, objects in enumerate(
            [objects_of(masks), objects_of(masks[:0]), objects_of(masks)]
        ):
            add(video, objects, frame=frame, seconds=frame / 25)
    rows = rows_of(tmp_path / "b.csv")
    assert list(rows[0])[:4] == ["image", "frame", "seconds", "object"]
    assert [(row["frame"], row["seconds"]) for row in rows] == [("0", "0")] * 2 + [
        ("2", "0.08")
    ] * 2
    table.write(tmp_path / "a.csv", facts(), [objects_of(masks[:1])])
    table.gather([tmp_path / "a.csv", tmp_path / "b.csv"], tmp_path / "all.csv")
    joined = rows_of(tmp_path / "all.csv")
    assert list(joined[0])[:4] == ["image", "frame", "seconds", "object"]
    assert [row["frame"] for row in joined] == ["", "0", "0", "2", "2"]
    table.gather([tmp_path / "a.csv"], tmp_path / "all.csv")
    assert "frame" not in rows_of(tmp_path / "all.csv")[0]


def test_nothing_to_join(tmp_path):
    table.gather([], tmp_path / "objects.csv")
    assert (tmp_path / "objects.csv").read_text().startswith("image,object,class,score,area,")
