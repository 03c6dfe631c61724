import contextlib
import io
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tiny import InMemory, shapes

from mrcnn.datasets.dataset import Dataset
from mrcnn.evaluation import CocoMetrics, Evaluator, coco_ap, evaluate, evaluate_coco
from mrcnn.formats import CocoDataset
from mrcnn.instances import InstanceBoxes, InstanceMasks
from mrcnn.instances.pasting import extract_bboxes
from mrcnn.instances.rle import encode
from mrcnn.metrics.coco_dataset import truth_annotations

from .compared import NoMasks

NAMES = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR", "ARs", "ARm", "ARl"]
# COCO's own files and their expected results, where available.
GOLDEN = Path(os.environ.get("COCOEVAL_GOLDEN", "not here"))


def masks_of(boxes, size=(40, 50)):
    masks = np.zeros((*size, len(boxes)), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, i] = True
    return masks


def truth_of(instances, size=(40, 50)):
    """An `InMemory` sample from [(box, class id)]."""
    boxes, class_ids = [box for box, _ in instances], [class_id for _, class_id in instances]
    return np.zeros((*size, 3), np.uint8), masks_of(boxes, size), np.array(class_ids, np.int32)


def result_of(instances, size=(40, 50)):
    """A `detect` result from [(box, class id, score)]."""
    boxes, class_ids, scores = zip(*instances, strict=True) if instances else ((), (), ())
    return {
        "rois": np.array(boxes, np.int32).reshape(-1, 4),
        "class_ids": np.array(class_ids, np.int32),
        "scores": np.array(scores, np.float32),
        "masks": masks_of(boxes, size),
    }


A, B, C = (2, 2, 12, 12), (20, 5, 30, 15), (22, 30, 32, 40)


def test_values_by_hand():
    # The lower 8 of A's 10 rows are found (IoU 0.8); B exactly, but after a false C.
    dataset = InMemory([truth_of([(A, 1), (B, 1)])], names=("red",))
    found = result_of([((4, 2, 12, 12), 1, 0.9), (C, 1, 0.8), (B, 1, 0.7)])
    figures = coco_ap(dataset, [found], [0])
    assert list(figures) == [f"{kind}_{name}" for kind in ("bbox", "segm") for name in NAMES]
    # Recalls 0, 0.01, ... 1: 51 are reached at precision 1, 50 at 2/3. From IoU 0.85 on, A is
    # missed too, and the 51 are reached at 1/3.
    high, low = (51 + 50 * 2 / 3) / 101, 51 / 3 / 101
    expected = {"AP": (7 * high + 3 * low) / 10, "AP50": high, "AP75": high, "AR1": 0.5 * 7 / 10}
    expected |= {"AR": (7 + 0.5 * 3) / 10, "AR10": (7 + 0.5 * 3) / 10}
    for kind in ("bbox", "segm"):
        for name, value in expected.items():
            assert figures[f"{kind}_{name}"] == pytest.approx(value), name
            if name in ("AP", "AR"):
                assert figures[f"{kind}_{name}s"] == pytest.approx(value)
        assert np.isnan([figures[f"{kind}_{name}"] for name in ("APm", "APl", "ARm", "ARl")]).all()


def test_boxes_and_masks_are_evaluated_separately():
    dataset = InMemory([truth_of([(A, 1)])])
    found = result_of([(A, 1, 0.9)])
    found["masks"][2:8, 2:12] = False  # 4 of 10 rows are left
    figures = coco_ap(dataset, [found], [0])
    assert (figures["bbox_AP"], figures["segm_AP50"]) == (pytest.approx(1), 0)
    # The box is the detected one, not the one around the mask.
    found = result_of([(A, 1, 0.9)])
    found["rois"][0] = (2, 2, 8, 12)
    figures = coco_ap(dataset, [found], [0])
    assert (figures["bbox_AP50"], figures["bbox_AP75"]) == (pytest.approx(1), 0)
    assert figures["segm_AP"] == pytest.approx(1)


