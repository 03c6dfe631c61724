"""RoI sampling: which RoIs train, and on which instance."""

import keras
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from tiny import TinyConfig

from mrcnn.geometry.boxes import compute_overlaps
from mrcnn.network.sampling import RoiSampler, max_positives

pytestmark = pytest.mark.network

FIRST, SECOND, CROWD = (0, 0, 0.5, 0.5), (0.5, 0.5, 1, 1), (0, 0.5, 0.25, 1)
FAR = (0.75, 0, 1, 0.25)


def config_of(total=12, ratio=0.33):
    settings = {"TRAIN_ROIS_PER_IMAGE": total, "ROI_POSITIVE_RATIO": ratio}
    return type("Changed", (TinyConfig,), settings)()


def sample(proposals, class_ids, boxes, config=None, shuffle=False, seed=None):
    """The sample of one image: RoIs, class ids, instances."""
    inputs = np.float32(proposals)[None], np.array(class_ids)[None], np.float32(boxes)[None]
    layer = RoiSampler(config or config_of(), shuffle=shuffle, seed=seed)
    return [np.array(output)[0] for output in layer(list(inputs))]


def around(box, count, size=0.02):
    """`count` boxes that differ slightly from a box."""
    moves = np.random.default_rng(0).uniform(0, size, (count, 1))
    return np.float32(box) + np.float32(moves)


@pytest.mark.parametrize(
    ("total", "ratio", "expected"),
    [(200, 0.33, 66), (12, 0.33, 3), (12, 0.5, 6), (12, 1, 12), (2, 0.33, 1)],
)
def test_how_many_can_be_positive(total, ratio, expected):
    assert max_positives(config_of(total, ratio)) == expected


def test_by_hand():
    half = (0, 0, 0.5, 0.25)  # IoU 0.5 with FIRST, just enough
    less = (0, 0, 0.5, 0.2)
    proposals = [FAR, SECOND, less, (0, 0, 0, 0), half, FIRST, (0.7, 0.05, 1, 0.2)]
    rois, class_ids, instances = sample(proposals, [7, 4, 0], [FIRST, SECOND, (0, 0, 0, 0)])
    expected = np.zeros((12, 4), np.float32)
    expected[:6] = [SECOND, half, FIRST, FAR, less, (0.7, 0.05, 1, 0.2)]
    assert_array_equal(rois, expected)
    assert_array_equal(class_ids, [4, 7, 7, *[0] * 9])
    assert_array_equal(instances, [1, 0, 0, *[0] * 9])
    assert rois.dtype == np.float32 and class_ids.dtype == instances.dtype == np.int32


def test_the_instance_is_the_one_with_most_overlap():
    wide, high = (0, 0, 0.5, 0.6), (0, 0, 0.6, 0.5)
    boxes = [(0, 0, 0.5, 0.7), FAR, high, wide]  # the first is a crowd
    for order in ([0, 1, 2, 3], [0, 3, 1, 2], [2, 3, 1, 0]):
        class_ids = np.array([-1, 1, 2, 3])[order]
        proposals = [(0, 0, 0.5, 0.58), (0, 0, 0.58, 0.5)]
        _, found, instances = sample(proposals, class_ids, np.array(boxes)[order])
        assert_array_equal(found[:2], [3, 2])
        assert_array_equal(instances[:2], [order.index(3), order.index(2)])


def test_the_first_of_identical_instances_counts():
    _, class_ids, instances = sample([FIRST], [-2, 5, 6], [FIRST, FIRST, FIRST])
    assert (class_ids[0], instances[0]) == (5, 1)


@pytest.mark.parametrize(
    ("total", "ratio", "positives", "negatives"),
    [(12, 0.33, 3, 6), (12, 0.5, 6, 6), (12, 1, 12, 0), (12, 0.25, 3, 9), (200, 0.33, 40, 50)],
)
def test_positives_come_first_and_keep_their_share(total, ratio, positives, negatives):
    on, off = around(FIRST, 40), around(FAR, 50, 0.1)
    mixed = np.empty((90, 4), np.float32)
    mixed[1:81:2], mixed[0:81:2], mixed[81:] = on, off[:41], off[41:]
    rois, class_ids, _ = sample(mixed, [3], [FIRST], config_of(total, ratio))
    assert_array_equal(class_ids, [3] * positives + [0] * (total - positives))
    assert_array_equal(rois[:positives], on[:positives])
    assert_array_equal(rois[positives : positives + negatives], off[:negatives])
    assert not rois[positives + negatives :].any()


