"""Merging several results for one image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.inference.merging import merge
from mrcnn.instances.masks import InstanceMasks


def result_of(masks, scores, class_ids=None):
    masks = InstanceMasks.from_dense(masks)
    class_ids = np.ones(len(masks), np.int32) if class_ids is None else np.array(class_ids)
    scores = np.array(scores, np.float32)
    return {"rois": masks.boxes, "class_ids": class_ids, "scores": scores, "masks": masks}


def rows(*spans):
    """Masks of one row and eight columns, each from x1 to x2."""
    masks = np.zeros((1, 8, len(spans)), bool)
    for i, (x1, x2) in enumerate(spans):
        masks[0, x1:x2, i] = True
    return masks


def test_masks_are_averaged_by_their_scores():
    looks = [
        result_of(rows((0, 5)), [0.9]),
        result_of(rows((0, 4)), [0.5]),
        result_of(rows((1, 4)), [0.3]),
    ]
    merged = merge(looks)
    assert merged["rois"].tolist() == [[0, 0, 1, 5]]  # 0.9 of the weight of 1.7 agrees
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
    """Two detections of the same object in one result count as one vote."""
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


def test_across_classes_an_object_has_one_class():
    looks = [
        result_of(rows((0, 4)), [0.9], [1]),
        result_of(rows((0, 4)), [0.6], [2]),
        result_of(rows((0, 4)), [0.5], [2]),
    ]
    # Class 1 has one vote of three, class 2 has two.
    merged = merge(looks)
    assert merged["class_ids"].tolist() == [2]
    merged = merge(looks, min_votes=1, across_classes=True)
    assert merged["class_ids"].tolist() == [2]
    assert merged["scores"].tolist() == pytest.approx([1.1 / 3])
    assert merge(looks[:2], across_classes=True)["class_ids"].tolist() == [1]
    # Objects of different classes in different places stay apart.
    looks = [result_of(rows((0, 4), (4, 8)), [0.9, 0.8], [1, 2])] * 2
    merged = merge(looks, across_classes=True)
    assert merged["class_ids"].tolist() == [1, 2]
    assert merged["scores"].tolist() == pytest.approx([0.9, 0.8])


def boxed(boxes, scores, keypoints=None, class_ids=None):
    """A result without masks."""
    return {
        "rois": np.array(boxes, np.int32),
        "class_ids": np.array(class_ids or [1] * len(boxes)),
        "scores": np.array(scores, np.float32),
        **({} if keypoints is None else {"keypoints": np.array(keypoints, np.float32)}),
    }


def test_keypoints_are_those_of_the_best_detection():
    def looked(spans, scores, *x):
        points = [[[0.5, place, score], [0.5, place + 1, 0.3]] for place, score in x]
        return {**result_of(rows(*spans), scores), "keypoints": np.array(points, np.float32)}

    looks = [
        looked([(0, 4), (4, 8)], [0.6, 0.9], (1, 0.8), (5, 0.7)),
        looked([(4, 8), (0, 4)], [0.7, 0.8], (6, 0.9), (2, 0.1)),
    ]
    merged = merge(looks)
    assert merged["scores"].tolist() == pytest.approx([0.8, 0.7])
    assert merged["rois"][:, 1].tolist() == [4, 0]
    assert merged["keypoints"].dtype == np.float32
    expected = [[[0.5, 5, 0.7], [0.5, 6, 0.3]], [[0.5, 2, 0.1], [0.5, 3, 0.3]]]
    np.testing.assert_array_equal(merged["keypoints"], np.float32(expected))
    # The class may be another one's: keypoints do not depend on it.
    looks = [
        {**look, "class_ids": np.array(ids)}
        for look, ids in zip([*looks, looks[1]], ([1, 1], [1, 2], [1, 2]), strict=True)
    ]
    merged = merge(looks, across_classes=True)
    assert merged["class_ids"].tolist() == [1, 2]
    np.testing.assert_array_equal(merged["keypoints"], np.float32(expected))


def test_boxes_are_averaged_by_their_scores():
    looks = [
        boxed([[0, 0, 10, 10], [20, 20, 30, 30]], [0.9, 0.8], [[[1, 2, 0.5]], [[25, 26, 0.5]]]),
        boxed([[0, 0, 10, 14]], [0.3], [[[3, 4, 0.9]]]),
    ]
    merged = merge(looks)
    assert list(merged) == ["rois", "class_ids", "scores", "keypoints", "truncated"]
    assert merged["rois"].tolist() == [[0, 0, 10, 11], [20, 20, 30, 30]]
    assert merged["rois"].dtype == np.int32
    assert merged["scores"].tolist() == pytest.approx([0.6, 0.4])
    assert merged["keypoints"].tolist() == [[[1, 2, 0.5]], [[25, 26, 0.5]]]
    assert merge(looks, min_votes=1)["rois"].tolist() == [[0, 0, 10, 11]]
    assert merge(looks, min_iou=0.8)["rois"][:, 3].tolist() == [10, 30, 14]
    other = [looks[0], boxed([[0, 0, 10, 14]], [0.3], [[[3, 4, 0.9]]], [2])]
    assert merge(other)["class_ids"].tolist() == [1, 1, 2]
    assert merge(other, across_classes=True)["class_ids"].tolist() == [1, 1]


def test_nothing_found_in_boxes():
    empty = boxed(np.zeros((0, 4)), [], np.zeros((0, 3, 3)))
    merged = merge([empty, empty])
    assert merged["rois"].shape == (0, 4)
    assert merged["keypoints"].shape == (0, 3, 3)
    found = boxed([[0, 0, 4, 4]], [0.5], np.ones((1, 3, 3)))
    assert merge([empty, found])["keypoints"].tolist() == np.ones((1, 3, 3)).tolist()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (boxed([[0, 0, 4, 4]], [0.5]), "result 1 has no keypoints, but result 0 has"),
        (
            boxed([[0, 0, 4, 4]], [0.5], np.ones((1, 2, 3))),
            "the results have 2 and 3 keypoints for each detection",
        ),
        (
            {**result_of(rows((0, 4)), [0.9]), "keypoints": np.ones((1, 3, 3))},
            "result 0 has no masks, but result 1 has",
        ),
    ],
)
def test_results_with_other_fields(other, message):
    with pytest.raises(ValueError, match=message):
        merge([boxed([[0, 0, 4, 4]], [0.5], np.ones((1, 3, 3))), other])


def test_what_soft_nms_leaves_stays_apart():
    """Soft-NMS keeps weaker detections of an object: they vote among themselves."""
    looks = [
        result_of(rows((0, 5), (0, 6)), [0.9, 0.3]),
        result_of(rows((0, 6), (0, 5)), [0.2, 0.7]),
    ]
    merged = merge(looks)
    assert merged["rois"][:, 3].tolist() == [5, 6]
    assert merged["scores"].tolist() == pytest.approx([0.8, 0.25])