def test_crowds_classes_and_empty_images():
    # A detection in the crowd does not count, nor does class 2, which has no instances.
    truth = [truth_of([(A, 1), ((18, 0, 36, 50), -1)]), truth_of([])]
    found = [result_of([(B, 1, 0.9), (C, 1, 0.8), (A, 1, 0.7)]), result_of([(C, 2, 0.9)])]
    assert coco_ap(InMemory(truth), found, [0, 1])["segm_AP"] == pytest.approx(1)
    # In an image without instances, any detection is false.
    found[1] = result_of([(C, 1, 0.95)])
    assert coco_ap(InMemory(truth), found, [0, 1])["segm_AP"] == pytest.approx(0.5)
    # Only the given images are evaluated.
    assert coco_ap(InMemory(truth), found[:1], [0])["segm_AP"] == pytest.approx(1)


def test_classes_of_other_sources_do_not_count():
    dataset = InMemory([truth_of([(A, 1), (B, 2)])])
    dataset.add_class("other", 1, "green")
    dataset.add_image("other", 1, path=None)
    dataset.samples.append(truth_of([(A, 3)]))
    dataset.prepare()
    found = [result_of([(A, 1, 0.6), (B, 2, 0.6)]), result_of([(A, 3, 0.6), (C, 1, 0.9)])]
    assert coco_ap(dataset, found, [0, 1])["bbox_AP"] == pytest.approx(1)


def test_nothing_found_and_nothing_to_find():
    dataset = InMemory([truth_of([(A, 1)]), truth_of([])])
    figures = coco_ap(dataset, [result_of([])], [0])
    assert figures["bbox_AP"] == figures["segm_AP"] == figures["segm_AR"] == 0
    assert np.isnan(list(coco_ap(dataset, [result_of([(A, 1, 0.9)])], [1]).values())).all()


def test_an_instance_or_detection_without_a_pixel():
    dataset = InMemory([truth_of([(A, 1), ((5, 5, 5, 5), 1)])])
    found = result_of([(A, 1, 0.9), (B, 1, 0.8)])
    found["masks"][..., 1] = False
    figures = coco_ap(dataset, [found], [0])
    assert figures["segm_AP"] == figures["bbox_AP"] == pytest.approx(1)


def test_more_than_a_hundred_instances():
    boxes = [(y, x, y + 2, x + 2) for y in range(0, 40, 4) for x in range(0, 60, 4)]
    assert len(boxes) == 150
    dataset = InMemory([truth_of([(box, 1) for box in boxes], (40, 60))])
    found = [result_of([(box, 1, 0.9) for box in boxes], (40, 60))]
    assert coco_ap(dataset, found, [0])["segm_AR"] == pytest.approx(100 / 150)
    figures = coco_ap(dataset, found, [0], max_detections=200)
    assert figures["segm_AR"] == figures["segm_AP"] == pytest.approx(1)
    assert figures["segm_AR10"] == pytest.approx(10 / 150)


def test_the_masks_of_the_truth_are_given_back():
    dataset = InMemory([truth_of([(A, 1), (B, -2), ((5, 5, 5, 5), 1)]), truth_of([])])
    metrics = CocoMetrics(dataset)
    masks, class_ids = metrics.truth_masks(0)
    np.testing.assert_array_equal(masks.dense(), masks_of([A, B]))
    assert class_ids.tolist() == [1, -2]
    masks, class_ids = metrics.truth_masks(1)
    assert len(masks) == len(class_ids) == 0


def test_image_by_image(capsys):
    dataset = InMemory([truth_of([(A, 1)]), truth_of([(B, 1)])])
    metrics = CocoMetrics(dataset)
    metrics.add(np.int64(0), result_of([(A, 1, 0.9)]))
    metrics.add(1, result_of([]))
    assert metrics.compute()["segm_AR"] == pytest.approx(0.5)
    crops = InstanceMasks([np.ones((10, 10))], [(20, 5)], (40, 50))
    metrics.add(1, {**result_of([(B, 1, 0.9)]), "masks": crops})
    assert metrics.compute()["segm_AR"] == metrics.compute()["bbox_AP"] == pytest.approx(1)
    metrics.reset()
    metrics.add(1, result_of([(A, 1, 0.9)]))
    assert metrics.compute()["segm_AP"] == 0
    assert capsys.readouterr().out == ""


def test_masks_of_another_size():
    dataset = InMemory([truth_of([(A, 1)])])
    with pytest.raises(ValueError) as caught:
        coco_ap(dataset, [result_of([(A, 1, 0.9)], (50, 40))], [0])
    assert str(caught.value) == (
        "image 0 is 40x50 pixels, but the masks of its detections are 50x40 (height x width): "
        "they must have the same size."
    )


