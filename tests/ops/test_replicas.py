"""Behaviour outside replicas; `test_replica_fit` tests inside them, with whole training runs."""

import keras
import numpy as np
from keras import ops

from mrcnn.ops import replica_count, sum_over_replicas, uniform_keys


def test_without_replicas_there_is_one():
    values = ops.convert_to_tensor([1.0, 2.0])
    assert replica_count() == 1
    assert sum_over_replicas(values) is values


def test_keys_are_those_of_the_generator():
    ours, keras_own = keras.random.SeedGenerator(3), keras.random.SeedGenerator(3)
    for _ in range(2):
        keys = uniform_keys((2, 5), ours)
        expected = keras.random.uniform((2, 5), seed=keras_own)
        np.testing.assert_array_equal(ops.convert_to_numpy(keys), ops.convert_to_numpy(expected))
