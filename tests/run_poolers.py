"""RoI features of a pyramid and their gradient on KERAS_BACKEND: run_poolers.py OUT

`computed` also serves in the process of a test.
"""

import functools
import sys

import keras
import numpy as np

from mrcnn.network.poolers import ROIAlign, ROIPool, ROIWarp

POOLERS = {
    "roi_align": functools.partial(ROIAlign, sampling_ratio=2),
    "roi_warp": functools.partial(ROIWarp, aggregation="max", level_rule="detectron2"),
    "roi_pool": functools.partial(ROIPool, level_rule="torchvision"),
}
SIZE = (7, 7)  # a division by 7 shows whether a compiler rounds it


def computed():
    """Bins and the gradient of each level, by "pooler.name"."""
    rng = np.random.default_rng(0)
    pyramid = [rng.normal(size=(2, side, side, 3)).astype("float32") for side in (128, 64, 32, 16)]
    corners = np.sort(rng.integers(0, 512, (2, 20, 2, 2)), axis=2)  # whole pixels: (y, x) twice
    corners[:, :2] = [[[100, 90], [140, 120]], [[0, 0], [511, 511]]]  # of P2 and P5
    boxes = (corners.reshape(2, 20, 4) / 511).astype("float32")
    meta = np.zeros((2, 13), "float32")
    meta[:, 4:7] = (512, 512, 3)
    upstream = rng.normal(size=(2, 20, *SIZE, 3)).astype("float32")
    results = {}
    for name, kind in POOLERS.items():
        layer = kind(SIZE)

        def pooled(*levels, layer=layer):
            return layer([boxes, meta, *levels], training=True)

        bins, gradients = with_gradient(pooled, pyramid, upstream)
        results[f"{name}.bins"] = np.asarray(bins)
        for level, gradient in enumerate(gradients, 2):
            results[f"{name}.gradient{level}"] = np.asarray(gradient)
    return results


def with_gradient(function, inputs, upstream):
    """A function's value, and the gradient of its product with `upstream` for each input."""
    if keras.backend.backend() == "jax":
        import jax

        def call(*inputs):
            value, transpose = jax.vjp(function, *inputs)
            return value, transpose(upstream)

        return jax.jit(call)(*inputs)
    import tensorflow as tf

    def call(*inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            value = function(*inputs)
        return value, tape.gradient(value, inputs, upstream)

    return tf.function(call, autograph=False)(*[tf.constant(x) for x in inputs])


if __name__ == "__main__":
    np.savez(sys.argv[1], **computed())