def test_one_kind_alone():
    dataset = InMemory([truth_of([(A, 1)]), truth_of([(B, 1)])])
    found = [result_of([(A, 1, 0.9)]), result_of([])]
    both = coco_ap(dataset, found, [0, 1])
    boxes = coco_ap(dataset, found, [0, 1], kinds="bbox")
    assert list(boxes) == [f"bbox_{name}" for name in NAMES]
    assert boxes == pytest.approx({name: both[name] for name in boxes}, nan_ok=True)
    masks = coco_ap(dataset, found, [0, 1], kinds=["segm"])
    assert masks == pytest.approx({name: both[name] for name in masks}, nan_ok=True)
    assert len(masks) == 12
    for kinds in ("mask", (), ("bbox", "points")):
        with pytest.raises(
            ValueError,
            match=r"kinds is .*: it must be one or more of \('bbox', 'segm', 'keypoints'\)\.",
        ):
            CocoMetrics(dataset, kinds=kinds)
    del found[0]["masks"]
    with pytest.raises(
        ValueError, match=r"image 0: the result has no masks: kinds must be \('bbox',\)"
    ):
        coco_ap(dataset, found, [0, 1])


def test_boxes_alone(monkeypatch):
    monkeypatch.setattr(InstanceMasks, "__init__", None)  # no mask may be created
    image = np.zeros((40, 50, 3), np.uint8)
    boxes = np.array([[2, 2, 12, 11.5], [5, 5, 5, 5], [18, 0, 36, 50]])
    dataset = NoMasks([(image, boxes, np.array([1, 1, -1])), (image, boxes[:0], boxes[:0, 0])])
    found = [
        {"rois": np.array([[2, 2, 12, 10], B]), "class_ids": [1, 1], "scores": [0.5, 0.9]},
        {"rois": np.zeros((0, 4), int), "class_ids": [], "scores": []},
    ]
    # The IoU is 8 / 9.5 = 0.84: seven of ten thresholds. Detections in the crowd do not count.
    figures = coco_ap(dataset, found, [0, 1], kinds=("bbox",))
    assert figures["bbox_AP"] == pytest.approx(0.7) and figures["bbox_AR"] == pytest.approx(0.7)
    metrics = CocoMetrics(dataset, kinds=("bbox",))
    assert (metrics.kinds, metrics.field) == (("bbox",), "boxes")
    for _ in range(2):
        metrics.reset()
        for image_id in (0, 1):
            metrics.read_truth(image_id, image.shape)
        metrics.add(0, {**found[0], "masks": "not looked at"})
        metrics.add(1, found[1])
        assert metrics.compute() == pytest.approx(figures, nan_ok=True)
        dataset.samples = None  # the ground truth is kept


def test_areas_of_boxes_decide_what_is_small():
    image = np.zeros((40, 50, 3), np.uint8)
    dataset = NoMasks([(image, np.array([[0, 0, 32, 32.5]]), np.array([1]))])
    found = {"rois": np.array([[0, 0, 32, 32]]), "class_ids": [1], "scores": [0.5]}
    figures = coco_ap(dataset, [found], [0], kinds="bbox")
    assert np.isnan(figures["bbox_APs"]) and figures["bbox_APm"] == pytest.approx(1)


def test_annotations_of_boxes():
    boxes = InstanceBoxes([[1, 2.5, 3, 8.25], [0, 0, 0, 0], [4, 4, 9, 9]], (10, 10))
    assert truth_annotations(boxes, np.array([2, 1, -1]), None) == [
        {"category_id": 2, "area": 11.5, "bbox": [2.5, 1, 5.75, 2], "iscrowd": 0},
        {"category_id": 1, "area": 25, "bbox": [4, 4, 5, 5], "iscrowd": 1},
    ]


# One image; its only object spans 10.4 to 15.6, so its pixels are 10 to 16.
SQUARE = [10.4, 10.4, 15.6, 10.4, 15.6, 15.6, 10.4, 15.6]


