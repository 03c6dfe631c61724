import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.anchors.pyramid import compute_backbone_shapes, pyramid_anchors
from mrcnn.config import Config
from mrcnn.geometry.boxes import apply_box_deltas, non_max_suppression, norm_boxes
from mrcnn.images.meta import compose_image_meta
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


# The rules of torchvision and Detectron2

MAPS = [(4, 5), (2, 3), (1, 2)]
SIZE = (64, 80)


def by_level_config(**changes):
    return Config.from_dict(
        {
            "NUM_CLASSES": 2,
            "BACKBONE_STRIDES": [16, 32, 64],
            "RPN_ANCHOR_SCALES": (12, 24, 48),
            "RPN_BBOX_STD_DEV": [1, 1, 1, 1],
            "BOX_COORDINATES": "continuous",
            "BOX_DELTA_LIMIT": 0.5,
            "RPN_NMS_BY_LEVEL": True,
            "RPN_MIN_SIZE": 2.0,
            "RPN_CLIP_TO_IMAGE": True,
            "PRE_NMS_LIMIT": 20,
            **changes,
        }
    )


def random_rpn(config, seed, images=2):
    """The layer's inputs, and the boxes (y2, x2) where each image ends."""
    rng = np.random.default_rng(seed)
    anchors = pyramid_anchors(config, SIZE)
    shape = (images, len(anchors))
    x = rng.permuted(np.tile(np.linspace(-6, 6, len(anchors)), (images, 1)), axis=1)
    x[:, ::7] = 40 + np.arange(x[:, ::7].size).reshape(images, -1)  # the sigmoid is 1 for them all
    logits = np.stack([rng.normal(0, 1, shape), np.zeros(shape)], axis=-1)
    logits[..., 1] = logits[..., 0] + x
    probs = np.stack([1 / (1 + np.exp(x)), 1 / (1 + np.exp(-x))], axis=-1)
    ends = np.stack(
        [rng.integers(40, SIZE[0] + 1, images), rng.integers(50, SIZE[1] + 1, images)], 1
    )
    metas = [
        compose_image_meta(0, (*end, 3), (*SIZE, 3), (0, 0, *end), 1, np.zeros(2)) for end in ends
    ]
    normalised = np.repeat(norm_boxes(anchors, SIZE, margin=0)[None], images, axis=0)
    deltas = rng.normal(0, 0.4, (*shape, 4))
    maps = [np.zeros((images, *size, 1)) for size in MAPS]
    inputs = [probs, deltas, normalised, logits, np.array(metas), *maps]
    return [array.astype("float32") for array in inputs], ends


def proposed_plainly(inputs, ends, config, count):
    """The proposals of each image in pixels, level by level, in loops."""
    logits = np.float64(inputs[3][..., 1] - inputs[3][..., 0])
    anchors = pyramid_anchors(config, SIZE)
    found = []
    for image, end in enumerate(ends):
        first, boxes, scores = 0, [], []
        for height, width in MAPS:
            places = np.arange(first, first + 3 * height * width)
            first = places[-1] + 1
            x = logits[image, places]
            places = places[np.argsort(-x, kind="stable")[: config.PRE_NMS_LIMIT]]
            limit = config.BOX_DELTA_LIMIT
            moved = apply_box_deltas(anchors[places], inputs[1][image, places], limit)
            moved = np.clip(moved, 0, [*end, *end])
            large = (moved[:, 2:] - moved[:, :2] > config.RPN_MIN_SIZE).all(axis=1)
            moved, x = moved[large], logits[image, places][large]
            score = np.float32(1) / (1 + np.exp(-np.float32(x)))
            kept = non_max_suppression(moved, score, 0.7)
            boxes.append(moved[kept])
            scores.append(score[kept])
        boxes, scores = np.concatenate(boxes), np.concatenate(scores)
        found.append(boxes[np.argsort(-scores, kind="stable")[:count]])
    return found


@given(seed=st.integers(0, 10**6), count=st.sampled_from([8, 30, 60]))
@settings(max_examples=30)
def test_proposals_by_level_against_loops(seed, count):
    config = by_level_config()
    inputs, ends = random_rpn(config, seed)
    ours = np.asarray(ProposalLayer(count, 0.7, config)(inputs)) * [*SIZE, *SIZE]
    for rows, expected in zip(ours, proposed_plainly(inputs, ends, config, count), strict=True):
        assert 4 < len(expected) <= count
        np.testing.assert_allclose(rows[: len(expected)], expected, atol=1e-4)
        assert not rows[len(expected) :].any()


