import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mrcnn.weights import objectness

REST = [(3, 3, 4, 8), (8,)]
DELTAS = [(1, 1, 8, 12), (12,)]
ONE, TWO = ([*REST, (1, 1, 8, count), (count,), *DELTAS] for count in (3, 6))


def arrays(shapes):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def test_one_score_becomes_two_with_the_same_probability():
    one = arrays(ONE)
    two = objectness.convert(one, 2)
    assert [array.shape for array in two] == TWO
    features = np.random.default_rng(1).normal(size=8).astype(np.float32)
    x = features @ one[2][0, 0] + one[3]
    logits = (features @ two[2][0, 0] + two[3]).reshape(3, 2)  # [anchors, 2]
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert_allclose(softmax[:, 1], 1 / (1 + np.exp(-x)), rtol=1e-5)
    for index in (0, 1, 4, 5):
        assert two[index] is one[index]
    for back, array in zip(objectness.convert(two, 1), one, strict=True):
        assert_array_equal(back, array)
    assert objectness.convert(one, 1)[2] is one[2]


def test_two_scores_become_their_difference():
    two = [np.zeros(shape) for shape in TWO]
    two[3] = np.float32([1, 5, 2, 1, 0, 0])
    assert objectness.convert(two, 1)[3].tolist() == [4, -1, 0]


def test_what_can_be_converted():
    assert objectness.can_convert(ONE, TWO) and objectness.can_convert(TWO, ONE)
    assert not objectness.can_convert(ONE, ONE)
    other = [*REST, (1, 1, 8, 6), (6,), (1, 1, 8, 24), (24,)]  # six anchors
    assert not objectness.can_convert(ONE, other)
    assert not objectness.can_convert(ONE, [(3, 3, 5, 8), *TWO[1:]])
    assert not objectness.can_convert(ONE, TWO[2:])
    assert not objectness.can_convert([], [])


@pytest.mark.parametrize(
    ("shapes", "logits"),
    [(ONE, 1), (TWO, 2), (ONE[:2], None), ([*REST, (1, 1, 8, 5), (5,), *DELTAS], None)],
)
def test_their_number(shapes, logits):
    assert objectness.logits_of(shapes) == logits
