"""`evaluate`: which images are read, how detection runs, what is written."""

import gc
import json

import numpy as np
import pytest
from tiny import InMemory, TinyConfig, shapes, spread

from mrcnn import evaluation
from mrcnn.evaluation import evaluate
from mrcnn.evaluation.report import PLOTS
from mrcnn.inference.detector import detect_crops
from mrcnn.instances.pasting import extract_bboxes
from mrcnn.mask_rcnn import MaskRCNN

from .truthful import Truthful

pytestmark = pytest.mark.network


def test_all_images():
    samples = shapes(5)
    detect = Truthful(samples)
    result = evaluate(None, InMemory(samples), detect=detect)
    assert detect.batches == [1] * 5
    assert result["images"] == 5 and result["instances"] == result["detections"] == 10
    assert result["coco"]["segm"]["AP"] == pytest.approx(1)
    assert result["objects"]["dsb_score"] == 1
    assert result["unread"] == [] and 0 < result["seconds_per_image"] < 1
    # Masks are freed once their image is done.
    gc.collect()
    assert not any(reference() is not None for reference in detect.kept)


def test_some_images():
    samples = shapes(6)
    dataset = InMemory(samples)

    def ids_of(**options):
        result = evaluate(None, dataset, detect=Truthful(samples), metrics=["objects"], **options)
        return [row["image_id"] for row in result["per_image"]]

    assert ids_of(image_ids=[4, 1]) == [1, 4]
    drawn = ids_of(limit=3)
    assert len(drawn) == 3 and drawn == ids_of(limit=3) and drawn == sorted(drawn)
    assert any(ids_of(limit=3, seed=seed) != drawn for seed in range(1, 4))
    assert set(ids_of(image_ids=[0, 2, 5], limit=2)) < {0, 2, 5}
    assert ids_of(limit=99) == [0, 1, 2, 3, 4, 5]
    assert [row for row in ids_of() if row in dataset.subset([2, 3]).image_ids] == [2, 3]
    with pytest.raises(ValueError, match="image_ids has 6, 9: the dataset has 6 images, 0, 1"):
        ids_of(image_ids=[1, 6, 9])
    with pytest.raises(ValueError, match="there are no images to evaluate"):
        ids_of(image_ids=[])


class Broken(InMemory):
    def load_image(self, image_id):
        if image_id == 0:
            raise FileNotFoundError("shape0.png is not there")
        return super().load_image(image_id)

    def load_mask(self, image_id):
        masks, ids = super().load_mask(image_id)
        return (masks[:50] if image_id == 2 else masks), ids


def test_images_that_cannot_be_read():
    samples = shapes(4)
    result = evaluate(None, Broken(samples), detect=Truthful(samples))
    assert [row["image_id"] for row in result["per_image"]] == [1, 3]
    assert result["unread"] == [
        {
            "image_id": 0,
            "path": "shape0.png",
            "reason": "FileNotFoundError: shape0.png is not there",
        },
        {
            "image_id": 2,
            "path": "shape2.png",
            "reason": "ValueError: image 2 (shape2.png): its masks are 50x64 pixels, but the image "
            "is 64x64 (height x width): they must have the same size.",
        },
    ]
    with pytest.raises(ValueError, match=r"no image could be read: 0 \(FileNotFoundError: shape0"):
        evaluate(None, Broken(samples), detect=Truthful(samples), image_ids=[0, 2])


def test_images_without_instances():
    image = np.full((9, 9, 3), 7, np.uint8)
    empty = (image, np.zeros((0, 0, 0), bool), np.zeros(0, np.int32))
    samples = [*shapes(1), empty]
    detected = [samples[0], (image, np.zeros((9, 9, 0), bool), empty[2])]
    result = evaluate(None, InMemory(samples), detect=Truthful(detected))
    assert result["images"] == 2 and result["objects"]["dsb_score"] == 1


def test_a_function_that_returns_too_few_results():
    with pytest.raises(ValueError, match="detect gave 0 results for 1 images: one per image"):
        evaluate(None, InMemory(shapes(1)), detect=lambda images: [])


def test_a_model(capsys):
    class Settings(TinyConfig):
        DETECTION_NMS_THRESHOLD = 0.9

    model = MaskRCNN("inference", Settings(), "not written")
    spread(model.keras_model)
    samples = shapes(3)
    dataset = InMemory(samples)
    result = evaluate(model, dataset, progress=False)
    assert result["settings"]["max_detections"] == 100
    images = [image for image, _, _ in samples]
    found = detect_crops(model, images)
    assert result["detections"] == sum(len(part["scores"]) for part in found) > 0
    ours = evaluation.coco_ap(dataset, found, range(3))
    for kind in ("bbox", "segm"):
        figures = {n: v for n, v in result["coco"][kind].items() if n != "per_class"}
        expected = {n: ours[f"{kind}_{n}"] for n in figures}
        assert figures == pytest.approx(expected, nan_ok=True)
    # A function in place of the model gets batches of the model's size.
    detect = Truthful(samples)
    evaluate(model, dataset, detect=detect, metrics="objects")
    assert detect.batches == [2, 1]
    assert capsys.readouterr().out == ""
    model.mode = "training"
    with pytest.raises(ValueError, match="the model is in training mode: create another with"):
        evaluate(model, dataset)


