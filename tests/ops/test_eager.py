"""Work under a default `tf.Graph`, as in servers written for TensorFlow 1."""

import subprocess
import sys
import threading

import keras
import numpy as np
import pytest

from mrcnn.ops import in_graph, outside_graphs

tf = pytest.importorskip("tensorflow")
pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="graphs are TensorFlow's"),
]


@outside_graphs
def double(x, *, plus=0):
    """Twice x."""
    return keras.ops.convert_to_numpy(keras.ops.multiply(x, 2)) + plus, threading.get_ident()


def test_as_usual_it_runs_in_the_callers_thread():
    values, thread = double([1, 2], plus=1)
    np.testing.assert_array_equal(values, [3, 5])
    assert thread == threading.get_ident()
    assert double.__doc__ == "Twice x."


@pytest.mark.parametrize("kind", ["graph", "session"])
def test_under_a_graph_values_are_computed(kind):
    context = tf.Graph().as_default() if kind == "graph" else tf.compat.v1.Session().as_default()
    with context:
        values, _ = double([1, 2], plus=1)
        np.testing.assert_array_equal(values, [3, 5])
        if kind == "graph":
            assert in_graph()
            assert not tf.compat.v1.get_default_graph().get_operations()


def test_errors_come_through():
    @outside_graphs
    def fail():
        raise ValueError("as before")

    with tf.Graph().as_default(), pytest.raises(ValueError, match="as before"):
        fail()


def test_inside_a_tf_function_it_is_traced():
    @tf.function
    def trace():
        assert not in_graph()
        return outside_graphs(tf.constant)(3)

    assert int(trace()) == 3


def test_without_eager_execution_it_says_so():
    script = (
        "import tensorflow as tf; tf.compat.v1.disable_eager_execution()\n"
        "from mrcnn.ops import outside_graphs\n"
        "outside_graphs(print)('never')"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert run.stdout == ""
    assert "leave out tf.compat.v1.disable_eager_execution()" in run.stderr