@pytest.mark.parametrize("compiled", [False, True])
def test_sizes_known_only_at_run_time(compiled):
    config = by_level_config()
    inputs, _ = random_rpn(config, 0)
    layer = ProposalLayer(30, 0.7, config)
    signature = [tf.TensorSpec((None, *[None] * (x.ndim - 2), x.shape[-1])) for x in inputs]
    function = tf.function(lambda *given: layer(list(given)), jit_compile=compiled)
    if not compiled:
        function = function.get_concrete_function(*signature)
    ours = function(*map(tf.constant, inputs))
    np.testing.assert_allclose(ours, layer(inputs), atol=1e-6)


def test_on_one_level_all_anchors_compete():
    """Without further settings, ranking by logits changes nothing where scores differ."""
    settings = {"RPN_MIN_SIZE": None, "RPN_CLIP_TO_IMAGE": False, "PRE_NMS_LIMIT": 30}
    config = by_level_config(**settings, BACKBONE_STRIDES=[16], RPN_ANCHOR_SCALES=(12,))
    anchors = 3 * 4 * 5
    inputs, _ = random_rpn(by_level_config(), 3)
    inputs = [x[:, :anchors] for x in inputs[:4]] + [inputs[4], inputs[5]]
    inputs[3] = np.log(inputs[0]).clip(-30, 0)
    inputs[0][:, ::7, 1] = np.linspace(0.1, 0.9, 9)
    inputs[3][:, ::7, 0], inputs[3][:, ::7, 1] = 0, np.log(1 / (1 / np.linspace(0.1, 0.9, 9) - 1))
    ours = ProposalLayer(30, 0.7, config)(inputs)
    config.RPN_NMS_BY_LEVEL = False
    np.testing.assert_allclose(ours, ProposalLayer(30, 0.7, config)(inputs[:3]), atol=1e-6)


@pytest.mark.parametrize("coordinates", ["reference", "continuous"])
def test_small_and_outside_proposals_are_dropped(coordinates):
    config = Config.from_dict(
        {"BOX_COORDINATES": coordinates, "RPN_MIN_SIZE": 4, "RPN_CLIP_TO_IMAGE": True}
    )
    pixels = np.array([[0, 0, 20, 4], [0, 10, 20, 15], [0, 28, 20, 40], [0, 33, 20, 60.0]])
    margin = int(coordinates == "reference")
    anchors = norm_boxes(pixels, (64, 64), margin)[None]
    probs = np.array([[[0.1, 0.9], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6]]], "float32")
    meta = compose_image_meta(0, (64, 33, 3), (64, 64, 3), (0, 0, 64, 33), 1, np.zeros(2))
    extra = [probs, meta[None].astype("float32"), np.zeros((1, 2, 2, 1), "float32")]
    inputs = [probs, np.zeros((1, 4, 4), "float32"), anchors, *extra]
    ours = np.asarray(ProposalLayer(3, 0.7, config)(inputs))[0]
    expected = norm_boxes([[0, 10, 20, 15], [0, 28, 20, 33]], (64, 64), margin)
    np.testing.assert_allclose(ours, [*expected, [0] * 4], atol=1e-6)


def test_another_limit_for_training(units):
    config = SmallConfig()
    inputs = [units[f"prop.{name}"][None] for name in ("probs", "deltas", "anchors")]
    few = ProposalLayer(60, 0.7, config, pre_nms_limit=20)(inputs)
    config.PRE_NMS_LIMIT = 20
    np.testing.assert_array_equal(few, ProposalLayer(60, 0.7, config)(inputs))
    assert 0 < np.count_nonzero(np.asarray(few).any(axis=-1)) <= 20


def test_settings_that_need_further_inputs_say_so(units):
    inputs = [units[f"prop.{name}"][None] for name in ("probs", "deltas", "anchors")]
    with pytest.raises(ValueError, match="ProposalLayer has 3 inputs: RPN_NMS_BY_LEVEL, RPN_MIN"):
        ProposalLayer(60, 0.7, Config.from_dict({"RPN_NMS_BY_LEVEL": True}))(inputs)
