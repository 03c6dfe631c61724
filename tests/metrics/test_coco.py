"""`CocoAP` image by image, against pycocotools on all at once: keypoints, classes, curves."""

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mrcnn.evaluation import CocoAP, evaluate_coco


def person(points, area=1600, **more):
    """A keypoint annotation from [(x, y, v)]."""
    flat = [float(value) for point in points for value in point]
    box = [0, 0, area**0.5, area**0.5]
    count = sum(v > 0 for _, _, v in points)
    return {
        "category_id": 1, "iscrowd": 0, "area": area, "bbox": box, "num_keypoints": count,
        "keypoints": flat, **more,
    }  # fmt: skip


def test_keypoints_by_hand():
    # Both points are 4 pixels off: exp(-4^2 / (2 * 1600 * (2 * 0.1)^2)) = 0.882, enough for 0.85.
    metric = CocoAP([1], "keypoints", sigmas=[0.1, 0.1])
    truth = [person([(10, 10, 2), (30, 30, 1)])]
    found = [{"category_id": 1, "score": 0.9, "keypoints": [14, 10, 1, 30, 34, 1]}]
    metric.add(0, (50, 50), truth, found)
    figures = metric.accumulate().figures()
    assert list(figures) == [
        "AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl"
    ]  # fmt: skip
    for name in ("AP", "APm", "AR", "ARm"):
        assert figures[name] == pytest.approx(0.8), name
    assert (figures["AP50"], figures["AR75"]) == (pytest.approx(1), 1)
    assert np.isnan([figures["APl"], figures["ARl"]]).all()
    # A point that is not annotated does not count.
    truth = [person([(10, 10, 0), (30, 30, 1)])]
    found[0]["keypoints"] = [40, 40, 1, 30, 30, 1]
    metric.add(0, (50, 50), truth, found)
    assert metric.accumulate().figures()["AP"] == pytest.approx(1)


@pytest.mark.parametrize("seed", range(2))
def test_keypoints_agree_with_pycocotools_own_summary(seed):
    rng = np.random.default_rng(seed)
    annotations, detections = [], []
    for image_id in range(8):
        for _ in range(rng.integers(0, 4)):
            points = rng.integers(0, 300, (17, 2))
            seen = rng.integers(0, 3, (17, 1))
            area = int(rng.integers(900, 40000))
            annotations.append(
                person(np.append(points, seen, axis=1).tolist(), area, image_id=image_id)
            )
            for _ in range(rng.integers(0, 3)):
                moved = points + rng.normal(0, area**0.5 / 15, (17, 2))
                row = {"image_id": image_id, "category_id": 1, "score": rng.random()}
                row["keypoints"] = np.append(moved, seen, axis=1).ravel().tolist()
                detections.append(row)
    content = {
        "images": [{"id": i, "height": 300, "width": 300} for i in range(8)],
        "annotations": [{**row, "id": n} for n, row in enumerate(annotations, 1)],
        "categories": [{"id": 1, "name": "person"}],
    }
    ours = evaluate_coco(content, detections, "keypoints").figures()
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = content
        truth.createIndex()
        evaluator = COCOeval(truth, truth.loadRes(detections), "keypoints")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    np.testing.assert_allclose(np.nan_to_num(list(ours.values()), nan=-1), evaluator.stats)
    assert 0.1 < ours["AP"] < 0.9


def box(class_id, y, score=None, width=10):
    row = {"category_id": class_id, "iscrowd": 0, "area": 100, "bbox": [0, y, width, 10]}
    return row if score is None else {**row, "score": score}


