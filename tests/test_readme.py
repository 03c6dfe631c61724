"""The Python code of the README runs, in reading order."""

import json
import re
from pathlib import Path
from unittest import mock

import matplotlib
import numpy as np
import pytest
from PIL import Image

from mrcnn import model as modellib
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.weights import start_weights

matplotlib.use("Agg")

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.S)
# A fake detection: training and detecting for real would take minutes.
FOUND = {
    "rois": np.array([[10, 10, 30, 40]], np.int32),
    "class_ids": np.array([1], np.int32),
    "scores": np.float32([0.9]),
    "masks": np.pad(np.ones((20, 30, 1), bool), [(10, 34), (10, 56), (0, 0)]),
}


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """Ten photographs in `balloon`, each annotated with a polygon, and one to detect in."""
    monkeypatch.chdir(tmp_path)
    entries = {}
    for part in ("train", "val"):
        (tmp_path / "balloon" / part).mkdir(parents=True)
    for number in range(10):
        name = f"{number}.jpg"
        Image.new("RGB", (96, 64), (20 * number, 90, 90)).save(
            tmp_path / "balloon" / "train" / name
        )
        shape = {"name": "polygon", "all_points_x": [10, 40, 40], "all_points_y": [10, 10, 30]}
        regions = {"0": {"shape_attributes": shape, "region_attributes": {}}}
        entries[name] = {"filename": name, "size": 1, "regions": regions, "file_attributes": {}}
    (tmp_path / "balloon" / "train" / "via_region_data.json").write_text(json.dumps(entries))
    (name,) = re.findall(r'read_image\("(.*?)"\)', README)
    Image.new("RGB", (96, 64)).save(tmp_path / name)


@pytest.mark.parametrize("network", ["for a GPU", "for a CPU"])
def test_own_data_from_annotations_to_a_picture(network, photographs, monkeypatch, tmp_path):
    data, large, small, detect = BLOCKS
    models = []

    def make(mode, config, model_dir):
        config.validate()
        model = mock.create_autospec(MaskRCNN, instance=True)
        model.mode, model.config = mode, config
        model.detect.return_value = [FOUND]
        models.append(model)
        return model

    monkeypatch.setattr(modellib, "MaskRCNN", make)
    for name in ("load", "load_fitting"):
        fake = mock.create_autospec(getattr(start_weights, name))
        monkeypatch.setattr(start_weights, name, fake)
    names = {"__name__": "readme"}
    for block in (data, large if network == "for a GPU" else small, detect):
        exec(block, names)
    training, inference = models
    assert (training.mode, inference.mode) == ("training", "inference")
    train, val = training.train.call_args.args[:2]
    assert (train.num_images, val.num_images) == (8, 2)
    assert train.class_names == ["BG", "balloon"]
    assert train.num_classes == training.config.NUM_CLASSES
    assert inference.config.IMAGE_MAX_DIM == training.config.IMAGE_MAX_DIM
    assert inference.config.BACKBONE == training.config.BACKBONE
    assert (training.config.BACKBONE == "resnet101") is (network == "for a GPU")
    calls = [*start_weights.load_fitting.call_args_list, *start_weights.load.call_args_list]
    first, second = (call.args[1] for call in calls)
    assert first == ("coco" if network == "for a GPU" else "nuclei")
    assert second == "best"
    assert (tmp_path / "found.png").stat().st_size > 1000


def test_nothing_is_left_to_fill_in():
    assert not re.findall(r"_HERE|TODO|TBD|XXX", README)


def test_what_the_readme_links_to_is_there():
    linked = re.findall(r"\]\((?!https?:|#)([^)#]+)", README)
    assert len(linked) > 20
    assert [path for path in linked if not (ROOT / path).exists()] == []
