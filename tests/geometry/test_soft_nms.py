"""Soft-NMS in numpy."""

import numpy as np
import pytest

from mrcnn.geometry.soft_nms import soft_non_max_suppression

# The IoUs with the first are 0.6, 0.25 and 1; the second and third do not overlap.
BOXES = [[0, 0, 10, 10], [0, 0, 10, 6], [0, 6, 10, 16], [0, 0, 10, 10]]
SCORES = [0.9, 0.8, 0.7, 0.5]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"method": "soft_linear"}, {0: 0.9, 2: 0.7, 1: 0.32}),
        ({"method": "soft_linear", "threshold": 0.2}, {0: 0.9, 2: 0.525, 1: 0.32}),
        ({"method": "soft_linear", "threshold": 0.7}, {0: 0.9, 1: 0.8, 2: 0.7}),
        ({"method": "soft_linear", "least": 0.4}, {0: 0.9, 2: 0.7}),
        ({"method": "soft_linear", "least": np.array([0, 0, 0.8, 0])}, {0: 0.9, 1: 0.32}),
        ({"method": "soft_linear", "groups": [1, 2, 1, 2]}, {0: 0.9, 1: 0.8, 2: 0.7, 3: 0.2}),
        ({"method": "soft_linear", "count": 2}, {0: 0.9, 2: 0.7}),
        (
            {"method": "soft_gaussian", "sigma": 0.5, "count": 2},
            {0: 0.9, 2: 0.7 * np.exp(-(0.25**2) / 0.5)},
        ),
    ],
)
def test_by_hand(options, expected):
    indices, scores = soft_non_max_suppression(BOXES, SCORES, **options)
    assert indices.dtype == np.int32 and indices.tolist() == list(expected)
    np.testing.assert_allclose(scores, list(expected.values()))


def test_nothing_to_select():
    for boxes, scores in (([], []), (BOXES, [0] * 4)):
        indices, lowered = soft_non_max_suppression(boxes, scores, "soft_gaussian")
        assert len(indices) == len(lowered) == 0
