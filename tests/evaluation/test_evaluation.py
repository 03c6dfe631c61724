"""`evaluate` when the model, the dataset or both have boxes but no masks."""

import numpy as np
import pytest
from tiny import InMemory, TinyConfig, shapes, spread

from mrcnn import evaluation
from mrcnn.datasets.dataset import Dataset
from mrcnn.evaluation import evaluate, run
from mrcnn.evaluation.report import PLOTS
from mrcnn.inference.detector import detect_crops
from mrcnn.instances import InstanceBoxes, InstanceMasks
from mrcnn.instances.pasting import extract_bboxes
from mrcnn.mask_rcnn import MaskRCNN

from .truthful import Truthful

pytestmark = pytest.mark.network


class Boxes(InMemory):
    """A dataset with separate boxes, 1.75 pixels wider than those around the masks."""

    def load_boxes(self, image_id):
        image, masks, class_ids = self.samples[image_id]
        boxes = extract_bboxes(masks) + np.array([0, 0, 0, 1.75])
        return InstanceBoxes(boxes, image.shape), class_ids


class NoMasks(Boxes):
    load_mask = Dataset.load_mask
    load_instances = Dataset.load_instances


def without_masks(detect):
    return lambda images: [
        {name: part for name, part in result.items() if name != "masks"}
        for result in detect(images)
    ]


class BoxModel:
    """Stands in for a `MaskRCNN` without a mask head."""

    fields = ("boxes",)
    mode = "inference"
    config = TinyConfig()


def test_a_model_without_masks(monkeypatch, tmp_path):
    samples = shapes(5)
    found = without_masks(Truthful(samples))
    monkeypatch.setattr(run, "detect_crops", lambda model, images: found(images))
    monkeypatch.setattr(InstanceMasks, "__init__", None)  # no mask may be created
    for dataset in (NoMasks(samples), Boxes(samples)):
        result = evaluate(
            BoxModel(), dataset, group_of=lambda image_id, _: image_id % 2, folder=tmp_path
        )
        assert result["settings"]["iou_types"] == ["bbox"]
        assert result["settings"]["metrics"] == ["coco", "voc", "objects", "confusion"]
        assert list(result["coco"]) == list(result["curves"]) == ["bbox"]
        assert (result["images"], result["instances"], result["detections"]) == (5, 10, 10)
        # The detections are 12 to 15 pixels wide: IoUs from 12 / 13.75 to 15 / 16.75 reach eight of
        # the ten thresholds.
        assert result["coco"]["bbox"]["AP"] == pytest.approx(0.8)
        assert result["voc"]["map_2007"] == result["voc"]["map_2010"] == 1
        assert result["groups"]["1"]["voc"]["map_2010"] == 1
        assert not {"panoptic", "pixels", "aji", "hausdorff"} & result.keys()
    assert {path.name for path in tmp_path.iterdir()} == {"evaluation.json", *PLOTS}
    lines = evaluation.summary(result).splitlines()
    assert [line.split()[0] for line in lines] == ["5", "COCO", "VOC", "DSB", "at", "at"]
    assert lines[2].split() == ["VOC", "VOC", "2007", "1.000", "VOC", "2010", "1.000"]
    titles = "images instances DSB DSB@0.5 DSB@0.75 F1@0.5 VOC_2007 VOC_2010 box_AP"
    assert [t.replace(" ", "_") for t in evaluation.headline(result)] == titles.split()

    with pytest.raises(
        ValueError, match=r"'segm'\), but the model predicts no masks: it must be 'bbox'"
    ):
        evaluate(BoxModel(), dataset, iou_types=("bbox", "segm"))
    with pytest.raises(ValueError, match="without 'segm' in iou_types there are no masks to comp"):
        evaluate(BoxModel(), dataset, metrics="panoptic")


def test_faster_rcnn(monkeypatch):
    class Settings(TinyConfig):
        HEADS = ("box",)
        DETECTION_NMS_THRESHOLD = 0.9

    model = MaskRCNN("inference", Settings(), "not written")
    spread(model.keras_model)
    samples = shapes(3)
    found = detect_crops(model, [image for image, _, _ in samples])
    # The ground truth is half of its detections.
    truth = [
        (image, result["rois"][::2], result["class_ids"][::2])
        for (image, _, _), result in zip(samples, found, strict=True)
    ]

    class Detections(InMemory):
        load_mask = Dataset.load_mask

        def load_boxes(self, image_id):
            image, boxes, class_ids = self.samples[image_id]
            return InstanceBoxes(boxes, image.shape), class_ids

    monkeypatch.setattr(InstanceMasks, "__init__", None)  # no mask may be created
    result = evaluate(model, Detections(truth), progress=False)
    assert list(result["coco"]) == ["bbox"] and result["unread"] == []
    assert result["instances"] == sum(len(boxes) for _, boxes, _ in truth) > 3
    assert result["detections"] == sum(len(part["rois"]) for part in found) > result["instances"]
    assert result["objects"]["recall"] == [1] * 10
    assert result["coco"]["bbox"]["AR"] == pytest.approx(1)
    assert 0 < result["voc"]["map_2010"] <= 1


def test_masks_are_used_where_there_are_any():
    samples = shapes(4)
    every = evaluate(None, Boxes(samples), detect=Truthful(samples))
    assert list(every["coco"]) == ["bbox", "segm"]
    # The boxes around the masks are the ground truth, whichever metrics are requested.
    boxes = evaluate(None, Boxes(samples), detect=Truthful(samples), iou_types="bbox")
    np.testing.assert_equal(boxes["coco"]["bbox"], every["coco"]["bbox"])
    assert boxes["coco"]["bbox"]["AP"] == pytest.approx(1)
    assert boxes["voc"] == every["voc"]
    # A dataset of boxes has no masks to compare with.
    found = without_masks(Truthful(samples))
    boxes = evaluate(None, NoMasks(samples), detect=found, iou_types="bbox")
    assert boxes["coco"]["bbox"]["AP"] == pytest.approx(0.8)
    with pytest.raises(ValueError) as caught:
        evaluate(None, NoMasks(samples), detect=found)
    assert str(caught.value) == (
        "image 0 (shape0.png) has boxes but no masks to compare with: iou_types must be 'bbox'."
    )


def test_a_function_that_finds_masks_for_a_model_without_a_mask_head():
    samples = shapes(3)
    result = evaluate(BoxModel(), Boxes(samples), detect=Truthful(samples), iou_types="segm")
    assert result["coco"]["segm"]["AP"] == pytest.approx(1)
