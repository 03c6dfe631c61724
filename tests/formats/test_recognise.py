"""Datasets of each format: recognised by their files, and read back as they were written."""

import json
import zipfile

import every_format
import numpy as np
import pytest
from every_format import UNNAMED, WRITERS, drawn
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn import formats
from mrcnn.formats.recognise import FORMATS, LOOKS, arguments, find_sign, read_any, recognise

SIZES = st.tuples(st.integers(40, 70), st.integers(60, 90))


def test_all_formats_are_known():
    assert {*FORMATS.values(), read_any} == {getattr(formats, name) for name in formats.__all__}
    assert LOOKS.keys() == FORMATS.keys()
    assert {*WRITERS.values()} == FORMATS.keys()


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
@settings(max_examples=6)
@given(count=st.integers(1, 4), seed=st.integers(0, 99), size=SIZES)
def test_round_trip(tmp_path_factory, write, count, seed, size):
    folder, images = tmp_path_factory.mktemp("data"), drawn(count, seed, size)
    write(images, folder)
    dataset = read_any(folder)
    assert type(dataset) is recognise(folder) is FORMATS[WRITERS[write]]
    names = ["object"] if WRITERS[write] in UNNAMED else list(every_format.CLASSES)
    assert dataset.class_names == ["BG", *names]
    assert dataset.num_images == count
    by_name = {image.name: image for image in images}
    for image_id in dataset.image_ids:
        path = dataset.image_info[image_id]["path"]
        image = by_name[path.rsplit("/", 1)[-1].split(".")[0]]
        masks, class_ids = dataset.load_instances(image_id)
        assert masks.shape[:2] == size
        found = {
            (tuple(box), dataset.class_names[class_id])
            for box, class_id in zip(masks.boxes.tolist(), class_ids.tolist(), strict=True)
        }
        of_class = "object" if WRITERS[write] in UNNAMED else None
        assert found == {(box[:4], of_class or box[4]) for box in image.objects}
        assert np.array_equal(dataset.load_image(image_id), np.array(image.pixels()))


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_the_folder_around_a_dataset(tmp_path, write):
    """Archives are often unpacked into a folder of their own, and come with a README."""
    inner = tmp_path / "download" / "cells"
    inner.mkdir(parents=True)
    write(drawn(2), inner)
    (tmp_path / "README.md").touch()
    (tmp_path / ".DS_Store").touch()
    (tmp_path / "__MACOSX").mkdir()
    assert find_sign(tmp_path) == find_sign(inner)
    assert recognise(tmp_path) is FORMATS[WRITERS[write]]


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (every_format.coco, "annotations.json"),
        (every_format.coco_keypoints, "annotations.json"),
        (every_format.labelme, "image0.json"),
        (every_format.via, "via_region_data.json"),
        (every_format.via_csv, "via.csv"),
        (every_format.yolo_yaml, "data.yaml"),
        (every_format.voc, "Annotations/image0.xml"),
    ],
)
def test_a_file_of_annotations(tmp_path, write, name):
    write(drawn(1), tmp_path)
    assert recognise(tmp_path / name) is FORMATS[WRITERS[write]]
    assert read_any(tmp_path / name).num_images == 1


def test_a_via_project(tmp_path):
    every_format.via(drawn(2), tmp_path)
    file = tmp_path / "via_region_data.json"
    project = {"_via_settings": {}, "_via_img_metadata": json.loads(file.read_text())}
    file.rename(tmp_path / "old.txt")
    (tmp_path / "project.json").write_text(json.dumps(project))
    assert read_any(tmp_path).num_images == 2


def test_labelme_files_in_a_folder_of_their_own(tmp_path):
    every_format.labelme(drawn(2), tmp_path)
    for name, suffix in (("annotations", "json"), ("images", "png")):
        (tmp_path / name).mkdir()
        for file in tmp_path.glob(f"*.{suffix}"):
            file.rename(tmp_path / name / file.name)
    dataset = read_any(tmp_path)
    assert dataset.load_image(0).shape == (48, 64, 3)
    assert dataset.class_names == ["BG", "cat", "dog"]


