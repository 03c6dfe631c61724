"""Soft-NMS against a plain loop."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn import ops

pytestmark = pytest.mark.network


def iou_of(a, b):
    height = min(a[2], b[2]) - max(a[0], b[0])
    width = min(a[3], b[3]) - max(a[1], b[1])
    both = max(height, 0) * max(width, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def plain(boxes, scores, count, decay, valid, groups, least):
    """Figure 2 of Bodla et al., for one image: (index, score) of each box that is selected."""
    left = {i: float(scores[i]) for i in range(len(boxes)) if valid[i]}
    found = []
    while len(found) < count:
        left = {i: score for i, score in left.items() if score > 0 and score >= least[i]}
        if not left:
            break
        best = max(left, key=left.get)
        found.append((best, left.pop(best)))
        for i in left:
            if groups[i] == groups[best]:
                left[i] *= decay(iou_of(boxes[i], boxes[best]))
    return found


def random_case(seed, images=2, number=30):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 0.7, (images, number, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0.05, 0.4, corner.shape)], axis=-1)
    scores = rng.uniform(0.05, 1, (images, number))
    valid, groups = rng.random((images, number)) < 0.8, rng.integers(1, 4, (images, number))
    least = rng.choice([0, 0.1, 0.3, 0.6], (images, number))
    return [x.astype("float32") for x in (boxes, scores, least)] + [valid, groups]


@pytest.mark.parametrize("method", ["soft_linear", "soft_gaussian"])
@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    count=st.sampled_from([5, 12, 40]),
    threshold=st.sampled_from([0.0, 0.3, 0.7]),
    sigma=st.sampled_from([0.1, 0.5, 2.0]),
    grouped=st.booleans(),
    checked=st.booleans(),
    limited=st.booleans(),
)
def test_against_a_plain_loop(method, seed, count, threshold, sigma, grouped, checked, limited):
    boxes, scores, least, valid, groups = random_case(seed)
    arguments = (valid if checked else None, groups if grouped else None, least if limited else 0.0)
    indices, kept, lowered = map(
        np.asarray,
        ops.soft_non_max_suppression(boxes, scores, count, method, threshold, sigma, *arguments),
    )
    assert indices.shape == lowered.shape == (2, count)

    def decay(iou):
        if method == "soft_gaussian":
            return math.exp(-(iou**2) / sigma)
        return 1 - iou if iou > threshold else 1

    for image in range(2):
        expected = plain(
            boxes[image].astype(float),
            scores[image],
            count,
            decay,
            valid[image] if checked else np.ones(30, bool),
            groups[image] if grouped else np.zeros(30),
            least[image] if limited else np.zeros(30),
        )
        number = int(kept[image])
        assert indices[image, :number].tolist() == [index for index, _ in expected]
        np.testing.assert_allclose(lowered[image, :number], [s for _, s in expected], rtol=1e-4)
        assert not indices[image, number:].any() and not lowered[image, number:].any()


def test_by_hand():
    boxes = np.array([[[0, 0, 10, 10], [0, 0, 10, 6], [0, 6, 10, 16], [0, 0, 10, 10]]], "float32")
    scores = np.array([[0.9, 0.8, 0.7, 0.5]], "float32")
    # The IoUs with the first are 0.6, 0.25 and 1.
    results = ops.soft_non_max_suppression(boxes, scores, 4, "soft_linear", 0.3, 0.5)
    indices, kept, lowered = (np.asarray(x)[0] for x in results)
    assert kept == 3 and indices.tolist() == [0, 2, 1, 0]  # the copy of the first has no score left
    np.testing.assert_allclose(lowered, [0.9, 0.7, 0.8 * 0.4, 0], rtol=1e-6)
    results = ops.soft_non_max_suppression(boxes, scores, 2, "soft_gaussian", 0.3, 0.5)
    indices, kept, lowered = (np.asarray(x)[0] for x in results)
    assert kept == 2 and indices.tolist() == [0, 2]
    np.testing.assert_allclose(lowered, [0.9, 0.7 * np.exp(-(0.25**2) / 0.5)], rtol=1e-6)


def test_no_boxes_left():
    boxes, scores = np.zeros((1, 3, 4), "float32"), np.array([[0.9, 0.8, 0.0]], "float32")
    results = ops.soft_non_max_suppression(
        boxes, scores, 5, "soft_gaussian", 0.3, 0.5, valid=np.array([[False, True, True]])
    )
    indices, kept, lowered = (np.asarray(x)[0] for x in results)
    assert kept == 1 and indices.tolist() == [1, 0, 0, 0, 0]
    np.testing.assert_allclose(lowered, [0.8, 0, 0, 0, 0])
