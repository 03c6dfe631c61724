"""Decoding of heatmaps, against PyTorch's values and by hand."""

import numpy as np
from shared_data import foreign_values

from mrcnn.geometry.heatmaps import _bicubic, keypoints_of_heatmaps


def decoded(values):
    boxes = values["kp.boxes"][:, [1, 0, 3, 2]]
    return keypoints_of_heatmaps(values["kp.maps"], boxes)


def test_torchvision():
    values = foreign_values("torchvision_ops")
    positions, logits, _ = decoded(values)
    np.testing.assert_allclose(positions, values["kp.xy"][..., [1, 0]], atol=1e-4)
    np.testing.assert_allclose(logits, values["kp.scores"], atol=1e-5)


def test_detectron2():
    values = foreign_values("detectron2_ops")
    positions, logits, scores = decoded(values)
    expected = values["kp.xy_logit_score"]
    np.testing.assert_allclose(positions, expected[..., [1, 0]], atol=1e-4)
    np.testing.assert_allclose(logits, expected[..., 2], atol=1e-5)
    np.testing.assert_allclose(scores, expected[..., 3], rtol=1e-5)


def test_weights_of_the_cubic_kernel():
    same = _bicubic(5, 5)
    np.testing.assert_array_equal(same, np.eye(5))
    assert not same.flags.writeable
    doubled = _bicubic(6, 12)
    # A quarter of a cell before the third one, a = -0.75.
    np.testing.assert_allclose(
        doubled[4], [-0.03515625, 0.26171875, 0.87890625, -0.10546875, 0, 0], atol=1e-6
    )
    np.testing.assert_allclose(doubled.sum(axis=1), 1, atol=1e-6)


def test_a_peak_between_two_cells():
    heatmap = np.zeros((1, 8, 8, 1), np.float32)
    heatmap[0, 3, 4:6, 0] = 5
    positions, _, _ = keypoints_of_heatmaps(heatmap, [[0, 0, 80.4, 80]])
    # Row 3 has its centre at 3.5 / 8 of 80.4 pixels; the columns meet at 5 / 8.
    np.testing.assert_allclose(positions[0, 0], [35.2, 50], atol=0.8)


def test_score_of_a_uniform_map():
    _, logits, scores = keypoints_of_heatmaps(np.full((1, 4, 4, 2), 3), [[0, 0, 9, 9]])
    np.testing.assert_allclose(logits, 3, atol=1e-6)
    np.testing.assert_allclose(scores, 1 / 16, atol=1e-6)


def test_no_boxes():
    positions, logits, scores = keypoints_of_heatmaps(np.zeros((0, 4, 4, 3)), np.zeros((0, 4)))
    assert positions.shape == (0, 3, 2)
    assert logits.shape == scores.shape == (0, 3)