def test_classes_and_curves():
    metric = CocoAP([3, 1, 2], "bbox")
    metric.add(5, (99, 99), [box(1, 0), box(1, 20), box(3, 40)], [box(1, 0, 0.9), box(2, 0, 0.8)])
    metric.add(2, (99, 99), [box(3, 0)], [box(3, 0, 0.3), box(3, 40, 0.4)])
    figures = metric.accumulate()
    assert figures.class_ids == [1, 2, 3]
    per_class = figures.per_class()
    # Class 1: half found, at precision 1. Class 3: half found, after a false detection.
    assert per_class[1]["AP"] == pytest.approx(51 / 101)
    assert per_class[3]["AP"] == pytest.approx(51 / 2 / 101)
    assert np.isnan(list(per_class[2].values())).all()
    assert figures.figures()["AP"] == pytest.approx((51 + 51 / 2) / 2 / 101)
    assert (per_class[1]["AR"], per_class[3]["AR1"]) == (0.5, 0)

    curves = figures.curves()
    assert curves["recall"][:3] == [0, 0.01, 0.02] and curves["recall"][-1] == 1
    assert list(curves["precision"])[:2] == ["0.50", "0.55"] and len(curves["precision"]) == 10
    assert curves["precision"]["0.95"] == pytest.approx([0.75] * 51 + [0] * 50)
    assert {i: list(part) for i, part in curves["per_class"].items()} == {
        1: ["0.50", "0.75"],
        3: ["0.50", "0.75"],
    }
    assert curves["per_class"][3]["0.75"] == pytest.approx([0.5] * 51 + [0] * 50)


def test_nothing_at_all():
    metric = CocoAP([1], "bbox")
    assert np.isnan(list(metric.accumulate().figures().values())).all()
    metric.add(1, (9, 9), [], [])
    curves = metric.accumulate().curves()
    assert np.isnan(curves["precision"]["0.50"]).all() and not curves["per_class"]


def test_the_order_of_images_does_not_matter():
    images = {i: ([box(1, 0), box(1, 20)], [box(1, 0 if i % 2 else 40, 0.5)]) for i in range(6)}
    figures = []
    for order in (range(6), reversed(range(6))):
        metric = CocoAP([1], "bbox")
        for i in order:
            metric.add(i, (99, 99), *images[i])
        figures.append(metric.accumulate().precision)
    np.testing.assert_array_equal(*figures)


def test_a_detection_in_an_image_that_is_not_there():
    content = {"images": [{"id": 1, "height": 9, "width": 9}], "annotations": []}
    content["categories"] = [{"id": 1}]
    with pytest.raises(
        ValueError, match="detection is 7: it must be one of the ground truth's 1 images"
    ):
        evaluate_coco(content, [{**box(1, 0, 0.5), "image_id": 7}], "bbox")


def many(count, image_id=1, category_id=1):
    """Boxes side by side, as annotations."""
    row = {"image_id": image_id, "category_id": category_id, "iscrowd": 0, "area": 100}
    return [{**row, "bbox": [20 * i, 0, 10, 10], "score": 0.9} for i in range(count)]


def test_detections_beyond_the_limit_are_reported(caplog):
    content = {
        "images": [{"id": i, "height": 20, "width": 6000} for i in (1, 2, 3)],
        "annotations": many(250) + many(60, 2) + many(60, 2, 2) + many(101, 3),
        "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
    }
    figures = evaluate_coco(content, content["annotations"], "bbox").figures()
    # 100 of 250, all of 60 and 100 of 101 of class 1; the limit is per class and image.
    assert figures["AR"] == pytest.approx((260 / 411 + 1) / 2)
    assert caplog.messages == [
        "max_detections is 100: 2 of 3 images have more detections of a class, up to 250, and only "
        "the best 100 counted in COCO's metrics. max_detections=250 counts all."
    ]
    caplog.clear()
    figures = evaluate_coco(content, content["annotations"], "bbox", max_detections=250).figures()
    assert figures["AR"] == pytest.approx(1) and not caplog.messages


def test_the_note_is_about_the_images_added_last(caplog):
    metric = CocoAP([1], "bbox", max_detections=3)
    metric.add(1, (20, 100), many(2), many(5))
    assert metric.limit_note().startswith("max_detections is 3: 1 of 1 images")
    metric.add(1, (20, 100), many(2), many(3) + many(4, category_id=2))  # not a class to evaluate
    assert metric.limit_note() == ""
    metric.add(2, (20, 100), [], many(4))
    assert "1 of 2 images have more detections of a class, up to 4" in metric.limit_note()
    metric.reset()
    assert metric.limit_note() == ""
