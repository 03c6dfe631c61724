"""The mask head: targets, loss, layers."""

import re

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from seeded_weights import manifest
from tiny import TinyConfig

from mrcnn.instances import InstanceMasks
from mrcnn.instances.pasting import unmold_masks
from mrcnn.loading.inputs import mask_input
from mrcnn.network.heads.head import Found, Head
from mrcnn.network.heads.mask import MaskHead, MaskTargets, mask_head, mrcnn_mask_loss_graph

from .pooled import Linear, matched_of

# The loss


def test_reference_values(reference_losses):
    values, expected = reference_losses
    ours = mrcnn_mask_loss_graph(
        *(values[name] for name in ("mask_target", "target_class", "mask_pred"))
    )
    assert float(ours) == expected["mrcnn_mask"]


def test_the_loss_by_hand():
    target = np.array([[[[1, 0], [1, 1]], [[0, 0], [1, 1]], [[1, 1], [1, 1]]]], "float32")
    predicted = np.full((1, 3, 2, 2, 3), 0.3, "float32")
    predicted[0, 0, ..., 2], predicted[0, 1, ..., 1] = 0.9, 0.6
    # The third RoI is negative; for the others, only the mask of their class counts.
    first = -(3 * np.log(0.9) + np.log(0.1)) / 4
    second = -(2 * np.log(0.6) + 2 * np.log(0.4)) / 4
    ours = mrcnn_mask_loss_graph(target, np.array([[2, 1, 0]]), predicted)
    assert float(ours) == pytest.approx((first + second) / 2, rel=1e-5)
    assert float(mrcnn_mask_loss_graph(target, np.array([[0, 0, 0]]), predicted)) == 0


# Targets

# A box's corners are the centres of the mask's corner pixels: a crop of 8 pixels takes every
# second one of 15.
RNG = np.random.default_rng(0)
MINI = RNG.random((2, 15, 15, 3)) > 0.5
BOXES = np.array([(0.1, 0.05, 0.6, 0.45), (0.2, 0.3, 0.7, 0.9), (0, 0, 1, 1)], np.float32)


def targets_of(rois, class_ids, instances, masks, boxes=None, positives=None, mini=True):
    """Targets of RoIs [B, T, 4]."""
    config = type("Changed", (TinyConfig,), {"USE_MINI_MASK": mini})()
    rois, class_ids, instances = (
        np.asarray(rois, np.float32),
        *map(np.array, (class_ids, instances)),
    )
    boxes = np.stack([BOXES] * len(rois)) if boxes is None else np.asarray(boxes, np.float32)
    layer = MaskTargets(config, rois.shape[1] if positives is None else positives)
    return np.array(layer([rois, class_ids, instances, boxes, masks]))


def test_rois_on_their_boxes_see_the_whole_mini_mask():
    instances = np.array([[1, 0, 2, 1], [2, 2, 0, 1]])
    targets = targets_of(BOXES[instances], np.ones((2, 4), int), instances, MINI)
    assert targets.shape == (2, 4, 8, 8) and targets.dtype == np.float32
    for image in range(2):
        for roi, instance in enumerate(instances[image]):
            assert_array_equal(targets[image, roi], MINI[image, ::2, ::2, instance])


def test_the_part_of_the_mini_mask_that_a_roi_sees():
    y1, x1, y2, x2 = BOXES[0]
    half = (y1, x1, (y1 + y2) / 2, x2)
    [[target]] = targets_of([[half]], [[1]], [[0]], MINI[:1])
    assert_array_equal(target, MINI[0, :8, ::2, 0])
    right = (y1, (x1 + x2) / 2, y2, x2)
    [[target]] = targets_of([[right]], [[1]], [[0]], MINI[:1])
    assert_array_equal(target, MINI[0, ::2, 7:, 0])
    # A RoI of twice the height extends above the box: it sees the mask's rows -14, -10, ..., 14.
    above = (2 * y1 - y2, x1, y2, x2)
    [[target]] = targets_of([[above]], [[1]], [[0]], MINI[:1])
    assert not target[:4].any()
    assert_array_equal(target[4:], MINI[0, 2::4, ::2, 0])


