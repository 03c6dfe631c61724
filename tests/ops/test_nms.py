"""Both implementations of NMS against a plain loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared_data import foreign_values

from mrcnn import ops
from mrcnn.geometry import boxes as numpy_boxes
from mrcnn.ops import kernels

OWN = kernels.CONVERTED["savedmodel"]  # TensorFlow's

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
        patch.setattr(kernels, "available", lambda kernel: native and kernel in OWN)
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
    monkeypatch.setattr(kernels, "available", lambda kernel: native and kernel in OWN)
    boxes, scores = units["b1"].astype("float32"), units["nms.scores"].astype("float32")
    for threshold, name in [(0.5, "nms.keep05"), (0.1, "nms.keep01")]:
        indices, kept = ops.non_max_suppression(boxes[None], scores[None], 40, threshold)
        ours = np.asarray(indices)[0, : int(kept[0])]
        assert sorted(ours) == sorted(units[name])
        np.testing.assert_allclose(scores[ours], scores[units[name]])


@pytest.mark.parametrize("native", [True, False])
def test_boxes_without_area(monkeypatch, native):
    """They neither suppress nor are suppressed; TensorFlow 1.15 to 2.1 repeated them."""
    monkeypatch.setattr(kernels, "available", lambda kernel: native and kernel in OWN)
    boxes = np.array([[[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0.5], [0, 0, 1, 1]]], "float32")
    scores = np.array([[0.9, 0.8, 0.7, 0.6]], "float32")
    indices, kept = ops.non_max_suppression(boxes, scores, 4, 0.5)
    assert np.asarray(indices)[0, : int(kept[0])].tolist() == [0, 1, 2]


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("count", [4, 12, 40])
def test_by_group_it_selects_what_groups_do(monkeypatch, native, count):
    monkeypatch.setattr(kernels, "available", lambda kernel: native and kernel in OWN)
    boxes, scores, valid, _ = random_case(5)
    groups = np.repeat([[0, 1, 2]] * 2, 10, axis=1)
    expected, kept = ops.non_max_suppression(boxes, scores, count, 0.3, valid, groups)
    apart = (2, 3, 10)
    ours, ours_kept = ops.non_max_suppression_by_group(
        boxes.reshape(*apart, 4), scores.reshape(apart), count, 0.3, valid.reshape(apart)
    )
    np.testing.assert_array_equal(ours_kept, kept)
    np.testing.assert_array_equal(ours, expected)
    assert np.asarray(ours).shape == (2, count)


def test_torchvision_keeps_the_same_boxes():
    """Also those with equal scores, or an IoU that equals the threshold."""
    values = foreign_values("torchvision_ops")
    boxes, scores = values["nms.boxes"][None][..., [1, 0, 3, 2]], values["nms.scores"][None]
    groups = values["nms.idxs"]
    of_group = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    for threshold in (0.3, 0.5, 0.7):
        indices, kept = ops.non_max_suppression(boxes, scores, 80, threshold)
        expected = values[f"nms.keep_{threshold}"]
        np.testing.assert_array_equal(np.asarray(indices)[0, : int(kept[0])], expected)
        rows = np.full((len(of_group), max(map(len, of_group))), -1)
        for row, members in zip(rows, of_group, strict=True):
            row[: len(members)] = members
        indices, kept = ops.non_max_suppression_by_group(
            boxes[:, rows], scores[:, rows], 80, threshold, (rows >= 0)[None]
        )
        ours = rows.ravel()[np.asarray(indices)[0, : int(kept[0])]]
        expected = values[f"nms.batched_keep_{threshold}"]
        # Equal scores of different groups may change places.
        np.testing.assert_array_equal(scores[0, ours], scores[0, expected])
        assert sorted(ours) == sorted(expected)
