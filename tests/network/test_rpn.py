import numpy as np
import pytest
from tiny import TinyConfig

from mrcnn.config import Config
from mrcnn.network.rpn import (
    build_rpn_model,
    rpn_bbox_loss_graph,
    rpn_class_loss_graph,
    rpn_of_pyramid,
)

from .by_hand import convolved, relu


@pytest.mark.parametrize(("stride", "cells"), [(1, 8 * 4), (2, 4 * 2)])
def test_one_row_for_each_anchor(stride, cells):
    model = build_rpn_model(stride, 3, 6)
    features = np.random.default_rng(0).normal(size=(2, 8, 4, 6)).astype("float32")
    logits, probs, bbox = (np.asarray(output) for output in model(features))
    assert logits.shape == probs.shape == (2, cells * 3, 2)
    assert bbox.shape == (2, cells * 3, 4)
    np.testing.assert_allclose(probs.sum(axis=-1), 1, rtol=1e-5)
    # A cell's rows are adjacent: the first cell's are the channels at [0, 0].
    shared = model.get_layer("rpn_conv_shared")(features)
    raw = np.asarray(model.get_layer("rpn_class_raw")(shared))
    np.testing.assert_allclose(logits[:, :3].reshape(2, 6), raw[:, 0, 0], atol=1e-5)


@pytest.mark.parametrize(("stride", "cells"), [(1, 8 * 4), (2, 4 * 2)])
def test_several_convolutions(stride, cells):
    model = build_rpn_model(stride, 3, 6, channels=5, convolutions=2)
    features = np.random.default_rng(0).normal(size=(2, 8, 4, 6)).astype("float32")
    logits, _, bbox = (np.asarray(output) for output in model(features))
    assert logits.shape == (2, cells * 3, 2) and bbox.shape == (2, cells * 3, 4)
    x = features
    for name in ("rpn_conv_shared", "rpn_conv_shared2"):
        x = relu(convolved(x, *model.get_layer(name).get_weights()))
    # Over an even number of cells, "same" padding of a stride of 2 starts at the second.
    x = x[:, stride - 1 :: stride, stride - 1 :: stride]
    raw = convolved(x, *model.get_layer("rpn_class_raw").get_weights())
    np.testing.assert_allclose(logits, raw.reshape(2, -1, 2), atol=1e-5)
    raw = convolved(x, *model.get_layer("rpn_bbox_pred").get_weights())
    np.testing.assert_allclose(bbox, raw.reshape(2, -1, 4), atol=1e-5)


def test_a_single_score_is_that_of_a_sigmoid():
    model = build_rpn_model(1, 3, 6, channels=5, logits_per_anchor=1)
    features = np.random.default_rng(0).normal(size=(2, 4, 4, 6)).astype("float32")
    logits, probs, _ = (np.asarray(output) for output in model(features))
    raw = model.get_layer("rpn_class_raw")(model.get_layer("rpn_conv_shared")(features))
    raw = np.asarray(raw).reshape(2, -1)
    assert logits.shape == (2, 48, 2) and not logits[..., 0].any()
    np.testing.assert_allclose(logits[..., 1], raw, atol=1e-5)
    np.testing.assert_allclose(probs[..., 1], 1 / (1 + np.exp(-raw)), rtol=1e-5)


def test_levels_follow_one_another():
    import keras

    sizes = [16, 8, 4, 2, 1]
    inputs = [keras.Input((size, size, 16)) for size in sizes]
    config = TinyConfig.from_dict({"RPN_CONVOLUTIONS": 2, "RPN_CHANNELS": 8})
    model = keras.Model(inputs, rpn_of_pyramid(inputs, config))
    pyramid = [np.full((1, size, size, 16), size, "float32") for size in sizes]
    logits, _, bbox = model(pyramid)
    assert logits.shape == (1, 3 * sum(size**2 for size in sizes), 2)
    rpn = model.get_layer("rpn_model")
    assert rpn.get_layer("rpn_conv_shared2").kernel.shape == (3, 3, 8, 8)
    np.testing.assert_allclose(logits[:, -3:], rpn(pyramid[-1])[0], atol=1e-5)
    np.testing.assert_allclose(bbox[:, : 3 * 256], rpn(pyramid[0])[2], atol=1e-5)


