"""RoIAlign, RoIPool and RoIWarp against their definitions and against torchvision."""

import functools
from pathlib import Path

import numpy as np
import pytest
import roi_definitions as defined
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn import ops
from mrcnn.ops import kernels

pytestmark = pytest.mark.network

FOREIGN = Path(__file__).parents[2].parent / "shared/parity/foreign/torchvision_ops.npz"
SIZE = (3, 4)

# Sides from far below a cell to longer than the map, on and off its grid, inside and outside it.
# Multiples of 1/64 are exact in float32, so that both sides round the same number.
edges = st.integers(-10 * 64, 24 * 64).map(lambda n: n / 64) | st.integers(-5, 24).map(float)
sides = st.integers(0, 20 * 64).map(lambda n: n / 64) | st.integers(0, 40).map(lambda n: n / 2)
boxes_of = st.lists(
    st.tuples(edges, edges, sides, sides).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])),
    min_size=6,
    max_size=6,
)
OPTIONS = [
    (0, "avg", True), (0, "avg", False), (1, "avg", True), (2, "avg", False), (3, "avg", True),
    (0, "max", True), (2, "max", False),
]  # fmt: skip
CASES = {
    f"{name} {ratio} {aggregation} {'aligned' if aligned else 'legacy'}": (
        functools.partial(
            getattr(ops, name), sampling_ratio=ratio, aggregation=aggregation, aligned=aligned
        ),
        functools.partial(
            getattr(defined, name), ratio=ratio, aggregation=aggregation, aligned=aligned
        ),
    )
    for name in ("roi_align", "roi_warp")
    for ratio, aggregation, aligned in (OPTIONS if name == "roi_align" else OPTIONS[::3])
} | {"roi_pool": (ops.roi_pool, defined.roi_pool)}


@pytest.fixture(scope="module")
def maps():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(2, *side, 2)).astype("float32") for side in ((13, 17), (7, 9))]


@functools.cache
def compiled(case, native):
    """An operator as a graph, which runs its loops faster than eager code does."""
    import tensorflow as tf

    def call(levels, boxes, level):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kernels, "available", lambda: native)
            return CASES[case][0](levels, boxes, level, SIZE)

    return tf.function(call)


def pooled(case, native, levels, boxes, level):
    import tensorflow as tf

    levels = [tf.constant(features) for features in levels]
    level = tf.constant(level, "int32")
    return compiled(case, native)(levels, tf.constant(boxes), level).numpy()


def random_rois():
    """Boxes [2, 70, 4], more than one chunk, and their levels."""
    rng = np.random.default_rng(1)
    start, side = rng.integers(-64, 700, (2, 70, 2)) / 64, rng.integers(0, 500, (2, 70, 2)) / 64
    boxes = np.concatenate([start, start + side], axis=2).astype("float32")
    return boxes, rng.integers(0, 2, (2, 70))


@pytest.mark.parametrize("case", CASES)
@given(values=boxes_of, levels=st.lists(st.integers(0, 1), min_size=6, max_size=6))
@settings(max_examples=6)
def test_every_bin_is_as_defined(case, maps, values, levels):
    """Drawn boxes among others, which are sorted by cost and divided into chunks."""
    boxes, level = random_rois()
    boxes[:, 30:33], level[:, 30:33] = np.reshape(values, (2, 3, 4)), np.reshape(levels, (2, 3))
    results = [pooled(case, native, maps, boxes, level) for native in (True, False)]
    for image in range(2):
        for place in (0, 30, 31, 32, 69):
            features = maps[level[image, place]][image].astype(float)
            expected = CASES[case][1](features, boxes[image, place], SIZE)
            for ours in results:
                np.testing.assert_allclose(ours[image, place], expected, atol=2e-5)


@pytest.mark.parametrize("case", ["roi_align 0 avg legacy", "roi_align 2 max legacy", "roi_pool"])
def test_the_gradient_is_the_transpose(case, maps):
    """A bin is linear in the map, near it where it is a maximum: <bins(a), w> = <a, gradient>."""
    import tensorflow as tf

    boxes, level = random_rois()
    weights = np.random.default_rng(2).normal(size=(2, 70, *SIZE, 2)).astype("float32")
    levels = [tf.constant(features) for features in maps]

    @tf.function
    def value_and_gradient(levels, training):
        with tf.GradientTape() as tape:
            tape.watch(levels)
            bins = CASES[case][0](levels, boxes, level, SIZE, training=training)
            loss = tf.reduce_sum(bins * weights)
        return loss, tape.gradient(loss, levels)

    for training in (True, False) if case == "roi_pool" else (True,):
        loss, gradients = value_and_gradient(levels, training)
        total = sum(float(tf.reduce_sum(g * x)) for g, x in zip(gradients, levels, strict=True))
        assert total == pytest.approx(float(loss), rel=1e-4, abs=1e-3)
        assert all(np.abs(gradient).max() > 0.1 for gradient in gradients)


