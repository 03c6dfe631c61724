"""Detection targets, compared with matterport's Mask_RCNN (the reference) without shuffling."""

import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.geometry.boxes import compute_overlaps
from mrcnn.instances.pasting import minimize_mask
from mrcnn.legacy.signatures import DetectionTargetLayer, detection_targets_graph

pytestmark = pytest.mark.network


def config_for(total, mini=False):
    settings = {"TRAIN_ROIS_PER_IMAGE": total, "USE_MINI_MASK": mini, "MINI_MASK_SHAPE": (28, 28)}
    return type("TargetConfig", (Config,), {"NAME": "t", "NUM_CLASSES": 5, **settings})()


@pytest.fixture
def inputs(units, unpack):
    """Function: inputs of one image, with full masks or mini masks."""

    def _inputs(mini=False):
        masks = unpack(units["dt.gt_mask_packed"], units["dt.gt_mask_shape"])
        if mini:
            masks = minimize_mask(units["dt.gt_boxes_px"], masks, (28, 28))
        masks = np.pad(masks, [(0, 0), (0, 0), (0, 12 - masks.shape[2])])
        boxes = [units[f"dt.{name}"] for name in ("proposals", "gt_class_ids", "gt_boxes")]
        return [array[None] for array in (*boxes, masks)]

    return _inputs


@pytest.mark.parametrize(
    ("case", "total", "mini"),
    [("full", 90, False), ("mini", 90, True), ("few", 400, True), ("small", 20, True)],
)
def test_reference_values(units, inputs, case, total, mini):
    layer = DetectionTargetLayer(config_for(total, mini), shuffle=False)
    rois, class_ids, deltas, masks = (np.asarray(x)[0] for x in layer(inputs(mini)))
    np.testing.assert_array_equal(rois, units[f"dt.{case}.rois"])
    np.testing.assert_array_equal(class_ids, units[f"dt.{case}.class_ids"])
    np.testing.assert_allclose(deltas, units[f"dt.{case}.deltas"], atol=1e-5)
    # Values interpolated from a mini mask may be 0.5 to the last bit.
    differ = (masks != units[f"dt.{case}.masks"]).mean()
    assert differ < (1e-3 if mini else 1e-9)


def test_without_positives_there_are_negatives(units, inputs):
    """In this case the reference has no RoIs at all, and trains on empty boxes as background."""
    proposals, class_ids, boxes, masks = inputs()
    overlaps = compute_overlaps(proposals[0], boxes[0, :6])
    far = proposals[:, (overlaps.max(axis=1) < 0.5) & (overlaps[:, 5] == 0)]
    assert (units["dt.nopos.rois"] == 0).all()
    layer = DetectionTargetLayer(config_for(20), shuffle=False)
    rois, ids, deltas, targets = (np.asarray(x)[0] for x in layer([far, class_ids, boxes, masks]))
    real = far[0][(far[0] != 0).any(axis=1)][:20]
    np.testing.assert_array_equal(rois[: len(real)], real)
    assert len(real) > 10
    assert (rois[len(real) :] == 0).all()
    assert (ids == 0).all() and (deltas == 0).all() and (targets == 0).all()


def test_an_image_without_instances(inputs):
    proposals, class_ids, boxes, masks = inputs()
    nothing = [proposals, 0 * class_ids, 0 * boxes, np.zeros_like(masks)]
    rois, ids, deltas, targets = DetectionTargetLayer(config_for(30), shuffle=False)(nothing)
    assert (np.asarray(rois)[0] != 0).any(axis=1).sum() == 30
    assert not np.asarray(ids).any() and not np.asarray(targets).any()
    assert np.isfinite(np.asarray(deltas)).all()


def test_sampling_is_random_and_seeded(inputs):
    def sampled(seed):
        return np.asarray(DetectionTargetLayer(config_for(60), seed=seed)(inputs())[0])[0]

    first, again, other = sampled(1), sampled(1), sampled(2)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    # Positives first, at most a third; negatives in proportion.
    overlaps = compute_overlaps(first, inputs()[2][0, :5]).max(axis=1)
    assert (overlaps[:19] >= 0.5).all()
    assert (overlaps[19:57] < 0.5).all()
    assert (first[57:] == 0).all()


def test_rois_in_a_crowd_are_not_negatives(inputs):
    rois, ids, _, _ = DetectionTargetLayer(config_for(400), shuffle=False)(inputs())
    rois, ids = np.asarray(rois)[0], np.asarray(ids)[0]
    background = rois[(ids == 0) & (rois != 0).any(axis=1)]
    crowd = inputs()[2][0, 5:6]
    assert len(background) > 10
    assert (compute_overlaps(background, crowd) < 0.001).all()


def test_images_of_a_batch_do_not_mix(inputs):
    one = inputs()
    two = [np.concatenate([array, array[:, ::-1]]) for array in one[:3]]
    two.append(np.concatenate([one[3], one[3][..., ::-1]]))
    layer = DetectionTargetLayer(config_for(90), shuffle=False)
    for ours, expected in zip(layer(two), layer(one), strict=True):
        np.testing.assert_allclose(np.asarray(ours)[0], np.asarray(expected)[0], atol=1e-6)
    reversed_alone = layer([array[1:] for array in two])
    for ours, expected in zip(layer(two), reversed_alone, strict=True):
        np.testing.assert_allclose(np.asarray(ours)[1], np.asarray(expected)[0], atol=1e-6)


def test_for_one_image(inputs):
    outputs = detection_targets_graph(*[array[0] for array in inputs()], config_for(90))
    assert [tuple(x.shape) for x in outputs] == [(90, 4), (90,), (90, 4), (90, 28, 28)]


def test_fewer_proposals_than_rois(inputs):
    proposals, *rest = inputs()
    layer = DetectionTargetLayer(config_for(90), shuffle=False)
    rois, ids, _, _ = layer([proposals[:, :10], *rest])
    assert np.asarray(rois).shape == (1, 90, 4)
    assert (np.asarray(rois)[0, 10:] == 0).all()
    assert np.asarray(ids).any()
