"""Which limit cut the detections of an image."""

import logging
import types

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tiny import TinyConfig

from mrcnn.geometry.boxes import non_max_suppression, norm_boxes
from mrcnn.images.meta import compose_image_meta
from mrcnn.inference.detector import with_score
from mrcnn.inference.merging import merge
from mrcnn.inference.no_overlaps import remove_overlaps
from mrcnn.inference.truncation import cut_above, left_out, log_once, truncated_by
from mrcnn.network.detections import refine_detections

SIZE = 400


def config_of(**settings):
    return TinyConfig.from_dict({"DETECTION_MIN_CONFIDENCE": 0.5, **settings})


def apart(count):
    """Boxes of 10 x 10 pixels that do not touch."""
    y, x = np.divmod(np.arange(count), 20)
    return np.stack([20 * y, 20 * x, 20 * y + 10, 20 * x + 10], axis=1)


def network(boxes, scores, config, padding=0, anchors=1000, class_id=1):
    """A network's outputs for an image whose RoIs have these boxes and scores."""
    rois = norm_boxes(boxes, (SIZE, SIZE))
    scores = np.asarray(scores, np.float32)
    probs = np.zeros((len(rois) + padding, 3), np.float32)
    probs[:, 0] = 0.9
    probs[: len(rois), 0] = 0
    probs[np.arange(len(rois)), class_id] = scores
    keep = non_max_suppression(rois, scores, config.DETECTION_NMS_THRESHOLD)
    keep = [i for i in keep if scores[i] >= config.DETECTION_MIN_CONFIDENCE]
    keep = keep[: config.DETECTION_MAX_INSTANCES]
    rows = np.zeros((config.DETECTION_MAX_INSTANCES, 6), np.float32)
    rows[: len(keep)] = np.column_stack([rois[keep], np.ones(len(keep)) * class_id, scores[keep]])
    outputs = {
        "mrcnn_detection": rows,
        "mrcnn_class": probs,
        "mrcnn_bbox": np.zeros((len(probs), 3, 4), np.float32),
        "ROI": np.pad(rois, ((0, padding), (0, 0))),
        "rpn_class": np.zeros((anchors, 2)),
    }
    meta = compose_image_meta(0, (SIZE,) * 3, (SIZE,) * 3, (0, 0, SIZE, SIZE), 1, [0, 0, 0])
    return outputs, meta, config


@pytest.mark.parametrize(("limit", "cut"), [(4, True), (5, False), (6, False)])
def test_more_objects_than_the_limit(limit, cut):
    scores = [0.9, 0.8, 0.7, 0.95, 0.6, 0.4]  # the last is too weak to count
    case = network(apart(6), scores, config_of(DETECTION_MAX_INSTANCES=limit))
    assert truncated_by(*case) == ("DETECTION_MAX_INSTANCES" if cut else "")
    assert left_out(*case) == pytest.approx(0.6 if cut else 0)


def test_what_suppression_drops_is_not_cut():
    boxes = np.concatenate([apart(3), apart(3) + 1])  # IoU 81 / 119
    scores = [0.9, 0.9, 0.9, 0.8, 0.8, 0.8]
    config = config_of(DETECTION_MAX_INSTANCES=3)
    assert truncated_by(*network(boxes, scores, config)) == ""
    config = config_of(DETECTION_MAX_INSTANCES=3, DETECTION_NMS_THRESHOLD=0.7)
    case = network(boxes, scores, config)
    assert truncated_by(*case) == "DETECTION_MAX_INSTANCES"
    assert left_out(*case) == pytest.approx(0.8)
    # No suppression at all: a detection still does not count as left out because of itself.
    config = config_of(DETECTION_MAX_INSTANCES=3, DETECTION_NMS_THRESHOLD=1.0)
    assert truncated_by(*network(apart(3), [0.9] * 3, config)) == ""


def test_classes_do_not_suppress_each_other():
    boxes = np.concatenate([apart(2), apart(2)])
    outputs, *rest = network(boxes, [0.9] * 4, config_of(DETECTION_MAX_INSTANCES=2))
    assert truncated_by(outputs, *rest) == ""
    outputs["mrcnn_class"][2:] = [0, 0, 0.8]
    assert truncated_by(outputs, *rest) == "DETECTION_MAX_INSTANCES"


def test_a_box_in_the_padding_is_not_a_detection():
    outputs, meta, config = network(apart(4), [0.9] * 4, config_of(DETECTION_MAX_INSTANCES=3))
    assert truncated_by(outputs, meta, config) == "DETECTION_MAX_INSTANCES"
    meta[7:11] = 0, 0, SIZE, 55  # the fourth box begins in column 60
    assert truncated_by(outputs, meta, config) == ""