def test_the_gradient_of_a_maximum_reaches_its_first_point_only():
    import tensorflow as tf

    level = tf.constant([[[[1.0], [5.0], [5.0]], [[5.0], [0.0], [2.0]]]])
    with tf.GradientTape() as tape:
        tape.watch(level)
        bins = ops.roi_pool([level], [[[0.0, 0, 1, 2]]], [[0]], (1, 1), training=True)
    np.testing.assert_array_equal(bins, np.full((1, 1, 1, 1, 1), 5.0))
    gradient = tape.gradient(bins, level)
    np.testing.assert_array_equal(gradient[0, :, :, 0], [[0, 1, 0], [0, 0, 0]])


def test_no_gradient_reaches_the_boxes():
    import tensorflow as tf

    level, boxes = tf.random.normal((1, 8, 8, 2)), tf.constant([[[1.0, 1, 6, 5]]])
    for training in (True, False):
        with tf.GradientTape() as tape:
            tape.watch(boxes)
            bins = ops.roi_align([level], boxes, [[0]], SIZE, training=training)
        assert tape.gradient(bins, boxes) is None


@pytest.mark.parametrize(("scale", "size"), [("s4", (7, 7)), ("s16", (3, 4))])
@pytest.mark.parametrize("kind", ["align", "pool"])
def test_torchvision(kind, scale, size):
    import tensorflow as tf

    if not FOREIGN.exists():
        pytest.skip("no reference values")
    with np.load(FOREIGN, allow_pickle=False) as archive:
        values = {name: archive[name] for name in archive.files if name.startswith("roi")}
    end = f"{scale}_{size[0]}x{size[1]}"
    names = [f"roi_pool.{end}"]
    if kind == "align":
        forms = [(ratio, form) for ratio in (0, 1, 2) for form in ("legacy", "aligned")]
        names = [f"roi_align.{end}_sr{ratio}_{form}" for ratio, form in forms]
    image, x1, y1, x2, y2 = values[f"roi.boxes_{scale}"].T
    cells = np.stack([y1, x1, y2, x2], axis=1) * np.float32(1 / int(scale[1:]))
    boxes, level = np.stack([cells, cells]), np.zeros((2, len(cells)), "int32")
    chosen = image.astype(int), np.arange(len(cells))  # each box is pooled from both images
    upstream = np.zeros((2, len(cells), *size, 5), "float32")
    upstream[chosen] = values[f"roi.grad_output_{end}"]
    levels = [tf.constant(values["roi.input"])]
    for name in names:
        pool = ops.roi_pool
        if kind == "align":
            pool = functools.partial(
                ops.roi_align,
                sampling_ratio=int(name.split("_sr")[1][0]),
                aligned="aligned" in name,
            )

        @tf.function
        def bins_and_gradient(levels, pool=pool):
            with tf.GradientTape() as tape:
                tape.watch(levels)
                bins = pool(levels, boxes, level, size, training=True)
            return bins, tape.gradient(bins, levels, upstream)

        bins, [gradient] = bins_and_gradient(levels)
        np.testing.assert_allclose(np.asarray(bins)[chosen], values[name], atol=1e-6, err_msg=name)
        expected = values[f"{name}.grad_input"]
        np.testing.assert_allclose(gradient, expected, atol=5e-6, err_msg=name)


def test_xla_gives_the_same():
    import tensorflow as tf

    rng = np.random.default_rng(3)
    levels = [tf.constant(rng.normal(size=(1, side, side, 2)), "float32") for side in (16, 8)]
    start, side = rng.uniform(0, 6, (1, 9, 2)), rng.uniform(0, 9, (1, 9, 2))
    boxes = np.concatenate([start, start + side], axis=2).astype("float32")
    level = rng.integers(0, 2, (1, 9))

    def value_and_gradient(*levels):
        with tf.GradientTape() as tape:
            tape.watch(levels)
            bins = ops.roi_align(levels, boxes, level, SIZE, training=True)
            loss = tf.reduce_sum(bins**2)
        return bins, *tape.gradient(loss, levels)

    plain, compiled = (
        tf.function(value_and_gradient, jit_compile=jit)(*levels) for jit in (False, True)
    )
    for ours, expected in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-4)