def test_groups():
    samples = shapes(5)
    dataset = InMemory(samples)
    found = Truthful(samples)

    def lose_the_first(images):
        """Nothing is found in even-numbered images."""
        results = found(images)
        number = len(found.batches) - 1
        return [{k: v[..., :0] if k == "masks" else v[:0] for k, v in r.items()}
                if number % 2 == 0 else r for r in results]  # fmt: skip

    seen = []

    def group_of(image_id, image):
        seen.append((image_id, image.shape))
        return None if image_id == 4 else ("odd" if image_id % 2 else "even")

    result = evaluate(None, dataset, detect=lose_the_first, group_of=group_of)
    assert seen == [(i, samples[i][0].shape) for i in range(5)]
    assert list(result["groups"]) == ["even", "odd"]
    even, odd = result["groups"].values()
    assert (even["images"], odd["images"], result["images"]) == (2, 2, 5)
    assert (even["objects"]["dsb_score"], odd["objects"]["dsb_score"]) == (0, 1)
    assert odd["coco"]["segm"]["AP"] == pytest.approx(1) and "curves" not in odd
    lines = evaluation.table(result).splitlines()
    titles = [title.strip() for title in lines[0].split("|")[2:-1]]
    rows = {line.split(" | ")[0][2:]: line.split(" | ")[1:] for line in lines[2:]}
    assert titles[:4] == ["images", "instances", "DSB", "DSB@0.5"]
    assert rows["all"][:4] == ["5", "10", "0.400", "0.400"]
    perfect = {title: "0.000" if title == "Hausdorff" else "1.000" for title in titles[2:]}
    assert [cell.strip(" |") for cell in rows["odd"][2:]] == list(perfect.values())
    assert "groups" not in evaluate(None, dataset, detect=Truthful(samples), metrics=["aji"])


def test_what_is_written(tmp_path):
    samples = shapes(2)
    folder = tmp_path / "runs" / "first"
    result = evaluate(None, InMemory(samples), detect=Truthful(samples), folder=folder)
    assert {path.name for path in folder.iterdir()} == {"evaluation.json", *PLOTS}
    for name in PLOTS:
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    text = (folder / "evaluation.json").read_text()
    read = json.loads(text)
    assert read["objects"] == result["objects"]
    assert np.isnan(result["coco"]["segm"]["APl"]) and read["coco"]["segm"]["APl"] is None
    assert '"iou": [ 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95 ]' in text
    # Only the requested plots, and a folder that already exists.
    evaluate(
        None, InMemory(samples), detect=Truthful(samples), folder=tmp_path / "b", metrics="aji"
    )
    evaluate(
        None, InMemory(samples), detect=Truthful(samples), folder=tmp_path / "b", metrics="aji"
    )
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["evaluation.json"]


