import keras
import numpy as np
import pytest

from mrcnn.anchors.pyramid import compute_backbone_shapes, pyramid_anchors
from mrcnn.config import Config
from mrcnn.geometry.boxes import norm_boxes
from mrcnn.network.proposals import AnchorLayer, ProposalLayer


class SmallConfig(Config):
    NAME = "small"
    NUM_CLASSES = 2


@pytest.mark.parametrize("case", ["a", "b", "pad"])
def test_reference_values(units, case):
    count, limit, threshold = units[f"prop.{case}.args"]
    config = SmallConfig()
    config.PRE_NMS_LIMIT = int(limit)
    layer = ProposalLayer(int(count), threshold, config)
    inputs = [units[f"prop.{name}"][None] for name in ("probs", "deltas", "anchors")]
    ours = np.asarray(layer(inputs))[0]
    np.testing.assert_allclose(ours, units[f"prop.{case}"], atol=1e-6)


def test_images_of_a_batch_do_not_mix(units):
    config = SmallConfig()
    layer = ProposalLayer(60, 0.7, config)
    one = [units[f"prop.{name}"] for name in ("probs", "deltas", "anchors")]
    other = [array[::-1].copy() for array in one]
    other[0] = 1 - other[0]
    both = [np.stack(pair) for pair in zip(one, other, strict=True)]
    ours = np.asarray(layer(both))
    np.testing.assert_array_equal(ours[0], np.asarray(layer([x[None] for x in one]))[0])
    np.testing.assert_array_equal(ours[1], np.asarray(layer([x[None] for x in other]))[0])


def test_proposals_are_clipped_and_padded():
    anchors = np.array([[[-0.5, -0.5, 0.5, 0.5], [0.6, 0.6, 1.4, 1.4]]], "float32")
    probs = np.array([[[0.1, 0.9], [0.2, 0.8]]], "float32")
    ours = ProposalLayer(4, 0.7, SmallConfig())([probs, np.zeros((1, 2, 4), "float32"), anchors])
    expected = [[[0, 0, 0.5, 0.5], [0.6, 0.6, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]]]
    np.testing.assert_allclose(ours, expected, atol=1e-6)


@pytest.mark.parametrize(("stride", "shape"), [(1, (128, 192)), (2, (64, 64)), (2, (320, 192))])
def test_the_graph_and_the_data_side_have_the_same_anchors(stride, shape):
    config = SmallConfig()
    config.RPN_ANCHOR_STRIDE = stride
    image = np.zeros((2, *shape, 3), "float32")
    sizes = [(shape[0] // s, shape[1] // s) for s in config.BACKBONE_STRIDES]
    layer = AnchorLayer(config)
    inputs = [image, *[np.zeros((2, *size, 1), "float32") for size in sizes]]
    ours = np.asarray(layer(inputs))
    expected = norm_boxes(pyramid_anchors(config, shape), shape)
    np.testing.assert_allclose(ours, np.stack([expected] * 2), atol=1e-6)
    assert layer.compute_output_shape([x.shape for x in inputs]) == ours.shape


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("neck", "shape"), [("fpn", (96, 160)), ("c4", (75, 101))])
def test_the_graph_has_anchors_on_the_grid_of_the_image(neck, shape, known):
    config = Config.from_dict(
        {"NECK": neck, "RPN_ANCHOR_ROUNDING": True, "RPN_ANCHOR_GRID": "image"}
    )
    sizes = [tuple(map(int, size)) for size in compute_backbone_shapes(config, shape)]
    inputs = [np.zeros((2, *size, 1), "float32") for size in [shape, *sizes]]
    given = [keras.Input(x.shape[1:] if known else (None, None, 1)) for x in inputs]
    model = keras.Model(given, AnchorLayer(config)(given))
    ours = model.predict_on_batch(inputs)
    expected = norm_boxes(pyramid_anchors(config, shape), shape)
    np.testing.assert_allclose(ours, np.stack([expected] * 2), atol=1e-6)
    assert model.output_shape == (None, len(expected) if known else None, 4)
