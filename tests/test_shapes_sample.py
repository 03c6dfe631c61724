"""The shapes sample: its images and masks, and its commands."""

import csv
import json

import h5py
import numpy as np
import pytest
from conftest import load_sample
from PIL import Image
from tiny import TinyConfig

from mrcnn.model import MaskRCNN

pytestmark = pytest.mark.network

BLUE, RED, GRAY = (0, 0, 255), (255, 0, 0), (90, 90, 90)


@pytest.fixture(scope="module")
def shapes():
    return load_sample("shapes")


def drawn(shapes, *described, size=(128, 128)):
    """Make a dataset of one gray image with shapes (name, colour, (x, y, s)), lowest first."""
    dataset = shapes.ShapesDataset()
    dataset.load_shapes(0, *size)
    dataset.add_image(
        "shapes", 0, None, height=size[0], width=size[1], bg_color=GRAY, shapes=list(described)
    )
    dataset.prepare()
    return dataset


def test_a_seed_always_gives_the_same_images(shapes):
    one, same, other = (shapes.ShapesDataset() for _ in range(3))
    for dataset, seed in ((one, 3), (same, 3), (other, 4)):
        dataset.load_shapes(5, 96, 128, seed)
        dataset.prepare()
        assert dataset.class_names == ["BG", "square", "circle", "triangle"]
    for image_id in one.image_ids:
        np.testing.assert_array_equal(one.load_image(image_id), same.load_image(image_id))
        assert (one.load_image(image_id) != other.load_image(image_id)).any()
    image, (masks, class_ids) = one.load_image(0), one.load_mask(0)
    assert (image.shape, image.dtype) == ((96, 128, 3), np.uint8)
    assert (masks.shape, masks.dtype) == ((96, 128, len(class_ids)), bool)
    assert class_ids.dtype == np.int32
    assert one.image_reference(0) == one.image_info[0]["shapes"]


def test_pixels_of_each_shape(shapes):
    s = 20
    dataset = drawn(
        shapes,
        ("square", RED, (24, 24, s)),
        ("circle", BLUE, (90, 24, s)),
        ("triangle", (0, 255, 0), (60, 90, s)),
    )
    image, (masks, class_ids) = dataset.load_image(0), dataset.load_mask(0)
    assert class_ids.tolist() == [1, 2, 3]
    square, circle, triangle = masks.sum(axis=(0, 1))
    assert square == (2 * s + 1) ** 2
    assert circle == pytest.approx(np.pi * s**2, rel=0.02)
    assert triangle == pytest.approx(2 * s * s / np.sin(np.radians(60)), rel=0.05)
    for index, color in enumerate((RED, BLUE, (0, 255, 0))):
        np.testing.assert_array_equal(np.unique(image[masks[..., index]], axis=0), [color])
    np.testing.assert_array_equal(np.unique(image[~masks.any(axis=2)], axis=0), [GRAY])
    # The triangle stands on its base.
    widths = masks[..., 2].sum(axis=1)[90 - s : 90 + s + 1]
    assert (np.diff(widths) >= 0).all()
    assert widths[0] <= 2 < 40 < widths[-1]


def test_what_lies_above_hides_what_lies_below(shapes):
    dataset = drawn(shapes, ("square", RED, (50, 50, 20)), ("square", BLUE, (70, 50, 20)))
    masks, _ = dataset.load_mask(0)
    assert masks.sum(axis=(0, 1)).tolist() == [41 * 20, 41 * 41]
    assert not masks.all(axis=2).any()
    np.testing.assert_array_equal(dataset.load_image(0)[50, 60], BLUE)


def test_images_have_one_to_four_shapes_none_much_hidden(shapes):
    dataset = shapes.load_dataset("train", limit=200)
    counts = []
    for image_id in dataset.image_ids:
        masks, _ = dataset.load_mask(image_id)
        assert masks.any(axis=(0, 1)).all()
        counts.append(masks.shape[2])
    assert set(counts) == {1, 2, 3, 4}
    assert dataset.check(config=shapes.ShapesConfig()).ok


def test_training_and_validation_share_no_image(shapes):
    train, val = shapes.load_dataset("train"), shapes.load_dataset("val")
    assert (train.num_images, val.num_images) == (shapes.COUNTS["train"], shapes.COUNTS["val"])
    assert shapes.load_dataset("val", limit=3).num_images == 3
    described = {repr(info["shapes"]) for info in train.image_info}
    assert not described & {repr(info["shapes"]) for info in val.image_info}


