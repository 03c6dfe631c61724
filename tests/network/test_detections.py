import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.config import Config
from mrcnn.geometry.boxes import apply_box_deltas, compute_overlaps, non_max_suppression
from mrcnn.images.meta import compose_image_meta
from mrcnn.legacy.signatures import refine_detections_graph
from mrcnn.network.detections import DetectionLayer, refine_detections


def config_for(**settings):
    base = {"NAME": "d", "NUM_CLASSES": 5, "DETECTION_MIN_CONFIDENCE": 0.0}
    return type("DetectionConfig", (Config,), base | settings)()


@pytest.mark.parametrize(
    ("case", "settings"),
    [
        ("conf0", {}),
        ("conf07", {"DETECTION_MIN_CONFIDENCE": 0.7}),
        ("max20", {"DETECTION_MAX_INSTANCES": 20}),
        ("nms07", {"DETECTION_NMS_THRESHOLD": 0.7, "DETECTION_MIN_CONFIDENCE": 0.5}),
    ],
)
def test_reference_values(units, case, settings):
    inputs = [units[f"refine.{name}"] for name in ("rois", "probs", "deltas", "window")]
    ours = np.asarray(refine_detections_graph(*inputs, config_for(**settings)))
    expected = units[f"refine.{case}"]
    # A box that clipping leaves without area is a detection only in matterport's Mask_RCNN (the
    # reference), where it also takes one of the best 20 places.
    has_area = (expected[:, 2] > expected[:, 0]) & (expected[:, 3] > expected[:, 1])
    expected = expected[has_area]
    np.testing.assert_allclose(ours[: len(expected)], expected, atol=1e-5)
    if case != "max20":
        assert not ours[len(expected) :].any()


def probabilities(*rows):
    return np.array([rows], "float32")


def test_each_rule_by_hand():
    rois = np.array(
        [[[0.1, 0.1, 0.5, end] for end in (0.5, 0.52, 0.51)] + [[0.6, 0.6, 0.9, 0.9]]], "float32"
    )
    # A detection, a weaker duplicate, another class in the same place, and background.
    probs = probabilities([0.1, 0.9, 0], [0.2, 0.8, 0], [0.1, 0.2, 0.7], [0.6, 0.4, 0])
    meta = compose_image_meta(0, (64, 64, 3), (64, 64, 3), (0, 0, 64, 64), 1, np.zeros(3))
    config = config_for(NUM_CLASSES=3, DETECTION_MAX_INSTANCES=4)
    deltas = np.zeros((1, 4, 3, 4), "float32")
    ours = DetectionLayer(config)([rois, probs, deltas, meta[None].astype("float32")])
    expected = [[0.1, 0.1, 0.5, 0.5, 1, 0.9], [0.1, 0.1, 0.5, 0.51, 2, 0.7], [0] * 6, [0] * 6]
    np.testing.assert_allclose(np.asarray(ours)[0], expected, atol=1e-6)


def test_boxes_in_the_padding_are_dropped():
    """Clipped to the window, they have no area; the reference returns them as slivers."""
    rois = np.array([[[0.0, 0.1, 0.2, 0.4], [0.0, 0.1, 0.6, 0.4]]], "float32")
    meta = compose_image_meta(0, (32, 64, 3), (64, 64, 3), (16, 0, 48, 64), 1, np.zeros(2))
    config = config_for(NUM_CLASSES=2, DETECTION_MAX_INSTANCES=3)
    probs = probabilities([0.1, 0.9], [0.3, 0.7])
    deltas = np.zeros((1, 2, 2, 4), "float32")
    ours = np.asarray(DetectionLayer(config)([rois, probs, deltas, meta[None].astype("float32")]))
    np.testing.assert_allclose(ours[0, 0], [16 / 63, 0.1, 0.6, 0.4, 1, 0.7], atol=1e-6)
    assert not ours[0, 1:].any()