def square_of(folder, **entry):
    """The path of a COCO file with this one annotation."""
    entry = {"id": 1, "image_id": 7, "category_id": 3, "segmentation": [SQUARE], **entry}
    Image.new("RGB", (50, 40)).save(folder / "7.png")
    content = {
        "images": [{"id": 7, "file_name": "7.png", "height": 40, "width": 50}],
        "categories": [{"id": 3, "name": "square"}],
        "annotations": [{name: value for name, value in entry.items() if value is not None}],
    }
    path = folder / "instances.json"
    path.write_text(json.dumps(content))
    return path


# IoU 27.04 / 36 = 0.7511 with the file's box: six of ten thresholds. With the pixels' box, 1.
ON_THE_PIXELS = result_of([((10, 10, 16, 16), 1, 0.9)])


@pytest.mark.parametrize("bbox", [[10.4, 10.4, 5.2, 5.2], None])
def test_boxes_are_those_of_the_file(tmp_path, bbox):
    dataset = CocoDataset.read(square_of(tmp_path, bbox=bbox))
    assert dataset.load_instances(0)[0].boxes.tolist() == [[10, 10, 16, 16]]
    for part in (dataset, dataset.subset([0])):
        figures = coco_ap(part, [ON_THE_PIXELS], [0])
        assert figures["bbox_AP"] == pytest.approx(0.6) and figures["segm_AP"] == pytest.approx(1)
        assert coco_ap(part, [ON_THE_PIXELS], [0], kinds="bbox")["bbox_AP"] == pytest.approx(0.6)
    metrics = CocoMetrics(dataset)
    metrics.read_truth(0, (40, 50, 3))  # as in validation while training
    metrics.add(0, ON_THE_PIXELS)
    assert metrics.compute()["bbox_AP"] == pytest.approx(0.6)
    for iou_types in (("bbox", "segm"), ("bbox",)):
        options = {"iou_types": iou_types, "progress": False}
        result = evaluate(None, dataset, detect=lambda images: [ON_THE_PIXELS], **options)
        assert result["coco"]["bbox"]["AP"] == pytest.approx(0.6)
        boxes_only = iou_types == ("bbox",)
        assert sum(result["objects"]["f1"]) == (6 if boxes_only else 10)
    evaluator = Evaluator(dataset)
    evaluator.add(0, *dataset.load_instances(0), ON_THE_PIXELS)
    assert evaluator.compute()["coco"]["bbox"]["AP"] == pytest.approx(0.6)


def test_a_box_does_not_outlive_a_mask_that_a_subclass_changes(tmp_path):
    class Larger(CocoDataset):
        def load_mask(self, image_id):
            masks, class_ids = super().load_mask(image_id)
            masks[8:18, 8:18] = True
            return masks, class_ids

    dataset = Larger.read(square_of(tmp_path, bbox=[10.4, 10.4, 5.2, 5.2]))
    found = result_of([((8, 8, 18, 18), 1, 0.9)])
    assert coco_ap(dataset, [found], [0])["bbox_AP"] == pytest.approx(1)
    assert coco_ap(dataset, [found], [0], kinds="bbox")["bbox_AP"] == pytest.approx(1)


def test_areas_of_the_file_decide_what_is_small(tmp_path):
    dataset = CocoDataset.read(square_of(tmp_path, area=2000))
    for kind in ("bbox", "segm"):
        figures = coco_ap(dataset, [ON_THE_PIXELS], [0])
        assert np.isnan(figures[f"{kind}_APs"]) and figures[f"{kind}_APm"] > 0.5
    assert coco_ap(dataset, [ON_THE_PIXELS], [0], kinds="bbox")["bbox_APm"] == pytest.approx(0.6)


def test_a_box_without_a_pixel_is_something_to_find(tmp_path):
    sliver = [20.1, 5, 20.3, 5, 20.3, 30]
    bbox = [20.1, 5, 0.2, 25]
    dataset = CocoDataset.read(square_of(tmp_path, segmentation=[sliver], bbox=bbox))
    assert not dataset.load_instances(0)[0].visible.any()
    figures = coco_ap(dataset, [ON_THE_PIXELS], [0])
    assert figures["bbox_AP"] == 0 and np.isnan(figures["segm_AP"])


def test_a_dataset_without_boxes_of_its_own_is_compared_by_its_masks():
    dataset = InMemory([truth_of([((10, 10, 16, 16), 1)])])
    assert isinstance(dataset, Dataset) and not isinstance(dataset, CocoDataset)
    assert coco_ap(dataset, [ON_THE_PIXELS], [0])["bbox_AP"] == pytest.approx(1)