def test_few_positives_have_few_negatives():
    rois, class_ids, _ = sample([FIRST, *around(FAR, 30, 0.1)], [3], [FIRST])
    # One positive of three RoIs: 1 / 0.33 is 3.03.
    assert (class_ids > 0).sum() == 1 and rois.any(axis=1).sum() == 3


def test_without_positives_there_are_negatives_only():
    far = around(FAR, 30, 0.1)
    for class_ids, boxes in (([3], [FIRST]), ([0], [(0, 0, 0, 0)]), ([-1], [FIRST])):
        rois, found, instances = sample(far, class_ids, boxes)
        assert_array_equal(rois, far[:12])
        assert not found.any() and not instances.any()


def test_crowds_are_neither():
    inside = (0.05, 0.55, 0.1, 0.6)  # an IoU of 0.02
    barely = (0.25 - 1e-5, 0.5, 0.5, 0.75)  # of 1e-5: practically beside it
    rois, class_ids, _ = sample([CROWD, inside, barely, FAR], [-1, 2], [CROWD, SECOND])
    assert_array_equal(rois[:2], np.float32([barely, FAR]))
    assert not rois[2:].any() and not class_ids.any()


def test_an_instance_in_a_crowd_has_its_positives():
    rois, class_ids, instances = sample([CROWD], [-1, 2], [CROWD, CROWD])
    assert (class_ids[0], instances[0]) == (2, 1) and rois[0].any()


def test_ground_truth_padding_is_not_an_instance():
    """Its class id does not matter."""
    rois, class_ids, _ = sample([(0, 0, 1e-3, 1e-3), FAR], [0, 5, -5], np.zeros((3, 4)))
    assert rois.any(axis=1).sum() == 2 and not class_ids.any()


def test_fewer_proposals_than_rois():
    rois, class_ids, instances = sample([FIRST, FAR], [1], [FIRST])
    assert rois.shape == (12, 4) and class_ids.shape == instances.shape == (12,)
    assert_array_equal(rois[:2], [FIRST, FAR])
    assert not rois[2:].any()


def expected_of(proposals, class_ids, boxes, config):
    """The same sample of one image, computed with numpy."""
    total = config.TRAIN_ROIS_PER_IMAGE
    overlaps = compute_overlaps(proposals, boxes)
    of_instances, of_crowds = overlaps * (class_ids > 0), overlaps * (class_ids < 0)
    best = of_instances.max(axis=1)
    crowd = of_crowds.max(axis=1)
    assume(np.abs(best - 0.5).min() > 1e-4 and np.abs(crowd - 0.001).min() > 1e-5)
    ranked = np.sort(of_instances, axis=1)
    # Either of two equal overlaps would do, but both implementations must choose the same.
    assume((ranked[best > 0.5, -1] - ranked[best > 0.5, -2]).min(initial=1) > 1e-4)
    positives = np.flatnonzero(best >= 0.5)[: max_positives(config)]
    negatives = np.flatnonzero((best < 0.5) & (crowd < 0.001))
    if len(positives):
        share = np.float32(1 / config.ROI_POSITIVE_RATIO)
        negatives = negatives[: int(len(positives) * share) - len(positives)]
    taken = np.concatenate([positives, negatives])[:total]
    rois, found, instances = np.zeros((total, 4)), np.zeros(total, int), np.zeros(total, int)
    rois[: len(taken)] = proposals[taken]
    instances[: len(positives)] = of_instances[positives].argmax(axis=1)
    found[: len(positives)] = class_ids[instances[: len(positives)]]
    return rois, found, instances


def boxes_of(rng, shape):
    corners = rng.uniform(0, 0.6, (*shape, 2))
    return np.concatenate([corners, corners + rng.uniform(0.1, 0.4, (*shape, 2))], axis=-1)