def test_whole_masks_are_seen_through_the_roi_itself():
    masks = RNG.random((2, 57, 57, 3)) > 0.5  # normalised, a pixel is 1 / 56
    rois = np.array([(0, 0, 7, 7), (14, 21, 28, 28), (49, 42, 56, 56)]) / 56
    instances = np.array([[0, 2, 1], [1, 1, 0]])
    targets = targets_of([rois, rois], np.ones((2, 3), int), instances, masks, mini=False)
    for image in range(2):
        first, second, third = (masks[image, ..., i] for i in instances[image])
        assert_array_equal(targets[image, 0], first[:8, :8])
        assert_array_equal(targets[image, 1], second[14:29:2, 21:29])
        assert_array_equal(targets[image, 2], third[49:57, 42:57:2])


def test_they_are_zero_or_one():
    rois = np.sort(RNG.random((2, 9, 2, 2)), axis=2).reshape(2, 9, 4)
    for mini in (True, False):
        targets = targets_of(
            rois, np.ones((2, 9), int), RNG.integers(0, 3, (2, 9)), MINI, mini=mini
        )
        assert set(np.unique(targets)) == {0, 1}


def test_negatives_have_no_masks():
    full = np.ones((1, 15, 15, 3), bool)
    rois = [[*BOXES, (0, 0, 0, 0)]]
    targets = targets_of(rois, [[2, 0, 1, 0]], [[0, 1, 2, 0]], full)[0]
    assert targets[[0, 2]].all() and not targets[[1, 3]].any()
    assert not targets_of(rois, [[0] * 4], [[0] * 4], full, np.zeros((1, 3, 4))).any()


def test_only_the_first_rois_can_be_positive():
    full = np.ones((1, 15, 15, 3), bool)
    targets = targets_of([BOXES[[0, 1, 2, 2]]], [[1, 2, 0, 0]], [[0, 1, 0, 0]], full, positives=2)
    assert targets.shape == (1, 4, 8, 8)
    assert targets[0, :2].all() and not targets[0, 2:].any()


# The head


@pytest.fixture
def build():
    """Function: settings -> a head with random weights."""

    def _build(**settings):
        keras.utils.set_random_seed(0)
        head = MaskHead(type("Changed", (TinyConfig,), settings)())
        head.features = Linear()
        head.build(head.features)
        return head

    return _build


def test_what_it_is():
    config = TinyConfig()
    assert issubclass(MaskHead, Head) and (MaskHead.name, MaskHead.field) == ("mask", "masks")
    assert MaskHead.needs == ("masks",) and MaskHead.inputs(config) == [mask_input(config)]
    assert MaskHead.loss_names == ("mrcnn_mask_loss",) and MaskHead.detection_outputs is None
    for name in ("mrcnn_mask", "mrcnn_mask_conv1", "mrcnn_mask_bn4", "mrcnn_mask_deconv"):
        assert re.fullmatch(MaskHead.layer_regex(), name)
    assert not re.fullmatch(MaskHead.layer_regex(), "mrcnn_bbox_fc")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, None),
        ({"MASK_SHAPE": (8, 8)}, None),
        ({"USE_MINI_MASK": False, "MINI_MASK_SHAPE": ()}, None),
        (
            {"MASK_SHAPE": [28, 28]},
            "MASK_SHAPE is [28, 28]: the mask head doubles MASK_POOL_SIZE (4), so it must be "
            "[8, 8].",
        ),
        ({"MINI_MASK_SHAPE": (16,)}, "MINI_MASK_SHAPE is (16,): it must be (height, width)."),
        ({"MINI_MASK_SHAPE": (16, 0)}, "MINI_MASK_SHAPE is (16, 0): it must be (height, width)."),
    ],
)
def test_settings_that_it_cannot_work_with(settings, message):
    config = type("Changed", (TinyConfig,), settings)()
    assert MaskHead.problems(config) == ([message] if message else [])


