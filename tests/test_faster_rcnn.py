"""HEADS = ("box",), from the dataset to the results: Faster R-CNN, without any masks."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tiny import InMemory, TinyConfig, eager_training, shapes, spread

from mrcnn import formats, visualize
from mrcnn.augment import Flips
from mrcnn.evaluation import evaluate
from mrcnn.instances import InstanceBoxes, InstanceMasks
from mrcnn.model import MaskRCNN
from mrcnn.runs import history
from mrcnn.utils import Dataset

pytestmark = pytest.mark.network

LOSSES = ("rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss")


class BoxConfig(TinyConfig):
    HEADS = ("box",)
    RPN_TRAIN_ANCHORS_PER_IMAGE = 512


class Boxes(Dataset):
    """Boxes that extend half a pixel beyond the drawn rectangles, at the bottom and right."""

    def __init__(self, count=4):
        super().__init__()
        self.samples = shapes(count)
        for class_id, name in enumerate(("red", "blue"), 1):
            self.add_class("shapes", class_id, name)
        for number in range(count):
            self.add_image("shapes", number, f"shape{number}.png")
        self.prepare()

    def load_image(self, image_id):
        return self.samples[image_id][0]

    def load_boxes(self, image_id):
        image, masks, class_ids = self.samples[image_id]
        boxes = [[*np.argwhere(m).min(axis=0), *np.argwhere(m).max(axis=0) + 1.5] for m in masks.T]
        boxes = np.array(boxes)[:, [1, 0, 3, 2]]  # `masks.T` swaps rows and columns
        return InstanceBoxes(boxes, image.shape), class_ids


@pytest.fixture
def eagerly():
    with eager_training():
        yield


@pytest.fixture
def no_masks(monkeypatch):
    """Fails the test if a mask is created."""

    def refuse(*args, **kwargs):
        raise AssertionError("a mask was created")

    monkeypatch.setattr(InstanceMasks, "__init__", refuse)
    monkeypatch.setattr(InstanceMasks, "from_dense", refuse)
    monkeypatch.setattr("mrcnn.inference.molding.unmold_masks", refuse)


def build(folder, mode="training", config=None):
    keras.utils.set_random_seed(0)
    return MaskRCNN(mode, config or BoxConfig(), str(folder))


def test_four_losses_and_no_mask_in_the_graphs(tmp_path):
    model = build(tmp_path).keras_model
    assert model.loss_names == LOSSES
    assert model.names == (
        *("rpn_class_logits", "rpn_class", "rpn_bbox"),
        *("mrcnn_class_logits", "mrcnn_class", "mrcnn_bbox", "ROI", "output_rois", *LOSSES),
    )
    assert "input_gt_masks" not in [tensor.name for tensor in model.inputs]
    assert not [layer.name for layer in model.layers if "mask" in layer.name]
    model = build(tmp_path, "inference").keras_model
    assert model.names == (
        *("mrcnn_detection", "mrcnn_class", "mrcnn_bbox", "ROI", "rpn_class", "rpn_bbox"),
    )


def test_it_trains_monitors_the_box_ap_and_resumes(tmp_path, no_masks):
    data = Boxes()
    model = build(tmp_path)
    model.train(data, data, 0.001, 2, "all", augmentation=Flips(0.5, 0.5), verbose=0)
    rows = history.read(model.log_dir)
    assert [row["epoch"] for row in rows] == [1, 2]
    assert set(LOSSES) < set(rows[0]) and "mrcnn_mask_loss" not in rows[0]
    assert "val_bbox_AP" in rows[0] and not [name for name in rows[0] if "segm" in name]
    again = build(tmp_path)
    again.train(data, data, 0.001, 3, "all", augmentation=Flips(0.5, 0.5), resume=True, verbose=0)
    assert again.log_dir == model.log_dir and again.epoch == 3
    from mrcnn.runs import state

    assert state.load_progress(f"{again.log_dir}/state.h5").monitor == "val_bbox_AP"
    assert len(history.read(again.log_dir)) == 3


def test_it_detects_draws_and_is_evaluated(tmp_path, no_masks):
    data = Boxes()
    model = build(tmp_path, "inference")
    spread(model.keras_model)
    [result] = model.detect([data.load_image(0)])
    assert list(result) == ["rois", "class_ids", "scores", "truncated"]
    assert len(result["rois"])
    assert model.fields == ("boxes",)
    picture = tmp_path / "boxes.png"
    visualize.display_instances(
        *(data.load_image(0), result["rois"], None, result["class_ids"], data.class_names),
        scores=result["scores"],
        save_to=picture,
    )
    assert picture.stat().st_size > 1000
    figures = evaluate(model, data, folder=tmp_path / "results", progress=False)
    assert set(figures["coco"]) == {"bbox"} and figures["images"] == 4
    assert 0 <= figures["voc"]["map_2010"] <= 1
    assert "panoptic" not in figures and "aji" not in figures


def test_a_perfect_detector_finds_everything(tmp_path, no_masks):
    data = Boxes()

    def detect(images):
        found = []
        for image in images:
            number = next(i for i in data.image_ids if data.load_image(i) is image)
            boxes, class_ids = data.load_boxes(number)
            scores = np.ones(len(class_ids), np.float32)
            found.append({"rois": boxes.boxes, "class_ids": class_ids, "scores": scores})
        return found

    figures = evaluate(None, data, detect=detect, iou_types="bbox", progress=False)
    assert figures["coco"]["bbox"]["AP"] == pytest.approx(1)
    assert figures["voc"]["map_2007"] == figures["voc"]["map_2010"] == pytest.approx(1)


def test_the_weights_of_a_mask_rcnn_load(tmp_path):
    both = build(tmp_path, config=TinyConfig())
    both.keras_model.save_weights(tmp_path / "both.h5")
    boxes = build(tmp_path, "inference")
    report = boxes.load_weights(str(tmp_path / "both.h5"))
    assert not report.missing and not report.mismatched
    assert report.left_over and all(name.startswith("mrcnn_mask") for name in report.left_over)
    for name in ("conv1", "mrcnn_class_conv1", "mrcnn_bbox_fc"):
        layers = [m.keras_model.get_layer(name) for m in (both, boxes)]
        assert_array_equal(*(np.asarray(layer.kernel) for layer in layers))


def test_a_mask_head_needs_masks(tmp_path):
    model = build(tmp_path, config=TinyConfig())
    with pytest.raises(ValueError) as caught:
        model.train(Boxes(), None, 0.001, 1, "all", verbose=0)
    assert str(caught.value) == (
        "Boxes, image 0 (shape0.png): it has no masks, which the head 'mask' learns from. Leave "
        "'mask' out of HEADS, or add masks to the dataset."
    )
    assert not (tmp_path / "logs").exists()


def test_boxes_come_from_the_masks_if_there_are_any(tmp_path, eagerly):
    model = build(tmp_path)
    model.train(InMemory(shapes(4)), None, 0.001, 1, "heads", verbose=0)
    assert np.isfinite(history.read(model.log_dir)[0]["loss"])


def test_via_rectangles_train_without_masks(tmp_path, no_masks, monkeypatch, eagerly):
    import json

    from PIL import Image

    regions = []
    for (x, y, w, h), name in (((4, 6, 20, 30), "red"), ((30, 8, 25, 40), "blue")):
        shape = {"name": "rect", "x": x, "y": y, "width": w, "height": h}
        regions.append({"shape_attributes": shape, "region_attributes": {"name": name}})
    entries = {}
    for number, (image, _, _) in enumerate(shapes(2)):
        Image.fromarray(image.astype(np.uint8)).save(tmp_path / f"{number}.png")
        entries[str(number)] = {"filename": f"{number}.png", "size": 1, "regions": regions}
    (tmp_path / "via_region_data.json").write_text(json.dumps(entries))
    data = formats.ViaDataset.read(tmp_path, class_names=["red", "blue"])
    assert_array_equal(data.load_boxes(0)[0].boxes, [[6, 4, 36, 24], [8, 30, 48, 55]])
    model = build(tmp_path / "logs")
    model.train(data, data, 0.001, 1, "all", verbose=0)
    assert "val_bbox_AP" in history.read(model.log_dir)[0]
