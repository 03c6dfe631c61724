"""All metrics in one pass: what holds for each of them on any images."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import InMemory

from mrcnn.evaluation import METRICS, Evaluator
from mrcnn.instances import InstanceMasks
from mrcnn.instances.pasting import extract_bboxes

from .compared import NoMasks

SIZE = (20, 30)


def sample(rng, count):
    """An `InMemory` sample: boxes of random sizes, which may overlap."""
    masks = np.zeros((*SIZE, count), bool)
    for i in range(count):
        (y, h), (x, w) = ((rng.integers(0, n - 6), rng.integers(2, 7)) for n in SIZE)
        masks[y : y + h, x : x + w, i] = True
    return np.zeros((*SIZE, 3), np.uint8), masks, rng.integers(1, 3, count).astype(np.int32)


def result_of(masks, class_ids, scores):
    return {
        "rois": extract_bboxes(masks), "class_ids": class_ids, "scores": scores, "masks": masks
    }  # fmt: skip


def chosen(result, which):
    return {n: v[..., which] if n == "masks" else v[which] for n, v in result.items()}


def random_case(seed, count=3):
    """Samples, and results with partly different instances."""
    rng = np.random.default_rng(seed)
    samples = [sample(rng, rng.integers(1, 5)) for _ in range(count)]
    results = []
    for _, masks, class_ids in samples:
        _, others, other_ids = sample(rng, rng.integers(0, 4))
        keep = rng.random(len(class_ids)) < 0.7
        masks = np.concatenate([np.roll(masks[..., keep], 1, axis=0), others], axis=-1)
        ids = np.concatenate([class_ids[keep], other_ids])
        results.append(result_of(masks, ids, rng.permutation(len(ids)) / 10 + 0.1))
    return samples, results


def figures_of(dataset, results, order=None, **options):
    evaluator = Evaluator(dataset, **options)
    for i in range(len(results)) if order is None else order:
        evaluator.add(i, *dataset.load_instances(i), results[i])
    return evaluator.compute()


def numbers(value, path=""):
    """All numbers in a result by path."""
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return {path: value} if not isinstance(value, str) else {}
    return {k: v for n, part in items for k, v in numbers(part, f"{path}/{n}").items()}


@given(st.integers(0, 30))
def test_the_ground_truth_scores_perfectly(seed):
    # No overlaps: two instances with exactly the same pixels cannot both keep them.
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, (2, 5, 5)).repeat(4, axis=1).repeat(6, axis=2)
    samples = []
    for part in labels:
        masks = np.stack([part == i for i in np.unique(part[part > 0])], axis=-1)
        ids = rng.integers(1, 3, masks.shape[-1]).astype(np.int32)
        samples.append((np.zeros((*part.shape, 3), np.uint8), masks, ids))
    results = [result_of(masks, ids, np.ones(len(ids))) for _, masks, ids in samples]
    figures = figures_of(InMemory(samples), results)
    for kind in ("bbox", "segm"):
        assert figures["coco"][kind]["AP"] == pytest.approx(1)
    assert figures["objects"]["dsb_score"] == 1
    assert figures["objects"]["f1"] == figures["objects"]["pooled_ap"] == [1] * 10
    assert figures["panoptic"]["pq"] == figures["aji"]["aji"] == 1
    assert figures["pixels"]["mean_iou"] == figures["pixels"]["dice"] == 1
    assert figures["hausdorff"]["hausdorff"] == figures["hausdorff"]["hausdorff95"] == 0
    matrix = np.array(figures["confusion"]["matrix"])
    assert matrix.trace() == matrix.sum() == figures["instances"] == figures["detections"]


@pytest.mark.parametrize("seed", range(4))
def test_order_of_images_instances_and_detections(seed):
    samples, results = random_case(seed)
    expected = numbers(figures_of(InMemory(samples), results))
    rng = np.random.default_rng(seed)
    shuffled = []
    for image, masks, ids in samples:
        order = rng.permutation(len(ids))
        shuffled.append((image, masks[..., order], ids[order]))
    results = [chosen(result, rng.permutation(len(result["scores"]))) for result in results]
    got = figures_of(InMemory(shuffled), results, order=[2, 0, 1])
    got["per_image"].sort(key=lambda row: row["image_id"])
    got = numbers(got)
    assert got.keys() == expected.keys()
    for path, value in expected.items():
        assert got[path] == pytest.approx(value, nan_ok=True), path


def test_a_score_for_each_class():
    """A dict as in DETECTION_MIN_CONFIDENCE: a class that it does not list needs 0.7."""
    samples, results = random_case(1)
    dataset = InMemory(samples)
    figures = figures_of(dataset, results, min_score={np.int64(2): 0.25})
    least = np.array([0, 0.7, 0.25])
    kept = [int((r["scores"] >= least[r["class_ids"]]).sum()) for r in results]
    assert [row["detections"] for row in figures["per_image"]] == kept
    assert 0 < sum(kept) < sum(len(r["scores"]) for r in results)
    assert json.loads(json.dumps(figures["settings"]))["min_score"] == {"2": 0.25}
    # Average precision uses all of them.
    assert figures["coco"]["segm"]["AP"] == figures_of(dataset, results)["coco"]["segm"]["AP"]
    with pytest.raises(ValueError, match="min_score has the key 'red': class ids run from 1 to 2"):
        Evaluator(dataset, min_score={"red": 0.5})


def test_keys_and_counts():
    samples, results = random_case(1)
    samples[0][2][0] *= -1  # a crowd
    dataset = InMemory(samples)
    figures = figures_of(dataset, results, min_score=0.25)
    assert list(figures) == [
        *("images", "instances", "crowds", "detections", "settings", "classes"),
        *METRICS,
        *("curves", "per_image"),
    ]
    assert figures["images"] == 3 and figures["crowds"] == 1
    assert figures["instances"] == sum(len(ids) for _, _, ids in samples) - 1
    kept = [np.count_nonzero(result["scores"] >= 0.25) for result in results]
    assert [row["detections"] for row in figures["per_image"]] == kept
    objects = figures["objects"]
    assert objects["tp"][0] + objects["fp"][0] <= sum(kept) < sum(len(r["scores"]) for r in results)
    assert np.mean([row["dsb_score"] for row in figures["per_image"]]) == pytest.approx(
        objects["dsb_score"]
    )
    # COCO's and VOC's metrics use all detections.
    of_all = figures_of(dataset, results)
    np.testing.assert_equal([figures[n] for n in ("coco", "voc")], [of_all["coco"], of_all["voc"]])
    sure = [chosen(result, result["scores"] >= 0.25) for result in results]
    assert figures_of(dataset, sure)["voc"] != of_all["voc"]
    assert figures["classes"] == ["red", "blue"]
    assert figures["confusion"]["classes"] == ["BG", "red", "blue"]
    for part in (figures["coco"]["segm"], *(figures[n] for n in METRICS[1:-1])):
        assert list(part["per_class"]) == ["red", "blue"]
    assert list(figures["curves"]["bbox"]["per_class"]) == ["red", "blue"]
    assert json.loads(json.dumps(figures)).keys() == figures.keys()
    assert {type(value) for value in numbers(figures).values()} <= {int, float}
    assert not math.isnan(figures["panoptic"]["pq"])


def test_some_metrics():
    samples, results = random_case(2)
    figures = figures_of(InMemory(samples), results, metrics=["aji", "coco"], iou_types="segm")
    assert "objects" not in figures and "confusion" not in figures
    assert list(figures["coco"]) == list(figures["curves"]) == ["segm"]
    assert figures["settings"]["metrics"] == ["aji", "coco"]
    dataset = InMemory(samples)
    with pytest.raises(
        ValueError, match=r"metrics is \('ap',\): it must be one or more of \('coco', 'voc',.*\)\.$"
    ):
        Evaluator(dataset, metrics="ap")
    with pytest.raises(
        ValueError, match=r"iou_types is \('mask',\): it must be one or more of \('bbox', 'segm', "
    ):
        Evaluator(dataset, iou_types="mask")
    with pytest.raises(ValueError) as caught:
        Evaluator(dataset, metrics=["coco", "aji"], iou_types="bbox")
    assert str(caught.value) == (
        "metrics is ('coco', 'aji'): it must be one or more of ('coco', 'voc', 'objects', "
        "'confusion'): without 'segm' in iou_types there are no masks to compare."
    )
    with pytest.raises(ValueError, match=r"'confusion'\): 'voc' compares boxes and needs 'bbox'"):
        Evaluator(dataset, metrics="voc", iou_types="segm")
    assert "voc" not in Evaluator(dataset, iou_types="segm").settings["metrics"]


def test_boxes_alone():
    image = np.zeros((*SIZE, 3), np.uint8)
    masks = np.zeros((*SIZE, 1), bool)
    masks[0:10, 0:10, 0] = np.tri(10, dtype=bool)
    dataset = InMemory([(image, masks, np.array([1], np.int32))])
    boxes = {"rois": np.array([[0, 0, 10, 10]]), "class_ids": [1], "scores": [0.5]}
    figures = figures_of(dataset, [boxes], iou_types="bbox")
    assert figures["coco"]["bbox"]["AP"] == pytest.approx(1) and "segm" not in figures["coco"]
    assert figures["objects"]["dsb_score"] == 1 and "aji" not in figures
    with pytest.raises(ValueError, match="image 0: the result has no masks: iou_types must"):
        figures_of(dataset, [boxes])
    # Compared by mask, the box has an IoU of 0.55.
    full = {**boxes, "masks": InstanceMasks([np.ones((10, 10))], [(0, 0)], SIZE)}
    assert figures_of(dataset, [full])["objects"]["tp"] == [1, 1] + [0] * 8


def test_a_ground_truth_of_boxes(monkeypatch):
    samples, results = random_case(5)
    samples[1][2][0] *= -1
    boxes = [{n: v for n, v in result.items() if n != "masks"} for result in results]
    expected = figures_of(InMemory(samples), boxes, iou_types="bbox")
    assert expected["crowds"] == 1

    monkeypatch.setattr(InstanceMasks, "__init__", None)  # no mask may be created
    dataset = NoMasks([(image, extract_bboxes(masks), ids) for image, masks, ids in samples])
    evaluator = Evaluator(dataset, iou_types="bbox")
    for image_id, result in enumerate(boxes):
        evaluator.add(image_id, *dataset.load_boxes(image_id), result)
    figures = evaluator.compute()
    assert list(figures) == [
        *("images", "instances", "crowds", "detections", "settings", "classes"),
        *("coco", "voc", "objects", "confusion", "curves", "per_image"),
    ]
    assert list(figures["coco"]) == ["bbox"]
    got, expected = numbers(figures), numbers(expected)
    assert got.keys() == expected.keys()
    for path, value in expected.items():
        assert got[path] == pytest.approx(value, nan_ok=True), path
    monkeypatch.undo()
    with pytest.raises(ValueError, match="image 0: the ground truth has boxes but no masks: only"):
        Evaluator(dataset, iou_types="segm").add(0, *dataset.load_boxes(0), results[0])


def test_fractions_of_a_pixel_count():
    sample = (np.zeros((*SIZE, 3), np.uint8), np.array([[0, 0, 10, 9.5]]), np.array([1], np.int32))
    dataset = NoMasks([sample])
    result = {"rois": np.array([[0, 0, 10, 8]]), "class_ids": [1], "scores": [0.5]}
    evaluator = Evaluator(dataset, iou_types=["bbox"])
    evaluator.add(0, *dataset.load_boxes(0), result)
    figures = evaluator.compute()
    # The IoU is 8 / 9.5 = 0.84: seven of COCO's ten thresholds, 0.5 to 0.8, are reached.
    assert figures["objects"]["tp"] == [1] * 7 + [0] * 3
    assert figures["coco"]["bbox"]["AP"] == pytest.approx(0.7)
    assert figures["voc"]["map_2007"] == figures["voc"]["map_2010"] == 1


def test_voc_of_classes_by_name():
    boxes = np.array([[0, 0, 4, 4], [8, 8, 12, 12]])
    dataset = NoMasks([(np.zeros((*SIZE, 3), np.uint8), boxes, np.array([1, 1], np.int32))])
    result = {"rois": np.array([[0, 0, 4, 4]]), "class_ids": [1], "scores": [0.5]}
    evaluator = Evaluator(dataset, iou_types="bbox", metrics="voc")
    evaluator.add(0, *dataset.load_boxes(0), result)
    figures = evaluator.compute()
    assert "coco" not in figures and "curves" not in figures
    # One of two red objects is found: recall levels 0 to 0.5.
    assert figures["voc"]["map_2007"] == pytest.approx(6 / 11)
    assert figures["voc"]["per_class"]["red"] == {
        "ap_2007": pytest.approx(6 / 11), "ap_2010": 0.5
    }  # fmt: skip
    assert np.isnan(figures["voc"]["per_class"]["blue"]["ap_2010"])


def test_classes_of_other_sources_and_names():
    samples, results = random_case(3, count=1)
    dataset = InMemory(samples)
    dataset.add_class("other", 1, "red")
    dataset.prepare()
    expected = numbers(figures_of(InMemory(samples), results))
    masks = np.ones((*SIZE, 1), bool)
    more = result_of(masks, np.array([3]), np.array([0.99]))
    both = {
        n: np.concatenate([results[0][n], more[n]], axis=-1 if n == "masks" else 0) for n in more
    }
    figures = figures_of(dataset, [both])
    assert figures["classes"] == ["red", "blue", "red (other.1)"]
    got = numbers(figures)
    for path, value in expected.items():
        if "confusion" not in path:
            assert got[path] == pytest.approx(value, nan_ok=True), path


def test_masks_of_another_size():
    samples, results = random_case(4, count=1)
    results[0]["masks"] = results[0]["masks"][:10]
    with pytest.raises(ValueError, match="image 0: the masks of the detections are 10x30 pixels"):
        figures_of(InMemory(samples), results)
    results[0]["scores"] = np.ones(9)
    with pytest.raises(
        ValueError, match=r"image 0: the result has \d rois, \d class_ids, 9 scores"
    ):
        figures_of(InMemory(samples), results)
