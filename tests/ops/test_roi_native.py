"""The native kernel's samples; the operators are tested in test_roi_pyramid.py."""

import numpy as np
import pytest
import roi_definitions as defined

from mrcnn.ops import kernels

pytestmark = pytest.mark.network


def test_samples_where_rows_and_columns_cross():
    import tensorflow as tf

    rng = np.random.default_rng(0)
    features = rng.normal(size=(2, 6, 9, 3)).astype("float32")
    y, x = rng.uniform(0, 5, (4, 2)).astype("float32"), rng.uniform(0, 8, (4, 3)).astype("float32")
    y[0], x[0] = (0, 5), (0, 8, 4)
    y[1, 0] = -2.0  # outside
    images = [1, 0, 0, 1]
    ours = kernels.sample_lattice(tf.constant(features), tf.constant(images), y, x)
    for n, image in enumerate(images):
        for row in range(2):
            for column in range(3):
                expected = defined.bilinear(features[image].astype(float), y[n, row], x[n, column])
                np.testing.assert_allclose(ours[n, row, column], expected, atol=1e-5)


def test_rows_come_back_in_order():
    import tensorflow as tf

    level = tf.constant([1, 0, 2, 0, 1])
    rows = kernels.by_level(lambda index, here: here * 10 + index, level, 3)
    assert rows.numpy().tolist() == [1, 10, 22, 30, 41]
