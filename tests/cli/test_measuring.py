"""What `mrcnn evaluate` and `mrcnn compare` share."""

import argparse

import every_format
import h5py
import pytest
from every_format import drawn

from mrcnn.cli.measuring import Measured, add_measuring, has_masks, out_folder
from mrcnn.cli.python_lines import Lines

from .weights_files import save_card


@pytest.fixture
def parse():
    parser = argparse.ArgumentParser()
    add_measuring(parser)
    return lambda *words: parser.parse_args([str(word) for word in words])


@pytest.fixture
def pets(tmp_path):
    return save_card(tmp_path / "pets.h5")


def same_images(measured):
    """Ids of the images, which the printed lines choose too."""
    lines, found = Lines(), {}
    measured.add_dataset(lines)
    exec(str(lines), found)
    dataset = measured.dataset()
    assert found["dataset"].image_ids.tolist() == dataset.image_ids.tolist()
    assert found["dataset"].class_names == dataset.class_names
    return [dataset.image_info[i]["id"] for i in dataset.image_ids]


def test_the_images(parse, pets, tmp_path):
    every_format.labelme(drawn(10), tmp_path / "cells")
    every = same_images(Measured.of(parse(tmp_path / "cells"), pets))
    held_back = same_images(Measured.of(parse(tmp_path / "cells", "--val=0.3"), pets))
    trained = same_images(
        Measured.of(parse(tmp_path / "cells", "--val=0.3", "--split=train"), pets)
    )
    assert (len(every), len(held_back), len(trained)) == (10, 3, 7)
    assert sorted(held_back + trained) == every
    options = parse(tmp_path / "cells", "--limit=5", "--val=0.4")
    assert len(same_images(Measured.of(options, pets))) == 2


def test_the_parts(parse, pets, tmp_path):
    for part, count in (("train", 3), ("val", 2)):
        every_format.labelme(drawn(count), tmp_path / part)
    for split, count in (("val", 2), ("train", 3)):
        measured = Measured.of(parse(tmp_path, "--split", split), pets)
        assert len(same_images(measured)) == count
        assert measured.images() == f"the part {split} of {tmp_path}"
    with pytest.raises(ValueError, match="has a part for validation: leave out --val"):
        Measured.of(parse(tmp_path, "--val=0.5"), pets).dataset()


def test_which_images_these_are_in_words(parse, pets, tmp_path):
    every_format.labelme(drawn(4), tmp_path)
    texts = [
        Measured.of(parse(tmp_path, *words), pets).images()
        for words in ([], ["--val=0.25"], ["--val=0.25", "--split=train"])
    ]
    assert texts[0].startswith(f"all images of {tmp_path}. If the model was trained on some")
    assert texts[1:] == [
        f"the images of {tmp_path} that --val 0.25 says are {which}"
        for which in ("held back", "trained on")
    ]


def test_classes_have_the_models_ids(parse, tmp_path):
    every_format.labelme(drawn(2), tmp_path)
    path = save_card(tmp_path / "zoo.h5", names=("dog", "owl", "cat"), NUM_CLASSES=4)
    dataset = Measured.of(parse(tmp_path), path).dataset()
    assert dataset.class_names == ["BG", "dog", "owl", "cat"]
    assert dataset.load_instances(0)[1].tolist() == [3, 1]
    with pytest.raises(ValueError, match="the dataset has cat, but the model finds dog, owl"):
        few = save_card(tmp_path / "few.h5", names=("dog", "owl"))
        Measured.of(parse(tmp_path), few)


def test_files_without_names_of_classes(parse, pets, tmp_path):
    every_format.label_images(drawn(2), tmp_path)
    one = save_card(tmp_path / "one.h5", names=("nucleus",), NUM_CLASSES=2)
    measured = Measured.of(parse(tmp_path), one)
    assert measured.dataset().class_names == ["BG", "nucleus"]
    assert "they are taken to be the same" in measured.agreement.remark
    with pytest.raises(ValueError, match="the dataset has object, but the model finds cat, dog"):
        Measured.of(parse(tmp_path), pets)
    measured = Measured.of(parse(tmp_path, "--class-names=dog"), pets)
    assert measured.dataset().class_names == ["BG", "cat", "dog"]
    assert measured.dataset().load_instances(0)[1].tolist() == [2, 2]


def test_a_model_that_does_not_name_its_classes(parse, tmp_path):
    every_format.labelme(drawn(2), tmp_path)
    path = tmp_path / "old.h5"
    h5py.File(path, "w").close()
    with pytest.raises(ValueError, match=r"written before 3\.1: give --config"):
        Measured.of(parse(tmp_path), path)
    assert Measured.of(parse(tmp_path, "--set=NUM_CLASSES=3"), path).data.class_names == [
        "cat",
        "dog",
    ]
    with pytest.raises(ValueError, match="does not name its 1 classes, and the dataset has 2"):
        Measured.of(parse(tmp_path, "--set=NUM_CLASSES=2"), path)


def test_scores(parse, pets, tmp_path):
    every_format.labelme(drawn(2), tmp_path)
    measured = Measured.of(parse(tmp_path), pets)
    assert measured.min_score == 0.5
    assert measured.loading() == {"DETECTION_MIN_CONFIDENCE": 0.05}
    measured = Measured.of(parse(tmp_path, "--min-score=0.01", "--set=EMA=0.5"), pets)
    assert measured.min_score == 0.01
    assert measured.loading() == {"DETECTION_MIN_CONFIDENCE": 0.01, "EMA": 0.5}
    measured = Measured.of(
        parse(tmp_path, "--set=DETECTION_MIN_CONFIDENCE={1: 0.5, 2: 0.02}"), pets
    )
    assert measured.min_score == {1: 0.5, 2: 0.02}
    assert measured.loading() == {"DETECTION_MIN_CONFIDENCE": 0.02}


def test_boxes_only(parse, pets, tmp_path):
    every_format.voc(drawn(2), tmp_path)
    measured = Measured.of(parse(tmp_path), pets)
    assert not has_masks(measured.dataset())
    assert measured.arguments(measured.dataset()) == {"min_score": 0.5, "iou_types": "bbox"}


def test_the_folder(parse, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(out_folder(parse("cells", "--out=figures"), "evaluate")) == "figures"
    folder = out_folder(parse("cells"), "evaluate")
    assert folder.parent.name == "results"
    assert folder.name.startswith("evaluate_")
