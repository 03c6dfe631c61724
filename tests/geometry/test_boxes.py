import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from mrcnn.geometry import boxes

SHAPE = (200, 300)


@st.composite
def box_sets(draw, max_side=400):
    """Boxes of positive area: [N, 4] int pixels, N in 1..12."""
    count = draw(st.integers(1, 12))
    corner = draw(arrays(np.int64, (count, 2), elements=st.integers(0, max_side)))
    size = draw(arrays(np.int64, (count, 2), elements=st.integers(1, max_side)))
    return np.concatenate([corner, corner + size], axis=1)


def test_compute_overlaps_matches_the_reference(units):
    assert_array_equal(boxes.compute_overlaps(units["b1"], units["b2"]), units["compute_overlaps"])


def test_compute_overlaps_by_hand():
    one = np.array([[0, 0, 10, 10], [0, 0, 0, 0]])
    two = np.array([[0, 0, 10, 10], [5, 5, 15, 15], [10, 0, 20, 10], [3, 3, 3, 3]])
    expected = [[1, 25 / 175, 0, 0], [0, 0, 0, 0]]
    assert_array_equal(boxes.compute_overlaps(one, two), expected)


@pytest.mark.parametrize("counts", [(0, 3), (3, 0), (0, 0)])
def test_compute_overlaps_of_nothing(counts):
    one, two = (np.zeros((count, 4)) for count in counts)
    assert boxes.compute_overlaps(one, two).shape == counts


def test_compute_overlaps_in_several_chunks(monkeypatch, units):
    monkeypatch.setattr(boxes, "_CHUNK_ELEMENTS", 50)
    assert_array_equal(boxes.compute_overlaps(units["b1"], units["b2"]), units["compute_overlaps"])


def test_compute_iou_is_a_row_of_compute_overlaps(units):
    one, two = units["b1"], units["b2"]
    iou = boxes.compute_iou(two[3], one, boxes.box_areas(two)[3], boxes.box_areas(one))
    assert_array_equal(iou, units["compute_overlaps"][:, 3])


@given(box_sets(), box_sets())
def test_overlaps_are_symmetric_and_bounded(one, two):
    overlaps = boxes.compute_overlaps(one, two)
    assert_array_equal(overlaps, boxes.compute_overlaps(two, one).T)
    assert overlaps.min() >= 0 and overlaps.max() <= 1
    assert_array_equal(np.diag(boxes.compute_overlaps(one, one)), 1)


@given(box_sets(), box_sets(), st.integers(1, 9), st.integers(-50, 50))
def test_overlaps_do_not_depend_on_scale_or_position(one, two, scale, shift):
    moved = boxes.compute_overlaps(one * scale + shift, two * scale + shift)
    assert_allclose(moved, boxes.compute_overlaps(one, two), rtol=1e-12)


@pytest.mark.parametrize(("threshold", "name"), [(0.5, "nms.keep05"), (0.1, "nms.keep01")])
def test_non_max_suppression_matches_the_reference(units, threshold, name):
    keep = boxes.non_max_suppression(units["b1"], units["nms.scores"], threshold)
    assert keep.dtype == np.int32
    assert_array_equal(keep, units[name])


def test_non_max_suppression_by_hand():
    # The second overlaps the first with IoU 9 / 11, the third only the second; ties go by index.
    rows = np.array([[0, 0, 10, 10], [0, 1, 10, 11], [0, 9, 10, 19], [50, 50, 60, 60]])
    scores = np.array([0.5, 0.9, 0.1, 0.5])
    assert_array_equal(boxes.non_max_suppression(rows, scores, 0.8), [1, 3, 2])
    assert_array_equal(boxes.non_max_suppression(rows, scores, 0.82), [1, 0, 3, 2])
    assert_array_equal(boxes.non_max_suppression(rows, scores, 0.05), [1, 3])
    assert boxes.non_max_suppression(np.zeros((0, 4)), np.zeros(0), 0.5).shape == (0,)


@given(box_sets(), st.floats(0, 1), st.integers(0, 100))
def test_non_max_suppression_keeps_what_does_not_overlap(rows, threshold, seed):
    scores = np.random.default_rng(seed).random(len(rows))
    keep = boxes.non_max_suppression(rows, scores, threshold)
    overlaps = boxes.compute_overlaps(rows[keep], rows)
    assert (np.diff(scores[keep]) <= 0).all()
    assert (overlaps[:, keep][~np.eye(len(keep), dtype=bool)] <= threshold).all()
    for dropped in np.setdiff1d(np.arange(len(rows)), keep):
        better = scores[keep] >= scores[dropped]
        assert overlaps[better, dropped].max() > threshold


