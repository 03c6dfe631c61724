import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, directed_hausdorff

from mrcnn.evaluation import HausdorffDistance, outline
from mrcnn.metrics.hausdorff import hausdorff

from .compared import compare

SIZE = (30, 40)


def distances(*comparisons, class_ids=(1,)):
    metric = HausdorffDistance(class_ids)
    for comparison in comparisons:
        metric.add(comparison)
    return metric.compute()


def test_outline():
    mask = np.zeros((5, 6), bool)
    mask[1:5, 1:5] = True
    inner = {(2, 2), (2, 3), (3, 2), (3, 3)}  # the bottom row lies on the image border
    points = {(y, x) for y in range(1, 5) for x in range(1, 5)} - inner
    assert {tuple(p) for p in outline(mask).tolist()} == points
    assert {tuple(p) for p in outline(mask[1:, 1:], (1, 1)).tolist()} == points
    assert outline(np.zeros((3, 3), bool)).shape == (0, 2)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 99))
def test_agrees_with_scipy_and_is_symmetrical(count, other, seed):
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 50, (count, 2)), rng.integers(0, 50, (other, 2))
    largest, percentile = hausdorff(first, second, (100, 95))
    there, back = directed_hausdorff(first, second)[0], directed_hausdorff(second, first)[0]
    assert largest == pytest.approx(max(there, back))
    table = cdist(first, second)
    nearest = table.min(axis=1), table.min(axis=0)
    assert percentile == pytest.approx(max(np.percentile(part, 95) for part in nearest))
    assert hausdorff(second, first, (100, 95)) == pytest.approx([largest, percentile])
    assert hausdorff(first, first)[0] == 0


def test_by_hand():
    # The second detection is 10 pixels to the right of the instance; few pixels are that far away.
    found = [((0, 0, 20, 20), 1, 0.9), ((9, 29, 10, 30), 1, 0.8)]
    figures = distances(compare([((0, 0, 20, 20), 1)], found, SIZE))
    assert figures["hausdorff"] == 10 and figures["hausdorff95"] == 0
    # All instances of a class form one region.
    whole = [((0, 0, 10, 20), 1), ((10, 0, 20, 20), 1)]
    assert distances(compare(whole, found[:1], SIZE))["hausdorff"] == 0
    shifted = compare([((0, 0, 20, 20), 1)], [((0, 3, 20, 23), 1, 0.9)], SIZE)
    assert distances(shifted)["hausdorff"] == distances(shifted)["hausdorff95"] == 3


def test_empty_regions():
    box = (0, 0, 20, 20)
    right, missed = compare([(box, 1)], [(box, 1, 0.9)], SIZE), compare([(box, 1)], [], SIZE)
    false, nothing = compare([], [(box, 1, 0.9)], SIZE), compare([], [], SIZE)
    assert distances(missed)["hausdorff"] == distances(false)["hausdorff95"] == 50
    figures = distances(right, missed, nothing)
    assert figures["hausdorff"] == 25
    assert figures["per_class"][1] == {
        "hausdorff": 25, "hausdorff95": 25, "images": 2, "one_empty": 1
    }  # fmt: skip
    assert np.isnan(distances(nothing)["hausdorff"])


def test_classes_and_crowds():
    truth = [((0, 0, 9, 9), 1), ((0, 20, 9, 29), 2), ((20, 0, 30, 10), -1)]
    found = [((0, 0, 9, 9), 1, 0.9), ((0, 24, 9, 33), 2, 0.8), ((21, 0, 29, 9), 1, 0.7)]
    figures = distances(compare(truth, found, SIZE), class_ids=(1, 2, 3))
    assert [figures["per_class"][i]["hausdorff"] for i in (1, 2)] == [0, 4]
    assert figures["hausdorff"] == 2
    assert np.isnan(figures["per_class"][3]["hausdorff"])
