"""The box head: targets, losses, layers."""

import dataclasses
import re

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tiny import TinyConfig

from mrcnn.geometry.boxes import apply_box_deltas
from mrcnn.network.heads.box import (
    BoxHead,
    BoxTargets,
    box_deltas,
    mrcnn_bbox_loss_graph,
    mrcnn_class_loss_graph,
)
from mrcnn.network.heads.head import Found, Head

from .pooled import Linear, matched_of

# Losses


def test_reference_values(reference_losses):
    values, expected = reference_losses
    class_loss = mrcnn_class_loss_graph(
        *(values[name] for name in ("target_class", "class_logits", "active"))
    )
    bbox_loss = mrcnn_bbox_loss_graph(
        *(values[name] for name in ("bbox_target", "target_class", "bbox_pred"))
    )
    assert float(class_loss) == expected["mrcnn_class"]
    assert float(bbox_loss) == expected["mrcnn_bbox"]


def test_active_classes_are_those_of_each_image():
    logits = np.zeros((2, 1, 3), "float32")
    logits[:, 0, 1] = 2.0  # both predict class 1, active only in the second image
    active = np.array([[1, 0, 1], [1, 1, 0]], "float32")
    ours = float(mrcnn_class_loss_graph(np.array([[2], [1]]), logits, active))
    assert ours == pytest.approx(np.log(np.exp(2) + 2) - 2, rel=1e-6)


def test_class_weights_weight_the_mean():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(1, 4, 3)).astype("float32")
    classes, active = np.array([[0, 2, 1, 2]]), np.ones((1, 3), "float32")
    losses = np.log(np.exp(logits).sum(-1))[0] - logits[0, np.arange(4), classes[0]]

    def loss(weights):
        return float(mrcnn_class_loss_graph(classes, logits, active, weights))

    # class 1 is missing and has weight 1
    expected = np.average(losses, weights=[0.25, 3, 1, 3])
    assert loss({0: 0.25, 2: 3}) == pytest.approx(expected, rel=1e-5)
    assert loss({0: 0.1, 1: 0.1, 2: 0.1}) == pytest.approx(loss(None), rel=1e-5)
    assert loss({0: 0, 1: 0, 2: 0}) == 0


def test_no_active_prediction_gives_zero_not_nan():
    logits = np.array([[[0.0, 5.0, 0.0]]], "float32")
    assert float(mrcnn_class_loss_graph(np.array([[0]]), logits, np.array([[1, 0, 1]]))) == 0


def test_gradients_of_empty_selections_are_zero():
    import tensorflow as tf

    prediction = tf.constant(np.random.default_rng(0).normal(size=(1, 3, 2, 4)), "float32")
    with tf.GradientTape() as tape:
        tape.watch(prediction)
        loss = mrcnn_bbox_loss_graph(tf.zeros((1, 3, 4)), tf.zeros((1, 3), "int32"), prediction)
    assert not np.asarray(tape.gradient(loss, prediction)).any()


# Targets


def targets_of(rois, class_ids, instances, boxes, positives=None, std_dev=(0.1, 0.1, 0.2, 0.2)):
    """Targets of RoIs [T, 4] and boxes [G, 4] of one image, or of a batch."""
    inputs = [np.asarray(rois, np.float32), *map(np.array, (class_ids, instances))]
    inputs.append(np.asarray(boxes, np.float32))
    alone = inputs[0].ndim == 2
    config = type("Changed", (TinyConfig,), {"BBOX_STD_DEV": np.array(std_dev)})()
    layer = BoxTargets(config, inputs[1].shape[-1] if positives is None else positives)
    targets = np.array(layer([x[None] for x in inputs] if alone else inputs))
    return targets[0] if alone else targets


BOXES = np.array([(0.1, 0.05, 0.6, 0.45), (0.2, 0.3, 0.7, 0.9), (0, 0, 1, 1)], np.float32)


def test_rois_on_their_boxes_have_zero_deltas():
    targets = targets_of(BOXES[[1, 0, 2, 1]], [1, 2, 1, 2], [1, 0, 2, 1], BOXES)
    assert targets.shape == (4, 4) and targets.dtype == np.float32
    assert_allclose(targets, 0, atol=1e-6)


def test_deltas_by_hand():
    # From a RoI of 0.5 x 0.5 centred at (0.25, 0.25) to a box of 0.5 x 0.4 at (0.35, 0.25).
    roi = [(0, 0, 0.5, 0.5)]
    expected = [0.2, 0, 0, np.log(0.8)]
    assert_allclose(targets_of(roi, [1], [0], BOXES, std_dev=np.ones(4)), [expected], atol=1e-6)
    scaled = np.array(expected) / [0.1, 0.2, 0.3, 0.4]
    assert_allclose(
        targets_of(roi, [1], [0], BOXES, std_dev=(0.1, 0.2, 0.3, 0.4)), [scaled], atol=1e-6
    )


