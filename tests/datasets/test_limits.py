import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.datasets import Dataset
from mrcnn.datasets.check import check
from mrcnn.datasets.limits import LimitsCheck, suppressed
from mrcnn.datasets.report import Report
from mrcnn.instances import InstanceBoxes


class Boxes(Dataset):
    """Images of a given size, with these boxes."""

    def load_image(self, image_id):
        return np.zeros((*self.image_info[image_id]["size"], 3), np.uint8)

    def load_boxes(self, image_id):
        info = self.image_info[image_id]
        return InstanceBoxes(info["boxes"], info["size"]), np.ones(len(info["boxes"]), np.int32)


def boxes_of(size, *images):
    dataset = Boxes()
    dataset.add_class("made", 1, "cell")
    for number, boxes in enumerate(images):
        dataset.add_image("made", number, None, size=size, boxes=boxes)
    dataset.prepare()
    return dataset


def grid(count, side=32, step=40, columns=20):
    """`count` squares that do not touch."""
    corners = np.stack(np.divmod(np.arange(count), columns), axis=1) * step
    return np.concatenate([corners, corners + side], axis=1).astype(float)


class BoxConfig(Config):
    NAME = "box"
    NUM_CLASSES = 2
    HEADS = ("box",)
    IMAGE_MIN_DIM = 0
    MAX_GT_INSTANCES = 2000


def checked(dataset, **settings):
    return check(dataset, config=BoxConfig.from_dict({**BoxConfig().to_dict(), **settings}))


def test_settings_that_suffice():
    report = checked(boxes_of((1024, 1024), grid(60)))
    assert report.ok and not report.remarks


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"MAX_GT_INSTANCES": 49}, "with more than 49 instances (training uses MAX_GT_INSTANCES"),
        ({"DETECTION_MAX_INSTANCES": 49}, "DETECTION_MAX_INSTANCES allows: 49 detections"),
        (
            {"DETECTION_MAX_INSTANCES": 60, "POST_NMS_ROIS_INFERENCE": 49},
            "POST_NMS_ROIS_INFERENCE allows: 49 proposals in detection",
        ),
        (
            {"POST_NMS_ROIS_TRAINING": 49, "TRAIN_ROIS_PER_IMAGE": 49, "ROI_POSITIVE_RATIO": 1.0},
            "POST_NMS_ROIS_TRAINING allows: 49 proposals in training",
        ),
        (
            {"TRAIN_ROIS_PER_IMAGE": 100, "ROI_POSITIVE_RATIO": 0.49},
            "TRAIN_ROIS_PER_IMAGE * ROI_POSITIVE_RATIO allows: 49 RoIs",
        ),
        ({"RPN_TRAIN_ANCHORS_PER_IMAGE": 98}, "RPN_TRAIN_ANCHORS_PER_IMAGE / 2 allows: 49 anchors"),
    ],
)
def test_limits_on_numbers(settings, kind):
    report = checked(boxes_of((1024, 1024), grid(50), grid(49)), **settings)
    ((findings),) = [f for found, f in report.remarks.items() if kind in found]
    assert [(f.image_id, f.text) for f in findings] == [(0, "made.0: 50")]
    assert report.ok


def test_settings_that_limit_each_other():
    report = checked(boxes_of((1024, 1024), grid(9)), DETECTION_MAX_INSTANCES=1001)
    ((kind, (finding,)),) = report.remarks.items()
    assert kind == "settings that limit each other"
    assert "DETECTION_MAX_INSTANCES is 1001, but POST_NMS_ROIS_INFERENCE is 1000" in finding.text


def test_settings_that_cannot_work():
    report = checked(boxes_of((1024, 1024), grid(9)), IMAGE_MAX_DIM=1000)
    assert list(report.errors) == ["settings that cannot work"]
    assert "IMAGE_MAX_DIM is 1000" in str(report)


def test_objects_that_shrink():
    large = grid(1, side=400)
    dataset = boxes_of((4096, 2048), np.vstack([large, [[9, 9, 18, 16], [50, 9, 58, 17]]]), large)
    report = checked(dataset, RPN_ANCHOR_SCALES=(8, 32, 64, 128, 256), IMAGE_MAX_DIM=1024)
    kind = "objects less than 2 pixels wide or high once IMAGE_MAX_DIM = 1024 has shrunk the image"
    (finding,) = report.remarks[kind]
    assert (finding.image_id, finding.text) == (
        0,
        "made.0: 1 of 3, with the image at 0.25 of its size",
    )
    assert kind not in checked(dataset, IMAGE_MAX_DIM=2048).remarks