def many(count):
    """An image of `count` objects of 2 x 2 pixels, and a detector that finds them all."""
    side = 3 * int(np.ceil(count**0.5))
    masks = np.zeros((side, side, count), bool)
    for i in range(count):
        y, x = 3 * (i // (side // 3)), 3 * (i % (side // 3))
        masks[y : y + 2, x : x + 2, i] = True
    image = np.random.default_rng(count).integers(0, 255, (side, side, 3), np.uint8)
    return image, masks, np.ones(count, np.int32)


def test_a_limit_that_leaves_detections_out_is_reported(caplog):
    samples = [*shapes(2), many(250), many(120)]
    dataset = InMemory(samples)
    note = (
        "max_detections is 100: 2 of 4 images have more detections of a class, up to 250, and only "
        "the best 100 counted in COCO's metrics. max_detections=250 counts all."
    )
    result = evaluate(None, dataset, detect=Truthful(samples))
    assert result["coco"]["segm"]["AR"] < 0.8
    assert result["notes"] == caplog.messages == [note]
    assert evaluation.summary(result).splitlines()[-1] == f"note: {note}"
    caplog.clear()
    result = evaluate(None, dataset, detect=Truthful(samples), max_detections=250)
    assert result["coco"]["segm"]["AP"] == result["coco"]["bbox"]["AP"] == pytest.approx(1)
    assert result["notes"] == caplog.messages == []
    assert "note" not in evaluation.summary(result)
    # Without COCO's metrics, all detections count.
    result = evaluate(None, dataset, detect=Truthful(samples), metrics="objects")
    assert result["notes"] == caplog.messages == []


def test_images_whose_detections_were_cut(tmp_path):
    samples = shapes(4)
    found = Truthful(samples)

    def detect(images):
        limit = {1: "DETECTION_MAX_INSTANCES"}.get(len(found.batches), "")
        return [{**each, "truncated": limit} for each in found(images)]

    result = evaluate(
        None,
        InMemory(samples),
        detect=detect,
        metrics="aji",
        group_of=lambda i, _: "odd" if i % 2 else "even",
        folder=tmp_path,
    )
    limits = ["", "DETECTION_MAX_INSTANCES", "", ""]
    assert [row["truncated"] for row in result["per_image"]] == limits
    assert json.loads((tmp_path / "evaluation.json").read_text())["truncated"] == 1
    note = "DETECTION_MAX_INSTANCES cut the detections in 1 of 4 images: raise it."
    assert result["notes"] == evaluation.remarks(result)[0].split("note: ")[1:] == [note]
    assert evaluation.table(result).splitlines() == [
        "| | images | instances | AJI | truncated |",
        "|---|---|---|---|---|",
        "| all | 4 | 8 | 1.000 | 1 |",
        "| even | 2 | 4 | 1.000 | 0 |",
        "| odd | 2 | 4 | 1.000 | 1 |",
    ]


def test_summary_and_table_use_one_name_for_a_quantity():
    """Every figure of the table is in the summary, under the same name and with the same value."""
    samples = shapes(5)
    found = Truthful(samples)

    def detect(images):
        results = found(images)
        for each in results:  # boxes and masks that are a little too small
            each["masks"] = each["masks"].copy()
            each["masks"][:, : each["rois"][0, 1] + 1 + len(found.batches)] = False
            each["rois"] = extract_bboxes(each["masks"])
        return results

    result = evaluate(None, InMemory(samples), detect=detect)
    figures = evaluation.headline(result)
    text = evaluation.summary(result)
    titles = [title for title in figures if title not in ("images", "instances")]
    assert len({figures[title] for title in titles}) > 8
    for title in titles:
        assert f"  {title} {figures[title]:.3f}" in text.replace("\n", "  "), title
    for key in ("image_mean_ap", "dsb_score", "map_2007", "foreground_dice", "bbox", "segm"):
        assert key not in text


def test_summary():
    samples = shapes(2)
    result = evaluate(None, InMemory(samples), detect=Truthful(samples))
    lines = evaluation.summary(result).splitlines()
    assert lines[0] == "2 images, 4 instances, 4 detections"
    assert lines[1].split()[:4] == ["COCO", "box", "AP", "1.000"]
    assert lines[3].split() == ["VOC", "VOC", "2007", "1.000", "VOC", "2010", "1.000"]
    assert any(line.startswith("at IoU 0.75  DSB@0.75 1.000  pooled AP@0.75 1") for line in lines)
    assert lines[-1] == "hausdorff    Hausdorff 0.000  Hausdorff 95% 0.000"
    result["unread"] = [{}]
    assert evaluation.summary(result).endswith("images that could not be read: 1")
    assert evaluation.summary({"images": 1, "instances": 2, "detections": 3}).count("\n") == 0


def test_the_table_has_what_the_result_has():
    samples = shapes(2)
    result = evaluate(None, InMemory(samples), detect=Truthful(samples), metrics=["aji"])
    assert evaluation.headline(result) == {"images": 2, "instances": 4, "AJI": 1.0}
    assert evaluation.table(result).splitlines() == [
        "| | images | instances | AJI |",
        "|---|---|---|---|",
        "| all | 2 | 4 | 1.000 |",
    ]


def test_the_headline_takes_the_figures_it_names():
    result = {
        "images": 3,
        "instances": 7,
        "objects": {
            "iou": [0.5, 0.75],
            "dsb_score": 0.1,
            "image_mean_ap": [0.2, 0.3],
            "pooled_ap": [0.9, 0.9],
            "f1": [0.4, 0.9],
        },
        "panoptic": {"pq": 0.5, "sq": 0.9},
        "pixels": {"foreground_dice": 0.6, "mean_iou": 0.7, "dice": 0.9},
        "hausdorff": {"hausdorff": 8.0, "hausdorff95": 9.0},
        "voc": {"iou": 0.5, "map_2007": 0.13, "map_2010": 0.14},
        "coco": {"bbox": {"AP": 0.11, "AP50": 0.9}, "segm": {"AP": 0.12, "AP50": 0.9}},
    }
    assert evaluation.headline(result) == {
        "images": 3,
        "instances": 7,
        "DSB": 0.1,
        "DSB@0.5": 0.2,
        "DSB@0.75": 0.3,
        "F1@0.5": 0.4,
        "PQ": 0.5,
        "Dice": 0.6,
        "mIoU": 0.7,
        "Hausdorff": 8.0,
        "VOC 2007": 0.13,
        "VOC 2010": 0.14,
        "box AP": 0.11,
        "mask AP": 0.12,
    }
    result["objects"]["iou"] = [0.55, 0.6]
    assert np.isnan(evaluation.headline(result)["DSB@0.5"])