def test_a_large_file_is_known_by_its_ends(tmp_path, monkeypatch):
    monkeypatch.setattr("mrcnn.formats.evidence._PARSED", 10)
    monkeypatch.setattr("mrcnn.formats.evidence._END", 400)
    writers = (
        every_format.coco,
        every_format.coco_keypoints,
        every_format.via,
        every_format.labelme,
    )
    for write in writers:
        folder = tmp_path / write.__name__
        write(drawn(9), folder)
        assert recognise(folder) is FORMATS[WRITERS[write]]
    captions = {"images": [{"id": 1}] * 99, "annotations": [{"caption": "a cat"}]}
    (tmp_path / "captions.json").write_text(json.dumps(captions))
    with pytest.raises(ValueError, match="not recognised"):
        recognise(tmp_path / "captions.json")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (every_format.voc, every_format.index_pngs),
        (every_format.labelme, every_format.coco),
        (every_format.yolo_beside, every_format.voc_beside),
        (every_format.via, every_format.via_csv),
        (every_format.yolo, every_format.label_images),
        (every_format.coco, every_format.coco_keypoints),
    ],
)
def test_two_formats(tmp_path, first, second):
    first(drawn(2), tmp_path)
    if second is every_format.coco_keypoints:
        every_format.coco(drawn(2), tmp_path, keypoints=True, file="people.json")
    else:
        second(drawn(2), tmp_path)
    names = WRITERS[first], WRITERS[second]
    if names[0] == names[1]:  # one format in two files: the reader chooses
        assert recognise(tmp_path) is FORMATS[names[0]]
        return
    with pytest.raises(ValueError, match=r"fits 2 formats: .* Choose one with --format") as error:
        recognise(tmp_path)
    for name in names:
        assert f"{name} (" in str(error.value)
        assert f"--format {name}" in str(error.value)
        assert find_sign(tmp_path, name).format == name


def test_a_text_that_is_no_label(tmp_path):
    every_format.save_images(drawn(2), tmp_path)
    (tmp_path / "image0.txt").write_text("the first image, taken at 12 degrees")
    with pytest.raises(ValueError, match=r"not recognised\. It holds 2 \.png, 1 \.txt"):
        recognise(tmp_path)


def test_images_without_annotations(tmp_path):
    every_format.save_images(drawn(2), tmp_path)
    with pytest.raises(ValueError, match="holds 2 images without annotations: outline the objects"):
        recognise(tmp_path)


def test_nothing_known(tmp_path):
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ValueError, match=r"It holds 1 \.json, 1 \.csv\. Known formats") as error:
        recognise(tmp_path)
    assert all(f"\n- {name}: {looks}" in str(error.value) for name, looks in LOOKS.items())
    with pytest.raises(ValueError, match="not a JSON file"):
        recognise(tmp_path / "broken.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="It holds nothing"):
        recognise(tmp_path / "empty")


def test_a_folder_above(tmp_path):
    for name in ("first", "second"):
        every_format.via(drawn(1), tmp_path / name)
    with pytest.raises(ValueError, match=r"inside it: .*first \(via\) or .*second \(via\)"):
        recognise(tmp_path)


def test_labelme_files_in_subfolders(tmp_path):
    for name in ("first", "second/third", ".done"):
        every_format.labelme(drawn(1), tmp_path / name)
    dataset = read_any(tmp_path)
    [stem] = [path.stem for path in (tmp_path / "first").glob("*.json")]
    assert [info["id"] for info in dataset.image_info] == [f"first/{stem}", f"second/third/{stem}"]
    assert dataset.load_image(1).shape == (48, 64, 3)
    every_format.via(drawn(1), tmp_path / "fourth")
    with pytest.raises(ValueError, match=r"inside it: .*first \(labelme\)"):
        recognise(tmp_path)


def test_an_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "cells.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(ValueError, match="is not a dataset: it looks like a zip file: unpack it"):
        recognise(tmp_path / "cells.zip")


def test_missing_and_misnamed(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such file or folder: .*gone"):
        recognise(tmp_path / "gone")
    with pytest.raises(ValueError, match="format is 'pdf': it must be one of coco, "):
        read_any(tmp_path, format="pdf")


def test_a_format_that_the_user_names(tmp_path):
    """The format's own reader says what is missing."""
    with pytest.raises(ValueError, match=r"has no \.json files"):
        read_any(tmp_path, format="labelme")


def test_options(tmp_path):
    every_format.label_images(drawn(1), tmp_path)
    sign = find_sign(tmp_path)
    assert arguments(sign, class_names=["cell"]) == {"path": tmp_path, "class_names": ["cell"]}
    assert read_any(tmp_path, class_names=["cell"]).class_names == ["BG", "cell"]
    with pytest.raises(TypeError, match="has no argument images, line_width: it has labels, "):
        read_any(tmp_path, images="elsewhere", line_width=3)