def test_deltas_of_the_class_are_applied():
    rois = np.array([[[0.2, 0.2, 0.4, 0.4]]], "float32")
    deltas = np.zeros((1, 1, 3, 4), "float32")
    deltas[0, 0, 2] = [1.0, 0, 0, np.log(2) / 0.2]  # times BBOX_STD_DEV: down 0.1, twice as wide
    meta = compose_image_meta(0, (64, 64, 3), (64, 64, 3), (0, 0, 64, 64), 1, np.zeros(3))
    config = config_for(NUM_CLASSES=3, DETECTION_MAX_INSTANCES=1)
    inputs = [rois, probabilities([0, 0.1, 0.9]), deltas, meta[None].astype("float32")]
    ours = np.asarray(DetectionLayer(config)(inputs))[0, 0]
    np.testing.assert_allclose(ours, [0.22, 0.1, 0.42, 0.5, 2, 0.9], atol=1e-6)


# Suppression


def crowd(seed=0, number=40, classes=4):
    """RoIs in two images that overlap a lot, and their class probabilities."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 0.6, (2, number, 2))
    rois = np.concatenate([corner, corner + rng.uniform(0.1, 0.4, corner.shape)], axis=-1)
    logits = rng.normal(0, 2, (2, number, classes))
    probs = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    return rois.astype("float32"), probs.astype("float32")


def suppressed_plainly(rois, probs, config):
    """The detections in an image, found in a loop: (box, class id, score) of each, best first."""
    ids, scores = probs.argmax(axis=1), probs.max(axis=1).astype(float)
    least = config.DETECTION_MIN_CONFIDENCE
    least = least if isinstance(least, dict) else dict.fromkeys(range(9), least or 0)
    left = {i: scores[i] for i in range(len(ids)) if ids[i] > 0}
    found = []
    while len(found) < config.DETECTION_MAX_INSTANCES:
        left = {i: s for i, s in left.items() if s > 0 and s >= least.get(ids[i], 0.7)}
        if not left:
            break
        best = max(left, key=left.get)
        found.append([*rois[best], ids[best], left.pop(best)])
        for i in left:
            if ids[i] != ids[best] and not config.NMS_ACROSS_CLASSES:
                continue
            [[iou]] = compute_overlaps(rois[[best]], rois[[i]])
            if config.DETECTION_NMS == "soft_gaussian":
                left[i] *= np.exp(-(iou**2) / config.SOFT_NMS_SIGMA)
            elif iou > config.DETECTION_NMS_THRESHOLD:
                left[i] *= 1 - iou if config.DETECTION_NMS == "soft_linear" else 0
    return np.array(found).reshape(-1, 6)


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("method", ["hard", "soft_linear", "soft_gaussian"])
@pytest.mark.parametrize("confidence", [0, 0.5, {1: 0.4, 3: 0.9}, {1: 0, 2: 0, 3: 0}])
def test_each_suppression_against_a_loop(across, method, confidence):
    rois, probs = crowd()
    config = config_for(
        NUM_CLASSES=4,
        DETECTION_MAX_INSTANCES=15,
        DETECTION_MIN_CONFIDENCE=confidence,
        NMS_ACROSS_CLASSES=across,
        DETECTION_NMS=method,
        SOFT_NMS_SIGMA=0.4,
    )
    windows = np.array([[0, 0, 1, 1]] * 2, "float32")
    ours = np.asarray(
        refine_detections(rois, probs, np.zeros((2, 40, 4, 4), "float32"), windows, config)
    )
    assert ours.shape == (2, 15, 6)
    for image in range(2):
        expected = suppressed_plainly(rois[image], probs[image], config)
        assert len(expected) > 0
        np.testing.assert_allclose(ours[image, : len(expected)], expected, rtol=1e-4, atol=1e-6)
        assert not ours[image, len(expected) :].any()


def test_across_classes_the_best_class_of_an_object_stays():
    rois = np.array([[[0.1, 0.1, 0.5, 0.5], [0.1, 0.1, 0.5, 0.52], [0.6, 0.6, 0.9, 0.9]]], "f")
    probs = probabilities([0.1, 0.2, 0.7], [0.1, 0.9, 0], [0, 0.4, 0.6])
    windows = np.array([[0, 0, 1, 1]], "float32")
    deltas = np.zeros((1, 3, 3, 4), "float32")
    config = config_for(NUM_CLASSES=3, DETECTION_MAX_INSTANCES=3)
    assert np.asarray(refine_detections(rois, probs, deltas, windows, config))[
        0, :, 4
    ].tolist() == [1, 2, 2]
    config.NMS_ACROSS_CLASSES = True
    ours = np.asarray(refine_detections(rois, probs, deltas, windows, config))[0]
    assert ours[:, 4].tolist() == [1, 2, 0]
    np.testing.assert_allclose(ours[:, 5], [0.9, 0.6, 0], rtol=1e-6)
    legacy = refine_detections_graph(rois[0], probs[0], deltas[0], windows[0], config)
    np.testing.assert_array_equal(legacy, ours)


def test_one_score_for_all_does_not_need_the_number_of_classes():
    rois, probs = crowd()
    windows, deltas = np.array([[0, 0, 1, 1]] * 2, "float32"), np.zeros((2, 40, 4, 4), "float32")
    plain, counted = config_for(DETECTION_MIN_CONFIDENCE=0.5), config_for(NUM_CLASSES=4)
    plain.NUM_CLASSES, counted.DETECTION_MIN_CONFIDENCE = 1, 0.5
    expected = np.asarray(refine_detections(rois, probs, deltas, windows, counted))
    assert (expected[..., 4] > 1).any()
    ours = refine_detections(rois, probs, deltas, windows, plain)
    np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("method", ["hard", "soft_linear", "soft_gaussian"])
def test_xla_compiles_each_suppression(method):
    rois, probs = crowd(1)
    settings = {"NUM_CLASSES": 4, "DETECTION_MIN_CONFIDENCE": {1: 0.2, 2: 0.5, 3: 0}}
    config = config_for(**settings, NMS_ACROSS_CLASSES=True, DETECTION_NMS=method)
    windows, deltas = np.array([[0, 0, 1, 1]] * 2, "float32"), np.zeros((2, 40, 4, 4), "float32")
    plain = refine_detections(rois, probs, deltas, windows, config)
    compiled = tf.function(refine_detections, jit_compile=True)(
        *map(tf.constant, (rois, probs, deltas, windows)), config
    )
    assert np.asarray(plain).any()
    np.testing.assert_allclose(compiled, plain, atol=1e-5)


# Every class of a RoI


def every_class_config(**settings):
    base = {
        "NUM_CLASSES": 4,
        "BOX_COORDINATES": "continuous",
        "DETECTION_ALL_CLASSES": True,
        "DETECTION_MIN_CONFIDENCE": 0.05,
        "DETECTION_NMS_THRESHOLD": 0.5,
        "DETECTION_MAX_INSTANCES": 25,
        "DETECTION_MIN_SIZE": 7.0,
        "BOX_DELTA_LIMIT": 0.3,
    }
    return config_for(**base | settings)


def meta_of(*windows):
    rows = [compose_image_meta(0, (9, 9, 3), (60, 80, 3), w, 1, np.zeros(4)) for w in windows]
    return np.array(rows, "float32")


def every_class_plainly(rois, probs, deltas, window, config):
    """The detections in an image in pixels, class by class, as in torchvision."""
    found = []
    for class_id in range(1, probs.shape[1]):
        least = config.DETECTION_MIN_CONFIDENCE
        least = least.get(class_id, 0.7) if isinstance(least, dict) else least
        strong = probs[:, class_id] > np.float32(least)
        moves = deltas[strong, class_id] * np.float32(config.BBOX_STD_DEV)
        boxes = apply_box_deltas(rois[strong] * [60, 80, 60, 80], moves, config.BOX_DELTA_LIMIT)
        boxes = np.clip(boxes, np.tile(window[:2], 2), np.tile(window[2:], 2))
        large = (boxes[:, 2:] - boxes[:, :2] > config.DETECTION_MIN_SIZE).all(axis=1)
        boxes, scores = boxes[large], probs[strong, class_id][large]
        kept = non_max_suppression(boxes, scores, config.DETECTION_NMS_THRESHOLD)
        found += [[*boxes[k], class_id, scores[k]] for k in kept]
    found.sort(key=lambda row: -row[5])
    return np.array(found[: config.DETECTION_MAX_INSTANCES]).reshape(-1, 6)


@given(
    seed=st.integers(0, 10**6),
    most=st.sampled_from([5, 25, 200]),
    confidence=st.sampled_from([0.05, 0.5, {1: 0.1, 2: 0.9}]),
)
@settings(max_examples=30)
def test_every_class_against_loops(seed, most, confidence):
    rois, probs = crowd(seed)
    deltas = np.random.default_rng(seed).normal(0, 1, (2, 40, 4, 4)).astype("float32")
    windows = [(0, 0, 60, 80), (0, 0, 45, 71)]
    config = every_class_config(DETECTION_MAX_INSTANCES=most, DETECTION_MIN_CONFIDENCE=confidence)
    ours = np.asarray(DetectionLayer(config)([rois, probs, deltas, meta_of(*windows)]))
    assert ours.shape == (2, most, 6)
    for image, window in enumerate(windows):
        expected = every_class_plainly(rois[image], probs[image], deltas[image], window, config)
        rows = ours[image, : len(expected)] * [60, 80, 60, 80, 1, 1]
        np.testing.assert_allclose(rows, expected, atol=1e-4)
        assert not ours[image, len(expected) :].any()


def test_a_roi_is_detected_as_several_classes_with_their_own_boxes():
    rois = np.array([[[0.2, 0.2, 0.4, 0.4], [0, 0, 0, 0]]], "float32")
    deltas = np.zeros((1, 2, 4, 4), "float32")
    deltas[0, 0, 3, 0] = 1.0  # times BBOX_STD_DEV: down 0.02
    # Exactly the least score is not enough, nor is a zero RoI.
    probs = probabilities([0.1, 0.25, 0.25, 0.4], [0, 1, 0, 0])
    config = every_class_config(DETECTION_MIN_CONFIDENCE={1: 0.25, 2: 0.2, 3: 0.3})
    ours = np.asarray(DetectionLayer(config)([rois, probs, deltas, meta_of((0, 0, 60, 80))]))[0]
    expected = [[0.22, 0.2, 0.42, 0.4, 3, 0.4], [0.2, 0.2, 0.4, 0.4, 2, 0.25]]
    np.testing.assert_allclose(ours[:2], expected, atol=1e-6)
    assert not ours[2:].any()


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("method", ["hard", "soft_linear"])
def test_other_suppressions_of_every_class(across, method):
    """As if each class of a RoI were another RoI."""
    rois, probs = crowd(2, number=12)
    settings = {"NMS_ACROSS_CLASSES": across, "DETECTION_NMS": method, "DETECTION_MIN_SIZE": None}
    config = every_class_config(**settings)
    deltas, windows = np.zeros((2, 12, 4, 4), "float32"), np.array([[0, 0, 1, 1]] * 2, "float32")
    ours = np.asarray(refine_detections(rois, probs, deltas, windows, config))
    config.DETECTION_ALL_CLASSES = False
    apart = probs[:, :, None, :] * np.eye(4, dtype="float32")[1:]  # [2, 12, 3, 4]
    copies = np.repeat(rois, 3, axis=1), apart.reshape(2, 36, 4), np.repeat(deltas, 3, axis=1)
    expected = np.asarray(refine_detections(*copies, windows, config))
    assert len(np.unique(ours[..., 4])) == 4
    np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_xla_compiles_every_class():
    rois, probs = crowd(1)
    config, windows = every_class_config(), [(0, 0, 60, 80), (0, 0, 45, 71)]
    inputs = [rois, probs, np.zeros((2, 40, 4, 4), "float32"), meta_of(*windows)]
    layer = DetectionLayer(config)
    compiled = tf.function(lambda *given: layer(list(given)), jit_compile=True)
    np.testing.assert_allclose(compiled(*map(tf.constant, inputs)), layer(inputs), atol=1e-5)


def test_the_minimum_size_needs_the_size_of_the_input():
    rois, probs = crowd()
    deltas, windows = np.zeros((2, 40, 4, 4), "float32"), np.array([[0, 0, 1, 1]] * 2, "float32")
    with pytest.raises(
        ValueError, match=r"DETECTION_MIN_SIZE is 7\.0, in pixels: refine_detections"
    ):
        refine_detections(rois, probs, deltas, windows, every_class_config())
