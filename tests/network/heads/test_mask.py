"""The mask head."""

import dataclasses
import re

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tiny import TinyConfig

from mrcnn.instances import InstanceMasks
from mrcnn.instances.paste_rules import pasted_crops
from mrcnn.instances.pasting import class_masks, unmold_masks
from mrcnn.loading.inputs import mask_input
from mrcnn.network.heads.head import Found, Head
from mrcnn.network.heads.mask import MaskHead
from mrcnn.network.heads.mask_losses import mrcnn_mask_loss_graph, mrcnn_mask_softmax_loss_graph

from .pooled import Linear, matched_of
from .test_mask_targets import BOXES, MINI, targets_of


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
        ({"MASK_LOSS": "softmax"}, None),
        ({"MASK_CLASS_AGNOSTIC": np.True_}, None),
        ({"MASK_POOL_SIZE": 28, "MASK_SHAPE": (56, 56)}, None),
        ({"MASK_HEAD": "mlp2", "MASK_SHAPE": np.array([56, 28])}, None),
        ({"MASK_HEAD": "mlp"}, "MASK_HEAD is 'mlp': it must be one of 'fcn', 'mlp2', 'mlp3'."),
        ({"MASK_HEAD": None}, "MASK_HEAD is None: it must be one of 'fcn', 'mlp2', 'mlp3'."),
        ({"MASK_HEAD": ["fcn"]}, "MASK_HEAD is ['fcn']: it must be one of 'fcn', 'mlp2', 'mlp3'."),
        ({"MASK_LOSS": "dice"}, "MASK_LOSS is 'dice': it must be one of 'sigmoid', 'softmax'."),
        ({"MASK_LOSS": []}, "MASK_LOSS is []: it must be one of 'sigmoid', 'softmax'."),
        ({"MASK_CLASS_AGNOSTIC": 1}, "MASK_CLASS_AGNOSTIC is 1: it must be True or False."),
        (
            {"MASK_LOSS": "softmax", "MASK_CLASS_AGNOSTIC": True},
            "MASK_LOSS is 'softmax' and MASK_CLASS_AGNOSTIC is True: classes that share one mask "
            "cannot compete for its pixels. Use 'sigmoid', or a mask for each class.",
        ),
        (
            {"MASK_SHAPE": 8},
            "MASK_SHAPE is 8: the mask head doubles MASK_POOL_SIZE (4), so it must be [8, 8].",
        ),
        *[
            (
                {"MASK_HEAD": "mlp3", "MASK_SHAPE": shape},
                f"MASK_SHAPE is {shape}: it must be (height, width), such as [28, 28].",
            )
            for shape in ([28], [28, 0], [28, 28.0], 28)
        ],
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


def test_the_loss_of_logits(build):
    head = build(MASK_TARGETS="torchvision", USE_MINI_MASK=False)
    rois = np.sort(np.random.default_rng(1).random((1, 12, 2, 2)), axis=2)
    rois = rois.reshape(1, 12, 4).astype(np.float32)
    class_ids = np.int32([[1, 2] + 10 * [0]])
    truth = {"boxes": BOXES[None], "masks": np.ones((1, 32, 32, 3), bool)}
    matched = matched_of(rois, class_ids, np.zeros((1, 12), int), 3, **truth)
    outputs, losses = head.train(matched)
    masks = np.array(outputs["mrcnn_mask"])
    assert masks.min() > 0 and masks.max() < 1
    assert_allclose(masks, head.outputs(rois)["mrcnn_mask"], rtol=1e-4, atol=1e-6)
    expected = mrcnn_mask_loss_graph(np.array(head.targets(matched)), class_ids, masks)
    assert float(losses["mrcnn_mask_loss"]) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("sampling", ["reference", "torchvision"])
def test_whose_statistics_train(build, sampling):
    """The statistics are those of all RoIs, or of the positive ones alone."""
    head = build(TRAIN_BN=True, ROI_SAMPLING=sampling)
    rois = np.sort(np.random.default_rng(1).random((1, 12, 2, 2)), axis=2)
    rois = rois.reshape(1, 12, 4).astype(np.float32)
    truth = {"boxes": BOXES[None], "masks": MINI[:1]}
    found = []
    for positives in (2, 3):
        class_ids = np.zeros((1, 12), int)
        class_ids[:, :positives] = 1
        matched = matched_of(rois, class_ids, np.zeros((1, 12), int), 3, **truth)
        outputs, _ = head.train(matched)
        found.append(np.array(outputs["mrcnn_mask"][:, :2]))
    assert np.allclose(*found, atol=1e-5) == (sampling == "reference")


