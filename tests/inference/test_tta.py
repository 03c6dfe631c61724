"""Detection in several orientations, and the vote over the results."""

import types

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import TinyConfig

from mrcnn.inference import tta
from mrcnn.inference.merging import merge
from mrcnn.instances.masks import InstanceMasks


def result_of(masks, scores, class_ids=None):
    masks = InstanceMasks.from_dense(masks)
    class_ids = np.ones(len(masks), np.int32) if class_ids is None else np.array(class_ids)
    scores = np.array(scores, np.float32)
    return {"rois": masks.boxes, "class_ids": class_ids, "scores": scores, "masks": masks}


def rows(*spans):
    """Masks of one row of eight pixels, each from x1 to x2."""
    masks = np.zeros((1, 8, len(spans)), bool)
    for i, (x1, x2) in enumerate(spans):
        masks[0, x1:x2, i] = True
    return masks


def find_spots(images):
    """A detector of connected bright pixels, whose score is their brightness."""
    results = []
    for image in images:
        labels, count = scipy.ndimage.label(image[..., 0])
        masks = InstanceMasks.from_labels(labels, count)
        scores = scipy.ndimage.maximum(image[..., 0], labels, np.arange(count) + 1)
        scores = np.reshape(scores, count).astype(np.float32) / 255
        classes = np.ones(count, np.int32)
        results.append(
            {"rois": masks.boxes, "class_ids": classes, "scores": scores, "masks": masks}
        )
    return results


def spots():
    image = np.zeros((9, 13, 3), np.uint8)
    image[1:3, 1:6] = 250
    image[5:8, 9:12] = 200
    image[4, 2:4] = 150
    return image


@pytest.mark.parametrize("orientations", range(1, 9))
def test_results_come_back_to_where_they_were(orientations):
    image = spots()
    seen = []

    def detect(images):
        seen.extend(images)
        return find_spots(images)

    turned = tta.turned(detect, orientations)([image])[0]
    plain = find_spots([image])[0]
    assert len({each.tobytes() + bytes(each.shape) for each in seen}) == orientations
    order = np.argsort(-plain["scores"])
    np.testing.assert_array_equal(turned["rois"], plain["rois"][order])
    np.testing.assert_allclose(turned["scores"], plain["scores"][order], rtol=1e-6)
    np.testing.assert_array_equal(turned["masks"].dense(), plain["masks"].dense()[..., order])
    assert turned["class_ids"].dtype == np.int32
    assert turned["scores"].dtype == np.float32


def test_what_is_seen_in_few_orientations_is_dropped():
    """Each look loses what lies in its first row."""

    def blind(images):
        images = [image.copy() for image in images]
        for image in images:
            image[0] = 0
        return find_spots(images)

    image = np.zeros((8, 8, 3), np.uint8)
    image[0, 2:4] = image[4:6, 4:6] = 255
    result = tta.turned(blind, 4)([image])[0]
    # Mirrored up-down, what lies in row 0 is in row 7: two of four looks have it.
    assert result["scores"].tolist() == pytest.approx([1.0, 0.5])
    few = tta.turned(blind, 4, min_votes=0.75)([image])[0]
    assert few["rois"].tolist() == [[4, 4, 6, 6]]


def test_masks_are_averaged_by_their_scores():
    looks = [
        result_of(rows((0, 5)), [0.9]),
        result_of(rows((0, 4)), [0.5]),
        result_of(rows((1, 4)), [0.3]),
    ]
    merged = merge(looks)
    assert merged["rois"].tolist() == [[0, 0, 1, 5]]  # 0.9 of 1.7 says so
    assert merged["scores"].tolist() == pytest.approx([1.7 / 3])
    looks[1]["scores"][:] = 0.9
    assert merge(looks)["rois"].tolist() == [[0, 0, 1, 4]]


def test_neighbours_and_classes_stay_apart():
    looks = [
        result_of(rows((0, 4), (4, 8)), [0.9, 0.8]),
        result_of(rows((4, 8), (0, 4)), [0.9, 0.8]),
    ]
    merged = merge(looks)
    assert merged["rois"][:, 1::2].tolist() == [[0, 4], [4, 8]]
    assert merged["scores"].tolist() == pytest.approx([0.85, 0.85])
    other = [result_of(rows((0, 4)), [0.9], [1]), result_of(rows((0, 4)), [0.7], [2])]
    assert merge(other, min_votes=1)["rois"].shape == (0, 4)
    assert merge(other)["class_ids"].tolist() == [1, 2]


def test_a_result_votes_once():
    """Two detections of one result on one object are one vote."""
    looks = [result_of(rows((0, 5)), [0.9]), result_of(rows((0, 5), (0, 4)), [0.9, 0.9])]
    merged = merge(looks, min_votes=1)
    assert merged["scores"].tolist() == pytest.approx([0.9])


@settings(deadline=None)
@given(count=st.integers(1, 4), seed=st.integers(0, 99))
def test_equal_results_merge_to_themselves(count, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, (6, 7))
    masks = np.stack([labels == i for i in range(1, 4) if (labels == i).any()], axis=-1)
    result = result_of(masks, rng.permutation(masks.shape[2]) / 10 + 0.1)
    merged = merge([result] * count)
    order = np.argsort(-result["scores"])
    np.testing.assert_array_equal(merged["masks"].dense(), masks[..., order])
    np.testing.assert_allclose(merged["scores"], result["scores"][order], rtol=1e-6)


def test_nothing_found():
    empty = result_of(np.zeros((4, 5, 0), bool), [])
    merged = merge([empty, empty])
    assert merged["rois"].shape == (0, 4)
    assert merged["masks"].shape == (4, 5, 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tta.turned(find_spots, 9), "orientations is 9"),
        (lambda: tta.turned(find_spots, 0), "orientations is 0"),
        (lambda: tta.turned(find_spots, min_votes=2), "min_votes is 2"),
        (lambda: merge([]), "results is empty"),
        (lambda: merge([result_of(rows((0, 4)), [1])], min_iou=-1), "min_iou is -1"),
        (
            lambda: merge([result_of(np.ones((4, n, 1)), [1]) for n in (4, 5)]),
            r"sizes \[\(4, 4\), \(4, 5\)\]",
        ),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_overlap_that_makes_one_object():
    looks = [result_of(rows((0, 4)), [0.9]), result_of(rows((2, 6)), [0.7])]  # IoU 1/3
    assert len(merge(looks)["scores"]) == 2
    assert len(merge(looks, min_iou=0.34)["scores"]) == 2
    assert merge(looks, min_iou=0.3)["scores"].tolist() == pytest.approx([0.8])
    apart = [result_of(rows((0, 4)), [0.9]), result_of(rows((4, 6)), [0.7])]
    assert len(merge(apart, min_iou=0)["scores"]) == 2


def test_a_score_of_zero_keeps_its_mask():
    merged = merge([result_of(np.eye(3, dtype=bool)[..., None], [0])])
    assert merged["masks"].areas.tolist() == [3]
    assert merged["scores"].tolist() == [0]


def test_detect(monkeypatch):
    model = types.SimpleNamespace(config=TinyConfig())
    monkeypatch.setattr(tta, "detect_crops", lambda model, images: find_spots(images))
    image = spots()
    (result,) = tta.detect(model, [image])
    plain = find_spots([image])[0]
    by_score = np.argsort(-plain["scores"])
    np.testing.assert_array_equal(result["masks"], plain["masks"].dense()[..., by_score])
    assert result["masks"].dtype == bool
    with pytest.raises(ValueError, match=r"one array of shape \(9, 13, 3\): a list"):
        tta.detect(model, image)