def test_each_roi_goes_to_the_box_of_its_instance():
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 0.4, (2, 5, 2))
    rois = np.concatenate([corners, corners + rng.uniform(0.1, 0.5, (2, 5, 2))], axis=-1)
    boxes = np.stack([BOXES, BOXES[::-1] * 0.9])
    instances = np.array([[0, 2, 1, 0, 2], [2, 2, 0, 1, 1]])
    targets = targets_of(rois, np.ones((2, 5), int), instances, boxes)
    for image in range(2):
        moved = apply_box_deltas(rois[image], targets[image] * [0.1, 0.1, 0.2, 0.2])
        assert_allclose(moved, boxes[image][instances[image]], atol=1e-6)


def test_negatives_have_no_deltas():
    rois = [(0, 0, 0.5, 0.5), (0.2, 0.2, 0.4, 0.4), (0, 0, 0, 0), (0, 0, 0.5, 0.5)]
    targets = targets_of(rois, [1, 0, 0, 0], [0, 0, 0, 0], BOXES)
    assert targets[0].any() and not targets[1:].any()
    assert not targets_of(rois, [0] * 4, [0] * 4, np.zeros((3, 4))).any()


def test_only_the_first_rois_can_be_positive():
    rois = [(0, 0, 0.5, 0.5)] * 4
    targets = targets_of(rois, [1, 2, 0, 0], [0] * 4, BOXES, positives=2)
    assert targets.shape == (4, 4)
    assert targets[:2].any(axis=1).all() and not targets[2:].any()


def test_targets_carry_a_gradient_to_the_proposals():
    """The gradient of the loss reaches the proposals through them."""
    import tensorflow as tf

    rois = tf.constant([[(0, 0, 0.5, 0.5), (0.1, 0.1, 0.3, 0.3)]], "float32")
    with tf.GradientTape() as tape:
        tape.watch(rois)
        class_ids, instances = np.array([[1, 0]]), np.array([[0, 0]])
        targets = BoxTargets(TinyConfig(), 2)([rois, class_ids, instances, BOXES[None]])
        loss = mrcnn_bbox_loss_graph(targets, class_ids, np.zeros((1, 2, 3, 4), "float32"))
    gradient = np.array(tape.gradient(loss, rois))[0]
    assert np.isfinite(gradient).all()
    assert gradient[0].any() and not gradient[1].any()


def test_targets_can_be_constants():
    import tensorflow as tf

    config = TinyConfig.from_dict({"ROI_SAMPLING": "torchvision"})
    rois = tf.constant([[(0, 0, 0.5, 0.5)]], "float32")
    with tf.GradientTape() as tape:
        tape.watch(rois)
        targets = BoxTargets(config, 1)([rois, np.array([[1]]), np.array([[0]]), BOXES[None]])
    assert tape.gradient(targets, rois) is None


def test_deltas_with_an_undefined_logarithm_are_zero():
    rows = np.zeros((1, 2, 4), "float32")
    rows[0, 1] = (0, 0, 0.5, 0.5)
    deltas = np.array(box_deltas(rows, rows[:, ::-1], np.array([[False, False]]), np.ones(4)))
    assert_array_equal(deltas, np.zeros((1, 2, 4)))


# The head


@pytest.fixture
def head():
    """A head with random weights."""
    keras.utils.set_random_seed(0)
    made = BoxHead(type("Weighted", (TinyConfig,), {"CLASS_WEIGHTS": {0: 0.25, 2: 3}})())
    made.features = Linear()
    made.build(made.features)
    return made


ROIS = np.stack([BOXES[[0, 1, 1, 2, 0]]] * 2) * 0.9


def test_what_it_is():
    assert issubclass(BoxHead, Head) and (BoxHead.name, BoxHead.field) == ("box", "boxes")
    assert BoxHead.needs == () and BoxHead.inputs(TinyConfig()) == []
    assert BoxHead.loss_names == ("mrcnn_class_loss", "mrcnn_bbox_loss")
    regex = BoxHead.layer_regex()
    for name in ("mrcnn_class_conv1", "mrcnn_class_bn2", "mrcnn_class_logits", "mrcnn_bbox_fc"):
        assert re.fullmatch(regex, name)
    assert not re.fullmatch(regex, "mrcnn_mask_conv1")


