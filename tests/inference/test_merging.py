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
