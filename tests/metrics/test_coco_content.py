import copy
import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mrcnn.evaluation import coco_ap, evaluate_coco
from mrcnn.formats import CocoDataset
from mrcnn.instances import InstanceMasks
from mrcnn.metrics.coco_content import completed

SIZE = (40, 50)
# The corners lie between pixels; those inside span 10 to 16. IoU of the two boxes: 0.751.
SQUARE = [10.4, 10.4, 15.6, 10.4, 15.6, 15.6, 10.4, 15.6]
MASK = np.zeros(SIZE, bool)
MASK[10:16, 10:16] = True


def code(compressed=True, as_bytes=False):
    if not compressed:
        runs = np.diff(np.flatnonzero(np.diff(MASK.T.ravel().astype(int))), prepend=-1).tolist()
        return {"size": list(SIZE), "counts": [*runs, MASK.size - sum(runs)]}
    found = coco_mask.encode(np.asfortranarray(MASK, np.uint8))
    return {
        "size": found["size"],
        "counts": found["counts"] if as_bytes else found["counts"].decode(),
    }


def content(**entry):
    return {
        "images": [{"id": 7, "file_name": "a.png"}],
        "categories": [{"id": 3, "name": "cell"}],
        "annotations": [{"image_id": 7, "category_id": 3, **entry}],
    }


FOUND = {
    "image_id": 7,
    "category_id": 3,
    "score": 0.9,
    "bbox": [10, 10, 6, 6],
    "segmentation": code(),
}


@pytest.mark.parametrize(
    ("entry", "box_ap"),
    [
        ({"segmentation": [SQUARE]}, 0.6),
        ({"segmentation": SQUARE}, 0.6),
        ({"segmentation": [np.reshape(SQUARE, (4, 2)).tolist()]}, 0.6),
        ({"segmentation": [SQUARE, [1, 1, 2, 2]]}, 0.6),
        ({"segmentation": code()}, 1),
        ({"segmentation": code(as_bytes=True)}, 1),
        ({"segmentation": code(compressed=False)}, 1),
        ({"bbox": [10, 10, 6, 6]}, 1),
        ({"bbox": [10.4, 10.4, 5.2, 5.2], "segmentation": []}, 0.6),
        ({"bbox": [0, 0, 0, 0], "segmentation": [SQUARE], "area": 0, "iscrowd": None}, 0.6),
    ],
)
def test_what_is_missing_is_derived(entry, box_ap):
    given = content(**entry)
    before = copy.deepcopy(given)
    figures = evaluate_coco(given, [FOUND], "bbox").figures()
    assert figures["AP"] == pytest.approx(box_ap)
    assert figures["APs"] == pytest.approx(box_ap) and np.isnan(figures["APm"])
    figures = evaluate_coco(given, [FOUND], "segm").figures()
    # The box 10.4 to 15.6 contains the pixel centres 10.5 to 15.5.
    assert figures["AP"] == pytest.approx(1)
    assert str(given) == str(before)  # not changed


def test_the_same_figures_as_with_the_reader(tmp_path):
    entries = ({"segmentation": [SQUARE]}, {"segmentation": code()}, {"bbox": [10.4, 9, 5.2, 7]})
    result = {
        "rois": np.array([[10, 10, 16, 16]]),
        "class_ids": [1],
        "scores": [0.9],
        "masks": InstanceMasks.from_dense(MASK[..., None]),
    }
    for entry in entries:
        given = content(**entry)
        given["images"][0] |= {"height": SIZE[0], "width": SIZE[1]}
        (tmp_path / "a.json").write_text(json.dumps(given))
        dataset = CocoDataset.read(tmp_path / "a.json", images=tmp_path)
        ours = coco_ap(dataset, [result], [0])
        for kind in ("bbox", "segm"):
            theirs = evaluate_coco(given, [FOUND], kind).figures()
            assert {name: ours[f"{kind}_{name}"] for name in theirs} == pytest.approx(
                theirs, nan_ok=True
            )
        alone = coco_ap(dataset, [result], [0], kinds="bbox")["bbox_AP"]
        assert alone == pytest.approx(ours["bbox_AP"])