def test_outputs(build):
    head = build()
    assert head.features.asked == [(4, "roi_align_mask")]
    rois = np.random.default_rng(1).random((2, 12, 4)).astype(np.float32)
    found = head.outputs(rois)
    assert list(found) == ["mrcnn_mask"]
    masks = np.array(found["mrcnn_mask"])
    assert masks.shape == (2, 12, 8, 8, 3)
    assert masks.min() > 0 and masks.max() < 1 and masks.std() > 1e-3
    # A second call, with fewer RoIs, uses the same layers.
    again = head.outputs(rois[:, :3])["mrcnn_mask"]
    assert_allclose(again, masks[:, :3], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("train_bn", [False, True])
def test_it_trains_on_the_masks_of_the_rois_instances(build, train_bn):
    head = build(TRAIN_BN=train_bn)
    rois = np.sort(np.random.default_rng(1).random((2, 12, 2, 2)), axis=2)
    rois = rois.reshape(2, 12, 4).astype(np.float32)
    class_ids, instances = np.zeros((2, 12), int), np.zeros((2, 12), int)
    class_ids[:, :2], instances[:, :2] = [[1, 2], [2, 2]], [[2, 0], [1, 2]]
    truth = {"boxes": np.stack([BOXES, BOXES]), "masks": MINI}
    matched = matched_of(rois, class_ids, instances, 3, **truth)
    outputs, losses = head.train(matched)
    targets = targets_of(rois, class_ids, instances, MINI, positives=3)
    assert_array_equal(head.targets(matched), targets)
    assert targets.any(axis=(2, 3)).sum() >= 3
    masks = np.array(outputs["mrcnn_mask"])
    assert masks.shape == (2, 12, 8, 8, 3)
    expected = mrcnn_mask_loss_graph(targets, class_ids, masks)
    assert tuple(losses) == head.loss_names
    assert float(losses["mrcnn_mask_loss"]) == pytest.approx(float(expected), rel=1e-5)
    assert_allclose(masks, head.outputs(rois)["mrcnn_mask"], rtol=1e-4, atol=1e-6)


def test_its_results_are_the_masks_of_the_classes(build):
    soft = np.random.default_rng(0).random((6, 8, 8, 3)).astype(np.float32)
    soft[4, ..., 1], soft[1, ..., 2] = 1, 0  # a full mask and an empty one
    boxes = np.array([(10, 20, 30, 50), (0, 0, 16, 8), (-5, 40, 12, 70)], np.int32)
    rows, class_ids = np.array([4, 1, 3]), np.array([1, 2, 1], np.int32)
    chosen = np.stack([soft[4, ..., 1], soft[1, ..., 2], soft[3, ..., 1]])
    expected = unmold_masks(chosen, boxes, (40, 60))
    head = build()
    found = head.decode({"mrcnn_mask": soft}, Found(rows, class_ids, boxes, (40, 60, 3)))
    assert found.shape == (40, 60, 3) and found.dtype == bool
    assert_array_equal(found, expected)
    assert found[10:30, 20:50, 0].all() and found[..., 0].sum() == 600 and not found[..., 1].any()
    sparse = head.decode({"mrcnn_mask": soft}, Found(rows, class_ids, boxes, (40, 60, 3), False))
    assert isinstance(sparse, InstanceMasks)
    assert_array_equal(sparse.dense(), expected)


def test_the_layers_are_those_of_the_weight_files():
    rois = keras.Input((5, 4))
    features = keras.Input((5, 14, 14, 256))
    model = keras.Model([rois, features], mask_head(lambda _: features, 81)(rois))
    expected = {
        name: [shape for _, shape in rows]
        for name, rows in manifest("resnet101", 81).items()
        if name.startswith("mrcnn_mask")
    }
    assert len(expected) == 10
    assert {x.name: [tuple(w.shape) for w in x.weights] for x in model.layers if x.weights} == (
        expected
    )
