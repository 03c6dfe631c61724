"""The dataset that a command line names."""

import argparse
import json

import every_format
import numpy as np
import pytest
from every_format import WRITERS, drawn

from mrcnn.cli.data import (
    add_data,
    add_val,
    describe,
    describe_classes,
    describe_corrections,
    read_data,
)
from mrcnn.cli.python_lines import Lines
from mrcnn.datasets import Dataset
from mrcnn.instances import InstanceMasks
from mrcnn.results.labelme import write as write_labelme
from mrcnn.results.objects import ImageFacts, Objects


@pytest.fixture
def parse():
    parser = argparse.ArgumentParser()
    add_data(parser)
    add_val(parser)
    return lambda *words: parser.parse_args([str(word) for word in words])


def execute(lines):
    found = {}
    exec(str(lines), found)
    return found


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_lines_read_the_same(tmp_path, parse, write):
    for part, count in (("train", 3), ("val", 2)):
        (tmp_path / part).mkdir()
        write(drawn(count), tmp_path / part)
    data = read_data(parse(tmp_path))
    assert data.format == WRITERS[write]
    assert {part: each.num_images for part, each in data.datasets.items()} == {
        "train": 3,
        "val": 2,
    }
    lines = Lines()
    names = [data.add_read(lines, part, limit) for part, limit in (("train", None), ("val", 1))]
    found = execute(lines)
    assert names == ["train", "val"]
    assert [found[name].num_images for name in names] == [3, 1]
    assert found["train"].class_names == found["val"].class_names == ["BG", *data.class_names]


def test_a_whole(tmp_path, parse):
    every_format.label_images(drawn(2), tmp_path)
    data = read_data(parse(tmp_path, "--class-names=cell"))
    assert (data.class_names, data.is_unnamed, [*data.datasets]) == (["cell"], True, ["all"])
    lines = Lines()
    assert data.add_read(lines, "all") == "dataset"
    assert execute(lines)["dataset"].class_names == ["BG", "cell"]


def test_both_parts_have_the_classes_of_training(tmp_path, parse):
    every_format.labelme(drawn(2), tmp_path / "train")
    every_format.labelme(drawn(2, names=("dog",)), tmp_path / "val")
    data = read_data(parse(tmp_path))
    assert data.datasets["val"].class_names == ["BG", "cat", "dog"]
    with pytest.raises(ValueError, match="class 'cat': 2 instances, first in image0"):
        read_data(parse(tmp_path, "--class-names=dog"))
    left = read_data(parse(tmp_path, "--read", "class_map={cat: null}"))
    assert left.class_names == ["dog"]
    assert left.datasets["train"].load_instances(0)[1].tolist() == [1]


def test_options_of_the_reader(tmp_path, parse):
    every_format.labelme(drawn(2), tmp_path)
    (tmp_path / "image0.json").write_text('{"shapes": [{"label": "cat"}]}')
    with pytest.raises(ValueError, match="leave them out with strict=False"):
        read_data(parse(tmp_path))
    assert read_data(parse(tmp_path, "--read=strict=False")).datasets["all"].num_images == 2
    with pytest.raises(ValueError, match="the reader of labelme has no argument split_components"):
        read_data(parse(tmp_path, "--read=split_components=True"))


def test_numbers_keep_their_names(tmp_path, parse):
    """In index PNGs, class_names are the meaning of the numbers."""
    for part in ("train", "val"):
        every_format.index_pngs(drawn(2), tmp_path / part)
    options = parse(tmp_path, "--read", "class_map={dog: cat}")
    data = read_data(options)
    for each in data.datasets.values():
        assert each.class_names == ["BG", "cat"]
        assert each.load_instances(0)[1].tolist() == [1, 1]
    lines = Lines()
    for part in data.datasets:
        data.add_read(lines, part)
    assert execute(lines)["val"].class_names == ["BG", "cat"]


def test_images_elsewhere(tmp_path, parse):
    every_format.coco(drawn(2), tmp_path / "images", file="a.json")
    (tmp_path / "json").mkdir()
    (tmp_path / "images" / "a.json").rename(tmp_path / "json" / "a.json")
    (tmp_path / "images").rename(tmp_path / "pictures")
    with pytest.raises(FileNotFoundError, match="pass the images folder as `images`"):
        read_data(parse(tmp_path / "json"))
    data = read_data(parse(tmp_path / "json", "--images", tmp_path / "pictures"))
    assert data.datasets["all"].load_image(0).shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format=pdf"], "invalid choice: 'pdf'"),
        (["--class-names=,"], "it has no names"),
        (["--read=strict"], "'strict' is not NAME=VALUE"),
        (["--read=strict=["], "'[' is not a value in YAML"),
        (["--val=1"], "1 leaves no image to train on"),
        (["--val=2"], "2 is not between 0 and 1"),
    ],
)
def test_refusals(parse, capsys, words, message):
    with pytest.raises(SystemExit):
        parse("cells", *words)
    assert message in capsys.readouterr().err


def test_corrections(tmp_path, parse):
    every_format.coco(drawn(1), tmp_path / "coco")
    assert describe_corrections(read_data(parse(tmp_path / "coco"))) == ""
    every_format.labelme(drawn(2), tmp_path / "cells")
    assert describe_corrections(read_data(parse(tmp_path / "cells"))) == ""
    masks = InstanceMasks([np.ones((9, 9), bool)] * 2, [(3, 3), (3, 30)], (48, 64))
    image = ImageFacts("image0.png", (48, 64), ["BG", "cat"], tmp_path / "cells" / "image0.png")
    file = tmp_path / "cells" / "image0.json"
    file.unlink()
    write_labelme(file, image, [Objects([1, 2], [1, 1], [0.9, 0.8], masks.boxes, masks)])
    content = json.loads(file.read_text())
    del content["shapes"][0]
    content["shapes"][0]["label"] = "dog"
    file.write_text(json.dumps(content))
    assert describe_corrections(read_data(parse(tmp_path / "cells"))) == (
        "Corrected since a model wrote them, in 1 file: 1 removed, 1 of another class; 0 kept as "
        "written."
    )


def test_words(tmp_path, parse):
    every_format.labelme(drawn(1), tmp_path)
    data = read_data(parse(tmp_path))
    assert describe(data.datasets["all"]) == "1 image with 2 objects"
    dataset = Dataset()
    dataset.add_image("cells", 1, path=None)
    dataset.add_image("cells", 2, path=None)
    dataset.prepare()
    assert describe(dataset) == "2 images"
    assert describe_classes(["cat"]) == "1 class: cat"
    assert describe_classes(["cat", "dog"]) == "2 classes: cat, dog"
