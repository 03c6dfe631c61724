"""Keypoint metrics of a dataset, against pycocotools on COCO's files and by hand."""

import contextlib
import io
import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from shared_data import unpack_people

from mrcnn.datasets import Dataset
from mrcnn.evaluation import evaluate, headline, summary
from mrcnn.formats import CocoKeypointsDataset
from mrcnn.instances import InstanceBoxes, InstanceKeypoints, KeypointLayout
from mrcnn.metrics.coco_dataset import CocoMetrics, coco_ap
from mrcnn.metrics.keypoints import keypoint_areas, keypoint_metric

LAYOUT = KeypointLayout(["left", "right"], sigmas=[0.05, 0.1])
POINTS = [[[12, 22, 2], [28, 38, 1]], [[50, 70, 2], [0, 0, 0]]]


class Figures(Dataset):
    """Masks of 400 and 600 pixels that fill their boxes; the second has a single keypoint."""

    keypoint_layout = LAYOUT

    def __init__(self):
        super().__init__()
        self.add_class("figures", 1, "figure")
        self.add_image("figures", 0, path=None)
        self.prepare()

    def load_image(self, image_id):
        return np.zeros((80, 100, 3), np.uint8)

    def load_mask(self, image_id):
        masks = np.zeros((80, 100, 2), bool)
        masks[10:30, 20:40, 0] = masks[40:70, 60:80, 1] = True
        return masks, np.array([1, 1], np.int32)

    def load_keypoints(self, image_id):
        return InstanceKeypoints(POINTS, (80, 100), LAYOUT.flip_pairs)


def result(points, scores=(0.9, 0.8)):
    return {
        "rois": np.array([[10, 20, 30, 40], [40, 60, 70, 80]]),
        "class_ids": np.array([1, 1]),
        "scores": np.array(scores),
        "keypoints": np.array(points, np.float32),
    }


def test_perfect():
    figures = coco_ap(Figures(), [result(POINTS)], [0], kinds=("bbox", "keypoints"))
    assert figures["keypoints_AP"] == figures["bbox_AP"] == 1


def test_similarity_by_hand():
    # The left one is 3 pixels off; in the second figure it is the only one that counts.
    points = np.array(POINTS, float)
    points[:, 0, 1] += 3
    points[1, 1] = 999
    # OKS of a keypoint is exp(-d² / (2 * area * (2 * sigma)²)).
    of_left = [np.exp(-9 / (2 * area * 0.1**2)) for area in (400, 600)]
    similar = [(of_left[0] + 1) / 2, of_left[1]]
    thresholds = np.arange(0.5, 0.99, 0.05)
    # Both found: 1; the first alone: precision 1 up to recall 0.5, which is 51 of 101 points.
    found = [[s >= t for s in similar] for t in thresholds]
    expected = [{2: 1.0, 1: 51 / 101, 0: 0.0}[sum(row)] for row in found]
    assert [sum(row) for row in found][:3] == [1, 1, 1]
    figures = coco_ap(Figures(), [result(points)], [0], kinds="keypoints")
    assert figures["keypoints_AP"] == pytest.approx(np.mean(expected), abs=1e-6)


def test_half_a_pixel_is_not_lost():
    """COCO counts from the centre of the first pixel: both sides are moved alike."""
    metrics = CocoMetrics(Figures(), kinds=("keypoints",))
    metrics.add(0, result(POINTS))
    assert metrics.compute()["keypoints_AR"] == 1


def test_areas():
    dataset = Figures()
    boxes = InstanceBoxes([[10, 20, 30, 50], [40, 60, 70, 90]], (80, 100))
    assert keypoint_areas(dataset, 0, boxes).tolist() == [400, 600]
    masks, _ = dataset.load_instances(0)
    assert keypoint_areas(dataset, 0, masks).tolist() == [400, 600]


def test_evaluate_without_a_model():
    found = evaluate(
        None,
        Figures(),
        detect=lambda images: [result(POINTS)] * len(images),
        iou_types=("bbox", "keypoints"),
        progress=False,
    )
    assert found["coco"]["keypoints"]["AP"] == 1
    assert headline(found)["keypoint AP"] == 1
    assert "keypoint AP 1.000  keypoint AP50 1.000" in summary(found)
    assert found["curves"]["keypoints"]["per_class"]["figure"]


def without(name):
    return {key: value for key, value in result(POINTS).items() if key != name}


@pytest.mark.parametrize("kinds", ["keypoints", ("bbox", "keypoints")])
def test_no_keypoints(kinds):
    class Plain(Figures):
        keypoint_layout = None

    with pytest.raises(ValueError, match="Plain has no keypoint_layout: the kind 'keypoints'"):
        CocoMetrics(Plain(), kinds=kinds)
    with pytest.raises(ValueError, match="image 0: the result has no keypoints"):
        coco_ap(Figures(), [without("keypoints")], [0], kinds=kinds)
    with pytest.raises(ValueError, match="the result has no keypoints"):
        evaluate(
            None, Figures(), detect=lambda images: [without("keypoints")], iou_types=kinds,
            progress=False,
        )  # fmt: skip


def test_the_limit_of_twenty_as_in_coco():
    assert keypoint_metric(Figures())._params.maxDets == [20]
    assert keypoint_metric(Figures(), 300)._params.maxDets == [300]


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    unpack_people(folder)
    return folder / "annotations" / "person_keypoints_val2017.json"


def test_agreement_with_pycocotools_on_coco_people(people):
    dataset = CocoKeypointsDataset.read(people)
    rng = np.random.default_rng(0)
    results, rows = [], []
    for image_id in dataset.image_ids:
        masks, class_ids = dataset.load_instances(image_id)
        points = dataset.load_keypoints(image_id).points.astype(float)
        points[..., :2] += rng.normal(0, 6, points[..., :2].shape)
        scores = rng.uniform(size=len(points))
        results.append(
            {
                "rois": masks.boxes,
                "class_ids": np.abs(class_ids),
                "scores": scores,
                "keypoints": points,
            }
        )
        info = dataset.image_info[image_id]
        for each, score in zip(points, scores.tolist(), strict=True):
            flat = np.column_stack([each[:, 1] - 0.5, each[:, 0] - 0.5, each[:, 2]])
            row = {"image_id": info["id"], "category_id": 1, "score": score}
            rows.append({**row, "keypoints": flat.ravel().tolist()})
    ours = coco_ap(dataset, results, dataset.image_ids, kinds="keypoints")
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(people))
        evaluator = COCOeval(truth, truth.loadRes(json.loads(json.dumps(rows))), "keypoints")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    names = ("AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl")
    assert 0.2 < evaluator.stats[0] < 0.9
    for name, value in zip(names, evaluator.stats, strict=True):
        assert ours[f"keypoints_{name}"] == pytest.approx(value, abs=1e-9), name