@pytest.mark.parametrize("rule", ["torchvision", "detectron2"])
def test_masks_are_pasted_by_the_rule(build, rule):
    soft = np.random.default_rng(0).random((2, 8, 8, 3)).astype(np.float32)
    boxes = np.array([(10.3, 20.7, 30.1, 50.2), (-0.5, 40, 12, 70)], np.float32)
    rows, class_ids = np.array([0, 1]), np.array([1, 2], np.int32)
    crops, corners = zip(
        *pasted_crops(class_masks(soft, rows, class_ids), boxes, (40, 60), rule), strict=True
    )
    expected = InstanceMasks(crops, corners, (40, 60)).dense()
    head = build(MASK_PASTING=rule)
    found = Found(rows, class_ids, boxes, (40, 60, 3))
    assert_array_equal(head.decode({"mrcnn_mask": soft}, found), expected)
    assert expected.any(axis=(0, 1)).all()
    sparse = head.decode({"mrcnn_mask": soft}, dataclasses.replace(found, dense=False))
    assert_array_equal(sparse.dense(), expected)


def test_reference_pasting_rounds_continuous_boxes(build):
    soft = np.full((2, 8, 8, 3), 0.9, np.float32)
    boxes = np.array([(10.4, 20.6, 29.7, 50.2), (5.6, 5, 6.4, 9)], np.float32)
    found = Found(np.array([0, 1]), np.array([1, 1]), boxes, (40, 60, 3), False)
    masks = build().decode({"mrcnn_mask": soft}, found)
    assert masks.boxes.tolist() == [[10, 21, 30, 50], [0, 0, 0, 0]]


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


ROIS = np.sort(np.random.default_rng(1).random((2, 12, 2, 2)), axis=2).reshape(2, 12, 4)
HEADS = {
    "softmax": {"MASK_LOSS": "softmax"},
    "agnostic": {"MASK_CLASS_AGNOSTIC": True},
    "mlp2": {"MASK_HEAD": "mlp2"},
    "mlp3 softmax": {"MASK_HEAD": "mlp3", "MASK_LOSS": "softmax"},
    "mlp2 agnostic": {"MASK_HEAD": "mlp2", "MASK_CLASS_AGNOSTIC": True},
    "large": {"MASK_POOL_SIZE": 8, "MASK_SHAPE": (16, 16)},
    "mlp2 large": {"MASK_HEAD": "mlp2", "MASK_SHAPE": (16, 12)},
}


@pytest.mark.parametrize("kind", HEADS)
def test_each_choice_predicts_masks_and_trains_on_them(build, kind):
    settings = HEADS[kind]
    head = build(**settings)
    shape = tuple(settings.get("MASK_SHAPE", (8, 8)))
    channels = 1 if "agnostic" in kind else 3
    masks = np.array(head.outputs(ROIS.astype("float32"))["mrcnn_mask"])
    assert masks.shape == (2, 12, *shape, channels)
    assert masks.min() > 0 and masks.max() < 1 and masks.std() > 1e-3
    sums = masks.sum(axis=-1)
    assert_allclose(sums, 1, atol=1e-5) if "softmax" in kind else None
    assert "softmax" in kind or np.abs(sums - 1).max() > 0.01

    class_ids, instances = np.zeros((2, 12), int), np.zeros((2, 12), int)
    class_ids[:, :2], instances[:, :2] = [[1, 2], [2, 2]], [[2, 0], [1, 2]]
    truth = {"boxes": np.stack([BOXES, BOXES]), "masks": MINI}
    outputs, losses = head.train(matched_of(ROIS, class_ids, instances, 3, **truth))
    assert_allclose(outputs["mrcnn_mask"], masks, rtol=1e-4, atol=1e-6)
    targets = np.array(head.targets(matched_of(ROIS, class_ids, instances, 3, **truth)))
    assert targets.shape == (2, 12, *shape) and targets[class_ids > 0].any()
    function = mrcnn_mask_softmax_loss_graph if "softmax" in kind else mrcnn_mask_loss_graph
    expected = float(function(targets, class_ids, masks))
    assert float(losses["mrcnn_mask_loss"]) == pytest.approx(expected, rel=1e-5)


def test_classes_that_share_a_mask_are_all_decoded_from_it(build):
    soft = np.random.default_rng(0).random((6, 8, 8, 1)).astype(np.float32)
    boxes = np.array([(10, 20, 30, 50), (0, 0, 16, 8)], np.int32)
    found = Found(np.array([4, 1]), np.array([1, 2], np.int32), boxes, (40, 60, 3))
    masks = build(MASK_CLASS_AGNOSTIC=True).decode({"mrcnn_mask": soft}, found)
    assert_array_equal(masks, unmold_masks(soft[[4, 1], ..., 0], boxes, (40, 60)))
    assert masks[..., 0].any() and masks[..., 1].any()