def test_outputs(head):
    found = {name: np.array(value) for name, value in head.outputs(ROIS).items()}
    assert head.features.asked == [(3, "roi_align_classifier")]
    assert {name: value.shape for name, value in found.items()} == {
        "mrcnn_class_logits": (2, 5, 3),
        "mrcnn_class": (2, 5, 3),
        "mrcnn_bbox": (2, 5, 3, 4),
    }
    assert set(head.detection_outputs) == {"mrcnn_class", "mrcnn_bbox"}
    logits = found["mrcnn_class_logits"].astype(np.float64)
    shares = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    assert_allclose(found["mrcnn_class"], shares, rtol=1e-5)
    assert_allclose(logits[0, 0], logits[1, 4], rtol=1e-4)  # the same RoI
    assert np.abs(logits[0, 0] - logits[1, 3]).max() > 1e-3
    # A second call, with fewer RoIs, uses the same layers.
    again = head.outputs(ROIS[:, :2])
    assert_allclose(again["mrcnn_bbox"], found["mrcnn_bbox"][:, :2], rtol=1e-4, atol=1e-6)


def test_it_trains_on_targets_and_classes_of_the_rois(head):
    class_ids = np.array([[1, 2, 0, 0, 0], [2, 0, 0, 0, 0]])
    instances = np.array([[0, 1, 0, 0, 0], [2, 0, 0, 0, 0]])
    truth = np.stack([BOXES, BOXES])
    matched = matched_of(ROIS, class_ids, instances, 2, boxes=truth)
    outputs, losses = head.train(matched)
    assert set(outputs) == {"mrcnn_class_logits", "mrcnn_class", "mrcnn_bbox"}
    assert tuple(losses) == head.loss_names
    targets = targets_of(ROIS, class_ids, instances, truth, positives=2)
    assert targets[0, :2].any(axis=1).all() and targets[1, 0].any() and not targets[1, 1:].any()
    assert_allclose(head.targets(matched), targets)
    expected = mrcnn_class_loss_graph(
        class_ids, outputs["mrcnn_class_logits"], np.ones((2, 3)), {0: 0.25, 2: 3}
    )
    assert float(losses["mrcnn_class_loss"]) == pytest.approx(float(expected), rel=1e-6)
    expected = mrcnn_bbox_loss_graph(targets, class_ids, outputs["mrcnn_bbox"])
    assert float(losses["mrcnn_bbox_loss"]) == pytest.approx(float(expected), rel=1e-6)
    assert float(expected) > 0


def test_losses_as_other_projects_count():
    keras.utils.set_random_seed(0)
    settings = {"ROI_SAMPLING": "torchvision", "BOX_LOSS": "sampled", "BOX_LOSS_BETA": 1 / 9}
    head = BoxHead(TinyConfig.from_dict(settings))
    head.build(Linear())
    rois = ROIS.copy()
    rois[1, 3:] = 0  # padding
    class_ids = np.array([[1, 2, 0, 0, 0], [2, 0, 0, 0, 0]])
    instances = np.array([[0, 1, 0, 0, 0], [2, 0, 0, 0, 0]])
    truth = np.stack([BOXES, BOXES])
    outputs, losses = head.train(matched_of(rois, class_ids, instances, 2, boxes=truth))
    chances = np.array(outputs["mrcnn_class"], np.float64)
    right = -np.log(np.take_along_axis(chances, class_ids[..., None], axis=-1))[..., 0]
    assert float(losses["mrcnn_class_loss"]) == pytest.approx(right[rois.any(axis=-1)].mean())
    targets = targets_of(rois, class_ids, instances, truth, positives=2)
    deltas = np.array(outputs["mrcnn_bbox"])
    errors = np.abs(
        [deltas[0, 0, 1], deltas[0, 1, 2], deltas[1, 0, 2]] - targets[[0, 0, 1], [0, 1, 0]]
    )
    sums = np.where(errors < 1 / 9, errors**2 * 4.5, errors - 1 / 18).sum()
    assert float(losses["mrcnn_bbox_loss"]) == pytest.approx(sums / 8, rel=1e-5)


def test_classes_not_active_in_an_image_do_not_count(head):
    matched = matched_of(ROIS, np.zeros((2, 5), int), np.zeros((2, 5), int), 2, boxes=ROIS)
    _, losses = head.train(matched)
    assert float(losses["mrcnn_class_loss"]) > 0
    nothing = dataclasses.replace(matched, active_class_ids=np.zeros((2, 3), np.float32))
    assert float(head.train(nothing)[1]["mrcnn_class_loss"]) == 0


def test_its_results_are_the_boxes(head):
    boxes = np.array([[1, 2, 30, 40]], np.int32)
    found = Found(np.array([0]), np.array([1], np.int32), boxes, (64, 64, 3))
    assert head.decode({}, found) is boxes