@given(st.integers(0, 10**6), st.sampled_from([(12, 0.33), (6, 0.5), (30, 0.2)]))
def test_the_images_of_a_batch_against_numpy(seed, settings):
    rng, config = np.random.default_rng(seed), config_of(*settings)
    boxes = np.float32(boxes_of(rng, (2, 4)))
    class_ids = rng.integers(-2, 5, (2, 4))
    boxes[class_ids == 0] = 0
    near = boxes[np.arange(2)[:, None], rng.integers(0, 4, (2, 15))]
    near = near + rng.uniform(-0.05, 0.05, (2, 15, 4))
    proposals = np.concatenate([near, boxes_of(rng, (2, 10))], axis=1).astype(np.float32)
    proposals = rng.permuted(proposals, axis=1)
    found = [np.array(x) for x in RoiSampler(config, shuffle=False)([proposals, class_ids, boxes])]
    for image in range(2):
        expected = expected_of(proposals[image], class_ids[image], boxes[image], config)
        for ours, theirs in zip(found, expected, strict=True):
            assert_array_equal(ours[image], theirs)


# Randomness

PROPOSALS = np.concatenate([around(FIRST, 20), around(SECOND, 20), around(FAR, 60, 0.1)])


def drawn(seed, **options):
    return sample(PROPOSALS, [1, 2], [FIRST, SECOND], shuffle=True, seed=seed, **options)


def test_seeds():
    first, again, other = drawn(1), drawn(1), drawn(2)
    for ours, same in zip(first, again, strict=True):
        assert_array_equal(ours, same)
    assert (first[0] != other[0]).any()


def test_each_step_draws_a_new_sample():
    layer = RoiSampler(config_of(), seed=1)
    inputs = [PROPOSALS[None], np.array([[1, 2]]), np.float32([[FIRST, SECOND]])]
    first, second = (np.array(layer(inputs)[0]) for _ in range(2))
    assert (first != second).any()


def test_what_is_drawn():
    seen = set()
    for seed in range(60):
        rois, class_ids, instances = drawn(seed)
        assert_array_equal(class_ids > 0, [True] * 3 + [False] * 9)
        assert_array_equal(class_ids[:3], instances[:3] + 1)
        places = [int(np.flatnonzero((roi == PROPOSALS).all(axis=1))[0]) for roi in rois[:9]]
        assert len(set(places)) == 9 and not rois[9:].any()
        assert max(places[:3]) < 40 <= min(places[3:])
        assert all(
            (place >= 20) == (i == 1) for place, i in zip(places, instances[:3], strict=False)
        )
        seen.update(places)
    # 180 draws from 40 positives and 360 from 60 negatives.
    assert len(seen & set(range(40))) > 35 and len(seen - set(range(40))) > 55


def test_shapes_are_known_before_the_values():
    layer = RoiSampler(config_of(), name="proposal_targets")
    outputs = layer([keras.Input((100, 4)), keras.Input((4,), dtype="int32"), keras.Input((4, 4))])
    assert [(tuple(x.shape), x.dtype) for x in outputs] == [
        ((None, 12, 4), "float32"),
        ((None, 12), "int32"),
        ((None, 12), "int32"),
    ]


def test_as_torchvision_samples():
    config = config_of(12, 0.25)
    config.ROI_SAMPLING = "torchvision"
    off = around(FAR, 20, 0.1)
    boxes = [FIRST, CROWD, SECOND, (0, 0, 0, 0)]
    rois, class_ids, instances = sample([*off, FIRST], [7, -1, 4, 0], boxes, config)
    # The proposal comes first, then the instances themselves, and not the crowd.
    assert_array_equal(rois[:3], np.float32([FIRST, FIRST, SECOND]))
    assert_array_equal(class_ids, [7, 7, 4, *[0] * 9])
    assert_array_equal(instances, [0, 0, 2, *[0] * 9])
    # Negatives fill up the number, where their ratio would leave it at 12.
    assert_array_equal(rois[3:], off[:9])
    rois, class_ids, _ = sample(off[:10], [7, 0], [FIRST, (0, 0, 0, 0)], config)
    assert_array_equal(class_ids, [7, *[0] * 11])
    assert_array_equal(rois[1:11], off[:10])
    assert not rois[11].any()