def test_the_weakest_proposals_still_find_objects():
    config = config_of(DETECTION_MAX_INSTANCES=60)
    assert truncated_by(*network(apart(40), [0.9] * 40, config)) == "POST_NMS_ROIS_INFERENCE"
    # The last tenth of the proposals only repeats what the others found.
    boxes = np.concatenate([apart(36), apart(4) + 1])
    assert truncated_by(*network(boxes, [0.8] * 36 + [0.9] * 4, config)) == ""
    # It finds nothing.
    assert truncated_by(*network(apart(40), [0.9] * 36 + [0.1] * 4, config)) == ""
    assert truncated_by(*network(apart(0), [], config, padding=40)) == ""
    # What it finds is hardly an object.
    config = config_of(DETECTION_MAX_INSTANCES=60, DETECTION_MIN_CONFIDENCE=0.05)
    assert truncated_by(*network(apart(40), [0.9] * 36 + [0.1] * 4, config)) == ""
    weak = [0.9] * 36 + [0.71] + [0.1] * 3
    assert truncated_by(*network(apart(40), weak, config)) == "POST_NMS_ROIS_INFERENCE"


def test_too_few_anchors_kept_for_the_proposals():
    config = config_of(DETECTION_MAX_INSTANCES=60)  # PRE_NMS_LIMIT is 500
    case = network(apart(40), [0.9] * 40, config, padding=20)
    assert truncated_by(*case) == "PRE_NMS_LIMIT"
    case = network(apart(40), [0.9] * 40, config, padding=20, anchors=500)
    assert truncated_by(*case) == ""


@pytest.mark.parametrize(("limit", "cut"), [(30000 - 1, True), (30000, False)])
def test_too_few_anchors_kept_on_a_level(limit, cut):
    """P2 has 100 x 100 cells with three anchors each."""
    config = config_of(DETECTION_MAX_INSTANCES=60, RPN_NMS_BY_LEVEL=True, PRE_NMS_LIMIT=limit)
    case = network(apart(40), [0.9] * 40, config, padding=20, anchors=40000)
    assert truncated_by(*case) == ("PRE_NMS_LIMIT" if cut else "")


def test_another_box_head():
    outputs, *rest = network(apart(6), [0.9] * 6, config_of(DETECTION_MAX_INSTANCES=4))
    del outputs["mrcnn_bbox"]
    assert truncated_by(outputs, *rest) == "DETECTION_MAX_INSTANCES"
    outputs["mrcnn_detection"][-1] = 0
    assert truncated_by(outputs, *rest) == ""


def test_a_name_can_be_used_like_an_array():
    name = truncated_by(*network(apart(6), [0.9] * 6, config_of(DETECTION_MAX_INSTANCES=4)))
    assert isinstance(name, str) and name.tolist() == "DETECTION_MAX_INSTANCES"
    assert (name.shape, name.dtype.kind) == ((), "U")


def result_of(truncated=None):
    masks = np.zeros((4, 6, 2), bool)
    masks[0, 0, 0] = masks[2:, 2:, 1] = True
    result = {
        "rois": np.array([[0, 0, 1, 1], [2, 2, 4, 6]], np.int32),
        "class_ids": np.array([1, 2], np.int32),
        "scores": np.array([0.9, 0.4], np.float32),
        "masks": masks,
    }
    return result if truncated is None else {**result, "truncated": truncated}


def test_it_stays_with_the_detections():
    cut = result_of("DETECTION_MAX_INSTANCES")
    strong = with_score(cut, 0.5)
    assert strong["truncated"] == "DETECTION_MAX_INSTANCES"
    assert strong["scores"].tolist() == [np.float32(0.9)] and strong["masks"].shape == (4, 6, 1)
    apart_ = remove_overlaps(cut)
    assert apart_["truncated"] == "DETECTION_MAX_INSTANCES"
    assert_array_equal(apart_["rois"], cut["rois"])
    assert merge([result_of(""), cut])["truncated"] == "DETECTION_MAX_INSTANCES"
    assert merge([result_of(""), result_of()])["truncated"] == ""
    for function in (lambda result: with_score(result, 0.5), remove_overlaps):
        assert "truncated" not in function(result_of())


