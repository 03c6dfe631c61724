import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.evaluation import Comparison, PanopticQuality

from .compared import compare

A, B, C = (0, 0, 10, 10), (0, 10, 10, 20), (12, 0, 22, 10)


def quality(*comparisons, class_ids=(1,)):
    metric = PanopticQuality(class_ids)
    for comparison in comparisons:
        metric.add(comparison)
    return metric.compute()


def test_by_hand():
    # IoUs 1 and 0.8, one false, one missed: SQ 0.9, RQ 2 / (2 + 0.5 + 0.5).
    first = compare([(A, 1), (B, 1)], [(A, 1, 0.9), (C, 1, 0.7)])
    second = compare([(A, 1)], [((0, 0, 8, 10), 1, 0.5)])
    figures = quality(first, second)
    assert figures["sq"] == pytest.approx(0.9) and figures["rq"] == pytest.approx(2 / 3)
    assert figures["pq"] == pytest.approx(0.6)
    assert figures["per_class"][1] == {name: figures[name] for name in ("pq", "sq", "rq")}


def test_half_is_not_enough():
    assert quality(compare([(A, 1)], [((0, 0, 5, 10), 1, 0.5)]))["pq"] == 0
    figures = quality(compare([(A, 1)], [((0, 0, 6, 10), 1, 0.5)]))
    assert figures["pq"] == pytest.approx(0.6)


def test_classes_count_equally_and_absent_ones_not_at_all():
    comparison = compare([(A, 1), (B, 2)], [(A, 1, 0.9), (B, 1, 0.8)])
    figures = quality(comparison, class_ids=(1, 2, 3))
    assert figures["per_class"][1]["pq"] == pytest.approx(2 / 3)  # one correct, one false
    assert figures["per_class"][2] == {"pq": 0, "sq": 0, "rq": 0}
    assert np.isnan(figures["per_class"][3]["pq"])
    assert figures["pq"] == pytest.approx(1 / 3)


def test_the_better_score_gets_the_pixels():
    # The second detection keeps 6 of its 16 columns, all in B, which has 10.
    found = [((0, 0, 10, 14), 1, 0.9), ((0, 4, 10, 20), 1, 0.8)]
    figures = quality(compare([(A, 1), (B, 1)], found))
    assert figures["sq"] == pytest.approx((10 / 14 + 6 / 10) / 2) and figures["rq"] == 1
    # A detection with no pixels left is not a segment.
    figures = quality(compare([(A, 1)], [(A, 1, 0.9), ((2, 2, 4, 4), 1, 0.8)]))
    assert figures["pq"] == 1


def test_crowds():
    crowd = ((12, 0, 22, 6), -1)
    assert quality(compare([(A, 1), crowd], [(A, 1, 0.9), (C, 1, 0.8)]))["pq"] == 1
    crowd = ((12, 0, 22, 5), -1)  # half is not enough
    figures = quality(compare([(A, 1), crowd], [(A, 1, 0.9), (C, 1, 0.8)]))
    assert figures["pq"] == pytest.approx(1 / 1.5)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 99))
def test_on_label_images(truth_count, found_count, seed):
    """Random label images, against the paper's formula."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, truth_count + 1, (4, 1)).repeat(5, 1)
    found = np.where(rng.random((4, 5)) < 0.8, truth % (found_count + 1), 0)
    pairs = [
        (np.sum((truth == i) & (found == j)) / np.sum((truth == i) | (found == j)))
        for i in np.unique(truth[truth > 0])
        for j in np.unique(found[found > 0])
    ]
    matched = [iou for iou in pairs if iou > 0.5]
    total = len(np.unique(truth[truth > 0])) + len(np.unique(found[found > 0]))

    def masks(labels, count):
        return np.stack([labels == i for i in range(1, count + 1)], axis=-1)

    result = {"rois": np.zeros((found_count, 4)), "class_ids": [1] * found_count}
    result |= {"scores": [0.5] * found_count, "masks": masks(found, found_count)}
    figures = quality(Comparison(masks(truth, truth_count), [1] * truth_count, result))
    expected = 2 * sum(matched) / total if total else np.nan
    assert figures["pq"] == pytest.approx(expected, nan_ok=True)
