"""Work outside of TensorFlow graphs that old code has made the default."""

import concurrent.futures
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import keras

P = ParamSpec("P")
R = TypeVar("R")


def outside_graphs(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function run eagerly, even if it is called under `with graph.as_default():`.

    Servers written for TensorFlow 1 call their model like that. A default graph belongs to a
    thread, so the function is called in another one. Inside a `tf.function`, and on other backends,
    it is called as usual.

    Args:
        function: the function or method; its arguments and its result stay the same.

    Returns:
        the function to call instead. It raises RuntimeError if eager execution is disabled.

    Example:
        >>> from mrcnn.ops.eager import outside_graphs
        >>> outside_graphs(max)(3, 4)
        4
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if not in_graph():
            return function(*args, **kwargs)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            if pool.submit(in_graph).result():
                raise RuntimeError(
                    "eager execution is disabled: leave out tf.compat.v1.disable_eager_execution() "
                    "and disable_v2_behavior(). TensorFlow 2 needs neither graphs nor sessions."
                )
            return pool.submit(function, *args, **kwargs).result()

    return call


def in_graph() -> bool:
    """Whether operations would be added to a `tf.Graph` instead of being computed.

    False inside a `tf.function`, and on backends other than TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.executing_eagerly() and not tf.inside_function()
