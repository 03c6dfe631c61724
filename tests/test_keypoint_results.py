"""Keypoints stay with their detections and instances, whatever is done to them."""

import json

import numpy as np
import pytest
from conftest import load_sample

from mrcnn import cli
from mrcnn.config import Config
from mrcnn.datasets import Dataset
from mrcnn.evaluation import evaluate
from mrcnn.formats import CocoKeypointsDataset
from mrcnn.images.frame import Frame
from mrcnn.inference import tta
from mrcnn.inference.detector import with_score
from mrcnn.inference.merging import merge
from mrcnn.inference.no_overlaps import remove_overlaps
from mrcnn.instances import InstanceKeypoints, InstanceMasks, KeypointLayout
from mrcnn.metrics.coco_dataset import coco_ap

LAYOUT = KeypointLayout(["top", "left", "right"], [(0, 1), (0, 2)])
BOXES = [[4, 6, 16, 20], [20, 8, 34, 30], [6, 34, 30, 44]]
SIZE = (40, 50)


def points_of(box):
    """The middle of three sides: top, left, right, the last one hidden."""
    y1, x1, y2, x2 = box
    y, x = (y1 + y2) / 2, (x1 + x2) / 2
    return [[y1 + 0.5, x, 2], [y, x1 + 0.5, 2], [y, x2 - 0.5, 1]]


class Figures(Dataset):
    keypoint_layout = LAYOUT

    def __init__(self, images=1):
        super().__init__()
        self.add_class("figures", 7, "other")
        self.add_class("figures", 9, "figure")
        for number in range(images):
            self.add_image("figures", number, path=None)
        self.prepare()

    def load_image(self, image_id):
        image = np.zeros((*SIZE, 3), np.uint8)
        for number, (y1, x1, y2, x2) in enumerate(BOXES, 1):
            image[y1:y2, x1:x2] = 60 * number
        return image

    def load_mask(self, image_id):
        masks = np.zeros((*SIZE, 3), bool)
        for number, (y1, x1, y2, x2) in enumerate(BOXES):
            masks[y1:y2, x1:x2, number] = True
        return masks, np.full(3, 2, np.int32)

    def load_keypoints(self, image_id):
        return InstanceKeypoints([*map(points_of, BOXES)], SIZE, LAYOUT.flip_pairs)


def find(images):
    """A perfect detector of `Figures`, which calls the keypoint on the left "left"."""
    results = []
    for image in images:
        masks = InstanceMasks.from_dense(
            np.stack([image[..., 0] == 60 * number for number in (1, 2, 3)], axis=-1)
        )
        keypoints = np.array([*map(points_of, masks.boxes)], np.float32)
        keypoints[..., 2] = [[0.6], [0.8], [0.7]]
        results.append(
            {
                "rois": masks.boxes,
                "class_ids": np.full(3, 2, np.int32),
                "scores": np.float32([0.6, 0.8, 0.7]),
                "masks": masks.dense(),
                "keypoints": keypoints,
                "truncated": np.str_(""),
            }
        )
    return results


def assert_kept(result, count=3):
    """Each detection has its own keypoints."""
    assert len(result["rois"]) == len(result["keypoints"]) == count
    for box, points, score in zip(
        result["rois"], result["keypoints"], result["scores"], strict=True
    ):
        assert points[:, :2].tolist() == np.array(points_of(box))[:, :2].tolist()
        assert points[:, 2].tolist() == pytest.approx([score] * 3)


def test_results_keep_their_keypoints():
    dataset = Figures()
    (result,) = find([dataset.load_image(0)])
    assert_kept(result)
    assert_kept(with_score(result, 0.65), 2)
    assert_kept(with_score(result, [0, 0, 0.75]), 1)
    # The third detection repeats the second one, which scores more, and is dropped.
    order = [2, 1, 1, 0]
    doubled = {
        name: part[..., order] if name == "masks" else part[order] if part.ndim else part
        for name, part in result.items()
    }
    assert_kept(remove_overlaps(doubled))
    assert_kept(merge([result, result]))
    assert_kept(merge([doubled], min_votes=1), 4)
    # Only mirrored left to right, the detector's "left" is on the left again.
    (turned,) = tta.turned(find, 2, min_votes=1, flip_pairs=LAYOUT.flip_pairs)(
        [dataset.load_image(0)]
    )
    assert_kept(turned)

    # Metrics sort and select detections.
    shuffled = {**doubled, "scores": np.float32([0.7, 0.8, 0.1, 0.6])}
    for each in (result, turned, shuffled):
        assert coco_ap(dataset, [each], [0], kinds=("segm", "keypoints"))["keypoints_AP"] == 1
        found = evaluate(
            None,
            dataset,
            detect=lambda images, each=each: [each],
            iou_types=("bbox", "segm", "keypoints"),
            progress=False,
        )
        assert found["coco"]["keypoints"]["per_class"]["figure"]["AP"] == 1


def test_results_files():
    dataset = Figures()
    (result,) = find([dataset.load_image(0)])
    results = load_sample("coco").build_coco_results
    coco = CocoKeypointsDataset()
    coco.SOURCE = "figures"
    coco.class_info, coco.class_from_source_map = dataset.class_info, {}
    rows = results(coco, [5], **result)
    for row, points in zip(json.loads(json.dumps(rows)), result["keypoints"], strict=True):
        assert (row["image_id"], row["category_id"]) == (5, 9)
        flat = [v for y, x, s in points.tolist() for v in (x - 0.5, y - 0.5, s)]
        assert row["keypoints"] == pytest.approx(flat)
    del result["keypoints"]
    assert all("keypoints" not in row for row in results(coco, [5], **result))


def test_datasets_keep_their_keypoints(tmp_path):
    dataset = Figures(4)
    expected = np.float32([*map(points_of, BOXES)])
    train, validation = dataset.split(0.5)
    for part in (train, validation, dataset.subset([3]), cli.limited(dataset, 2)):
        assert part.keypoint_layout == LAYOUT and part.has("keypoints", part.image_ids[0])
        np.testing.assert_array_equal(part.load_keypoints(part.image_ids[0]).points, expected)

    path = tmp_path / "figures.json"
    content = dataset.to_coco(path)
    again = CocoKeypointsDataset.read(path, images=tmp_path)
    assert (again.keypoint_layout.names, again.keypoint_layout.skeleton) == (
        LAYOUT.names,
        LAYOUT.skeleton,
    )
    np.testing.assert_array_equal(again.load_keypoints(2).points, expected)
    assert again.to_coco()["annotations"] == content["annotations"]
    half = again.subset(again.image_ids[:2])
    assert half.to_coco()["annotations"] == content["annotations"][:6]


@pytest.mark.parametrize("mode", ["square", "pad64", "none"])
def test_from_the_image_to_the_input_and_back(mode):
    class Placed(Config):
        NAME = "placed"
        IMAGE_RESIZE_MODE = mode
        IMAGE_MIN_DIM = 96 if mode == "square" else None
        IMAGE_MAX_DIM = 128

    dataset = Figures()
    _, frame = Frame.of(dataset.load_image(0), Placed())
    keypoints = dataset.load_keypoints(0)
    moved = frame.place(keypoints)
    if mode == "square":
        np.testing.assert_allclose(moved.points[0, 0], [16 + 4.5 * 2.4, 4 + 13 * 2.4, 2], 1e-6)
    back = frame.points_back(moved.points[..., :2])
    np.testing.assert_allclose(back, keypoints.points[..., :2], atol=1e-4)
