"""Training and validation images that the files of a dataset tell apart."""

import json

import every_format
import pytest
from every_format import WRITERS, drawn

from mrcnn.formats.recognise import find_sign, read_sign
from mrcnn.formats.subsets import find_subsets


def counts(path, format=None):
    """Number of images in each part."""
    subsets = find_subsets(path, format)
    return {part: read_sign(sign).num_images for part, sign in subsets.items()}


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
@pytest.mark.parametrize("names", [("train", "val", "test"), ("training", "valid", "testing")])
def test_folders(tmp_path, write, names):
    for name, count in zip(names, (3, 2, 1), strict=True):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        write(drawn(count), folder)
    assert counts(tmp_path) == counts(tmp_path / "data") == {"train": 3, "val": 2}
    assert counts(tmp_path / "data" / names[0]) == {"all": 3}


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_a_whole(tmp_path, write):
    write(drawn(2), tmp_path)
    assert find_subsets(tmp_path) == {"all": find_sign(tmp_path)}


def test_a_training_folder_alone(tmp_path):
    for name, count in (("train", 3), ("test", 1)):
        every_format.labelme(drawn(count), tmp_path / name)
    assert counts(tmp_path) == {"all": 3}


def test_the_files_of_coco(tmp_path):
    for part, count in (("train", 3), ("val", 2), ("test", 1)):
        every_format.coco(drawn(count), tmp_path / f"{part}2017")
        (tmp_path / "annotations").mkdir(exist_ok=True)
        file = tmp_path / f"{part}2017" / "annotations.json"
        file.rename(tmp_path / "annotations" / f"instances_{part}2017.json")
    captions = {"images": [], "annotations": []}
    (tmp_path / "annotations" / "captions_train2017.json").write_text(json.dumps(captions))
    assert counts(tmp_path) == {"train": 3, "val": 2}
    # With keypoints beside them, the format must be chosen.
    people = tmp_path / "annotations" / "person_keypoints_train2017.json"
    every_format.coco(drawn(3), tmp_path / "train2017", keypoints=True)
    (tmp_path / "train2017" / "annotations.json").rename(people)
    with pytest.raises(ValueError, match=r"fits 2 formats: coco .* and coco-keypoints"):
        find_subsets(tmp_path)
    assert counts(tmp_path, "coco") == {"train": 3, "val": 2}
    assert counts(tmp_path, "coco-keypoints") == {"all": 3}


def test_other_names_of_cocos_files(tmp_path):
    """Which one is meant is for the user to say."""
    for name in ("first", "second"):
        every_format.coco(drawn(2), tmp_path, file=f"{name}.json")
    with pytest.raises(FileNotFoundError, match=r"JSON files: first\.json, second\.json\. Give"):
        counts(tmp_path)


def test_the_keys_of_yolo(tmp_path):
    for part, count in (("train", 3), ("val", 2)):
        every_format.yolo(drawn(count), tmp_path / part)
    (tmp_path / "data.yaml").write_text(
        "path: .\ntrain: train/images\nval: val/images\nnames: [cat, dog]\n"
    )
    assert counts(tmp_path) == counts(tmp_path / "data.yaml") == {"train": 3, "val": 2}
    assert find_subsets(tmp_path)["val"].options == {"split": "val"}


def test_the_folders_of_yolo(tmp_path):
    for part, count in (("train", 3), ("valid", 2)):
        every_format.yolo(drawn(count), tmp_path / part)
        for name in ("images", "labels"):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / part / name).rename(tmp_path / name / part)
        (tmp_path / part / "classes.txt").rename(tmp_path / "classes.txt")
        (tmp_path / part).rmdir()
    assert counts(tmp_path) == {"train": 3, "val": 2}


@pytest.mark.parametrize(
    ("write", "folder"), [(every_format.voc, "Main"), (every_format.index_pngs, "Segmentation")]
)
def test_the_lists_of_pascal_voc(tmp_path, write, folder):
    write(drawn(5), tmp_path)
    lists = tmp_path / "ImageSets" / folder
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("image0\nimage1\nimage2\n")
    assert counts(tmp_path) == {"all": 5}
    (lists / "val.txt").write_text("image3\nimage4\n")
    assert counts(tmp_path) == {"train": 3, "val": 2}


def test_parts_of_different_formats(tmp_path):
    every_format.labelme(drawn(2), tmp_path / "train")
    every_format.via(drawn(2), tmp_path / "val")
    with pytest.raises(ValueError, match=r"has the format labelme, .* via: they must be the same"):
        find_subsets(tmp_path)


def test_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        find_subsets(tmp_path / "gone")
