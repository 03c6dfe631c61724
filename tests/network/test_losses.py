import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.network.losses import (
    mrcnn_bbox_loss_graph,
    mrcnn_class_loss_graph,
    mrcnn_mask_loss_graph,
    smooth_l1_loss,
)
from mrcnn.network.rpn import rpn_bbox_loss_graph, rpn_class_loss_graph

FUNCTIONS = {
    "rpn_class": (rpn_class_loss_graph, ["rpn_match", "rpn_logits"]),
    "rpn_bbox": (
        lambda *inputs: rpn_bbox_loss_graph(Config(), *inputs),
        ["rpn_bbox_target", "rpn_match", "rpn_bbox"],
    ),
    "mrcnn_class": (mrcnn_class_loss_graph, ["target_class", "class_logits", "active"]),
    "mrcnn_bbox": (mrcnn_bbox_loss_graph, ["bbox_target", "target_class", "bbox_pred"]),
    "mrcnn_mask": (mrcnn_mask_loss_graph, ["mask_target", "target_class", "mask_pred"]),
}


@pytest.fixture
def inputs(units):
    """Function: the inputs as the reference had them in a case."""

    def _inputs(case):
        values = {
            name.removeprefix("loss.in."): array
            for name, array in units.items()
            if name.startswith("loss.in.")
        }
        # The reference applied the first image's active classes to the whole batch.
        values["active"] = np.stack([values["active"][0]] * 2)
        if case == "nosat":
            values["mask_pred"] = np.clip(values["mask_pred"], 0.01, 0.99)
        if case == "allactive":
            values["active"] = np.ones_like(values["active"])
        if case == "nopos":
            values["rpn_match"] = np.where(values["rpn_match"] == 1, 0, values["rpn_match"])
        if case == "empty":
            values["rpn_match"] = 0 * values["rpn_match"]
        if case in ("nopos", "empty"):
            values["target_class"] = 0 * values["target_class"]
        return values

    return _inputs


@pytest.mark.parametrize("case", ["normal", "nosat", "allactive", "nopos", "empty"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_reference_values(units, inputs, name, case):
    function, names = FUNCTIONS[name]
    values = inputs(case)
    ours = float(function(*[values[key] for key in names]))
    assert ours == pytest.approx(float(units[f"loss.{case}.{name}"]), rel=1e-5, abs=1e-7)


def test_smooth_l1():
    ours = smooth_l1_loss(np.zeros(4, "float32"), np.array([0, 0.5, -1, 3], "float32"))
    np.testing.assert_allclose(ours, [0, 0.125, 0.5, 2.5])


def test_targets_may_be_doubles(inputs):
    """As the data generator has them."""
    values = inputs("normal")
    names = ("rpn_match", "rpn_bbox")
    ours = [
        float(rpn_bbox_loss_graph(Config(), target, *[values[name] for name in names]))
        for target in (values["rpn_bbox_target"], values["rpn_bbox_target"].astype(np.float64))
    ]
    assert ours[0] == ours[1]


def test_active_classes_are_those_of_each_image():
    logits = np.zeros((2, 1, 3), "float32")
    logits[:, 0, 1] = 2.0  # both predict class 1, which only the second image knows
    active = np.array([[1, 0, 1], [1, 1, 0]], "float32")
    ours = float(mrcnn_class_loss_graph(np.array([[2], [1]]), logits, active))
    assert ours == pytest.approx(np.log(np.exp(2) + 2) - 2, rel=1e-6)


def test_class_weights_weigh_the_mean():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(1, 4, 3)).astype("float32")
    classes, active = np.array([[0, 2, 1, 2]]), np.ones((1, 3), "float32")
    losses = np.log(np.exp(logits).sum(-1))[0] - logits[0, np.arange(4), classes[0]]

    def loss(weights):
        return float(mrcnn_class_loss_graph(classes, logits, active, weights))

    # class 1 is not named and weighs 1
    expected = np.average(losses, weights=[0.25, 3, 1, 3])
    assert loss({0: 0.25, 2: 3}) == pytest.approx(expected, rel=1e-5)
    assert loss({0: 0.1, 1: 0.1, 2: 0.1}) == pytest.approx(loss(None), rel=1e-5)
    assert loss({0: 0, 1: 0, 2: 0}) == 0


def test_no_active_prediction_is_no_nan():
    logits = np.array([[[0.0, 5.0, 0.0]]], "float32")
    assert float(mrcnn_class_loss_graph(np.array([[0]]), logits, np.array([[1, 0, 1]]))) == 0


def test_gradients_of_empty_selections_are_zero():
    import tensorflow as tf

    prediction = tf.constant(np.random.default_rng(0).normal(size=(1, 3, 2, 4)), "float32")
    with tf.GradientTape() as tape:
        tape.watch(prediction)
        loss = mrcnn_bbox_loss_graph(tf.zeros((1, 3, 4)), tf.zeros((1, 3), "int32"), prediction)
    assert not np.asarray(tape.gradient(loss, prediction)).any()