def test_the_weights_of_the_nuclei_but_for_the_classes(shapes, tmp_path):
    model = MaskRCNN("training", shapes.ShapesConfig(), str(tmp_path))
    layers = {name: model.keras_model.get_layer(name) for name in ("fpn_p2", "mrcnn_mask")}
    before = layers["mrcnn_mask"].get_weights()
    report = shapes.load_weights(model)
    assert set(report.mismatched) == {"mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"}
    assert not report.missing
    assert not report.left_over
    np.testing.assert_array_equal(layers["mrcnn_mask"].get_weights()[0], before[0])
    with h5py.File(shapes.NUCLEUS_WEIGHTS_PATH) as file:
        kernel = file["fpn_p2"][file["fpn_p2"].attrs["weight_names"][0]][()]
    np.testing.assert_array_equal(layers["fpn_p2"].get_weights()[0], kernel.astype(np.float32))
    assert (model.epoch, report.path) == (0, str(shapes.NUCLEUS_WEIGHTS_PATH))
    shapes.ShapesInferenceConfig().validate()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--dataset=x"], "there is no --dataset"),
        (["evaluate"], "--weights=nucleus was not trained on shapes"),
        (["detect", "--weights=coco"], "--weights=coco was not trained on shapes"),
        (["train", "--epochs=0"], "--epochs"),
        (["evaluate", "--weights=last", "--min-score=1.5"], "--min-score"),
    ],
)
def test_command_line_refuses(shapes, capsys, arguments, message):
    with pytest.raises(SystemExit):
        shapes.main(arguments)
    assert message in capsys.readouterr().err


def test_one_message_ends_the_command(shapes, tmp_path):
    with pytest.raises(SystemExit, match="logs"):
        shapes.main(["evaluate", "--weights=last", f"--logs={tmp_path / 'logs'}"])


def test_train_evaluate_detect(shapes, tmp_path, monkeypatch, capsys):
    class Tiny(TinyConfig):
        NAME = "shapes"
        NUM_CLASSES = 4
        STEPS_PER_EPOCH = 50
        VALIDATION_EVERY = 0

    class TinyInference(Tiny):
        IMAGES_PER_GPU = 1

    monkeypatch.setattr(shapes, "ShapesConfig", Tiny)
    monkeypatch.setattr(shapes, "ShapesInferenceConfig", TinyInference)
    monkeypatch.setattr(shapes, "RESULTS_DIR", tmp_path / "results")
    first = tmp_path / "first.h5"
    MaskRCNN("training", Tiny(), str(tmp_path)).keras_model.save_weights(str(first))
    arguments = [f"--logs={tmp_path / 'logs'}", "--limit=6"]
    shapes.main(["train", *arguments, f"--weights={first}", "--epochs=1"])
    [run] = (tmp_path / "logs").glob("shapes*")
    assert len((run / "history.csv").read_text().splitlines()) == 1 + 1
    # Two images per step: an epoch goes once through the six images.
    assert json.loads((run / "config.json").read_text())["STEPS_PER_EPOCH"] == 3
    assert (run / "mask_rcnn_shapes_0001.h5").exists()

    capsys.readouterr()
    shapes.main(["evaluate", *arguments, "--weights=best", "--min-score=0"])
    printed = capsys.readouterr().out
    assert printed.startswith("6 images, ")
    assert "COCO         mask AP " in printed
    [folder] = (tmp_path / "results").glob("evaluate_*")
    assert (folder / "evaluation.json").exists()
    shapes.main(["detect", *arguments, "--weights=last", "--min-score=0", "--native"])
    [folder] = (tmp_path / "results").glob("detect_*")
    assert len(list(folder.glob("*.png"))) == 6
    height, width = shapes.load_dataset("val", 1).load_image(0).shape[:2]
    with Image.open(folder / "0.png") as picture:  # truth and detections side by side
        assert picture.size == (2 * width, height)
    rows = list(csv.DictReader((folder / "counts.csv").open()))
    assert [row["image"] for row in rows] == list("012345")
    assert sum(int(row["shapes"]) for row in rows) > 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("6 of 6 images")
