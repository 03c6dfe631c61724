import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from mrcnn.anchors import lattice as anchor_lattice
from mrcnn.anchors.lattice import AnchorLattice, overlapping_pairs
from mrcnn.anchors.pyramid import pyramid_anchors
from mrcnn.geometry.boxes import compute_overlaps


def config(scales=(16, 32), strides=(8, 16), anchor_stride=1, ratios=(0.5, 1, 2), **settings):
    return SimpleNamespace(
        BACKBONE="resnet50",
        BACKBONE_STRIDES=list(strides),
        RPN_ANCHOR_SCALES=scales,
        RPN_ANCHOR_RATIOS=list(ratios),
        RPN_ANCHOR_STRIDE=anchor_stride,
        **settings,
    )


CONFIGS = [
    (config(), (128, 192)),
    (config(anchor_stride=2), (100, 72, 3)),
    (config(scales=((10, 15.5), (30,))), (64, 40)),
    # Anchors with gaps between them, and a level of one cell.
    (config(scales=(5, 7), strides=(16, 64)), (64, 64)),
    # Cells 14 and 16 pixels apart.
    (config(RPN_ANCHOR_GRID="image", RPN_ANCHOR_ROUNDING=True), (100, 80)),
]
LATTICES = [AnchorLattice(*each) for each in CONFIGS]

# On anchors' borders and centres, anywhere else, and far outside.
place = st.integers(-20, 210) | st.sampled_from([-5000, 0, 8, 16, 64, 5000]) | st.floats(-20, 210)
side = (
    st.integers(-3, 70) | st.sampled_from([0, 1e-9, 11.313708498984761, 32, 300]) | st.floats(0, 9)
)
boxes_strategy = st.lists(st.tuples(place, place, side, side), max_size=6)


def boxes_of(rows):
    return np.array([(y, x, y + h, x + w) for y, x, h, w in rows], float).reshape(-1, 4)


def check_pairs(pairs, anchors, boxes, at_least):
    """Check what `AnchorLattice.pairs` promises; return the set of (box, anchor)."""
    overlaps = compute_overlaps(anchors, boxes)
    given_pairs, seen = set(), set()
    for box, anchor, iou in pairs:
        assert_array_equal(iou, overlaps[anchor, box])  # to the last bit
        assert not seen & set(box)
        seen |= set(box)
        given_pairs |= set(zip(box.tolist(), anchor.tolist(), strict=True))
        assert len(box) == len(set(zip(box, anchor, strict=True)))
    enough = (overlaps >= np.minimum(at_least, overlaps.max(axis=0))) & (overlaps > 0)
    wanted = {(int(box), int(anchor)) for anchor, box in np.argwhere(enough)}
    assert wanted <= given_pairs
    return given_pairs


@pytest.mark.parametrize("case", CONFIGS)
def test_anchors_are_those_of_the_pyramid(case):
    assert_array_equal(AnchorLattice(*case).anchors, pyramid_anchors(*case))


@given(st.sampled_from(LATTICES), boxes_strategy, st.sampled_from([0.001, 0.3, 0.7]))
def test_no_pair_is_missed(lattice, rows, at_least):
    boxes = boxes_of(rows)
    check_pairs(lattice.pairs(boxes, at_least), lattice.anchors, boxes, at_least)
    plain = overlapping_pairs(lattice.anchors, boxes, at_least)
    check_pairs(plain, lattice.anchors, boxes, at_least)


def test_few_pairs_are_looked_at():
    boxes = np.array([[40, 40, 72, 72], [0, 0, 128, 192], [50, 60, 53, 64], [5, 5, 5, 9]], float)
    lattice = LATTICES[0]
    pairs = check_pairs(lattice.pairs(boxes, 0.3), lattice.anchors, boxes, 0.3)
    counts = np.bincount([box for box, _ in pairs], minlength=4)
    # Of 1,440 anchors; the last box has no area.
    assert (counts[:3] < 200).all() and counts[3] == 0


def test_many_pairs_come_in_parts_that_split_no_box(monkeypatch):
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 150, (40, 2))
    boxes = np.concatenate([corners, corners + rng.integers(1, 60, (40, 2))], axis=1).astype(float)
    lattice = LATTICES[0]
    whole = list(lattice.pairs(boxes, 0.01))
    assert len(whole) == 1
    monkeypatch.setattr(anchor_lattice, "_CHUNK_PAIRS", 500)
    parts = list(lattice.pairs(boxes, 0.01))
    assert len(parts) > 5
    for one, other in zip(whole[0], zip(*parts, strict=True), strict=True):
        assert_array_equal(one, np.concatenate(other))
    check_pairs(parts, lattice.anchors, boxes, 0.01)


def test_it_can_be_pickled():
    boxes = boxes_of([(10, 20, 30, 40)])
    lattice = LATTICES[0]
    again = pickle.loads(pickle.dumps(lattice))
    for one, other in zip(lattice.pairs(boxes, 0.3), again.pairs(boxes, 0.3), strict=True):
        for a, b in zip(one, other, strict=True):
            assert_array_equal(a, b)
