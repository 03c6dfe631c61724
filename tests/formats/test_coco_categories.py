"""Which categories of a COCO file become classes."""

import json
import logging

import pytest

from mrcnn.formats import CocoDataset

FISHES = {"id": 0, "name": "fishes", "supercategory": "none"}
COD = {"id": 1, "name": "cod", "supercategory": "fishes"}
EEL = {"id": 2, "name": "eel", "supercategory": "fishes"}


def read(folder, categories, used=(1,), **options):
    """A dataset of one image with an annotation of each of the used categories."""
    triangle = [[5, 4, 20, 6, 13, 30]]
    content = {
        "images": [{"id": 7, "file_name": "a.png", "height": 40, "width": 50}],
        "categories": categories,
        "annotations": [
            {"id": i, "image_id": 7, "category_id": key, "segmentation": triangle}
            for i, key in enumerate(used)
        ],
    }
    path = folder / "annotations.json"
    path.write_text(json.dumps(content))
    return CocoDataset.read(path, images=folder, **options)


def test_an_unused_parent_is_not_a_class(tmp_path, caplog):
    for used in ((1,), (1, 1), ()):  # training, validation, an empty split
        data = read(tmp_path, [FISHES, COD, EEL], used)
        assert data.class_names == ["BG", "cod", "eel"]
        assert data.load_instances(0)[1].tolist() == [1] * len(used)
    assert data.map_source_class_id("coco.2") == 2
    [first, *_] = caplog.messages
    assert "no class for category 'fishes': other categories name it as their super" in first
    assert len(caplog.messages) == 3  # one for each file


def test_a_parent_that_annotations_use_is_a_class(tmp_path, caplog):
    data = read(tmp_path, [FISHES, COD], used=(0, 1))
    assert data.class_names == ["BG", "fishes", "cod"]
    assert data.load_instances(0)[1].tolist() == [1, 2]
    assert not caplog.messages


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"class_names": ["cod", "fishes"]}, ["BG", "cod", "fishes"]),
        ({"only": ["fishes", "cod"]}, ["BG", "fishes", "cod"]),
        ({"only": [0, 1]}, ["BG", "fishes", "cod"]),
        ({"class_map": {"fishes": "other"}}, ["BG", "other", "cod"]),
        ({"class_map": {"fishes": None}}, ["BG", "cod"]),
        ({"class_names": ["any"], "class_map": {"fishes": "any", "cod": "any"}}, ["BG", "any"]),
        ({"class_names": ["cod"]}, ["BG", "cod"]),
    ],
)
def test_a_parent_that_is_asked_for_is_a_class(tmp_path, caplog, options, names):
    data = read(tmp_path, [FISHES, COD], **options)
    assert data.class_names == names
    if "fishes" in names:
        assert data.get_source_class_id(names.index("fishes"), "coco") == 0
    assert not [text for text in caplog.messages if "class_map names" in text]


def test_parents_of_parents_and_what_is_not_a_parent(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    animals = {"id": 9, "name": "animals", "supercategory": ""}
    categories = [animals, {**FISHES, "supercategory": "animals"}, COD]
    assert read(tmp_path, categories).class_names == ["BG", "cod"]
    caplog.clear()
    # Its own parent, like COCO's person; unused leaves; parents that are not categories.
    person = {"id": 3, "name": "person", "supercategory": "person"}
    assert read(tmp_path, [person, COD, EEL]).class_names == ["BG", "cod", "eel", "person"]
    # An export's root with the same name as its only class.
    root = {"id": 0, "name": "cod", "supercategory": "none"}
    assert read(tmp_path, [root, {**COD, "supercategory": "cod"}]).class_names == ["BG", "cod"]
    # In a cycle, all are classes: some must be.
    circle = [{**FISHES, "supercategory": "cod"}, COD]
    assert read(tmp_path, circle, used=()).class_names == ["BG", "fishes", "cod"]
    assert not caplog.messages


@pytest.mark.parametrize("name", ["background", "Background", "BG"])
def test_an_unused_background_category_is_not_a_class(tmp_path, caplog, name):
    background = {"id": 0, "name": name, "supercategory": "none"}
    assert read(tmp_path, [background, COD]).class_names == ["BG", "cod"]
    assert f"no class for category {name!r}: it is the background" in caplog.messages[0]
    if name == "background":
        assert read(tmp_path, [background, COD], (0, 1)).class_names == ["BG", name, "cod"]
        asked = read(tmp_path, [background, COD], class_names=["cod", name])
        assert asked.class_names == ["BG", "cod", name]
        assert read(tmp_path, [{**background, "id": 5}, COD]).class_names == ["BG", "cod", name]
