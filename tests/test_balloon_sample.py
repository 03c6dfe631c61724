"""The balloon sample: its dataset, its commands, and the colour splash of images and videos."""

import csv
import json

import numpy as np
import pytest
from conftest import load_sample
from PIL import Image
from tiny import TinyConfig
from videos import damage, read_video, write_video

from mrcnn.model import MaskRCNN
from mrcnn.weights import start_weights

pytestmark = pytest.mark.network

# x and y of a square of 20 x 20 pixels.
SQUARE = ([10, 30, 30, 10], [12, 12, 32, 32])


@pytest.fixture(scope="module")
def balloon():
    return load_sample("balloon")


@pytest.fixture
def photographs(tmp_path):
    """Three photographs for training and two for validation, with a red balloon in each."""
    for subset, count in {"train": 3, "val": 2}.items():
        folder = tmp_path / "balloon" / subset
        folder.mkdir(parents=True)
        entries = {}
        for number in range(count):
            name = f"{subset}{number}.png"
            image = np.full((64, 64, 3), 90, np.uint8)
            image[12:32, 10:30] = 220, 30, 30
            Image.fromarray(image).save(folder / name)
            shape = {"name": "polygon", "all_points_x": SQUARE[0], "all_points_y": SQUARE[1]}
            region = {"shape_attributes": shape, "region_attributes": {}}
            entries[name] = {"filename": name, "size": 1, "regions": {"0": region}}
        (folder / "via_region_data.json").write_text(json.dumps(entries))
    return tmp_path / "balloon"


def tiny(balloon, monkeypatch, tmp_path):
    """Shrink the sample's network, and make it write to the test's folder."""
    settings = {n: v for n, v in vars(TinyConfig).items() if n.isupper()}
    settings |= {"NAME": "balloon", "NUM_CLASSES": 2}
    for config in (balloon.BalloonConfig, balloon.BalloonInferenceConfig):
        for name, value in settings.items():
            monkeypatch.setattr(config, name, value, raising=False)
    monkeypatch.setattr(balloon.BalloonInferenceConfig, "IMAGES_PER_GPU", 1)
    monkeypatch.setattr(balloon, "RESULTS_DIR", tmp_path / "results")
    return ["--logs", str(tmp_path / "logs")]


def test_the_dataset(balloon, photographs):
    dataset = balloon.load_dataset(photographs, "train")
    assert dataset.class_names == ["BG", "balloon"] and dataset.num_images == 3
    masks, class_ids = dataset.load_mask(0)
    expected = np.zeros((64, 64), bool)
    expected[12:32, 10:30] = True
    np.testing.assert_array_equal(masks[..., 0], expected)
    assert class_ids.tolist() == [1]
    assert balloon.load_dataset(photographs, "train", limit=2).num_images == 2
    with pytest.raises(ValueError, match="'test': it must be train or val"):
        balloon.BalloonDataset().load_balloon(photographs, "test")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        balloon.load_dataset(photographs / "nowhere", "train")


def test_colour_stays_only_inside_the_masks(balloon):
    image = np.zeros((4, 6, 3), np.uint8)
    image[:, :] = 255, 0, 0
    masks = np.zeros((4, 6, 2), bool)
    masks[0, 0, 0] = masks[3, 5, 1] = True
    splash = balloon.color_splash(image, masks)
    assert splash.dtype == np.uint8
    assert splash[0, 0].tolist() == splash[3, 5].tolist() == [255, 0, 0]
    assert splash[1, 1].tolist() == [54, 54, 54]  # luminance is 0.2125 of red
    assert (balloon.color_splash(image, np.zeros((4, 6, 0), bool)) == 54).all()


