import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.evaluation import Comparison, PixelScores

from .compared import compare

SIZE = (10, 20)
LEFT, RIGHT = (0, 0, 10, 10), (0, 10, 10, 20)


def scores_of(*comparisons, class_ids=(1, 2)):
    scores = PixelScores(class_ids)
    for comparison in comparisons:
        scores.add(comparison)
    return scores.compute()


def test_by_hand():
    # Half of the 100 pixels of class 1 are found; the second image has 10 of class 2, all found.
    first = compare([(LEFT, 1)], [((0, 0, 5, 10), 1, 0.9)], SIZE)
    second = compare([((0, 0, 1, 10), 2)], [((0, 0, 1, 10), 2, 0.9)], SIZE)
    figures = scores_of(first, second)
    assert figures["iou_bg"] == pytest.approx(290 / 340)
    assert figures["per_class"][1] == pytest.approx(
        {"iou": 0.5, "pooled_dice": 2 / 3, "image_mean_dice": 2 / 3}
    )
    assert figures["per_class"][2]["iou"] == 1
    assert figures["mean_iou"] == pytest.approx((290 / 340 + 0.5 + 1) / 3)
    assert figures["dice"] == pytest.approx((2 / 3 + 1) / 2)
    assert figures["foreground_dice"] == pytest.approx((2 / 3 + 1) / 2)
    assert figures["foreground_pooled_dice"] == pytest.approx(2 * 60 / 170)


def test_images_without_the_class_do_not_count():
    nothing = compare([], [], SIZE)
    found = compare([(LEFT, 1)], [(LEFT, 1, 0.9)], SIZE)
    false = compare([], [(LEFT, 1, 0.9)], SIZE)
    assert scores_of(nothing, found)["dice"] == 1
    assert scores_of(false, found)["dice"] == 0.5
    assert np.isnan(scores_of(nothing)["dice"]) and scores_of(nothing)["mean_iou"] == 1
    assert np.isnan(scores_of(found)["per_class"][2]["iou"])


def test_a_wrong_class_is_foreground():
    figures = scores_of(compare([(LEFT, 1)], [(LEFT, 2, 0.9)], SIZE))
    assert (figures["dice"], figures["foreground_dice"]) == (0, 1)


def test_pixels_in_crowds_do_not_count():
    truth = [((0, 0, 10, 4), 1), ((0, 2, 10, 20), -2)]
    figures = scores_of(compare(truth, [(LEFT, 1, 0.9), (RIGHT, 1, 0.8)], SIZE))
    # Pixels of an instance in the crowd do count.
    assert figures["per_class"][1]["iou"] == 1
    assert np.isnan(figures["iou_bg"])
    figures = scores_of(compare(truth, [((0, 0, 10, 2), 1, 0.9)], SIZE))
    assert figures["per_class"][1]["iou"] == 0.5


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 99))
def test_by_class_maps(truth_count, found_count, seed):
    rng = np.random.default_rng(seed)
    counts = truth_count, found_count
    labels = [rng.integers(0, count + 1, (6, 7)) for count in counts]
    class_ids = [rng.integers(1, 3, count) for count in counts]
    masks = [
        np.stack([part == i for i in range(1, count + 1)], axis=-1)
        if count
        else np.zeros((6, 7, 0), bool)
        for part, count in zip(labels, counts, strict=True)
    ]
    truth, found = (np.append(0, ids)[part] for ids, part in zip(class_ids, labels, strict=True))
    result = {"rois": np.zeros((found_count, 4)), "class_ids": class_ids[1], "masks": masks[1]}
    result["scores"] = rng.random(found_count)
    figures = scores_of(Comparison(masks[0], class_ids[0], result))
    for class_id in (1, 2):
        a, b = truth == class_id, found == class_id
        if a.any() or b.any():
            got = figures["per_class"][class_id]
            assert got["iou"] == pytest.approx((a & b).sum() / (a | b).sum())
            assert got["pooled_dice"] == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()))
            assert got["image_mean_dice"] == got["pooled_dice"]
