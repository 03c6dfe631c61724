"""The keypoints sample: its figures, and its commands on figures and on COCO's layout."""

import json

import numpy as np
import pytest
from conftest import load_sample
from PIL import Image
from tiny import TinyConfig, eager_training

from mrcnn.model import MaskRCNN

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def sample():
    return load_sample("keypoints")


def test_a_seed_always_gives_the_same_images(sample):
    one, same = sample.load_dataset("val", limit=5), sample.load_dataset("val", limit=5)
    other = sample.load_dataset("train", limit=5)
    for image_id in one.image_ids:
        image = one.load_image(image_id)
        assert (image.shape, image.dtype) == ((128, 128, 3), np.uint8)
        np.testing.assert_array_equal(image, same.load_image(image_id))
        assert (image != other.load_image(image_id)).any()
    assert sample.load_dataset("val").num_images == 50


def test_joints_are_on_their_figure(sample):
    dataset = sample.load_dataset("val")
    assert dataset.check(config=sample.FiguresConfig()).ok
    hidden = 0
    for image_id in dataset.image_ids:
        masks, _ = dataset.load_mask(image_id)
        points = dataset.load_keypoints(image_id).points
        for i, of_figure in enumerate(points):
            rows, columns = of_figure[:, :2].astype(int).T
            visible = of_figure[:, 2] == 2
            assert masks[rows, columns, i][visible].all()
            assert masks[rows, columns][~visible].any(axis=-1).all()
            hidden += (~visible).sum()
    assert hidden


def test_left_and_right(sample):
    layout = sample.FiguresDataset.keypoint_layout
    assert len(layout.flip_pairs) == 6
    dataset = sample.load_dataset("val", limit=20)
    left, right = (layout.names.index(f"{side}_shoulder") for side in ("left", "right"))
    for image_id in dataset.image_ids:
        points = dataset.load_keypoints(image_id)
        # They face the viewer, before and after a flip.
        for x in (points.points[..., 1], points.flip(1).points[..., 1]):
            assert (x[:, left] > x[:, right]).all()


def test_configurations(sample):
    for folder in (None, "coco"):
        for training in (True, False):
            sample.make_config(folder, training).validate()
    figures, people = sample.make_config(), sample.make_config("coco")
    assert sample.FiguresDataset.keypoint_layout.flip_pairs == figures.KEYPOINT_FLIP_PAIRS
    assert len(people.KEYPOINT_FLIP_PAIRS) == 8
    assert (people.KEYPOINT_HEAD_LAYERS, people.KEYPOINT_HEAD_CHANNELS) == (8, 512)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate"], "--weights=nucleus was not trained on keypoints"),
        (["train", "--dataset=coco"], "with --dataset use --weights=imagenet or coco"),
        (["train", "--epochs=0"], "--epochs"),
        (["detect", "--weights=people.pth"], "finds people: give COCO's folder with --dataset"),
    ],
)
def test_command_line_refuses(sample, capsys, arguments, message):
    with pytest.raises(SystemExit):
        sample.main(arguments)
    assert message in capsys.readouterr().err


def test_weights_of_other_projects(sample, monkeypatch):
    calls = []
    monkeypatch.setattr(MaskRCNN, "from_pretrained", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(sample, "evaluate", lambda *arguments: calls.append(arguments))
    name = "torchvision:keypointrcnn_resnet50_fpn"
    sample.main(["evaluate", "--dataset=coco", f"--weights={name}", "--logs=runs"])
    assert calls == [(name, "inference", "runs"), (None, "coco", None, 0.5)]


class Tiny(TinyConfig):
    NAME = "figures"
    NUM_CLASSES = 2
    HEADS = ("box", "keypoint")
    NUM_KEYPOINTS = 13
    KEYPOINT_POOL_SIZE = 3
    KEYPOINT_HEAD_LAYERS = 1
    KEYPOINT_HEAD_CHANNELS = 8
    STEPS_PER_EPOCH = 2
    VALIDATION_EVERY = 0


@pytest.mark.parametrize("layout", ["figures", "coco"])
def test_commands(sample, tmp_path, monkeypatch, capsys, layout):
    """Train and detect in figures, train and evaluate on COCO's layout: the rest is the same."""
    monkeypatch.setattr(sample, "FiguresConfig", Tiny)
    monkeypatch.setattr(sample, "PeopleConfig", Tiny)
    monkeypatch.setattr(sample, "RESULTS_DIR", tmp_path / "results")
    first = tmp_path / "first.h5"
    MaskRCNN("training", Tiny(), str(tmp_path)).keras_model.save_weights(str(first))
    arguments = [f"--logs={tmp_path / 'logs'}", "--limit=2"]
    if layout == "coco":
        arguments.append(f"--dataset={as_coco(sample, tmp_path / 'coco')}")
    with eager_training():
        sample.main(["train", *arguments, f"--weights={first}", "--epochs=1"])
    [run] = (tmp_path / "logs").glob("figures*")
    assert (run / "mask_rcnn_figures_0001.h5").exists()
    if layout == "coco":
        capsys.readouterr()
        sample.main(["evaluate", *arguments, "--weights=last", "--min-score=0"])
        assert "keypoint AP " in capsys.readouterr().out
        [folder] = (tmp_path / "results").glob("evaluate_*")
        result = json.loads((folder / "evaluation.json").read_text())
        assert result["coco"]["keypoints"]["AP"] is not None
        return
    sample.main(["detect", *arguments, "--weights=last", "--min-score=0", "--native"])
    [folder] = (tmp_path / "results").glob("detect_*")
    pictures = sorted(folder.glob("*.png"))
    assert len(pictures) == 2
    with Image.open(pictures[0]) as picture:
        assert picture.size == (64, 64)


def as_coco(sample, folder):
    """The figures in COCO's layout."""
    (folder / "annotations").mkdir(parents=True)
    for part in ("train", "val"):
        (folder / f"{part}2017").mkdir()
        dataset = sample.load_dataset(part, limit=2)
        content = dataset.to_coco()
        for image_id, row in zip(dataset.image_ids, content["images"], strict=True):
            Image.fromarray(dataset.load_image(image_id)).save(
                folder / f"{part}2017" / row["file_name"]
            )
        path = folder / "annotations" / f"person_keypoints_{part}2017.json"
        path.write_text(json.dumps(content))
    return folder