def test_weak_detections_that_were_cut_do_not_count():
    assert cut_above(result_of("DETECTION_MAX_INSTANCES"), 0.4) == "DETECTION_MAX_INSTANCES"
    assert cut_above(result_of("DETECTION_MAX_INSTANCES"), 0.5) == ""
    assert cut_above(result_of("POST_NMS_ROIS_INFERENCE"), 0.5) == "POST_NMS_ROIS_INFERENCE"
    assert cut_above(result_of(), 0) == cut_above(result_of(None), 0) == ""


def test_each_limit_of_a_model_is_logged_once(caplog):
    model, other = types.SimpleNamespace(), types.SimpleNamespace()
    config = config_of(DETECTION_MAX_INSTANCES=4)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            log_once(model, "DETECTION_MAX_INSTANCES", 0.876, config)
            log_once(model, "PRE_NMS_LIMIT", 0, config)
        log_once(other, "DETECTION_MAX_INSTANCES", 0.5, config)
    assert len(caplog.messages) == 3
    assert caplog.messages[0].startswith(
        "DETECTION_MAX_INSTANCES is 4: an image has more detections, and those that score 0.88 or "
        "less were left out. Raise it"
    )
    assert caplog.messages[1].startswith("PRE_NMS_LIMIT is 500: in an image, even the weakest")


# Other kinds of suppression


def detected(boxes, probs, config):
    """What the detection layer finds among these RoIs, as the network's outputs."""
    rois = norm_boxes(boxes, (SIZE, SIZE)).astype(np.float32)
    deltas = np.zeros((*probs.shape, 4), np.float32)
    meta = compose_image_meta(0, (SIZE,) * 3, (SIZE,) * 3, (0, 0, SIZE, SIZE), 1, [0, 0, 0])
    window = np.array([[0, 0, 1, 1]], np.float32)
    rows = refine_detections(
        rois[None], probs[None], deltas[None], window, config, np.float32(meta[None])
    )
    outputs = {
        "mrcnn_detection": np.asarray(rows)[0],
        "mrcnn_class": probs,
        "mrcnn_bbox": deltas,
        "ROI": rois,
        "rpn_class": np.zeros((1000, 2)),
    }
    return outputs, meta, config


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("method", ["hard", "soft_linear", "soft_gaussian"])
@pytest.mark.parametrize(
    ("confidence", "every"),
    [(0, False), (0.3, False), ({1: 0.2, 2: 0.6}, False), ({1: 0.2, 2: 0.3}, True)],
)
def test_it_agrees_with_a_layer_with_a_higher_limit(method, across, confidence, every):
    """What one more row would have held is what the limit left out."""
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 250, (40, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(60, 140, (40, 2))], axis=1)
    probs = rng.dirichlet([0.4, 1, 1], 40).astype(np.float32)
    settings = {
        "DETECTION_NMS": method,
        "NMS_ACROSS_CLASSES": across,
        "DETECTION_MIN_CONFIDENCE": confidence,
        "DETECTION_ALL_CLASSES": every,
        "DETECTION_MIN_SIZE": 70 if every else None,
    }
    most = 80 if every else 40
    outputs, *_ = detected(boxes, probs, config_of(**settings, DETECTION_MAX_INSTANCES=most))
    scores = outputs["mrcnn_detection"][:, 5]
    total = np.count_nonzero(scores)
    assert total >= 4
    for limit in {1, 2, total // 2, total - 1, total, min(total + 1, most - 1)}:
        case = detected(boxes, probs, config_of(**settings, DETECTION_MAX_INSTANCES=limit))
        cut = limit < total
        if limit <= total:
            assert truncated_by(*case) == ("DETECTION_MAX_INSTANCES" if cut else "")
            assert left_out(*case) == pytest.approx(float(scores[limit]), rel=1e-4)
        else:
            assert truncated_by(*case) != "DETECTION_MAX_INSTANCES"


def test_an_object_of_another_class_is_not_a_new_object_across_classes():
    """The last tenth of the proposals finds what others found, as another class."""
    boxes = np.concatenate([apart(36), apart(4)])
    probs = np.zeros((40, 3), np.float32)
    probs[:36, 1], probs[36:, 2] = 0.8, 0.9
    probs[:, 0] = 1 - probs.sum(axis=1)
    settings = {"DETECTION_MAX_INSTANCES": 60}
    assert truncated_by(*detected(boxes, probs, config_of(**settings))) == (
        "POST_NMS_ROIS_INFERENCE"
    )
    config = config_of(**settings, NMS_ACROSS_CLASSES=True)
    assert truncated_by(*detected(boxes, probs, config)) == ""
