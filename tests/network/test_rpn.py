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


def test_levels_follow_one_another():
    import keras

    sizes = [16, 8, 4, 2, 1]
    inputs = [keras.Input((size, size, 16)) for size in sizes]
    model = keras.Model(inputs, rpn_of_pyramid(inputs, TinyConfig()))
    pyramid = [np.full((1, size, size, 16), size, "float32") for size in sizes]
    logits, _, bbox = model(pyramid)
    assert logits.shape == (1, 3 * sum(size**2 for size in sizes), 2)
    rpn = model.get_layer("rpn_model")
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
