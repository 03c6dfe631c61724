"""The losses of the mask head."""

import numpy as np
import pytest
import tensorflow as tf

from mrcnn.network.heads.mask_losses import mrcnn_mask_loss_graph, mrcnn_mask_softmax_loss_graph


def test_reference_values(reference_losses):
    values, expected = reference_losses
    ours = mrcnn_mask_loss_graph(
        *(values[name] for name in ("mask_target", "target_class", "mask_pred"))
    )
    assert float(ours) == expected["mrcnn_mask"]


def test_the_loss_by_hand():
    target = np.array([[[[1, 0], [1, 1]], [[0, 0], [1, 1]], [[1, 1], [1, 1]]]], "float32")
    predicted = np.full((1, 3, 2, 2, 3), 0.3, "float32")
    predicted[0, 0, ..., 2], predicted[0, 1, ..., 1] = 0.9, 0.6
    # The third RoI is negative; for the others, only the mask of their class counts.
    first = -(3 * np.log(0.9) + np.log(0.1)) / 4
    second = -(2 * np.log(0.6) + 2 * np.log(0.4)) / 4
    ours = mrcnn_mask_loss_graph(target, np.array([[2, 1, 0]]), predicted)
    assert float(ours) == pytest.approx((first + second) / 2, rel=1e-5)
    assert float(mrcnn_mask_loss_graph(target, np.array([[0, 0, 0]]), predicted)) == 0


def test_one_mask_for_all_classes():
    target = np.array([[[[1, 0], [1, 1]], [[0, 0], [1, 1]], [[1, 1], [1, 1]]]], "float32")
    predicted = np.full((1, 3, 2, 2, 1), 0.9, "float32")
    predicted[0, 1] = 0.6
    first = -(3 * np.log(0.9) + np.log(0.1)) / 4
    second = -(2 * np.log(0.6) + 2 * np.log(0.4)) / 4
    ours = mrcnn_mask_loss_graph(target, np.array([[2, 1, 0]]), predicted)
    assert float(ours) == pytest.approx((first + second) / 2, rel=1e-5)


def test_classes_that_compete_for_each_pixel():
    """Multinomial cross entropy in float64, pixel by pixel."""
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(2, 5, 3, 4, 6))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    target, class_ids = rng.random((2, 5, 3, 4)) > 0.5, rng.integers(0, 6, (2, 5))
    class_ids[0, 3] = 0
    total, rois = 0, 0
    for b, t in np.argwhere(class_ids > 0):
        rois += 1
        for y, x in np.ndindex(3, 4):
            right = class_ids[b, t] if target[b, t, y, x] else 0
            total -= np.log(probabilities[b, t, y, x, right]) / 12
    ours = mrcnn_mask_softmax_loss_graph(
        target.astype("float32"), class_ids, probabilities.astype("float32")
    )
    assert float(ours) == pytest.approx(total / rois, rel=1e-5)
    assert float(mrcnn_mask_softmax_loss_graph(target, 0 * class_ids, probabilities)) == 0


def test_a_confidently_wrong_pixel_keeps_its_gradient():
    """Where a sigmoid's loss is clipped, the logits of a softmax keep their gradient of -1."""
    logits = tf.constant([[[[[40.0, -30.0, 0.0]]]]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = mrcnn_mask_softmax_loss_graph(
            tf.ones((1, 1, 1, 1)), tf.constant([[1]]), tf.nn.softmax(logits)
        )
    assert float(loss) == pytest.approx(70, rel=1e-4)
    np.testing.assert_allclose(tape.gradient(loss, logits)[0, 0, 0, 0], [1, -1, 0], atol=1e-4)


def test_logits_have_no_limit():
    logits = np.float32([-40, 40, 1, -2]).reshape(1, 1, 2, 2, 1)
    target = np.float32([1, 1, 0.25, 0]).reshape(1, 1, 2, 2)
    loss = mrcnn_mask_loss_graph(target, np.array([[1]]), logits, from_logits=True)
    # log(1 + exp(x)) - target * x
    wanted = [40, 0, np.log1p(np.e) - 0.25, np.log1p(np.exp(-2))]
    assert float(loss) == pytest.approx(np.mean(wanted), rel=1e-5)