def test_losses_of_the_reference(reference_losses):
    values, expected = reference_losses
    class_loss = rpn_class_loss_graph(values["rpn_match"], values["rpn_logits"])
    assert float(class_loss) == expected["rpn_class"]
    others = (values["rpn_match"], values["rpn_bbox"])
    bbox_loss = rpn_bbox_loss_graph(Config(), values["rpn_bbox_target"], *others)
    assert float(bbox_loss) == expected["rpn_bbox"]
    # Targets may be float64, as from the data generator.
    doubles = values["rpn_bbox_target"].astype(np.float64)
    assert float(rpn_bbox_loss_graph(Config(), doubles, *others)) == float(bbox_loss)


def faster_rcnn(**settings):
    return Config.from_dict({"RPN_LOSS": "faster_rcnn", **settings})


def test_losses_of_faster_rcnn():
    """Equation 1: L_cls / N_cls + lambda * the positives' smooth L1 / N_reg."""
    rng = np.random.default_rng(4)
    locations, positives = 60, [7, 2]
    anchors = 3 * locations
    match = np.zeros((2, anchors, 1), np.int32)
    target = np.zeros((2, 32, 4))
    logits = rng.normal(0, 2, (2, anchors, 2)).astype("float32")
    deltas = rng.normal(0, 2, (2, anchors, 4)).astype("float32")
    sums = {"class": 0.0, "bbox": 0.0}
    for image, count in enumerate(positives):
        chosen = np.sort(rng.choice(anchors, count + 20, replace=False))
        is_positive = np.isin(chosen, rng.choice(chosen, count, replace=False))
        match[image, chosen, 0] = np.where(is_positive, 1, -1)
        target[image, :count] = rng.normal(0, 2, (count, 4))
        picked = logits[image, chosen].astype(np.float64)
        right = picked[np.arange(len(chosen)), is_positive.astype(int)]
        sums["class"] += (np.log(np.exp(picked).sum(-1)) - right).sum()
        distance = np.abs(deltas[image, chosen[is_positive]] - target[image, :count])
        sums["bbox"] += np.where(distance < 1, distance**2 / 2, distance - 0.5).sum()
    sampled, n_reg = sum(positives) + 2 * 20, 2 * locations
    assert float(rpn_class_loss_graph(match, logits)) == pytest.approx(
        sums["class"] / sampled, rel=1e-5
    )
    inputs = (target, match, deltas)
    expected = sums["bbox"] / n_reg
    assert float(rpn_bbox_loss_graph(faster_rcnn(), *inputs)) == pytest.approx(10 * expected)
    half = faster_rcnn(RPN_LOSS_LAMBDA=0.5)
    assert float(rpn_bbox_loss_graph(half, *inputs)) == pytest.approx(expected / 2)
    mean = float(rpn_bbox_loss_graph(Config(), *inputs))
    assert mean == pytest.approx(sums["bbox"] / (4 * sum(positives)))
    assert float(rpn_bbox_loss_graph(faster_rcnn(), target, 0 * match, deltas)) == 0
    by_sampled = Config.from_dict({"RPN_LOSS": "sampled"})
    found = float(rpn_bbox_loss_graph(by_sampled, *inputs))
    assert found == pytest.approx(sums["bbox"] / sampled)
    lines = Config.from_dict({"RPN_LOSS": "sampled", "BOX_LOSS_BETA": 0})
    assert float(rpn_bbox_loss_graph(lines, *inputs)) > found


def test_all_scales_on_one_level_share_a_location():
    """VGG-16's RPN has nine anchors at each of its cells."""
    match, target = np.zeros((1, 9 * 5, 1), np.int32), np.zeros((1, 4, 4))
    match[0, 11] = 1
    target[0, 0] = [2.5, 0, 0, 0]
    config = faster_rcnn(NECK="c4", RPN_ANCHOR_SCALES=(128, 256, 512))
    loss = rpn_bbox_loss_graph(config, target, match, np.zeros((1, 9 * 5, 4), np.float32))
    assert float(loss) == pytest.approx(10 * 2 / 5)