def test_deltas_match_the_reference(units):
    moved = boxes.apply_box_deltas(units["b1"], units["deltas"])
    assert moved.dtype == np.float32
    # 3e-5 is one float32 step at 300 pixels: the order of additions differs.
    assert_allclose(moved, units["apply_box_deltas"], rtol=0, atol=4e-5)
    deltas = boxes.box_refinement(units["b1"][:12], units["b2"])
    assert deltas.dtype == np.float32
    assert_allclose(deltas, units["box_refinement"], rtol=0, atol=1e-7)


def test_deltas_by_hand():
    box = np.array([[10, 10, 20, 30]])
    gt = np.array([[10, 20, 30, 40]])  # centre 5 lower and 10 to the right, twice as high
    deltas = boxes.box_refinement(box, gt)
    assert_allclose(deltas, [[0.5, 0.5, np.log(2), 0]], rtol=1e-6)


@given(box_sets(), st.integers(0, 100))
def test_deltas_move_a_box_onto_another(rows, seed):
    other = np.random.default_rng(seed).permutation(rows)
    moved = boxes.apply_box_deltas(rows, boxes.box_refinement(rows, other))
    assert_allclose(moved, other, atol=1e-2)


def test_norm_boxes_match_the_reference(units):
    normalised = boxes.norm_boxes(units["b1"], SHAPE)
    assert normalised.dtype == np.float32
    assert_array_equal(normalised, units["norm_boxes"])
    pixels = boxes.denorm_boxes(units["norm_boxes"], SHAPE)
    assert pixels.dtype == np.int32
    assert_array_equal(pixels, units["denorm_boxes"])
    raw = boxes.denorm_boxes(units["denorm_boxes_raw_in"], SHAPE)
    assert_array_equal(raw, units["denorm_boxes_raw"])


def test_the_whole_image_is_zero_to_one():
    assert_array_equal(boxes.norm_boxes(np.array([[0, 0, 200, 300]]), SHAPE), [[0, 0, 1, 1]])


@given(box_sets(), st.tuples(st.integers(2, 2000), st.integers(2, 2000)))
def test_denorm_boxes_inverts_norm_boxes(rows, shape):
    assert_array_equal(boxes.denorm_boxes(boxes.norm_boxes(rows, shape), shape), rows)


def test_trim_zeros(units):
    padded = np.concatenate([units["trim_zeros"], np.zeros((4, 4), int)])
    assert_array_equal(boxes.trim_zeros(padded), units["trim_zeros"])
    between = np.array([[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0], [-1, 0, 0, 1]])
    assert_array_equal(boxes.trim_zeros(between), between[[1, 3]])


def test_continuous_boxes_by_hand():
    pixels = [[0, 0, 200, 300], [20, 30.5, 50, 60]]
    found = boxes.norm_boxes(pixels, SHAPE, margin=0)
    assert found.dtype == np.float32
    assert_allclose(found, [[0, 0, 1, 1], [0.1, 30.5 / 300, 0.25, 0.2]], rtol=1e-6)
    assert_allclose(boxes.boxes_in_pixels(found, SHAPE, margin=0), pixels, rtol=1e-6)


@pytest.mark.parametrize("margin", [0, 1])
def test_boxes_in_pixels_are_not_rounded(margin):
    pixels = np.random.default_rng(0).uniform(0, 200, (20, 4))
    found = boxes.boxes_in_pixels(boxes.norm_boxes(pixels, SHAPE, margin), SHAPE, margin)
    assert found.dtype == np.float32
    assert_allclose(found, pixels, atol=1e-4)


def test_rounded_like_what_was_given():
    made = np.array([[0.4, 0.6, 9.5, 10.2]])
    for before in ([[0, 0, 9, 9]], np.zeros((0, 4)), np.zeros((0, 4), np.int32)):
        found = boxes.rounded_like(made, before)
        assert found.dtype == np.int32 and found.tolist() == [[0, 1, 10, 10]]
    found = boxes.rounded_like(made, np.zeros((0, 4), np.float32))
    assert found.dtype == np.float32
    assert_allclose(found, made)
