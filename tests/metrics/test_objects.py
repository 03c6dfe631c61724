import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.evaluation import IOU_THRESHOLDS, ObjectScores

from .compared import compare

A, B, C = (0, 0, 10, 10), (0, 10, 10, 20), (12, 0, 22, 10)


def scores_of(*comparisons, class_ids=(1,), **options):
    scores = ObjectScores(class_ids, **options)
    for comparison in comparisons:
        scores.add(comparison)
    return scores.compute()


def test_by_hand_over_images_and_pooled():
    # First image: A exactly, B at IoU 0.7, C false. Second: A at IoU 0.6.
    first = compare([(A, 1), (B, 1)], [(A, 1, 0.9), ((0, 10, 7, 20), 1, 0.8), (C, 1, 0.7)])
    second = compare([(A, 1)], [((0, 0, 6, 10), 1, 0.9)])
    figures = scores_of(first, second)
    assert figures["iou"] == [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
    assert figures["tp"] == [3, 3, 3, 2, 2, 1, 1, 1, 1, 1]
    assert figures["fp"] == [1, 1, 1, 2, 2, 3, 3, 3, 3, 3]
    assert figures["fn"] == [0, 0, 0, 1, 1, 2, 2, 2, 2, 2]
    # 2/3 and 1; 2/3 and 0; 1/4 and 0
    image_mean = [5 / 6] * 3 + [1 / 3] * 2 + [1 / 8] * 5
    assert figures["image_mean_ap"] == pytest.approx(image_mean)
    assert figures["dsb_score"] == pytest.approx(np.mean(image_mean))
    assert figures["pooled_ap"] == pytest.approx([3 / 4] * 3 + [2 / 5] * 2 + [1 / 6] * 5)
    assert figures["precision"] == pytest.approx([3 / 4] * 3 + [2 / 4] * 2 + [1 / 4] * 5)
    assert figures["recall"] == pytest.approx([1] * 3 + [2 / 3] * 2 + [1 / 3] * 5)
    assert figures["f1"] == pytest.approx([6 / 7] * 3 + [4 / 7] * 2 + [2 / 7] * 5)


def test_classes():
    comparison = compare([(A, 1), (B, 2)], [(A, 2, 0.9), (B, 2, 0.8)])
    figures = scores_of(comparison, class_ids=(1, 2), thresholds=(0.5,))
    assert (figures["tp"], figures["fp"], figures["fn"]) == ([1], [1], [1])
    assert figures["per_class"][1]["dsb_score"] == 0
    assert figures["per_class"][2]["pooled_ap"] == [0.5]
    assert figures["per_class"][2]["recall"] == [1]
    assert np.isnan(figures["per_class"][1]["precision"][0])
    with pytest.raises(ValueError, match=r"the image has class ids \[2\]"):
        scores_of(comparison)


def test_crowds_excuse_false_detections_up_to_the_share_inside():
    # 0.7 of the false detection lies in the crowd.
    comparison = compare([(A, 1), ((12, 0, 22, 7), -1)], [(A, 1, 0.9), (C, 1, 0.8)])
    figures = scores_of(comparison)
    assert figures["fp"] == [0] * 5 + [1] * 5
    assert figures["fn"] == [0] * 10


def test_images_without_anything():
    empty, false = compare([], []), compare([], [(A, 1, 0.9)])
    assert np.isnan(scores_of(empty)["dsb_score"])
    assert scores_of(empty, false)["dsb_score"] == 0
    assert scores_of(empty, compare([(A, 1)], [(A, 1, 0.9)]))["dsb_score"] == 1


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 99))
def test_without_overlaps_every_pair_above_half_counts(truth_count, found_count, seed):
    """If neither instances nor detections overlap among themselves, matches are unique."""
    rng = np.random.default_rng(seed)

    def row(count):
        cuts = np.sort(rng.choice(np.arange(1, 60), 2 * count, replace=False))
        return [(0, int(a), 3, int(b)) for a, b in cuts.reshape(-1, 2)]

    truth, found = row(truth_count), row(found_count)
    figures = scores_of(
        compare([(b, 1) for b in truth], [(b, 1, 0.5) for b in found], (3, 60)),
        thresholds=IOU_THRESHOLDS[1:],
    )
    for k, threshold in enumerate(IOU_THRESHOLDS[1:]):
        tp = 0
        for _, a, _, b in truth:
            for _, c, _, d in found:
                both = max(0, min(b, d) - max(a, c))
                tp += both / (b - a + d - c - both) >= threshold
        assert figures["tp"][k] == tp
        assert (figures["fp"][k], figures["fn"][k]) == (found_count - tp, truth_count - tp)
