import numpy as np
import pytest

from mrcnn.results import ImageFacts, Objects
from mrcnn.results.kinds import KINDS, of_item

PIXELS = np.zeros((30, 40), np.uint8)
OF_IMAGES = [name for name in KINDS if name != "mp4"]
IMAGE = ImageFacts("plate/a.png", PIXELS.shape, ["BG", "cell"], pixels=PIXELS)


@pytest.mark.parametrize("name", OF_IMAGES)
@pytest.mark.parametrize("count", [0, 2])
def test_every_kind_is_written_whole(tmp_path, name, count):
    kind = KINDS[name]
    objects = Objects([1, 2], [1, 1], [0.9, 0.8], [[2, 3, 12, 13], [8, 8, 20, 30]])[:count]
    path = tmp_path / f"a{kind.suffix}"
    kind.write(path, IMAGE, [objects])
    assert path.stat().st_size or (name, count) == ("yolo", 0)
    assert list(tmp_path.iterdir()) == [path]
    if kind.joined:
        joined = tmp_path / kind.joined
        kind.gather([path, path], joined)
        assert joined.exists() and joined.suffix == kind.suffix


@pytest.mark.parametrize("name", OF_IMAGES)
def test_a_failed_kind_leaves_the_old_file(tmp_path, name):
    def parts():
        yield Objects([1], [1], [0.9], [[2, 3, 12, 13]])
        raise OSError("the disk is full")

    kind = KINDS[name]
    path = tmp_path / f"a{kind.suffix}"
    kind.write(path, IMAGE, [])
    old = path.read_bytes()
    with pytest.raises(OSError, match="the disk is full"):
        kind.write(path, IMAGE, parts())
    assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]


def test_only_kinds_that_are_not_joined_have_a_file_per_image():
    assert {name for name, kind in KINDS.items() if kind.joined} >= {"csv", "coco"}
    for kind in KINDS.values():
        assert hasattr(kind._module(), "gather") == bool(kind.joined)
        assert kind.suffix.startswith(".") and kind.about


def test_kinds_of_images_and_videos():
    every = tuple(KINDS)
    assert of_item(every, is_video=False) == tuple(OF_IMAGES)
    assert of_item(every, is_video=True) == ("csv", "mp4")
    assert of_item(("overlay", "mp4", "csv"), is_video=True) == ("mp4", "csv")
    assert of_item(("labels",), is_video=True) == of_item(("mp4",), is_video=False) == ()


def test_classes_are_named_once_beside_the_files(tmp_path):
    for name, kind in KINDS.items():
        kind.name_classes(tmp_path, ["BG", "cell"])
        assert [path.name for path in tmp_path.iterdir()] == (["data.yaml"] if kind.names else [])
        if kind.names:
            names = tmp_path / kind.names
            names.write_text(names.read_text() + "train: images\n")
            kind.name_classes(tmp_path, ["BG", "cell"])
            assert names.read_text().endswith("train: images\n"), name
            names.unlink()