def test_values():
    row = completed({"category_id": 3, "segmentation": [SQUARE]}, SIZE, "bbox")
    assert row["bbox"] == pytest.approx([10.4, 10.4, 5.2, 5.2])
    assert (row["area"], row["iscrowd"]) == (MASK.sum(), 0)
    assert completed({"segmentation": [SQUARE]}, (0, 0), "bbox")["area"] == MASK.sum()
    row = completed({"segmentation": code(), "area": 35.5, "iscrowd": 1}, SIZE, "bbox")
    assert (row["bbox"], row["area"], row["iscrowd"]) == ([10, 10, 6, 6], 35.5, 1)
    row = completed({"bbox": [1, 2, 3.5, 4]}, SIZE, "segm")
    assert row["area"] == 14
    assert coco_mask.decode(row["segmentation"]).sum() == 3 * 4
    points = [5, 6, 2, 0, 0, 0, 25, 36, 1]
    row = completed({"keypoints": points, "area": 100}, SIZE, "keypoints")
    assert (row["num_keypoints"], row["bbox"]) == (2, [5, 6, 20, 30])


def test_sizes_of_images_do_not_change_the_figures():
    """Polygons that extend beyond a detection's code are cut off, as at the image's edge."""
    wide = content(segmentation=[[30, 5, 80, 5, 80, 25, 30, 25]])
    mask = np.zeros(SIZE, np.uint8)
    mask[5:25, 30:] = 1
    encoded = coco_mask.encode(np.asfortranarray(mask))
    found = {**FOUND, "segmentation": {**encoded, "counts": encoded["counts"].decode()}}
    without = evaluate_coco(wide, [found], "segm").figures()
    assert without["AP"] == pytest.approx(1)
    wide["images"][0] |= {"height": SIZE[0], "width": SIZE[1]}
    assert evaluate_coco(wide, [found], "segm").figures() == pytest.approx(without, nan_ok=True)
    # Nothing was found, so the size does not matter.
    assert evaluate_coco(content(segmentation=[SQUARE]), [], "segm").figures()["AP"] == 0


def test_detections_by_other_fields():
    given = content(segmentation=[SQUARE])
    found = {name: FOUND[name] for name in ("image_id", "category_id", "score")}
    boxed = {**found, "segmentation": code(compressed=False)}
    assert evaluate_coco(given, [boxed], "bbox").figures()["AP"] == pytest.approx(0.6)
    assert evaluate_coco(given, [boxed], "segm").figures()["AP"] == pytest.approx(1)
    with pytest.raises(ValueError, match=r"^detection number 1 of image 7: it has no segmentation"):
        evaluate_coco(given, [{**found, "bbox": [1, 2, 3, 4]}], "segm")
    with pytest.raises(ValueError, match=r"^detection number 1: it has no score\.$"):
        evaluate_coco(given, [{**boxed, "score": None}], "bbox")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({}, r"^annotation number 1 of image 7: it has no segmentation, and its bbox is None: it"),
        ({"id": 5, "bbox": [1, 2]}, r"^annotation 5 of image 7: .* its bbox is \[1, 2\]: it needs"),
        ({"segmentation": [[1, 2, 3, 4]]}, r"its segmentation is \[\[1, 2, 3, 4\]\]: it must be"),
        ({"segmentation": {"size": [4, 4]}}, r"its run-length code must have size, \[height, wid"),
        ({"segmentation": {"size": [4, 4], "counts": [5]}}, r"do not add up to 4x4 pixels"),
        ({"image_id": None}, r"^annotation number 1: it has no image_id\.$"),
        ({"category_id": None, "id": "x"}, r"^annotation x: it has no category_id\.$"),
    ],
)
def test_one_error_for_what_cannot_be_derived(entry, message):
    for kind in ("bbox", "segm"):
        with pytest.raises(ValueError, match=message):
            evaluate_coco(content(**entry), [FOUND], kind)


def test_all_problems_are_in_one_error():
    given = content()
    given["annotations"] *= 9
    with pytest.raises(ValueError, match=r"^9 entries cannot be used:\n- annotation number 1 of "):
        evaluate_coco(given, [], "bbox")


@pytest.mark.parametrize("name", ["images", "annotations", "categories"])
def test_a_list_that_is_missing(name):
    given = content(bbox=[1, 2, 3, 4])
    with pytest.raises(ValueError, match=f"the ground truth has no list of {name}: it must have"):
        evaluate_coco({**given, name: None}, [], "bbox")
    if name != "annotations":
        del given[name][0]["id"]
        kind = {"images": "image", "categories": "category"}[name]
        with pytest.raises(ValueError, match=f"^{kind} number 1: it has no id"):
            evaluate_coco(given, [], "bbox")
