"""The cells that keypoints lie in, and the cross entropy over them."""

import keras
import numpy as np
from keras import ops
from shared_data import foreign_values

from mrcnn.network.heads.keypoint_targets import KeypointTargets, mrcnn_keypoint_loss_graph


def normalised(boxes, size):
    """(x1, y1, x2, y2) in pixels as rois (y1, x1, y2, x2)."""
    boxes = boxes[:, [1, 0, 3, 2]] - [0, 0, 1, 1]
    return (boxes / (np.array([*size, *size]) - 1)).astype("float32")[None]


def targets(boxes, keypoints, class_ids=None, size=(512, 320), side=56):
    class_ids = np.ones(len(boxes), "int32") if class_ids is None else class_ids
    shape = np.array([[*size, 3]], "float32")
    rois = normalised(np.asarray(boxes, float), size)
    cells, counts = KeypointTargets(side)([rois, class_ids[None], keypoints[None], shape])
    return ops.convert_to_numpy(cells)[0], ops.convert_to_numpy(counts)[0]


def test_torchvision():
    values = foreign_values("torchvision_ops")
    keypoints = values["kp.gt"][..., [1, 0, 2]].astype("float32")
    cells, counts = targets(values["kp.boxes"], keypoints)
    expected = values["kp.gt_valid"].astype(bool)
    np.testing.assert_array_equal(counts, expected)
    np.testing.assert_array_equal(cells, np.where(expected, values["kp.gt_index"], 0))


def test_cells_by_hand():
    # A box of 40x20 pixels (height x width), and a map of 4x4 cells.
    points = np.array(
        [[[20, 10, 2], [39.9, 14.9, 1], [60, 30, 2], [60.1, 20, 2], [30, 20, 0], [25, 9.9, 2]]],
        "float32",
    )
    cells, counts = targets([[10, 20, 30, 60]], points, side=4)
    assert counts.tolist() == [[True, True, True, False, False, False]]
    assert cells.tolist() == [[0, 4, 15, 0, 0, 0]]


def test_continuous_rois():
    # 40 x 20 of 80 x 40 pixels. With a margin of 1, they would be 39.5 x 19.5 after one cell.
    roi = np.array([[[0.25, 0.25, 0.75, 0.75]]], "float32")
    points = np.array([[[[20, 10, 2], [29.99, 15.01, 2], [60, 30, 2], [60.1, 20, 2]]]], "float32")
    shape = np.array([[80, 40, 3]], "float32")
    cells, counts = KeypointTargets(4, margin=0)([roi, np.ones((1, 1)), points, shape])
    assert np.asarray(counts)[0, 0].tolist() == [True, True, True, False]
    assert np.asarray(cells)[0, 0].tolist() == [0, 1, 15, 0]


def test_only_positive_rois_learn():
    points = np.full((2, 1, 3), 30, "float32")
    points[..., 2] = 2
    boxes = [[10, 10, 50, 50]] * 2
    _, counts = targets(boxes, points, np.array([0, 3], "int32"))
    assert counts.tolist() == [[False], [True]]


def test_loss_by_hand():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(1, 2, 3, 4, 2)).astype("float32")
    cells = np.array([[[5, 0], [11, 7]]], "int32")
    counts = np.array([[[True, False], [True, True]]])
    expected = []
    for roi, keypoint in ((0, 0), (1, 0), (1, 1)):
        plane = logits[0, roi, :, :, keypoint].astype("float64").ravel()
        expected.append(np.log(np.exp(plane).sum()) - plane[cells[0, roi, keypoint]])
    loss = float(mrcnn_keypoint_loss_graph(cells, counts, logits))
    np.testing.assert_allclose(loss, np.mean(expected), rtol=1e-5)


def test_loss_of_a_uniform_map_and_without_keypoints():
    logits = ops.zeros((1, 1, 56, 56, 1))
    cells = ops.zeros((1, 1, 1), "int32")
    even = float(mrcnn_keypoint_loss_graph(cells, ops.ones((1, 1, 1), "bool"), logits))
    np.testing.assert_allclose(even, np.log(56 * 56), rtol=1e-6)
    assert float(mrcnn_keypoint_loss_graph(cells, ops.zeros((1, 1, 1), "bool"), logits)) == 0


def test_spec():
    rois = keras.KerasTensor((None, 5, 4))
    class_ids = keras.KerasTensor((None, 5), "int32")
    keypoints, shape = keras.KerasTensor((None, 5, 7, 3)), keras.KerasTensor((None, 3))
    cells, counts = KeypointTargets(56)([rois, class_ids, keypoints, shape])
    assert (cells.shape, cells.dtype) == ((None, 5, 7), "int32")
    assert (counts.shape, counts.dtype) == ((None, 5, 7), "bool")
