"""Both implementations of NMS against a plain loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn import ops
from mrcnn.geometry import boxes as numpy_boxes
from mrcnn.ops import kernels

pytestmark = pytest.mark.network


def plain(boxes, scores, count, threshold, valid, groups):
    """Textbook greedy NMS for one image."""
    kept = []
    for index in np.argsort(-scores, kind="stable"):
        if not valid[index] or len(kept) == count:
            continue
        rivals = [k for k in kept if groups[k] == groups[index]]
        overlaps = numpy_boxes.compute_overlaps(boxes[[index]], boxes[rivals])
        if not (overlaps > threshold).any():
            kept.append(int(index))
    return kept


def random_case(seed, images=2, number=30):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 0.7, (images, number, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0.05, 0.3, corner.shape)], axis=-1)
    # Distinct scores: the order of equal ones is not guaranteed.
    scores = np.stack([rng.permutation(number) for _ in range(images)]) / number
    valid = rng.random((images, number)) < 0.8
    return boxes.astype("float32"), scores.astype("float32"), valid, rng.integers(1, 4, valid.shape)


@pytest.mark.parametrize("native", [True, False])
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(1, 40).filter(lambda count: count % 7 == 5),
    threshold=st.sampled_from([0.1, 0.3, 0.7]),
    grouped=st.booleans(),
    checked=st.booleans(),
)
def test_against_a_plain_loop(native, seed, count, threshold, grouped, checked):
    boxes, scores, valid, groups = random_case(seed)
    valid, groups = valid if checked else None, groups if grouped else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "available", lambda: native)
        indices, kept = ops.non_max_suppression(boxes, scores, count, threshold, valid, groups)
    for image in range(len(boxes)):
        expected = plain(
            boxes[image],
            scores[image],
            count,
            threshold,
            np.ones(30, bool) if valid is None else valid[image],
            np.zeros(30) if groups is None else groups[image],
        )
        ours = np.asarray(indices)[image]
        assert ours[: int(kept[image])].tolist() == expected
        assert (ours[int(kept[image]) :] == 0).all()


@pytest.mark.parametrize("native", [True, False])
def test_reference_values(units, monkeypatch, native):
    monkeypatch.setattr(kernels, "available", lambda: native)
    boxes, scores = units["b1"].astype("float32"), units["nms.scores"].astype("float32")
    for threshold, name in [(0.5, "nms.keep05"), (0.1, "nms.keep01")]:
        indices, kept = ops.non_max_suppression(boxes[None], scores[None], 40, threshold)
        ours = np.asarray(indices)[0, : int(kept[0])]
        assert sorted(ours) == sorted(units[name])
        np.testing.assert_allclose(scores[ours], scores[units[name]])


@pytest.mark.parametrize("native", [True, False])
def test_boxes_without_area(monkeypatch, native):
    """They neither suppress nor are suppressed; TensorFlow 1.15 to 2.1 repeated them."""
    monkeypatch.setattr(kernels, "available", lambda: native)
    boxes = np.array([[[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0.5], [0, 0, 1, 1]]], "float32")
    scores = np.array([[0.9, 0.8, 0.7, 0.6]], "float32")
    indices, kept = ops.non_max_suppression(boxes, scores, 4, 0.5)
    assert np.asarray(indices)[0, : int(kept[0])].tolist() == [0, 1, 2]