def polygons_case(rng, folder, images=5):
    """Path of a COCO file of polygons between pixels, and detections that are slightly off."""
    content = {
        "images": [
            {"id": 10 * i, "file_name": f"{i}.png", "height": 300, "width": 400}
            for i in range(images)
        ],
        "categories": [{"id": i, "name": f"{i}"} for i in (2, 5)],
        "annotations": [],
    }
    found = []
    for image in content["images"]:
        rows = []
        for _ in range(rng.integers(1, 9)):
            (h, w), category = rng.uniform(5, 150, 2), int(rng.choice([2, 5]))
            y, x = rng.uniform(-2, 300 - h), rng.uniform(-2, 400 - w)  # some leave the image
            angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
            xs = (x + w / 2 + w / 2 * np.cos(angles)).round(2)
            ys = (y + h / 2 + h / 2 * np.sin(angles)).round(2)
            bbox = [xs.min(), ys.min(), np.ptp(xs), np.ptp(ys)]
            content["annotations"].append(
                {
                    "id": len(content["annotations"]) + 1,
                    "image_id": image["id"],
                    "category_id": category,
                    "segmentation": [np.stack([xs, ys], 1).ravel().tolist()],
                    "bbox": [float(side) for side in bbox],
                    "area": float(h * w / 3),
                    "iscrowd": 0,
                }
            )
            for _ in range(rng.integers(0, 3)):
                dy, dx = rng.normal(0, 0.05, 2) * [h, w]
                box = np.rint([ys.min() + dy, xs.min() + dx, ys.max() + dy, xs.max() + dx])
                box = np.clip(box, 0, [300, 400, 300, 400]).astype(int).tolist()
                rows.append((box, {2: 1, 5: 2}[category], rng.random()))
        found.append(result_of(rows, (300, 400)))
    path = folder / "instances.json"
    path.write_text(json.dumps(content))
    return path, found


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_pycocotools_on_the_file(tmp_path, seed):
    path, found = polygons_case(np.random.default_rng(seed), tmp_path)
    dataset = CocoDataset.read(path, images=tmp_path)
    figures = coco_ap(dataset, found, dataset.image_ids)
    boxes = coco_ap(dataset, found, dataset.image_ids, kinds="bbox")
    rows = []
    for info, result in zip(dataset.image_info, found, strict=True):
        for i, (y1, x1, y2, x2) in enumerate(result["rois"].tolist()):
            row = {"image_id": info["id"], "score": float(result["scores"][i])}
            row["category_id"] = dataset.get_source_class_id(result["class_ids"][i], "coco")
            row["bbox"] = [x1, y1, x2 - x1, y2 - y1]
            rows.append(
                {**row, "segmentation": encode(result["masks"][..., i], (0, 0), (300, 400))}
            )
    for kind in ("bbox", "segm"):
        with contextlib.redirect_stdout(io.StringIO()):
            truth = COCO(str(path))
            evaluator = COCOeval(truth, truth.loadRes(rows), kind)
            evaluator.evaluate()
            evaluator.accumulate()
            evaluator.summarize()
        ours = np.nan_to_num([figures[f"{kind}_{name}"] for name in NAMES], nan=-1)
        np.testing.assert_allclose(ours, evaluator.stats, atol=1e-9)
        assert 0.1 < ours[0] < 0.95
        if kind == "bbox":
            alone = np.nan_to_num([boxes[f"bbox_{name}"] for name in NAMES], nan=-1)
            np.testing.assert_allclose(alone, evaluator.stats, atol=1e-9)


def test_a_ground_truth_that_does_not_fit_the_image():
    metrics = CocoMetrics(InMemory([truth_of([(A, 1)])]))
    with pytest.raises(
        ValueError, match=r"image 0 \(shape0.png\): its masks are 40x50 pixels, but the"
    ):
        metrics.read_truth(0, (50, 40, 3))
    metrics.read_truth(0, (40, 50, 3))
    metrics.add(0, result_of([(A, 1, 0.9)]))
    assert metrics.compute()["segm_AP"] == pytest.approx(1)