class Finder:
    """Detect the left half of every image, and record the images."""

    def __init__(self):
        self.seen = []

    def detect(self, images):
        self.seen.extend(images)
        masks = np.zeros((*images[0].shape[:2], 1), bool)
        masks[:, : images[0].shape[1] // 2] = True
        return [{"masks": masks}]


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_splash_of_a_photograph(balloon, mode, tmp_path, monkeypatch):
    monkeypatch.setattr(balloon, "RESULTS_DIR", tmp_path / "results")
    Image.new("RGB", (20, 10), (200, 0, 0)).convert(mode).save(tmp_path / "a.png")
    target = balloon.detect_and_color_splash(Finder(), image_path=str(tmp_path / "a.png"))
    splash = np.asarray(Image.open(target))
    assert target.name == "a.png" and splash.shape == (10, 20, 3)
    gray = 42 if mode != "L" else splash[0, 0, 0]
    assert (splash[:, 10:] == gray).all()
    if mode != "L":
        assert (splash[:, :10] == (200, 0, 0)).all()


@pytest.mark.parametrize("paths", [{}, {"image_path": "a.png", "video_path": "a.mp4"}])
def test_splash_needs_one_file(balloon, paths):
    with pytest.raises(ValueError, match="either an image or a video"):
        balloon.detect_and_color_splash(Finder(), **paths)


def test_splash_of_a_missing_file_leaves_no_folder(balloon, tmp_path, monkeypatch):
    monkeypatch.setattr(balloon, "RESULTS_DIR", tmp_path / "results")
    with pytest.raises(FileNotFoundError, match=r"no such file: .*a\.mp4"):
        balloon.detect_and_color_splash(Finder(), video_path=str(tmp_path / "a.mp4"))
    assert not (tmp_path / "results").exists()


def test_splash_of_a_video(balloon, tmp_path, monkeypatch):
    monkeypatch.setattr(balloon, "RESULTS_DIR", tmp_path / "results")
    write_video(tmp_path / "clip.mp4", 5)
    finder = Finder()
    target = balloon.detect_and_color_splash(finder, video_path=str(tmp_path / "clip.mp4"))
    frames = read_video(target)
    assert target.name == "clip.mp4" and len(frames) == len(finder.seen) == 5
    assert all(frame.shape == (48, 66, 3) for frame in frames)
    for number, frame in enumerate(frames):
        assert abs(float(frame.mean()) - 16 * (number + 1)) < 4


def test_frames_that_cannot_be_decoded_are_counted(balloon, tmp_path, monkeypatch, capsys):
    write_video(tmp_path / "a.mp4", 6)
    damage(monkeypatch, {1, 4})
    monkeypatch.setattr(balloon, "RESULTS_DIR", tmp_path / "results")
    target = balloon.detect_and_color_splash(Finder(), video_path=tmp_path / "a.mp4")
    assert len(read_video(target)) == 4
    assert "4 frames; 2 could not be decoded" in capsys.readouterr().out


def test_train_evaluate_detect_and_splash(balloon, photographs, tmp_path, monkeypatch, capsys):
    logs = tiny(balloon, monkeypatch, tmp_path)
    start = tmp_path / "start.h5"
    MaskRCNN("training", balloon.BalloonConfig(), str(tmp_path)).keras_model.save_weights(start)
    data = ["--dataset", str(photographs), *logs]
    balloon.main(["train", f"--weights={start}", "--epochs=1", *data])
    run = next((tmp_path / "logs").iterdir())
    assert (run / "mask_rcnn_balloon_0001.h5").exists()
    balloon.main(["evaluate", "--weights=last", "--limit=1", *data])
    balloon.main(["detect", "--weights=last", "--min-score=1", *data])
    assert "val0.png: " in capsys.readouterr().out
    image = photographs / "val" / "val0.png"
    balloon.main(["splash", "--weights=last", f"--image={image}", *logs])
    folders = {path.name.split("_")[0]: path for path in (tmp_path / "results").iterdir()}
    assert json.loads((folders["evaluate"] / "evaluation.json").read_text())["images"] == 1
    files = {"val0.png", "val1.png", "counts.csv"}
    assert {path.name for path in folders["detect"].iterdir()} == files
    assert (folders["splash"] / "val0.png").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["train", "--weights=coco"], "train needs --dataset=DIR"),
        (["evaluate", "--weights=imagenet", "--dataset=d"], "was not trained on balloons"),
        (
            ["detect", "--weights=nucleus", "--network=small", "--dataset=d"],
            "was not trained on balloons",
        ),
        (["train", "--weights=nucleus", "--dataset=d"], "is for --network=small, not resnet101"),
        (["splash", "--weights=last"], "either --image=FILE or --video=FILE"),
        (["splash", "--weights=a", "--image=a", "--video=b"], "either --image=FILE or"),
        (["detect", "--dataset=d"], "--weights"),
        (["detect", "--dataset=d", "--weights=a", "--limit=0"], "0 is less than 1"),
    ],
)
def test_invalid_arguments(balloon, arguments, reason, capsys):
    with pytest.raises(SystemExit) as exit_:
        balloon.main(arguments)
    assert exit_.value.code == 2 and reason in capsys.readouterr().err


