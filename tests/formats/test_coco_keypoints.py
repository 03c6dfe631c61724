"""COCO's keypoints: read, refused, written and read back."""

import json
import logging

import numpy as np
import pytest
from PIL import Image
from shared_data import unpack_people

from mrcnn.formats import CocoDataset, CocoKeypointsDataset

NAMES = ["head", "left_hand", "right_hand"]


def annotation(keypoints, **more):
    row = {"id": 7, "image_id": 1, "category_id": 3, "bbox": [10, 20, 30, 40], "area": 1200}
    return {**row, "iscrowd": 0, "keypoints": keypoints, **more}


def write(folder, annotations, category=None, **more):
    """A keypoints file and its image."""
    Image.new("RGB", (100, 80)).save(folder / "1.png")
    category = {"keypoints": NAMES, "skeleton": [[1, 2], [1, 3]], **(category or {})}
    content = {
        "images": [{"id": 1, "file_name": "1.png", "width": 100, "height": 80}],
        "categories": [{"id": 3, "name": "figure", **category}],
        "annotations": annotations,
        **more,
    }
    path = folder / "keypoints.json"
    path.write_text(json.dumps(content))
    return path


GOOD = [25, 22, 2, 12, 40, 1, 0, 0, 0]


def test_read(tmp_path):
    path = write(tmp_path, [annotation(GOOD), annotation([], id=8), annotation([0] * 9, id=9)])
    dataset = CocoKeypointsDataset.read(path)
    layout = dataset.keypoint_layout
    assert layout.names == tuple(NAMES)
    assert layout.skeleton == ((0, 1), (0, 2))
    assert layout.flip_pairs == ((1, 2),)
    keypoints = dataset.load_keypoints(0)
    assert keypoints.shape == (80, 100, 3)
    assert keypoints.points[0].tolist() == [[22.5, 25.5, 2], [40.5, 12.5, 1], [0, 0, 0]]
    assert not keypoints.points[1:].any()
    assert dataset.has("keypoints", 0)


def test_other_formats_have_no_keypoints(tmp_path):
    dataset = CocoDataset.read(write(tmp_path, [annotation(GOOD)]))
    assert dataset.keypoint_layout is None
    assert not dataset.has("keypoints", 0)
    assert "keypoints" not in dataset.to_coco()["annotations"][0]
    assert "keypoints" not in dataset.to_coco()["categories"][0]


def test_written_and_read_back(tmp_path):
    dataset = CocoKeypointsDataset.read(write(tmp_path, [annotation(GOOD)]))
    content = dataset.to_coco(tmp_path / "written.json")
    assert content["annotations"][0]["keypoints"] == GOOD
    assert content["annotations"][0]["num_keypoints"] == 2
    assert content["annotations"][0]["bbox"] == [10, 20, 30, 40]
    assert content["categories"] == [
        {"id": 1, "name": "figure", "keypoints": NAMES, "skeleton": [[1, 2], [1, 3]]}
    ]
    again = CocoKeypointsDataset.read(tmp_path / "written.json")
    np.testing.assert_array_equal(again.load_keypoints(0).points, dataset.load_keypoints(0).points)
    assert again.keypoint_layout == dataset.keypoint_layout


def test_fractions_are_kept(tmp_path):
    points = [25.125, 22.7, 2, 12, 40.5, 1, 0, 0, 0]
    dataset = CocoKeypointsDataset.read(write(tmp_path, [annotation(points)]))
    np.testing.assert_allclose(dataset.to_coco()["annotations"][0]["keypoints"], points, atol=1e-5)


@pytest.mark.parametrize(
    ("keypoints", "message"),
    [
        (GOOD[:6], "annotation 7 of 1.png: its keypoints are 6 numbers: they must be 9, x, y and"),
        (GOOD * 2, "18 numbers: they must be 9.* each of the 3 keypoints head"),
        ([25, 22, 3, *GOOD[3:]], "visibility 3: it must be 0"),
        ("left", "its keypoints are left: they must be 9"),
        ([[25, 22, 2]] * 3, r"its keypoints are \[\[25"),
        # In the order (y, x), and normalised.
        ([21, 75, 2, 22, 80, 2, 0, 0, 0], r"all its keypoints, such as \(21, 75\), lie outside"),
        ([0.25, 0.3, 2, 0.2, 0.4, 1, 0, 0, 0], r"such as \(0.25, 0.3\), lie outside its bbox \[10"),
    ],
)
def test_unusable(tmp_path, keypoints, message):
    path = write(tmp_path, [annotation(keypoints), annotation(GOOD, id=8)])
    with pytest.raises(ValueError, match=message):
        CocoKeypointsDataset.read(path)
    dataset = CocoKeypointsDataset.read(path, strict=False)
    assert len(dataset.load_keypoints(0)) == 1


def test_a_visible_keypoint_outside_its_box(tmp_path, caplog):
    outside = annotation([25, 22, 2, 12, 70, 2, 0, 0, 0])
    hidden = annotation([25, 22, 2, 12, 70, 1, 0, 0, 0], id=8)
    with caplog.at_level(logging.WARNING):
        CocoKeypointsDataset.read(write(tmp_path, [hidden]))
        assert not [r for r in caplog.records if "outside" in r.message]
        CocoKeypointsDataset.read(write(tmp_path, [hidden, outside, {**outside, "id": 9}]))
    (line,) = (r.message for r in caplog.records if "outside" in r.message)
    assert "'left_hand' (12, 70) of annotation 7 is visible but lies outside its bbox" in line


@pytest.mark.parametrize(
    ("category", "message"),
    [
        ({"keypoints": None}, "no category has keypoints.* read by CocoDataset"),
        ({"keypoints": ["head", "head"]}, r"category 'figure': the keypoints \['head'\] are named"),
        ({"skeleton": [[0, 1]]}, r"category 'figure': skeleton has \(-1, 0\)"),
    ],
)
def test_categories(tmp_path, category, message):
    with pytest.raises(ValueError, match=message):
        CocoKeypointsDataset.read(write(tmp_path, [annotation(GOOD)], category))


def test_categories_with_different_keypoints(tmp_path):
    categories = [
        {"id": 3, "name": "figure", "keypoints": NAMES},
        {"id": 4, "name": "dog", "keypoints": ["tail"]},
    ]
    path = write(tmp_path, [annotation(GOOD)], categories=categories)
    with pytest.raises(ValueError, match="'figure' and 'dog' have different keypoints"):
        CocoKeypointsDataset.read(path)


def test_two_files_need_the_same_keypoints(tmp_path):
    dataset = CocoKeypointsDataset()
    dataset.load(write(tmp_path, [annotation(GOOD)]))
    other = write(tmp_path, [annotation([25, 22, 2])], {"keypoints": ["head"], "skeleton": []})
    with pytest.raises(ValueError, match="its keypoints are head, but those of the dataset are"):
        dataset.load(other)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    unpack_people(folder)
    return folder


@pytest.mark.parametrize(("part", "labelled"), [("train", 86), ("val", 68)])
def test_coco_people(people, part, labelled):
    path = people / "annotations" / f"person_keypoints_{part}2017.json"
    dataset = CocoKeypointsDataset.read(path)
    assert len(dataset.keypoint_layout) == 17
    content = json.loads(path.read_text())
    given = [row["keypoints"] for row in content["annotations"] if row["num_keypoints"]]
    written = [row["keypoints"] for row in dataset.to_coco()["annotations"] if row["num_keypoints"]]
    assert sorted(written) == sorted(given)
    assert len(given) == labelled