def test_sizes_that_do_not_fit():
    dataset = boxes_of((1024, 1000), grid(1))
    report = checked(dataset, IMAGE_RESIZE_MODE="none")
    (finding,) = report.errors["image sizes that do not fit the configuration"]
    assert finding.image_id == 0 and finding.text.startswith("an image has a side of 1000 pixels")
    assert checked(dataset, IMAGE_RESIZE_MODE="pad64").ok
    assert checked(boxes_of((1024, 960), grid(1)), IMAGE_RESIZE_MODE="none").ok


def test_objects_larger_than_the_crop():
    dataset = boxes_of((1024, 1024), grid(1, side=257), grid(1, side=256))
    report = checked(dataset, IMAGE_RESIZE_MODE="crop", IMAGE_MIN_DIM=256)
    kind = "objects larger than the crop that training sees, IMAGE_MIN_DIM = 256"
    assert [(f.image_id, f.text) for f in report.remarks[kind]] == [(0, "made.0: 1 of 1")]


def test_anchors_that_do_not_fit():
    dataset = boxes_of((1024, 1024), grid(19), grid(1, side=6))
    assert not checked(dataset).remarks  # one of twenty is tolerated
    report = checked(boxes_of((1024, 1024), grid(9), grid(1, side=6)))
    ((kind, (finding,)),) = report.remarks.items()
    assert kind == "objects that no anchor fits"
    assert finding.text.startswith("1 of 10 have an IoU below 0.3 with every anchor; the median")


def test_objects_that_suppress_each_other():
    pair = [[0, 0, 100, 100], [0, 40, 100, 140]]  # IoU 0.43
    report = checked(boxes_of((1024, 1024), np.array(pair, float)))
    ((kind, (finding,)),) = report.remarks.items()
    assert kind == "objects that non-maximum suppression drops"
    assert finding.text.startswith("DETECTION_NMS_THRESHOLD is 0.3: it would drop 1 of 2 objects")
    assert not checked(
        boxes_of((1024, 1024), np.array(pair, float)), DETECTION_NMS_THRESHOLD=0.5
    ).remarks


def test_suppressed():
    """The first drops the second, which therefore cannot drop the third."""
    chain = np.array([[0, 0, 10, 10], [0, 3, 10, 13], [0, 6, 10, 16]], float)
    assert suppressed(chain, np.array([1, 1, 1]), 0.5) == 1
    assert suppressed(chain, np.array([1, 2, 1]), 0.5) == 0
    assert suppressed(chain, np.array([1, 1, 1]), 0.2) == 2
    assert suppressed(np.zeros((0, 4)), np.zeros(0), 0.2) == 0


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        # The IoU of the pair is 0.43: its second score becomes 0.57, or exp(-0.43² / 0.5) = 0.69.
        ({"DETECTION_NMS": "soft_linear"}, "DETECTION_NMS is soft_linear: it would drop 1 of 2"),
        ({"DETECTION_NMS": "soft_linear", "DETECTION_MIN_CONFIDENCE": 0.5}, None),
        ({"DETECTION_NMS": "soft_linear", "DETECTION_MIN_CONFIDENCE": {1: 0.5}}, None),
        ({"DETECTION_NMS": "soft_gaussian"}, "DETECTION_NMS is soft_gaussian: it would drop 1 of"),
        ({"DETECTION_NMS": "soft_gaussian", "SOFT_NMS_SIGMA": 0.6}, None),
    ],
)
def test_objects_whose_scores_soft_nms_would_lower(settings, text):
    pair = np.array([[0, 0, 100, 100], [0, 40, 100, 140]], float)
    remarks = checked(boxes_of((1024, 1024), pair), **settings).remarks
    found = [each.text for findings in remarks.values() for each in findings]
    assert [line.startswith(text) for line in found] == ([True] if text else [])


def test_soft_nms_and_a_class_that_the_configuration_does_not_have():
    """Another check reports the class."""
    config = type("One", (Config,), {"NUM_CLASSES": 2, "NAME": "one"})()
    config.DETECTION_NMS, config.DETECTION_MIN_CONFIDENCE = "soft_linear", {1: 0.5}
    pair, class_ids = np.array([[0, 0, 100, 100], [0, 40, 100, 140]]), np.array([3, 3])
    check = LimitsCheck(config, Report())
    check.look(0, "made", (1024, 1024), pair, class_ids)
    assert check.suppressed == 1  # 0.57 is below 0.7


def test_objects_of_two_classes_that_suppress_each_other():
    config = type("Both", (Config,), {"NUM_CLASSES": 3, "NAME": "both"})()
    pair, class_ids = np.array([[0, 0, 100, 100], [0, 40, 100, 140]]), np.array([1, 2])
    for across, dropped in ((False, 0), (True, 1)):
        config.NMS_ACROSS_CLASSES = across
        check = LimitsCheck(config, Report())
        check.look(0, "made", (1024, 1024), pair, class_ids)
        assert check.suppressed == dropped