def test_missing_data_or_weights_give_one_line(balloon, photographs, tmp_path, monkeypatch):
    logs = tiny(balloon, monkeypatch, tmp_path)
    with pytest.raises(SystemExit, match=r"nowhere.val does not exist: .*train and val; --down"):
        balloon.main(["train", "--weights=coco", f"--dataset={tmp_path / 'nowhere'}", *logs])
    with pytest.raises(SystemExit, match=r"no run named .balloon. in this folder"):
        balloon.main(["evaluate", "--weights=last", f"--dataset={photographs}", *logs])


def test_the_nucleus_weights_fit_the_small_network(balloon, tmp_path):
    model = MaskRCNN("training", balloon.SmallBalloonConfig(), str(tmp_path))
    report = start_weights.load_fitting(model, balloon.NUCLEUS_WEIGHTS_PATH)
    assert len(report.loaded) > 60
    assert not report.missing and not report.left_over and not report.mismatched


class Blind:
    """Detect nothing."""

    config = type("Config", (), {"DETECTION_MIN_CONFIDENCE": 0.7})

    def detect(self, images):
        masks = np.zeros((*images[0].shape[:2], 0), bool)
        nothing = np.zeros(0, np.int32)
        rois = np.zeros((0, 4), np.int32)
        return [{"rois": rois, "class_ids": nothing, "scores": np.zeros(0), "masks": masks}]


def test_where_nothing_is_found_a_lower_score_is_advised(
    balloon, photographs, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(balloon, "RESULTS_DIR", tmp_path / "results")
    # A photograph that was there when the annotations were read may be damaged.
    (photographs / "val" / "val1.png").write_bytes(
        (photographs / "val" / "val1.png").read_bytes()[:-40]
    )
    folder = balloon.detect(Blind(), photographs, native=True)
    photograph = photographs / "val" / "val0.png"
    with Image.open(folder / "val0.png") as drawn, Image.open(photograph) as original:
        assert drawn.size == original.size
    rows = list(csv.DictReader((folder / "counts.csv").open()))
    assert [(row["image"], row["balloons"]) for row in rows] == [
        ("val0.png", "0"),
        ("val1.png", ""),
    ]
    assert rows[0]["reason"] == rows[0]["truncated"] == "" and "val1.png" in rows[1]["reason"]
    shown = capsys.readouterr().out
    assert shown.endswith("\n1 of 2 images; 1 refused: see counts.csv\n")
    assert "val0.png: 0 balloons" in shown
    assert "No balloon has a score of 0.7 or more: try a lower --min-score" in shown


class Recorder:
    """A model that only keeps what it was made with."""

    def __init__(self, mode, config, logs):
        self.config = config


def test_a_score_for_each_class(balloon, photographs, tmp_path, monkeypatch, capsys):
    """DETECTION_MIN_CONFIDENCE may be a dict; --min-score is one for all classes."""

    class ByClass(balloon.NETWORKS["small"][1]):
        DETECTION_MIN_CONFIDENCE = {1: 0.8}

    calls = {}
    monkeypatch.setitem(balloon.NETWORKS, "small", (balloon.NETWORKS["small"][0], ByClass))
    monkeypatch.setattr(balloon.modellib, "MaskRCNN", Recorder)
    monkeypatch.setattr(balloon.start_weights, "load", lambda *arguments: None)
    for name in ("detect", "evaluate"):
        monkeypatch.setattr(
            balloon, name, lambda *arguments, name=name: calls.update({name: arguments})
        )
    for command, expected in (
        (["detect"], {1: 0.8}),
        (["detect", "--min-score=0.3"], 0.3),
        (["evaluate"], 0.05),
    ):
        balloon.main([*command, "--network=small", "--weights=last", f"--dataset={photographs}"])
        assert expected == calls[command[0]][0].config.DETECTION_MIN_CONFIDENCE
    assert calls["evaluate"][-1] == 0.8

    monkeypatch.undo()
    monkeypatch.setattr(balloon, "RESULTS_DIR", tmp_path / "results")
    blind = Blind()
    blind.config = ByClass()
    balloon.detect(blind, photographs)
    assert "No balloon has a score of 0.8 or more" in capsys.readouterr().out
