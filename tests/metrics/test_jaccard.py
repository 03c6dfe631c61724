import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.evaluation import AggregatedJaccard, Comparison

from .compared import compare

A, B, C = (0, 0, 10, 10), (0, 10, 10, 20), (12, 0, 22, 10)


def aji(*comparisons, class_ids=(1,)):
    metric = AggregatedJaccard(class_ids)
    for comparison in comparisons:
        metric.add(comparison)
    return metric.compute()


def test_by_hand():
    # A: 80 of 100. B is missed: 100. One false detection: 100. Total: 80 / 300.
    first = compare([(A, 1), (B, 1)], [((0, 0, 8, 10), 1, 0.9), (C, 1, 0.8)])
    assert aji(first)["aji"] == pytest.approx(80 / 300)
    second = compare([(A, 1)], [(A, 1, 0.5)])
    assert aji(first, second, compare([], []))["aji"] == pytest.approx((80 / 300 + 1) / 2)
    assert np.isnan(aji(compare([], []))["aji"])


def test_a_detection_may_be_taken_twice():
    # One detection covers both. Each takes it: 100 of 200, twice.
    figures = aji(compare([(A, 1), (B, 1)], [((0, 0, 10, 20), 1, 0.9)]))
    assert figures["aji"] == pytest.approx(200 / 400)


def test_classes_and_crowds():
    found = [(A, 1, 0.9), (B, 1, 0.8)]
    figures = aji(compare([(A, 1), (B, 2)], found), class_ids=(1, 2))
    assert figures["per_class"][1]["aji"] == pytest.approx(100 / 200)
    assert figures["per_class"][2]["aji"] == 0
    assert figures["aji"] == pytest.approx(100 / 300)
    assert aji(compare([(A, 1), ((0, 10, 10, 16), -1)], found))["aji"] == 1


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 99))
def test_algorithm_of_the_paper(truth_count, found_count, seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, truth_count + 1, (5, 1)).repeat(4, 1)
    found = np.where(rng.random((5, 4)) < 0.7, truth % (found_count + 1), 0)
    shared, whole, used = 0, 0, set()
    for i in np.unique(truth[truth > 0]):
        best, at = 0, None
        for j in np.unique(found[found > 0]):
            iou = np.sum((truth == i) & (found == j)) / np.sum((truth == i) | (found == j))
            if iou > best:
                best, at = iou, j
        shared += np.sum((truth == i) & (found == at)) if at else 0
        whole += np.sum((truth == i) | (found == at)) if at else np.sum(truth == i)
        used.add(at)
    whole += sum(np.sum(found == j) for j in set(found[found > 0].tolist()) - used)

    def masks(labels, count):
        return np.moveaxis(np.array([labels == i for i in range(1, count + 1)]), 0, -1)

    if truth_count and found_count:
        result = {"rois": np.zeros((found_count, 4)), "class_ids": [1] * found_count}
        result |= {"scores": [0.5] * found_count, "masks": masks(found, found_count)}
        figures = aji(Comparison(masks(truth, truth_count), [1] * truth_count, result))
        assert figures["aji"] == pytest.approx(shared / whole if whole else np.nan, nan_ok=True)