def random_case(rng, images=6, size=(300, 400)):
    """A dataset with instances of all sizes, and those instances, shifted, as detections."""
    truth, found = [], []
    for _ in range(images):
        gt, detections = [], []
        for _ in range(rng.integers(0, 12)):
            h, w = rng.integers(4, 150, 2)
            y, x = rng.integers(0, size[0] - h), rng.integers(0, size[1] - w)
            class_id = int(rng.integers(1, 4))
            gt.append(((y, x, y + h, x + w), class_id * int(rng.choice([1, 1, 1, 1, -1]))))
            for _ in range(rng.integers(0, 3)):
                dy, dx = (rng.normal(0, 0.1, 2) * [h, w]).astype(int)
                y1, x1 = np.clip([y + dy, x + dx], 0, [size[0] - h, size[1] - w])
                class_id = class_id if rng.random() < 0.8 else int(rng.integers(1, 4))
                detections.append(((y1, x1, y1 + h, x1 + w), class_id, rng.random()))
        truth.append(truth_of(gt, size))
        found.append(result_of(detections, size))
    return InMemory(truth, names=("red", "blue", "green")), found


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_pycocotools_own_summary(seed):
    """pycocotools goes from files to metrics: `to_coco`, `loadRes` and `summarize`."""
    dataset, found = random_case(np.random.default_rng(seed))
    figures = coco_ap(dataset, found, dataset.image_ids)
    content = dataset.to_coco()
    # The image ids as pycocotools sees them.
    numbers = [image["id"] for image in content["images"]]
    rows = {"bbox": [], "segm": []}
    for number, result in zip(numbers, found, strict=True):
        for i, (y1, x1, y2, x2) in enumerate(result["rois"].tolist()):
            row = {"image_id": number, "category_id": int(result["class_ids"][i])}
            row["score"] = float(result["scores"][i])
            rows["bbox"].append({**row, "bbox": [x1, y1, x2 - x1, y2 - y1]})
            code = encode(result["masks"][..., i], (0, 0), (300, 400))
            rows["segm"].append({**row, "segmentation": code})
    for kind, detections in rows.items():
        with contextlib.redirect_stdout(io.StringIO()):
            truth = COCO()
            truth.dataset = content
            truth.createIndex()
            evaluator = COCOeval(truth, truth.loadRes(detections), kind)
            evaluator.evaluate()
            evaluator.accumulate()
            evaluator.summarize()
        ours = [figures[f"{kind}_{name}"] for name in NAMES]
        np.testing.assert_allclose(np.nan_to_num(ours, nan=-1), evaluator.stats, atol=1e-12)
        assert 0.1 < ours[0] < 0.9


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="COCOEVAL_GOLDEN is not a folder")
@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_cocos_own_sample(kind):
    def read(name):
        return json.loads((GOLDEN / name).read_text())

    figures = evaluate_coco(
        read("instances_val2014_100.json"),
        read(f"instances_val2014_fake{kind}100_results.json"),
        kind,
    ).figures()
    text = (GOLDEN / "val2014_fake_eval_res.txt").read_text().split(f"type={kind}")[1]
    expected = [float(number) for number in re.findall(r"= (-?\d\.\d+)", text)[:12]]
    assert list(figures) == NAMES
    assert [round(value, 3) for value in figures.values()] == expected


def test_a_limit_that_leaves_detections_out_is_logged_once(caplog):
    dataset = InMemory(shapes(2))
    metrics = CocoMetrics(dataset, max_detections=1, kinds=("bbox", "segm"))
    _, masks, class_ids = dataset.samples[0]
    assert metrics.instances(0) == len(class_ids) == 2
    twice = np.concatenate([masks, masks], axis=2)
    found = {
        "rois": extract_bboxes(twice),
        "class_ids": np.tile(class_ids, 2),
        "scores": np.full(4, 0.9),
        "masks": twice,
    }
    for _ in range(2):
        metrics.reset()
        metrics.add(0, found)
        metrics.compute()
    note = "max_detections is 1: 1 of 1 images have more detections of a class, up to 2"
    assert caplog.text.count(note) == len(caplog.messages) == 1
    caplog.clear()
    coco_ap(dataset, [found], [0], max_detections=1)
    assert caplog.text.count(note) == len(caplog.messages) == 1
    caplog.clear()
    coco_ap(dataset, [found], [0])
    assert not caplog.messages
