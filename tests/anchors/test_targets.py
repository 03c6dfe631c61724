from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from mrcnn.anchors.lattice import AnchorLattice
from mrcnn.anchors.pyramid import pyramid_anchors
from mrcnn.anchors.targets import build_rpn_targets
from mrcnn.geometry.boxes import apply_box_deltas, box_deltas, compute_overlaps

SHAPE = (256, 256, 3)
STD = np.array([0.1, 0.1, 0.2, 0.2])


def config(total=100_000):
    return SimpleNamespace(
        RPN_TRAIN_ANCHORS_PER_IMAGE=total,
        RPN_BBOX_STD_DEV=STD,
        BACKBONE="resnet50",
        BACKBONE_STRIDES=[8, 16],
        RPN_ANCHOR_SCALES=[16, 32],
        RPN_ANCHOR_RATIOS=[0.5, 1, 2],
        RPN_ANCHOR_STRIDE=1,
    )


LATTICE = AnchorLattice(config(), (128, 128))
ANCHORS = LATTICE.anchors


def brute_force(anchors, class_ids, boxes, total, rng):
    """Targets from the full overlap matrix, drawn as in matterport's Mask_RCNN (the reference)."""
    overlaps = compute_overlaps(anchors, boxes[class_ids >= 0])
    best = overlaps.max(axis=1, initial=0)
    crowd = compute_overlaps(anchors, boxes[class_ids < 0]).max(axis=1, initial=0)
    match = np.zeros(len(anchors), np.int32)
    match[(best < 0.3) & (crowd < 0.001)] = -1
    match[((overlaps == overlaps.max(axis=0)) & (overlaps > 0)).any(axis=1)] = 1
    match[best >= 0.7] = 1
    for label, limit in ((1, total // 2), (-1, None)):
        limit = total - (match == 1).sum() if limit is None else limit
        ids = np.flatnonzero(match == label)
        if len(ids) > limit:
            match[rng.choice(ids, len(ids) - limit, replace=False)] = 0
    deltas = np.zeros((total, 4))
    positive = np.flatnonzero(match == 1)
    if len(positive):
        instances = boxes[class_ids >= 0][overlaps[positive].argmax(axis=1)]
        deltas[: len(positive)] = box_deltas(anchors[positive], instances) / STD
    return match, deltas


@pytest.mark.parametrize("i", range(3))
def test_targets_match_the_reference(i, train, train_config):
    anchors = pyramid_anchors(train_config, SHAPE)
    gt = train[f"ds{i}.full.class_ids"], train[f"ds{i}.full.bbox"]
    seeded = f"seed{100 + i}"

    np.random.seed(100 + i)  # noqa: NPY002 (the reference's generator)
    match, deltas = build_rpn_targets(SHAPE, anchors, *gt, train_config)
    assert match.dtype == np.int32 and deltas.dtype == np.float64
    assert_array_equal(match, train[f"ds{i}.rpn_match_{seeded}"])
    assert_allclose(deltas, train[f"ds{i}.rpn_bbox_{seeded}"], rtol=0, atol=1e-15)

    again = build_rpn_targets(SHAPE, anchors, *gt, train_config, np.random.RandomState(100 + i))
    assert_array_equal(again[0], match)

    lattice = AnchorLattice(train_config, SHAPE)
    again = build_rpn_targets(SHAPE, lattice, *gt, train_config, np.random.RandomState(100 + i))
    assert_array_equal(again[0], match)
    assert_array_equal(again[1], deltas)

    match, deltas = build_rpn_targets(SHAPE, anchors, *gt, config())
    assert_array_equal(match, train[f"ds{i}.rpn_match_nosub"])
    wanted = train[f"ds{i}.rpn_bbox_nosub"]
    assert_allclose(deltas[: len(wanted)], wanted, rtol=0, atol=1e-15)
    assert not deltas[len(wanted) :].any()


def test_an_image_without_instances_has_negatives_only():
    rng = np.random.default_rng(0)
    nothing = np.zeros(0, np.int32), np.zeros((0, 4), np.int32)
    match, deltas = build_rpn_targets(SHAPE, ANCHORS, *nothing, config(256), rng)
    assert (match == -1).sum() == 256 and (match == 0).sum() == len(ANCHORS) - 256
    assert deltas.shape == (256, 4) and not deltas.any()


def test_a_box_that_no_anchor_touches_makes_none_positive():
    for box in ([10, 10, 10, 10], [5000, 5000, 5010, 5010]):
        for anchors in (ANCHORS, LATTICE):
            match, _ = build_rpn_targets(SHAPE, anchors, [1], [box], config())
            assert (match == -1).all()


def test_positives_by_hand():
    anchors = np.array([[0, 0, 10, 10], [0, 4, 10, 14], [0, 5, 10, 15], [50, 50, 60, 60]], float)
    # IoU with the instance: 1, 6/14 = 0.43, 5/15 = 0.33, 0.
    match, deltas = build_rpn_targets(SHAPE, anchors, [1], [[0, 0, 10, 10]], config())
    assert_array_equal(match, [1, 0, 0, -1])
    assert not deltas.any()
    # An instance's best anchor is positive, however little it overlaps: IoU 10/190 here. It
    # regresses to the left by 9 of its 10 pixels.
    match, deltas = build_rpn_targets(SHAPE, anchors[:1], [1], [[0, -9, 10, 1]], config())
    assert_array_equal(match, [1])
    assert_allclose(deltas[0], [0, -9, 0, 0])


def test_a_forced_positive_regresses_to_the_instance_that_it_overlaps_most():
    anchors = np.array([[0, 0, 10, 10]], float)
    boxes = [[0, 9, 10, 19], [0, 0, 10, 5]]
    match, deltas = build_rpn_targets(SHAPE, anchors, [1, 1], boxes, config())
    assert match[0] == 1
    assert_allclose(deltas[0], [0, -2.5, 0, np.log(0.5) / 0.2])


def test_anchors_on_a_crowd_are_neutral():
    anchors = np.array([[0, 0, 10, 10], [0, 100, 10, 110]], float)
    boxes = [[0, 0, 60, 60], [200, 200, 210, 210]]
    match, _ = build_rpn_targets(SHAPE, anchors, [-1, 1], boxes, config())
    assert_array_equal(match, [0, -1])
    match, _ = build_rpn_targets(SHAPE, anchors, [-1], boxes[:1], config())
    assert_array_equal(match, [0, -1])


@given(
    st.lists(st.tuples(*[st.integers(0, 90)] * 2, *[st.integers(0, 60)] * 2), max_size=8),
    st.integers(2, 64),
    st.integers(0, 9),
)
def test_targets_are_as_the_paper_defines_them(rows, total, seed):
    boxes = np.array([(y, x, y + h, x + w) for y, x, h, w in rows], int).reshape(-1, 4)
    class_ids = np.ones(len(boxes), int)
    match, _ = build_rpn_targets(SHAPE, ANCHORS, class_ids, boxes, config())
    overlaps = compute_overlaps(ANCHORS, boxes)
    best = overlaps.max(axis=1, initial=0)
    forced = ((overlaps == overlaps.max(axis=0)) & (overlaps > 0)).any(axis=1)
    assert_array_equal(match == 1, (best >= 0.7) | forced)
    assert_array_equal(match == -1, (best < 0.3) & ~forced)

    few, deltas = build_rpn_targets(
        SHAPE, ANCHORS, class_ids, boxes, config(total), np.random.default_rng(seed)
    )
    chosen = few != 0
    assert_array_equal(few[chosen], match[chosen])
    assert (few == 1).sum() == min((match == 1).sum(), total // 2)
    assert chosen.sum() == total
    positive = np.flatnonzero(few == 1)
    moved = apply_box_deltas(ANCHORS[positive], deltas[: len(positive)] * STD)
    if len(positive):
        assert_allclose(moved, boxes[overlaps[positive].argmax(axis=1)], atol=1e-3)
    assert not deltas[len(positive) :].any()


place = st.integers(-30, 150) | st.sampled_from([-900, 0, 8, 16, 24]) | st.floats(-30, 150)
side = st.integers(0, 60) | st.sampled_from([0, 16, 32, 200]) | st.floats(0, 60)
instance = st.tuples(st.sampled_from([1, 1, 2, -1]), place, place, side, side)


@given(st.lists(instance, max_size=8), st.sampled_from([2, 16, 200, 2000]), st.integers(0, 9))
def test_lattice_array_and_brute_force_agree_to_the_last_bit(rows, total, seed):
    class_ids = np.array([row[0] for row in rows], int)
    boxes = np.array([(y, x, y + h, x + w) for _, y, x, h, w in rows], float).reshape(-1, 4)
    states, targets = [], []
    for anchors in (ANCHORS, LATTICE):
        rng = np.random.RandomState(seed)
        targets.append(build_rpn_targets(SHAPE, anchors, class_ids, boxes, config(total), rng))
        states.append(rng.randint(2**31))
    rng = np.random.RandomState(seed)
    wanted = brute_force(ANCHORS, class_ids, boxes, total, rng)
    states.append(rng.randint(2**31))
    for match, deltas in targets:
        assert_array_equal(match, wanted[0])
        assert_array_equal(deltas, wanted[1])
    assert len(set(states)) == 1

    drawn = [
        build_rpn_targets(
            SHAPE, anchors, class_ids, boxes, config(total), np.random.default_rng(seed)
        )
        for anchors in (ANCHORS, LATTICE)
    ]
    for one, other in zip(*drawn, strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("kind", [np.random.default_rng, np.random.RandomState])
def test_every_anchor_has_the_same_chance(kind):
    rng = kind(0)
    counts = np.zeros(len(ANCHORS))
    for _ in range(400):
        match, _ = build_rpn_targets(SHAPE, LATTICE, [], [], config(240), rng)
        counts += match == -1
    chance = 240 / len(ANCHORS)
    # Five standard deviations of a binomial distribution.
    assert abs(counts / 400 - chance).max() < 5 * np.sqrt(chance * (1 - chance) / 400)
