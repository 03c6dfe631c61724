import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.images.meta import compose_image_meta
from mrcnn.legacy.signatures import refine_detections_graph
from mrcnn.network.detections import DetectionLayer


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
